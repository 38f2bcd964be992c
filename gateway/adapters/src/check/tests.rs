use vestibule_schema::Sizes;

use super::*;
use crate::ask::Classified;

/// The problems of a map, as `line:column code help`.
fn problems(text: &str) -> Vec<String> {
    let found = RouteMap::parse(&Source::new("test.toml", text)).err().unwrap_or_default();
    let show = |problem: &Problem| {
        let (line, column) = problem.line_column();
        format!("{line}:{column} {} {}", problem.code, problem.help.clone().unwrap_or_default())
    };
    found.iter().map(|problem| show(problem).trim_end().to_owned()).collect()
}

fn check(route: &str, expected: &[&str]) {
    let text = format!("name = \"t\"\n[[route]]\n{route}");
    assert_eq!(problems(&text), expected, "{route}");
}

const GOOD: &str = "path = \"/a/{image}\"\nkind = \"media\"\n";

#[test]
fn a_good_route_has_no_problem() {
    check(&format!("{GOOD}needs = {{ action = \"view\" }}"), &[]);
    check(&format!("{GOOD}needs = {{ action = \"view\", or = \"use_zoom\" }}"), &[]);
}

#[test]
fn unknown_words_have_a_suggestion() {
    check(
        &format!("{GOOD}needs = {{ action = \"veiw\" }}"),
        &["5:20 adapter::unknown_action did you mean `view`?"],
    );
    check(
        &format!("{GOOD}nedes = {{ action = \"view\" }}"),
        &["5:1 adapter::syntax did you mean `needs`?"],
    );
    check(
        &format!("methods = [\"PROPFNID\"]\n{GOOD}needs = {{ action = \"view\" }}"),
        &["3:12 adapter::method did you mean `PROPFIND`?"],
    );
    check(
        "path = \"/a/{image}\"\nkind = \"medai\"\nneeds = { action = \"view\" }",
        &["4:8 adapter::syntax did you mean `media`?"],
    );
}

/// S59: a connection becomes what its route names, and no more.
#[test]
fn an_upgrade_is_named_by_its_route() {
    let view = "needs = { action = \"view\" }";
    check(&format!("{GOOD}{view}\nupgrade = \"websocket\""), &[]);
    check(
        &format!("{GOOD}{view}\nupgrade = \"websockt\""),
        &["6:11 adapter::syntax did you mean `websocket`?"],
    );
    check(
        &format!("{GOOD}{view}\nmethods = [\"POST\"]\nupgrade = \"websocket\""),
        &["7:11 adapter::upgrade"],
    );
    let map = |route: &str| {
        let text = format!("name = \"t\"\n[[route]]\n{route}");
        RouteMap::parse(&Source::new("test.toml", &text)).unwrap()
    };
    let asked = |map: &RouteMap| match map.classify("GET", "/a/b.jpg", None, &Sizes::default()) {
        Classified::Ask(ask) => ask.upgrade,
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(&map(&format!("{GOOD}{view}"))), None);
    let upgrade = map(&format!("{GOOD}{view}\nupgrade = \"websocket\""));
    assert_eq!(asked(&upgrade), Some(Upgrade::WebSocket));
}

#[test]
fn every_mistake_is_reported_at_once() {
    check(
        "path = \"/a/{album}\"\nkind = \"media\"\nneeds = { action = \"nothing\" }\nquery = { a = {}, b = { one_of = [\"x y\"] } }",
        &[
            "3:8 adapter::path",
            "5:20 adapter::unknown_action",
            "6:15 adapter::query",
            "6:23 adapter::query",
            "6:35 adapter::words",
        ],
    );
}

#[test]
fn parts_must_fit_together() {
    check(&format!("{GOOD}needs = {{ size = \"display\" }}"), &["5:9 adapter::size"]);
    check(
        &format!("{GOOD}needs = {{ size = \"display\", action = \"view\" }}"),
        &["5:9 adapter::needs"],
    );
    check(
        &format!("{GOOD}span = \"tree\"\nneeds = {{ action = \"view\" }}"),
        &["3:8 adapter::span"],
    );
    check(
        "path = \"/a/{file}\"\nkind = \"asset\"\nneeds = { action = \"view\" }",
        &["3:8 adapter::files"],
    );
    check(
        &format!("methods = []\n{GOOD}needs = {{ action = \"view\" }}"),
        &["3:11 adapter::methods"],
    );
}

/// `CONNECT` and `TRACE` pass nowhere, whatever a map says.
#[test]
fn some_methods_can_not_be_mapped() {
    for method in ["CONNECT", "TRACE", "get"] {
        let route = format!("methods = [\"{method}\"]\n{GOOD}needs = {{ action = \"view\" }}");
        let found = problems(&format!("name = \"t\"\n[[route]]\n{route}"));
        assert!(found.first().is_some_and(|f| f.starts_with("3:12 adapter::method")), "{found:?}");
    }
}

#[test]
fn an_example_that_does_not_come_true_is_a_problem() {
    let text = format!(
        "name = \"t\"\n[[route]]\n{GOOD}needs = {{ action = \"view\" }}\n[[example]]\nurl = \"/a/b.jpg\"\nexpect = \"use_zoom\"\n"
    );
    let map = RouteMap::parse(&Source::new("test.toml", &text)).unwrap();
    let found = map.check_examples();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].help.as_deref(), Some("it is view on `/b.jpg`, forwarded as `/a/b.jpg`"));
}
