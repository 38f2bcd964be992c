//! Signing in at a provider of OpenID Connect, as people do: npm's `oidc-provider` on the other
//! side, a browser that goes wherever it is sent in between.

use std::time::Duration;

use pretty_assertions::assert_eq;
use url::Url;
use vestibule_tests::{ConfigDir, Gateway, OidcServer, Reply, Wanderer, eventually, free_port};

/// A folder that only the family sees; visitors are sent to sign in.
const CLOSED: &str = "/browse/family/";
const PATIENCE: Duration = Duration::from_secs(60);
const AUTO: &str = "auto_register = true";

/// A gateway whose only provider is `office`, whose group `family` owns the gallery.
async fn with_provider(keys: &str) -> (OidcServer, Gateway) {
    let provider = OidcServer::start().await;
    let config = ConfigDir::demo().with_gateway(&provider.table("office", keys));
    let gateway = start(config, "family").await;
    provider.serve(&gateway, "office").await;
    (provider, gateway)
}

async fn start(config: ConfigDir, group: &str) -> Gateway {
    let grants = format!("[[groups]]\ngroup = \"{group}\"\nrole = \"admin\"\n");
    config.write("config.d/sites/gallery/grants.toml", &grants);
    Gateway::start(config).await
}

fn at(gateway: &Gateway, path: &str) -> String {
    format!("http://localhost:{}{path}", gateway.port)
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}")).1;
    rest.split_once(end).unwrap().0
}

/// Wants to see the closed folder, and signs in at a provider; gives the last page.
async fn sign_in(
    browser: &Wanderer,
    gateway: &Gateway,
    (provider, name): (&str, &str),
) -> (Url, Reply) {
    let (_, page) = browser.open(&at(gateway, CLOSED)).await;
    let start = format!("href=\"/_vestibule/oidc/{provider}?");
    let query = between(page.text(), &start, "\"");
    let begin = at(gateway, &format!("/_vestibule/oidc/{provider}?{query}"));
    browser.sign_in_at_provider(&begin, name).await
}

/// The status of the closed folder: 200 for the family, 303 for whoever is not signed in.
async fn folder(browser: &Wanderer, gateway: &Gateway) -> u16 {
    browser.step(&Url::parse(&at(gateway, CLOSED)).unwrap(), None).await.status
}

/// Says yes to the provider's question whether to sign out there.
async fn agree(browser: &Wanderer, page: &Reply) -> (Url, Reply) {
    let action = between(page.text(), "action=\"", "\"");
    let secret = between(page.text(), "name=\"xsrf\" value=\"", "\"");
    browser.send(action, &[("xsrf", secret), ("logout", "yes")]).await
}

#[tokio::test]
async fn somebody_signs_in_at_a_provider_and_comes_to_what_they_wanted() {
    let (_provider, gateway) =
        with_provider("auto_register = true\ndisplay_name = \"The office\"").await;
    let browser = Wanderer::new();
    let (_, page) = browser.open(&at(&gateway, CLOSED)).await;
    assert!(page.text().contains("Continue with <bdi>The office</bdi>"), "{}", page.text());
    let (there, page) = sign_in(&browser, &gateway, ("office", "alice")).await;
    assert_eq!(there.as_str(), at(&gateway, CLOSED));
    let page = page.expect(200);
    assert!(page.text().contains("grandmother.jpg"), "{}", page.text());
    let (_, account) = browser.open(&at(&gateway, "/_vestibule/account")).await;
    assert!(account.text().contains("alice at the provider"), "{}", account.text());
    // whoever is in no group that counts is signed in all the same, and sees less
    let other = Wanderer::new();
    sign_in(&other, &gateway, ("office", "jane")).await;
    let (_, account) = other.open(&at(&gateway, "/_vestibule/account")).await;
    assert!(account.text().contains("jane at the provider"), "{}", account.text());
    assert!(folder(&other, &gateway).await >= 400);
}

#[tokio::test]
async fn whoever_has_no_account_gets_none_unless_that_is_allowed() {
    let (_provider, gateway) = with_provider("").await;
    let browser = Wanderer::new();
    let (_, page) = sign_in(&browser, &gateway, ("office", "alice")).await;
    let page = page.expect(403);
    assert!(page.text().contains("There is no account for you here"), "{}", page.text());
    assert!(page.text().contains("href=\"/_vestibule/sign-in\""), "{}", page.text());
    assert_eq!(folder(&browser, &gateway).await, 303);
}

/// S22: a provider's `jane` is not the `jane` who was here before.
#[tokio::test]
async fn nobody_gets_an_account_that_is_somebody_elses_by_its_name() {
    let (_provider, gateway) = with_provider("auto_register = true\ntrust_names = true").await;
    let browser = Wanderer::new();
    let (_, page) = sign_in(&browser, &gateway, ("office", "jane")).await;
    page.expect(403);
    assert_eq!(folder(&browser, &gateway).await, 303);
    let (_, page) = sign_in(&browser, &gateway, ("office", "jane")).await;
    page.expect(403);
}

/// S26: groups are the provider's word of now, also for sessions that go on.
#[tokio::test]
async fn groups_that_changed_are_in_force_from_the_next_sign_in() {
    let (provider, gateway) = with_provider(AUTO).await;
    let browser = Wanderer::new();
    sign_in(&browser, &gateway, ("office", "bob")).await.1.expect(200);
    provider.control("groups", &[("name", "bob"), ("groups", "")]).await;
    let other = Wanderer::new();
    sign_in(&other, &gateway, ("office", "bob")).await;
    assert!(folder(&other, &gateway).await >= 400);
    assert!(folder(&browser, &gateway).await >= 400);
    provider.control("groups", &[("name", "bob"), ("groups", "family")]).await;
    sign_in(&Wanderer::new(), &gateway, ("office", "bob")).await.1.expect(200);
    assert_eq!(folder(&browser, &gateway).await, 200);
}

/// S26: without a sign-in, too: the provider is asked again of sessions that go on, and whoever is
/// gone there is signed out.
#[tokio::test]
async fn what_the_provider_takes_away_is_gone_soon() {
    let keys = "auto_register = true\nrefresh_seconds = 1";
    let (provider, gateway) = with_provider(keys).await;
    let (alice, bob) = (Wanderer::new(), Wanderer::new());
    sign_in(&alice, &gateway, ("office", "alice")).await.1.expect(200);
    sign_in(&bob, &gateway, ("office", "bob")).await.1.expect(200);
    provider.control("groups", &[("name", "bob"), ("groups", "")]).await;
    let is_not_in_it = async || (folder(&bob, &gateway).await >= 400).then_some(());
    eventually(PATIENCE, "the group is taken over", is_not_in_it).await;
    assert_eq!(folder(&alice, &gateway).await, 200);
    provider.control("disable", &[("name", "alice")]).await;
    let is_out = async || (folder(&alice, &gateway).await == 303).then_some(());
    eventually(PATIENCE, "the session ends", is_out).await;
}

/// S30: with several providers a group is one's alone, and a name says nothing of who has it
/// elsewhere.
#[tokio::test]
async fn a_group_of_one_provider_is_none_of_another() {
    let (office, club) = (OidcServer::start().await, OidcServer::start().await);
    let config =
        ConfigDir::demo().with_gateway(&(office.table("office", AUTO) + &club.table("club", AUTO)));
    let grants = "[[groups]]\ngroup = \"family\"\nprovider = \"office\"\nrole = \"admin\"\n";
    config.write("config.d/sites/gallery/grants.toml", grants);
    let gateway = Gateway::start(config).await;
    office.serve(&gateway, "office").await;
    club.serve(&gateway, "club").await;
    let (at_office, at_club) = (Wanderer::new(), Wanderer::new());
    sign_in(&at_office, &gateway, ("office", "alice")).await.1.expect(200);
    sign_in(&at_club, &gateway, ("club", "alice")).await;
    assert!(folder(&at_club, &gateway).await >= 400, "the club's family is another");
    let users = gateway.config.run(&["users", "ls", "--format", "csv"]).expect(0).out;
    assert!(users.contains("alice@office,") && users.contains("alice@club,"), "{users}");
    // from the command line, too, which asks whose group is meant
    let allow = ["cluster", "nodes", "allow-group", "gallery", "family", "--role", "admin"];
    let asked = gateway.config.run(&allow).expect(2);
    assert!(
        asked.err.contains("--provider") && asked.err.contains("`club`, `office`"),
        "{asked:?}"
    );
    let with = |provider: &'static str| [&allow[..], &["--provider", provider]].concat();
    gateway.config.run(&with("clib")).expect(2);
    gateway.config.run(&with("club")).expect(0);
    assert_eq!(folder(&at_club, &gateway).await, 200);
    let groups = gateway.config.run(&["cluster", "nodes", "groups", "--format", "csv"]).expect(0);
    assert!(groups.out.contains("gallery,family,club,admin"), "{}", groups.out);
    let deny = ["cluster", "nodes", "deny-group", "gallery", "family", "--yes"];
    gateway.config.run(&deny).expect(3);
    gateway.config.run(&[&deny[..], &["--provider", "club"]].concat()).expect(0);
    assert!(folder(&at_club, &gateway).await >= 400);
    assert_eq!(folder(&at_office, &gateway).await, 200);
    // a group of nobody's is a warning
    let grants = "[[groups]]\ngroup = \"family\"\nrole = \"viewer\"\n[[groups]]\ngroup = \"x\"\n\
        provider = \"ofice\"\nrole = \"viewer\"\n";
    gateway.config.write("config.d/sites/gallery/grants.toml", grants);
    let checked = gateway.config.run(&["check"]).expect(0);
    let said = checked.out + &checked.err;
    assert!(said.contains("config::whose_group") && said.contains("provider = \"club\""), "{said}");
    assert!(said.contains("did you mean `office`?"), "{said}");
}

/// S24.
#[tokio::test]
async fn new_keys_of_the_provider_are_read() {
    let (provider, gateway) = with_provider(AUTO).await;
    sign_in(&Wanderer::new(), &gateway, ("office", "alice")).await.1.expect(200);
    provider.control("rotate", &[]).await;
    sign_in(&Wanderer::new(), &gateway, ("office", "bob")).await.1.expect(200);
}

#[tokio::test]
async fn who_signs_out_is_signed_out_at_the_provider_too() {
    let (provider, gateway) = with_provider(AUTO).await;
    let browser = Wanderer::new();
    sign_in(&browser, &gateway, ("office", "alice")).await.1.expect(200);
    let page = at(&gateway, "/_vestibule/sign-out");
    let (_, form) = browser.open(&page).await;
    let token = between(form.text(), "name=\"form_token\" value=\"", "\"");
    let (_, gone) = browser.send(&page, &[("form_token", token)]).await;
    // here it is over at once, whatever becomes of it there
    assert_eq!(folder(&browser, &gateway).await, 303);
    let to = between(gone.text(), "content=\"0; url=", "\"").replace("&#38;", "&");
    assert!(to.starts_with(&provider.issuer), "{to}");
    let (_, question) = browser.open(&to).await;
    let (there, page) = agree(&browser, &question).await;
    assert_eq!(there.path(), "/_vestibule/sign-out");
    assert_eq!(page.status, 200);
    assert_eq!(provider.control("sessions", &[]).await["signed_in"], 0);
}

/// S28: the provider's word ends the session at the site before the provider answers.
#[tokio::test]
async fn who_signs_out_at_the_provider_is_signed_out_here_too() {
    let (provider, gateway) = with_provider(AUTO).await;
    let (browser, other) = (Wanderer::new(), Wanderer::new());
    sign_in(&browser, &gateway, ("office", "alice")).await.1.expect(200);
    sign_in(&other, &gateway, ("office", "bob")).await.1.expect(200);
    let (_, question) = browser.open(&format!("{}/session/end", provider.issuer)).await;
    agree(&browser, &question).await;
    assert_eq!(folder(&browser, &gateway).await, 303);
    assert_eq!(folder(&other, &gateway).await, 200);
    // a stranger's word ends nothing
    let address = at(&gateway, "/_vestibule/oidc/office/back-channel-logout");
    let (_, refused) = other.send(&address, &[("logout_token", "e30.e30.")]).await;
    assert_eq!(refused.expect(400).json()["error"], "invalid_request");
    assert_eq!(folder(&other, &gateway).await, 200);
}

/// S20: an answer is good in the browser that asked, and once.
#[tokio::test]
async fn an_answer_that_nobody_here_asked_for_is_refused_with_a_way_back() {
    let (_provider, gateway) = with_provider(AUTO).await;
    let browser = Wanderer::new();
    let callback = at(&gateway, "/_vestibule/oidc/office/callback?code=x&state=y");
    let (_, page) = browser.open(&callback).await;
    let page = page.expect(403);
    assert!(page.text().contains("Please begin again"), "{}", page.text());
    assert!(page.text().contains("href=\"/_vestibule/sign-in\""), "{}", page.text());
    browser.open(&at(&gateway, "/_vestibule/oidc/nowhere")).await.1.expect(404);
}

/// A provider that is away keeps nobody from the gallery but those who want to sign in there.
#[tokio::test]
async fn a_provider_that_is_away_is_told_with_a_way_back() {
    let table = format!(
        "[identity.oidc.office]\nissuer = \"http://127.0.0.1:{}\"\nclient_id = \"vestibule\"\n",
        free_port()
    );
    let gateway = start(ConfigDir::demo().with_gateway(&table), "family").await;
    let browser = Wanderer::new();
    let (_, page) = sign_in(&browser, &gateway, ("office", "alice")).await;
    let page = page.expect(503);
    assert!(page.text().contains("reached at the moment"), "{}", page.text());
    assert!(page.text().contains("href=\"/_vestibule/sign-in\""), "{}", page.text());
    browser.open(&at(&gateway, "/")).await.1.expect(200);
}

/// S85: a browser that is still signed in at the provider is not enough for what needs a sign-in of a
/// moment ago. The provider is made to ask, and says when it did; and what was refused is written down.
#[tokio::test]
async fn a_moment_ago_is_when_the_provider_asked() {
    let (_provider, gateway) = with_provider(AUTO).await;
    let browser = Wanderer::new();
    sign_in(&browser, &gateway, ("office", "alice")).await.1.expect(200);
    let arguments = ["users", "mod", "alice@office", "--role", "cluster_admin", "--yes"];
    gateway.config.run(&arguments).expect(0);
    assert_eq!(folder(&browser, &gateway).await, 303, "another role is another session");
    sign_in(&browser, &gateway, ("office", "alice")).await.1.expect(200);
    let page = at(&gateway, "/_vestibule/account/app-passwords");
    let make = async || {
        let (_, shown) = browser.open(&page).await;
        let token = between(shown.text(), "name=\"form_token\" value=\"", "\"");
        let fields = [("form_token", token), ("name", "a program"), ("scope", "read")];
        browser.send(&page, &fields).await.1
    };
    let users = Url::parse(&at(&gateway, "/_vestibule/api/v1/users/jane")).unwrap();
    let change = async || {
        let role = serde_json::json!({ "role": "cluster_admin" });
        browser.change(&users, &role).await.status
    };
    let refused = make().await.expect(403);
    assert_eq!(change().await, 403);
    eventually(PATIENCE, "what was refused is written down", async || {
        let log = std::fs::read_to_string(gateway.config.at("state/audit.jsonl")).unwrap();
        log.contains("sign_in_again").then_some(())
    })
    .await;
    let query = between(refused.text(), "href=\"/_vestibule/oidc/office?", "\"");
    let begin = at(&gateway, &format!("/_vestibule/oidc/office?{}", query.replace("&#38;", "&")));
    let (there, asked) = browser.open(&begin).await;
    assert!(asked.text().contains("name=\"prompt\""), "at {there}: {}", asked.text());
    let (there, _) = browser.sign_in_at_provider(&begin, "alice").await;
    assert_eq!(there.as_str(), page);
    make().await.expect(201);
    assert_eq!(change().await, 200);
}
