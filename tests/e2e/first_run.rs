//! The first administrator through the real gateway: S18.

use std::fs;

use pretty_assertions::assert_eq;
use rustix::process::Signal;
use vestibule_tests::{Client, ConfigDir, Gateway, Reply, eventually, postgres, raw};

use crate::reload::SOON;

const SETUP: &str = "/_vestibule/setup";
const PASSWORD: &str = "a-first-password-of-ada";
const START: &str = "with the code\n  ";

/// A configuration whose store holds nobody.
pub(crate) fn empty() -> ConfigDir {
    let config = ConfigDir::new();
    for entry in fs::read_dir(config.at("state")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    config
}

/// The code that a gateway printed, which is after it listens.
pub(crate) async fn printed(gateway: &Gateway) -> String {
    eventually(SOON, "the code is printed", async || {
        let log = gateway.log();
        let (_, rest) = log.split_once(START)?;
        rest.split_once('\n').map(|(code, _)| code.to_owned())
    })
    .await
}

async fn set_up(client: &Client, code: &str, name: &str) -> Reply {
    let fields = [("code", code), ("name", name), ("password", PASSWORD), ("again", PASSWORD)];
    client.submit(SETUP, SETUP, &fields).await
}

#[tokio::test]
async fn a_code_that_is_printed_once_makes_the_first_administrator() {
    let gateway = Gateway::start_talkative(empty()).await;
    let code = printed(&gateway).await;
    let log = gateway.log();
    assert!(log.contains(&format!("http://localhost:{}{SETUP}", gateway.port)), "{log}");
    let client = gateway.client();
    set_up(&client, "abcd-efgh", "ada").await.expect(403);
    let answer = set_up(&client, &code, "ada").await.expect(303);
    assert_eq!(answer.header("location"), "/_vestibule/");
    let account = client.open("/_vestibule/account").await.expect(200);
    assert!(account.text().contains("cluster_admin"), "{}", account.text());
    client.open(SETUP).await.expect(404);
    gateway.client().open(SETUP).await.expect(404);
    let users = gateway.config.run(&["users", "ls", "--format", "json"]).expect(0).out;
    assert!(users.contains("cluster_admin") && users.contains("ada"), "{users}");
    // what is no request is told at the loudest alone
    raw::tcp(gateway.address(), &raw::get("/#x", &[])).await;
    // printed once, and written down nowhere, however much is logged
    let log = gateway.log();
    assert!(log.contains("DEBUG"), "{log}");
    let bare = code.replace('-', "");
    for spelt in [&code, &bare, &bare.to_uppercase()] {
        assert_eq!(log.matches(spelt.as_str()).count(), usize::from(spelt == &code), "{log}");
    }
    let audit = fs::read_to_string(gateway.config.at("state/audit.jsonl")).unwrap();
    assert!(!audit.contains(&code) && !audit.contains(PASSWORD), "{audit}");
    for event in ["account_added", "sign_in_accepted", "first_run_code"] {
        assert!(audit.contains(event), "{event}: {audit}");
    }
}

#[tokio::test]
async fn a_restart_makes_another_code_until_there_is_an_account() {
    let mut gateway = Gateway::start(empty()).await;
    let first = printed(&gateway).await;
    gateway.end(Signal::TERM);
    let mut gateway = Gateway::start(gateway.config).await;
    let second = printed(&gateway).await;
    assert_ne!(first, second);
    set_up(&gateway.client(), &first, "ada").await.expect(403);
    set_up(&gateway.client(), &second, "ada").await.expect(303);
    gateway.end(Signal::TERM);
    let gateway = Gateway::start(gateway.config).await;
    gateway.client().open(SETUP).await.expect(404);
    eventually(SOON, "it listens", async || gateway.log().contains("listening on").then_some(()))
        .await;
    assert!(!gateway.log().contains(START), "{}", gateway.log());
}

/// An account that the command line makes ends it too.
#[tokio::test]
async fn an_account_made_otherwise_closes_the_page() {
    let gateway = Gateway::start(empty()).await;
    let code = printed(&gateway).await;
    let client = gateway.client();
    let form = client.open(SETUP).await.expect(200);
    let add = ["users", "add", "jane", "--password-stdin"];
    let folder = gateway.config.path().to_str().unwrap();
    let add = [add.as_slice(), &["--config", folder]].concat();
    vestibule_tests::Run::vestibule(&add, PASSWORD).expect(0);
    client.open(SETUP).await.expect(404);
    let token = form.text().split_once("name=\"form_token\" value=\"").unwrap().1;
    let token = token.split('"').next().unwrap();
    let fields = [
        ("form_token", token),
        ("code", &code),
        ("name", "eve"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let request = client.request(http::Method::POST, SETUP).header("origin", client.origin());
    Reply::to(request.form(&fields)).await.expect(404);
}

/// Two gateways on one store: the last code counts on both, and once.
#[tokio::test]
async fn of_two_gateways_one_makes_the_account() {
    let url = postgres().await.database();
    let on = || empty().with_gateway(&format!("store = \"{url}\"\n"));
    let one = Gateway::start(on()).await;
    let stale = printed(&one).await;
    let two = Gateway::start(on()).await;
    let code = printed(&two).await;
    set_up(&two.client(), &stale, "eve").await.expect(403);
    let (here, there) = (one.client(), two.client());
    let (a, b) = tokio::join!(set_up(&here, &code, "ada"), set_up(&there, &code, "eve"));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 303, "{statuses:?}");
    // the other found the code used up, or the account made
    assert!([403, 404].contains(&statuses[1]), "{statuses:?}");
    here.open(SETUP).await.expect(404);
    there.open(SETUP).await.expect(404);
    let users = one.config.run(&["users", "ls", "--format", "csv"]).expect(0).out;
    assert_eq!(users.lines().count(), 2, "{users}");
}
