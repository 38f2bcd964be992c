//! The audit log of a running gateway: what is in it, what is proved by it, and what happens
//! without it.

use std::fs;
use std::time::Duration;

use pretty_assertions::assert_eq;
use rustix::process::Signal;
use serde_json::Value;
use vestibule_tests::{ConfigDir, Gateway, Reply, Run, eventually, raw};

const PATIENCE: Duration = Duration::from_secs(30);

fn folder(gateway: &Gateway) -> String {
    gateway.config.path().to_str().unwrap().to_owned()
}

/// The records so far.
fn records(gateway: &Gateway) -> Vec<Value> {
    let text = fs::read_to_string(gateway.config.at("state/audit.jsonl")).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first record of a kind; what is denied is written soon after the answer.
async fn record(gateway: &Gateway, kind: &str) -> Value {
    eventually(PATIENCE, kind, async || {
        records(gateway).into_iter().find(|record| record["event"] == kind)
    })
    .await
}

fn verify(gateway: &Gateway) -> Run {
    Run::vestibule(&["audit", "verify", "--config", &folder(gateway), "--format", "json"], "")
}

/// S82: who, what, where, the decision and its policies, under the request's own name.
#[tokio::test]
async fn what_is_denied_is_written_down_with_its_policies() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    gateway.client().open("/").await.expect(200);
    let reply = gateway.client().get("/image/family/garden.jpg?size=thumbnail").await.expect(401);
    let denied = record(&gateway, "request_denied").await;
    assert_eq!(denied["request_id"], reply.header("x-request-id"));
    assert_eq!(denied["client"], "127.0.0.1");
    assert_eq!(denied["principal"], serde_json::json!({ "kind": "visitor" }));
    assert_eq!(denied["site"], "gallery");
    assert_eq!(denied["action"], "view");
    assert_eq!(denied["path"], "/family/garden.jpg");
    assert_eq!(denied["decision"], "deny");
    assert_eq!(denied["details"]["status"], 401);
    assert!(denied["generation"].as_u64().unwrap() > 0);
    let policies = denied["policies"].as_array().unwrap();
    assert!(!policies.is_empty() && policies.iter().all(|p| p["source"].is_string()), "{denied}");
    // what is allowed is not in it
    assert!(records(&gateway).iter().all(|record| record["path"] != "/"));
}

/// S82: also what nobody was asked about.
#[tokio::test]
async fn what_is_refused_before_a_decision_is_written_down() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let client = gateway.client();
    client.get_with("/", &[("authorization", "Bearer nonsense")]).await.expect(401);
    raw::tcp(gateway.address(), &raw::get("/a/%2e%2e/b", &[])).await;
    gateway.client_at("elsewhere.localhost").get("/").await.expect(421);
    for reason in ["wrong_credential", "bad_request", "unknown_host"] {
        eventually(PATIENCE, reason, async || {
            let found = records(&gateway).into_iter().find(|r| r["details"]["reason"] == reason)?;
            assert_eq!(found["event"], "request_refused");
            assert_eq!(found["decision"], Value::Null);
            Some(())
        })
        .await;
    }
}

/// S82: every sign-in, right or wrong; who typed a password into the wrong field finds it nowhere.
#[tokio::test]
async fn who_signs_in_and_who_does_not_is_written_down() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let client = gateway.client();
    client.try_sign_in("jane", "not her password").await;
    let refused = record(&gateway, "sign_in_refused").await;
    assert_eq!(refused["details"]["reason"], "wrong_password");
    assert_eq!(refused["details"]["account"], "jane");
    client.try_sign_in("nobody of this name", "x").await;
    let unknown = eventually(PATIENCE, "the other one", async || {
        let mut all = records(&gateway).into_iter();
        all.find(|record| record["details"]["reason"] == "unknown_user")
    });
    assert_eq!(unknown.await["details"]["account"], Value::Null);
    let signed_in = client.sign_in("jane").await;
    // it is there before anybody is told
    let accepted = records(&gateway);
    let accepted = accepted.iter().find(|record| record["event"] == "sign_in_accepted").unwrap();
    assert_eq!(accepted["principal"]["name"], "jane");
    assert_eq!(accepted["request_id"], signed_in.header("x-request-id"));
    let entered = record(&gateway, "site_entered").await;
    assert_eq!(
        (&entered["principal"]["name"], &entered["site"]),
        (&"jane".into(), &"gallery".into())
    );
    assert_ne!(entered["details"]["reason"], "", "how she was admitted");
    client.sign_out().await;
    assert_eq!(record(&gateway, "signed_out").await["principal"]["name"], "jane");
    verify(&gateway).expect(0);
}

/// The command line writes the same chain while the gateway does.
#[tokio::test]
async fn what_operators_do_is_in_the_same_chain() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let config = folder(&gateway);
    let run = |arguments: &[&str], input: &str| {
        let all: Vec<_> = arguments.iter().copied().chain(["--config", &config]).collect();
        Run::vestibule(&all, input).expect(0)
    };
    run(&["users", "add", "nora", "--password-stdin"], "a long enough password");
    gateway.client().get("/browse/family/").await.expect(401);
    run(
        &[
            "cluster", "users", "access", "grant", "--user", "nora", "--node", "gallery", "--role",
            "viewer",
        ],
        "",
    );
    run(&["audit", "rotate"], "");
    gateway.client().get("/browse/family/").await.expect(401);
    run(&["users", "rm", "nora", "--yes"], "");
    run(&["audit", "verify"], "");
    let listed = run(&["audit", "ls", "--user", "nora", "--format", "json"], "").json();
    let events: Vec<_> = listed.as_array().unwrap().iter().map(|r| r["event"].clone()).collect();
    assert_eq!(events, ["account_added", "grant_added", "account_removed"]);
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(listed[0]["principal"]["kind"], "operator");
    assert_eq!(listed[0]["principal"]["uid"], uid);
    assert_eq!(records(&gateway)[0]["event"], "rotated");
    let table = run(&["audit", "ls", "--kind", "grant_added", "--format", "csv"], "");
    assert_eq!(table.out.lines().count(), 2, "{}", table.out);
}

/// S82: the first place that is not what was written is named.
#[tokio::test]
async fn a_changed_line_is_named() {
    let mut gateway = Gateway::start(ConfigDir::demo()).await;
    for _ in 0..3 {
        gateway.client().get("/browse/family/").await.expect(401);
    }
    gateway.end(Signal::TERM);
    let good = verify(&gateway).expect(0).json();
    assert_eq!(good["whole"], true);
    let file = gateway.config.at("state/audit.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    let at = text.lines().position(|line| line.contains("request_denied")).unwrap();
    fs::write(&file, text.replacen("/family/", "/public/", 1)).unwrap();
    let broken = verify(&gateway).expect(1).json();
    assert_eq!(broken["broken"]["what"], "changed");
    assert_eq!(broken["broken"]["line"], at + 1);
    let lines: Vec<_> = text.split_inclusive('\n').enumerate().filter(|(n, _)| *n != at).collect();
    fs::write(&file, lines.into_iter().map(|(_, line)| line).collect::<String>()).unwrap();
    let broken = verify(&gateway).expect(1).json();
    assert_eq!(broken["broken"]["what"], "missing");
    let nowhere = ["audit", "verify", "no/such/file.jsonl"];
    let _ = Run::vestibule(&nowhere, "").expect(2);
}

/// However a gateway ends, the chain goes on.
#[tokio::test]
async fn a_gateway_that_was_killed_leaves_a_whole_chain() {
    let mut gateway = Gateway::start(ConfigDir::demo()).await;
    for _ in 0..5 {
        gateway.client().get("/browse/family/").await.expect(401);
    }
    record(&gateway, "request_denied").await;
    gateway.end(Signal::KILL);
    // as a power cut leaves it
    let file = gateway.config.at("state/audit.jsonl");
    let text = fs::read(&file).unwrap();
    fs::write(&file, &text[..text.len() - 30]).unwrap();
    assert_eq!(verify(&gateway).expect(1).json()["broken"]["what"], "torn");
    let gateway = Gateway::start(gateway.config).await;
    assert_eq!(record(&gateway, "torn").await["outcome"], "failed");
    verify(&gateway).expect(0);
}

/// A sign-in that can't be written down does not happen; readiness says so.
#[tokio::test]
async fn nobody_signs_in_while_the_log_can_not_be_written() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let (file, aside) = (gateway.config.at("state/audit.jsonl"), gateway.config.at("aside"));
    fs::rename(&file, &aside).unwrap();
    // the file replaces it at once afterwards: in between nobody could write another
    std::os::unix::fs::symlink(gateway.config.at("state"), &file).unwrap();
    let client = gateway.client();
    let reply = client.try_sign_in("jane", &vestibule_tests::password("jane")).await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    let is_session =
        |cookie: &&str| cookie.starts_with("vestibule=") && !cookie.contains("Max-Age=0");
    assert!(!reply.all("set-cookie").iter().any(is_session), "{:?}", reply.headers);
    client.get("/_vestibule/readyz").await.expect(503);
    assert!(gateway.log().contains("the audit log can't be written"));
    let added = ["users", "add", "nora", "--password-stdin", "--config", &folder(&gateway)];
    let _ = Run::vestibule(&added, "a long enough password").expect(1);
    // pictures are still shown
    client.open("/").await.expect(200);
    fs::rename(&aside, &file).unwrap();
    client.sign_in("jane").await;
    client.get("/_vestibule/readyz").await.expect(200);
    verify(&gateway).expect(0);
}

/// S84: a crash leaves no memory with secrets behind.
#[tokio::test]
async fn there_are_no_core_dumps() {
    let gateway = crate::demo().await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.process())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<_> = core.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core}");
}

/// A change of the configuration is in it with its generation, and so is one that has an error.
#[tokio::test]
async fn a_reload_is_written_down() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let in_force = record(&gateway, "policies_in_force").await;
    assert_eq!(in_force["principal"]["kind"], "gateway");
    gateway.config.write("config.d/sites/gallery/permissions.toml", "public_rol = 1\n");
    record(&gateway, "configuration_kept").await;
    let reply: Reply = gateway.client().get("/_vestibule/healthz").await;
    reply.expect(200);
}
