//! Several gateways on one PostgreSQL, without affinity; and a store that goes and comes back.

use std::fs;

use pretty_assertions::assert_eq;
use vestibule_tests::{
    Client, ConfigDir, Gateway, Postgres, Reply, Run, eventually, password, pictures, postgres,
};

use crate::reload::{ROOT, SOON, becomes};

/// A picture that only the family sees.
const CLOSED: &str = "/image/family/garden.jpg?size=thumbnail";
const READY: &str = "/_vestibule/readyz";

fn on(config: ConfigDir, url: &str) -> ConfigDir {
    config.with_gateway(&format!("store = \"{url}\"\n"))
}

fn add_user(config: &ConfigDir, name: &str) {
    let folder = config.path().to_str().unwrap();
    let add = ["users", "add", name, "--password-stdin", "--config", folder];
    Run::vestibule(&add, &password(name)).expect(0);
}

/// Two gateways with the same sites on one database, each with a configuration of its own.
async fn two(config: impl Fn() -> ConfigDir, url: &str) -> (Gateway, Gateway) {
    tokio::join!(Gateway::start(on(config(), url)), Gateway::start(on(config(), url)))
}

/// What a browser of one gateway gets when its request reaches the other: the same name, another
/// machine.
async fn through(other: &Gateway, own: &Gateway, client: &Client, target: &str) -> Reply {
    let address = format!("http://localhost:{}{target}", other.port);
    client.get_with(&address, &[("host", &format!("localhost:{}", own.port))]).await
}

/// S5: signed in on one, the other knows it; signed out on one, the other refuses.
#[tokio::test]
async fn a_session_is_worth_the_same_on_every_gateway() {
    let (one, two) = two(ConfigDir::demo, &postgres().await.database()).await;
    add_user(&one.config, "fred");
    let fred = one.client();
    through(&two, &one, &fred, CLOSED).await.expect(401);
    let welcome = fred.sign_in("fred").await;
    fred.get(CLOSED).await.expect(200);
    through(&two, &one, &fred, CLOSED).await.expect(200);
    // as somebody keeps the cookie who copied it
    let cookies = welcome.all("set-cookie");
    let session = cookies.iter().find(|cookie| cookie.starts_with("vestibule=")).unwrap();
    let session = session.split(';').next().unwrap();
    let host = format!("localhost:{}", one.port);
    let headers = [("host", host.as_str()), ("cookie", session)];
    let thief = Client::new(&format!("http://localhost:{}", two.port));
    thief.get_with(CLOSED, &headers).await.expect(200);
    fred.sign_out().await;
    eventually(SOON, "the other gateway refuses the session", async || {
        (thief.get_with(CLOSED, &headers).await.status == 401).then_some(())
    })
    .await;
}

/// S6: whoever is removed on one is out on the other.
#[tokio::test]
async fn an_account_removed_on_one_gateway_is_signed_out_on_the_other() {
    let (one, two) = two(ConfigDir::demo, &postgres().await.database()).await;
    add_user(&one.config, "fred");
    let fred = two.signed_in("fred").await;
    fred.get(CLOSED).await.expect(200);
    let removed = one.config.run(&["users", "rm", "fred", "--yes"]).expect(0);
    assert!(removed.out.contains("in force; elsewhere within a second"), "{}", removed.out);
    becomes(&fred, CLOSED, 401).await;
}

#[tokio::test]
async fn a_grant_taken_back_on_one_gateway_is_gone_on_the_other() {
    let site = || {
        let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, "");
        config.put("site", "a.jpg", pictures::jpeg(60, 40));
        config
    };
    let (one, two) = two(site, &postgres().await.database()).await;
    add_user(&one.config, "jane");
    let jane = two.signed_in("jane").await;
    jane.get(ROOT).await.expect(404);
    let access = ["cluster", "users", "access"];
    let whom = ["--user", "jane", "--node", "site", "--role", "viewer"];
    one.config.run(&[access.as_slice(), &["grant"], &whom].concat()).expect(0);
    becomes(&jane, ROOT, 200).await;
    one.config.run(&[access.as_slice(), &["revoke", "--yes"], &whom].concat()).expect(0);
    becomes(&jane, ROOT, 404).await;
    // from a machine on which no gateway runs
    let elsewhere = on(site(), postgres_url(&one).as_str());
    let said = elsewhere.run(&[access.as_slice(), &["grant"], &whom].concat()).expect(0);
    assert!(said.out.contains("within a second where gateways run"), "{}", said.out);
    becomes(&jane, ROOT, 200).await;
}

/// The address of the database in a gateway's configuration.
fn postgres_url(gateway: &Gateway) -> String {
    let text = fs::read_to_string(gateway.config.at("vestibule.toml")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("store = ")).unwrap();
    line.trim_matches('"').to_owned()
}

/// Nobody new gets in, whom it knows goes on for a while, readiness tells, and when the store
/// is back everything works without a restart.
#[tokio::test]
async fn the_store_goes_and_comes_back_while_serving() {
    let mut server = Postgres::start().await;
    let gateway = Gateway::start(on(ConfigDir::demo(), &server.database())).await;
    add_user(&gateway.config, "fred");
    let (visitor, fred) = (gateway.client(), gateway.signed_in("fred").await);
    fred.get(CLOSED).await.expect(200);
    assert_eq!(visitor.get(READY).await.expect(200).text(), "ready\n");

    server.stop();
    fred.get(CLOSED).await.expect(200);
    let refused = gateway.client().try_sign_in("fred", &password("fred")).await.expect(503);
    assert!(!refused.header("retry-after").is_empty());
    becomes(&visitor, READY, 503).await;
    assert_eq!(visitor.get(READY).await.text(), "the store can't be reached\n");
    visitor.get("/_vestibule/healthz").await.expect(200);
    visitor.get("/image/welcome.jpg?size=thumbnail").await.expect(200);
    // a cookie that nobody has seen yet: it is not known who that is
    let unknown = format!("vestibule={}", "A".repeat(43));
    visitor.get_with(CLOSED, &[("cookie", &unknown)]).await.expect(503);

    server.start_again().await;
    becomes(&visitor, READY, 200).await;
    gateway.signed_in("fred").await.get(CLOSED).await.expect(200);
    fred.get(CLOSED).await.expect(200);
    gateway.config.run(&["users", "rm", "fred", "--yes"]).expect(0);
    becomes(&fred, CLOSED, 401).await;
    let log = gateway.log();
    assert!(log.contains("the store can be reached again"), "{log}");
    assert!(!log.contains("p%40ss") && !log.contains("p@ss"), "the password is in the log");
}

/// A store that hangs is told as well as one that is gone.
#[tokio::test]
async fn a_store_that_hangs_is_told() {
    let server = Postgres::start().await;
    let gateway = Gateway::start(on(ConfigDir::demo(), &server.database())).await;
    let visitor = gateway.client();
    visitor.get(READY).await.expect(200);
    server.freeze();
    becomes(&visitor, READY, 503).await;
    gateway.client().try_sign_in("fred", &password("fred")).await.expect(503);
    server.thaw();
    becomes(&visitor, READY, 200).await;
}

/// S84: the address is a secret, also where it is wrong.
#[tokio::test]
async fn the_address_of_the_store_is_a_secret() {
    let url = postgres().await.database();
    let config = ConfigDir::demo().with_gateway("store = { file = \"store.url\" }\n");
    config.write("store.url", &format!("{url}\n"));
    config.run(&["check"]).expect(0);
    add_user(&config, "fred");
    for (text, wanted) in [
        ("postgres://gw:planted@db.example.com", "is not like `postgres://"),
        ("postgres://gw:planted@localhost/v?sslmod=require", "`sslmod` is no parameter"),
        ("planted", "vestibule.toml:3"),
    ] {
        let written = ConfigDir::demo().with_gateway(&format!("store = \"{text}\"\n"));
        config.write("store.url", text);
        for run in [written.run(&["check"]), config.run(&["check"])] {
            let said = format!("{}{}", run.out, run.err);
            assert_eq!(run.code, 2, "{said}");
            assert!(said.contains(wanted) && !said.contains("planted"), "{said}");
        }
    }
    config.write("store.url", "postgres://gw:planted@localhost:1/vestibule");
    let run = config.run(&["serve"]).expect(1);
    assert!(run.err.contains("`postgres://localhost:1/vestibule` can't be opened"), "{}", run.err);
    assert!(!run.err.contains("planted"), "{}", run.err);
    let unset = ConfigDir::demo().with_gateway("store = { env = \"VESTIBULE_TEST_UNSET\" }\n");
    let run = unset.run(&["check"]).expect(2);
    assert!(
        run.out.contains("`VESTIBULE_TEST_UNSET` is not set") || run.err.contains("is not set")
    );
}
