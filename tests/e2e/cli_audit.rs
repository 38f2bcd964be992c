//! What auditors ask on the command line: who can, what can, the matrix.

use std::fs;

use pretty_assertions::assert_eq;
use serde_json::Value;
use vestibule_tests::{ConfigDir, Run};

fn ask(config: &ConfigDir, arguments: &[&str]) -> Run {
    config.run(&[&["policy"], arguments].concat())
}

fn names(list: &Value) -> Vec<String> {
    let rows = list["who"].as_array().unwrap().iter();
    let name = |row: &Value| row["name"].as_str().or(row["kind"].as_str()).unwrap().to_owned();
    rows.map(name).collect()
}

#[test]
fn who_can_names_everybody_who_may() {
    let config = ConfigDir::demo();
    let who = |arguments: &[&str]| ask(&config, &[&["who-can"], arguments].concat());
    let family = who(&["view", "/family/", "--format", "json"]).expect(0).json();
    assert_eq!(names(&family), ["fred", "olivia"]);
    let fred = &family["who"][0];
    assert_eq!(fred["account"], "enabled");
    assert_eq!(
        (&fred["roles"][0]["role"], &fred["roles"][0]["folder"]),
        (&"kin".into(), &"/family/".into())
    );
    let source = fred["policies"][0]["source"].as_str().unwrap();
    assert!(source.starts_with("gallery:family/_folder.md:"), "{source}");
    let public = who(&["view", "/landscapes/", "--format", "json"]).expect(0).json();
    assert_eq!(names(&public), ["visitor", "signed_in", "carla", "fred", "jane", "mia", "olivia"]);
    let table = who(&["manage_images", "/"]).expect(0);
    assert!(table.out.contains("olivia"), "{}", table.out);
    assert!(!table.out.contains("fred"), "{}", table.out);
    let csv = who(&["view", "/family/", "--format", "csv"]).expect(0);
    assert!(csv.out.starts_with("kind,name,account,roles,policies\n"), "{}", csv.out);
    assert_eq!(csv.out.lines().count(), 3);
    let typo = who(&["downlod_large", "/"]).expect(2);
    assert!(typo.err.contains("did you mean `download_large`?"), "{}", typo.err);
    let prefixed = who(&["can_view", "/"]).expect(2);
    assert!(prefixed.err.contains("did you mean `view`?"), "{}", prefixed.err);
    who(&["view", "/a/../b"]).expect(2);
    let elsewhere = who(&["view", "/", "--site", "galery"]).expect(3);
    assert!(elsewhere.err.contains("did you mean `gallery`?"), "{}", elsewhere.err);
}

/// Grants and groups of the store count, unless it is left out.
#[test]
fn who_can_reads_the_store() {
    let config = ConfigDir::demo();
    let cluster = |arguments: &[&str]| config.run(&[&["cluster"], arguments].concat()).expect(0);
    cluster(&[
        "users", "access", "grant", "--user", "jane", "--node", "gallery", "--role", "manager",
    ]);
    cluster(&["nodes", "allow-group", "gallery", "staff", "--role", "manager"]);
    let who = |flags: &[&str]| {
        let arguments =
            [&["who-can", "organize", "/portfolio/", "--format", "json"], flags].concat();
        ask(&config, &arguments).expect(0).json()
    };
    assert_eq!(names(&who(&[])), ["staff", "jane", "olivia"]);
    assert_eq!(names(&who(&["--documents-only"])), ["olivia"]);
    let text = ask(&config, &["matrix"]).expect(0).out;
    assert!(text.contains("group staff"), "{text}");
    let text = ask(&config, &["matrix", "--documents-only"]).expect(0).out;
    assert!(!text.contains("staff") && !text.contains("jane"), "{text}");
}

#[test]
fn what_can_goes_folder_by_folder() {
    let config = ConfigDir::demo();
    let what = |arguments: &[&str]| ask(&config, &[&["what-can"], arguments].concat());
    let rows = |arguments: &[&str]| {
        let json = what(&[arguments, &["--format", "json"]].concat()).expect(0).json();
        let places = json["places"].as_array().unwrap().clone();
        let path = |place: &Value| place["path"].as_str().unwrap().to_owned();
        (places.iter().map(path).collect::<Vec<_>>(), places)
    };
    let (paths, places) = rows(&["anonymous"]);
    assert_eq!(paths.first().map(String::as_str), Some("/"));
    assert_eq!(places[0]["permissions"], serde_json::json!(["view"]));
    let at = |path: &str| places.iter().find(|place| place["path"] == path);
    assert_eq!(at("/family/").unwrap()["permissions"], serde_json::json!([]));
    let (all, _) = rows(&["anonymous", "--all"]);
    assert!(all.len() > paths.len(), "{all:?}");
    let (below, _) = rows(&["anonymous", "/family/"]);
    assert_eq!(below, ["/family/"]);
    let (owner, places) = rows(&["olivia"]);
    assert_eq!(owner, ["/"]);
    assert_eq!(places[0]["permissions"].as_array().unwrap().len(), 28);
    let table = what(&["olivia"]).expect(0);
    assert!(table.out.contains("everything"), "{}", table.out);
    let csv = what(&["fred", "--format", "csv"]).expect(0);
    assert!(csv.out.starts_with("path,of,roles,actions\n/,itself,"), "{}", csv.out);
    let typo = what(&["oliva"]).expect(3);
    assert!(typo.err.contains("did you mean `olivia`?"), "{}", typo.err);
    what(&["somebody-new", "--group", "staff"]).expect(0);
    what(&["anonymous", "--group", "staff"]).expect(2);
    what(&[""]).expect(2);
}

/// Every change of the demo's rights shows here.
#[test]
fn the_matrix_of_the_demo_is_as_reviewed() {
    let config = ConfigDir::demo();
    let run = ask(&config, &["matrix", "--site", "gallery"]).expect(0);
    insta::assert_snapshot!(run.out);
    let json = ask(&config, &["matrix", "--format", "json"]).expect(0).json();
    assert_eq!(json["blocks"][0]["folder"], Value::Null);
    let roles = json["blocks"][0]["roles"].as_array().unwrap();
    let family = roles.iter().find(|role| role["role"] == "family").unwrap();
    assert_eq!(family["inherited"], serde_json::json!(["view"]));
    let csv = ask(&config, &["matrix", "--format", "csv"]).expect(0).out;
    assert!(csv.starts_with("table,place,kind,who,action,how\n"), "{csv}");
    assert!(csv.contains("role,site,role,family,view,inherited\n"), "{csv}");
    assert!(csv.contains("reach,/family/,user,fred,view,allowed\n"), "{csv}");
    assert!(!csv.contains("reach,/family/,visitor"), "{csv}");
}

#[test]
fn the_matrix_is_a_page_too() {
    let config = ConfigDir::demo();
    let file = config.at("rights.html");
    let out = file.to_str().unwrap();
    ask(&config, &["matrix", "--out", out]).expect(0);
    ask(&config, &["matrix", "--out", out]).expect(0);
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("/client-smith/") && page.contains("carla"));
    ask(&config, &["matrix", "--out", "/no/such/folder/rights.html"]).expect(1);
    ask(&config, &["matrix", "--out", out, "--format", "json"]).expect(2);
}

#[test]
fn the_site_must_be_named_if_there_are_several() {
    let config = ConfigDir::new()
        .with_site("one", "path = \"/i/one/\"", "public_role = \"viewer\"\n")
        .with_site("two", "path = \"/i/two/\"", "");
    let unsaid = ask(&config, &["who-can", "view", "/"]).expect(2);
    assert!(unsaid.err.contains("--site") && unsaid.err.contains("one, two"), "{}", unsaid.err);
    let two = ask(&config, &["who-can", "view", "/", "--site", "two"]).expect(0);
    assert!(two.out.contains("nobody may view /"), "{}", two.out);
    ask(&ConfigDir::new(), &["matrix"]).expect(2);
}

/// Whoever asks about everybody says in which context.
#[test]
fn everybody_is_asked_in_the_context_of_the_question() {
    let config = ConfigDir::demo();
    fs::create_dir_all(config.at("config.d/sites/gallery/policies")).unwrap();
    config.write(
        "config.d/sites/gallery/policies/own.cedar",
        "@id(\"factor\")\nforbid (principal, action in Action::\"write\", resource)\n\
         unless { context.mfa };\n",
    );
    let who = |more: &[&str]| {
        let run = ask(&config, &[&["who-can", "organize", "/", "--format", "json"], more].concat());
        let run = run.expect(0);
        (names(&run.json()), run.err)
    };
    let (nobody, note) = who(&[]);
    assert_eq!(nobody, [""; 0]);
    assert!(note.contains("reads context.mfa: say --mfa"), "{note}");
    assert_eq!(who(&["--mfa"]).0, ["olivia"]);
    let json = |arguments: &[&str]| {
        ask(&config, &[arguments, &["--format", "json"]].concat()).expect(0).json()
    };
    let organizes = |more: &[&str]| {
        let place = json(&[&["what-can", "olivia"], more].concat());
        assert_eq!(place["context"]["mfa"], !more.is_empty());
        place["places"][0]["permissions"].as_array().unwrap().contains(&"organize".into())
    };
    assert!(!organizes(&[]) && organizes(&["--mfa"]));
    let matrix = json(&["matrix"]);
    let policy = &matrix["policies"][0];
    assert_eq!(policy["id"], "gallery:policies/factor");
    assert_eq!(policy["reads"], serde_json::json!(["mfa"]));
    assert_eq!(policy["source"], "config.d/sites/gallery/policies/own.cedar:2");
    let text = ask(&config, &["matrix"]).expect(0).out;
    for part in ["hand-written policies", "reads context.mfa", "of a request with mfa false"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let csv = ask(&config, &["matrix", "--format", "csv"]).expect(0).out;
    assert!(csv.contains("reach,/,user,olivia,write,denied_by_context\n"), "{csv}");
    let row = "policy,config.d/sites/gallery/policies/own.cedar:2,forbids,gallery:policies/factor,\
               organize,by_context\n";
    assert!(csv.contains(row), "{csv}");
}
