//! Second factors through the real gateway: S3, S6, S13, S15.

use std::fs;

use pretty_assertions::assert_eq;
use serde_json::Value;
use vestibule_tests::{Authenticator, Client, ConfigDir, Gateway, OpenLdap, password};

use crate::directory_sign_in::office;
use crate::reload::becomes;

/// A picture that only the family sees.
const CLOSED: &str = "/image/family/garden.jpg?size=thumbnail";
const FAMILY: &str = "/browse/family/";
const CODE: &str = "/_vestibule/sign-in/code";

/// Whoever comes into `/family/` has shown a second factor.
const POLICY: &str = "@id(\"family-needs-a-second-factor\")\n\
    forbid (principal, action in Action::\"any\", resource in Folder::\"gallery:/family/\")\n\
    unless { context.mfa };\n";

fn records(gateway: &Gateway, kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(gateway.config.at("state/audit.jsonl")).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let all = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|record| record["event"] == kind).collect()
}

/// fred's browser, in which he has turned his second factor on.
async fn turned_on(gateway: &Gateway) -> (Client, Authenticator) {
    let fred = gateway.signed_in("fred").await;
    let authenticator = fred.turn_on_second_factor(&password("fred")).await;
    (fred, authenticator)
}

/// A password that is right, and no session yet.
async fn first_step(gateway: &Gateway) -> Client {
    let client = gateway.client();
    let answer = client.try_sign_in("fred", &password("fred")).await.expect(303);
    assert_eq!(answer.header("location"), CODE);
    client
}

#[tokio::test]
async fn a_password_and_a_code_let_somebody_in() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let (here, authenticator) = turned_on(&gateway).await;
    assert_eq!(authenticator.recovery_codes.len(), 10);
    here.enter("/").await;
    here.get(CLOSED).await.expect(200);
    let fred = first_step(&gateway).await;
    fred.open("/_vestibule/account").await.expect(303);
    fred.get(CLOSED).await.expect(401);
    fred.try_code("000000").await.expect(403);
    let used = authenticator.code(1);
    fred.try_code(&used).await.expect(303);
    fred.enter("/").await;
    fred.get(CLOSED).await.expect(200);
    // S15: whoever looked over the shoulder comes too late
    let thief = first_step(&gateway).await;
    thief.try_code(&used).await.expect(403);
    let [recovery, ..] = authenticator.recovery_codes.as_slice() else { panic!("no codes") };
    let page = thief.try_code(recovery).await.expect(200);
    assert!(page.text().contains("9 are left"), "{}", page.text());
    thief.open("/_vestibule/account").await.expect(200);
    let again = first_step(&gateway).await;
    again.try_code(recovery).await.expect(403);
    let by: Vec<_> = records(&gateway, "sign_in_accepted")
        .iter()
        .map(|record| record["details"]["by"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(by, ["password", "second_factor", "password+totp", "password+recovery_code"]);
    assert_eq!(records(&gateway, "second_factor_added").len(), 1);
    let refused = records(&gateway, "sign_in_refused");
    assert!(refused.iter().all(|record| record["details"]["reason"] == "second_factor"));
    assert_eq!(refused.len(), 3, "{refused:?}");
}

/// Where somebody wanted to go is known after the second step too.
#[tokio::test]
async fn the_way_back_survives_the_second_step() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let (_, authenticator) = turned_on(&gateway).await;
    let fred = gateway.client();
    let away = fred.open(FAMILY).await.expect(303);
    let page = away.header("location").to_owned();
    assert!(page.contains("return="), "{page}");
    let secret = password("fred");
    let fields = [("name", "fred"), ("password", secret.as_str()), ("return", FAMILY)];
    let answer = fred.submit(&page, "/_vestibule/sign-in", &fields).await.expect(303);
    let page = answer.header("location").to_owned();
    assert!(page.starts_with(CODE), "{page}");
    let code = authenticator.code(1);
    let fields = [("code", code.as_str()), ("return", FAMILY)];
    let answer = fred.submit(&page, CODE, &fields).await.expect(303);
    let arrived = fred.open(answer.header("location")).await.expect(303);
    assert_eq!(arrived.header("location"), FAMILY);
    fred.open(FAMILY).await.expect(200);
}

/// `context.mfa`, which S31's step-up stands on.
#[tokio::test]
async fn a_policy_may_ask_for_a_second_factor() {
    let config = ConfigDir::demo();
    config.write("config.d/sites/gallery/policies/second-factor.cedar", POLICY);
    let gateway = Gateway::start(config).await;
    let fred = gateway.signed_in("fred").await;
    let refused = fred.get(CLOSED).await;
    assert!([403, 404].contains(&refused.status), "{}", refused.status);
    let authenticator = fred.turn_on_second_factor(&password("fred")).await;
    // the session of before is over, and with it that at the site (S3)
    fred.get(CLOSED).await.expect(401);
    fred.enter("/").await;
    fred.get(CLOSED).await.expect(200);
    let other = first_step(&gateway).await;
    other.try_code(&authenticator.code(1)).await.expect(303);
    other.enter("/").await;
    other.get(CLOSED).await.expect(200);
}

/// S6: in force for the first request after the command.
#[tokio::test]
async fn the_command_line_helps_who_has_lost_it() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let (fred, _) = turned_on(&gateway).await;
    fred.enter("/").await;
    let pending = first_step(&gateway).await;
    let config = &gateway.config;
    let dry = config.run(&["users", "totp", "reset", "fred", "--dry-run"]).expect(0);
    assert!(dry.out.starts_with("would turn off the second factor of `fred`"), "{}", dry.out);
    config.run(&["users", "totp", "reset", "fred"]).expect(2);
    fred.get(CLOSED).await.expect(200);
    let done = config.run(&["users", "totp", "reset", "FRED", "--yes"]).expect(0);
    assert!(done.out.contains("(in force)"), "{}", done.out);
    fred.get(CLOSED).await.expect(401);
    fred.open("/_vestibule/account").await.expect(303);
    pending.try_code("000000").await.expect(403);
    let again = gateway.signed_in("fred").await;
    again.get(CLOSED).await.expect(200);
    config.run(&["users", "totp", "reset", "fred", "--yes"]).expect(3);
    config.run(&["users", "totp", "reset", "nobody", "--yes"]).expect(3);
    let removed = records(&gateway, "second_factor_removed");
    assert_eq!(removed.len(), 1, "{removed:?}");
}

/// A directory compares passwords, and knows no codes: those of its accounts are asked for here.
#[tokio::test]
async fn an_account_of_a_directory_may_have_one_too() {
    let ldap = OpenLdap::start().await;
    let gateway = Gateway::start(ConfigDir::new().with_gateway(&office(&ldap, ""))).await;
    let word = "alice-directory-password";
    let alice = gateway.client();
    alice.try_sign_in("alice", word).await.expect(303);
    let authenticator = alice.turn_on_second_factor(word).await;
    let there = gateway.client();
    let answer = there.try_sign_in("alice", word).await.expect(303);
    assert_eq!(answer.header("location"), CODE);
    there.open("/_vestibule/account").await.expect(303);
    there.try_code(&authenticator.code(1)).await.expect(303);
    there.open("/_vestibule/account").await.expect(200);
    let by = records(&gateway, "sign_in_accepted");
    assert_eq!(by.last().unwrap()["details"]["by"], "ldap+totp");
    let reset = gateway.config.run(&["users", "totp", "reset", "alice@office", "--yes"]);
    reset.expect(0);
    becomes(&there, "/_vestibule/account", 303).await;
}
