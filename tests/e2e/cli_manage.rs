//! Management at the command line: accounts changed, sessions ended, access reviewed.

use pretty_assertions::assert_eq;
use serde_json::Value;
use vestibule_tests::Gateway;

use crate::api::managed;

fn account(config: &vestibule_tests::ConfigDir, name: &str) -> Value {
    config.run(&["users", "show", name, "--format", "json"]).expect(0).json()["account"].clone()
}

#[test]
fn an_account_is_changed_whole_or_not_at_all() {
    let config = managed();
    let change = |more: &[&str]| config.run(&[&["users", "mod", "jane"], more].concat());
    assert!(change(&[]).expect(2).err.contains("say what to change"));
    // nobody is asked without a terminal, so that what takes something away needs a yes
    assert!(change(&["--role", "viewer"]).expect(2).err.contains("`--yes`"));
    let dry = change(&["--role", "viewer", "--display-name", "Jane Doe", "--dry-run"]).expect(0);
    assert_eq!(dry.out.trim(), "would change `jane`: role `viewer`, name `Jane Doe`");
    assert_eq!(account(&config, "jane")["role"], "");
    let done = change(&["--role", "viewer", "--display-name", "Jane Doe", "--yes"]).expect(0);
    assert!(done.out.starts_with("changed `jane`: role `viewer`"), "{}", done.out);
    let jane = account(&config, "jane");
    assert_eq!((&jane["role"], &jane["name"]), (&"viewer".into(), &"Jane Doe".into()));
    change(&["--role", "not a role", "--yes"]).expect(2);
    change(&["--disable", "--enable"]).expect(2);
    change(&["--disable", "--yes"]).expect(0);
    assert_eq!(account(&config, "jane")["state"], "disabled");
    change(&["--enable"]).expect(0);
    assert_eq!(account(&config, "jane")["state"], "enabled");
    config.run(&["users", "mod", "nobody", "--enable"]).expect(3);
    config.run(&["users", "show", "nobody"]).expect(3);
    let shown = config.run(&["users", "show", "jane"]).expect(0).out;
    assert!(shown.contains("Jane Doe") && shown.contains("sessions"), "{shown}");
    let log = std::fs::read_to_string(config.at("state/audit.jsonl")).unwrap();
    assert!(log.lines().any(|line| line.contains("account_changed") && line.contains("viewer")));
}

/// An account that somebody made by hand becomes that of a person at a provider.
#[test]
fn an_account_is_adopted_for_somebody_at_a_provider() {
    let config = managed().with_gateway(
        "[identity.ldap.office]\nurls = [\"ldaps://dc.example.com\"]\n\
         base_dn = \"dc=example,dc=com\"\nbind_dn = \"cn=reader,dc=example,dc=com\"\n\
         bind_password = { file = \"reader.key\" }\n",
    );
    config.write("reader.key", "a password that nobody is asked for\n");
    let adopt =
        |name: &str, more: &[&str]| config.run(&[&["users", "mod", name, "--yes"], more].concat());
    adopt("jane", &["--provider", "office"]).expect(2);
    let office = ["--provider", "office", "--subject", "7f3a-11"];
    let typo = adopt("jane", &["--provider", "ofice", "--subject", "7f3a-11"]).expect(3);
    assert!(typo.err.contains("did you mean `office`?"), "{}", typo.err);
    adopt("jane", &office).expect(0);
    let shown = config.run(&["users", "show", "jane", "--format", "json"]).expect(0).json();
    assert_eq!(shown["identities"][0]["issuer"], "ldap:office");
    assert_eq!(shown["identities"][0]["subject"], "7f3a-11");
    let taken = adopt("fred", &office).expect(1);
    assert!(taken.err.contains("has an account already"), "{}", taken.err);
}

/// S6: an administrator ends one session of somebody, or all; in force when the command returns.
#[tokio::test]
async fn sessions_are_ended_by_number_or_all() {
    let gateway = Gateway::start(managed()).await;
    let target = "/image/landscapes/still-lake.jpg?size=thumbnail";
    let (one, other) = (gateway.signed_in("carla").await, gateway.signed_in("carla").await);
    let run = |more: &[&str]| gateway.config.run(&[&["users", "sessions"], more].concat());
    let list = || run(&["ls", "carla", "--format", "json"]).expect(0).json();
    let sessions = list();
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 4, "{sessions:?}");
    assert!(run(&["rm", "carla", "--all"]).expect(2).err.contains("`--yes`"));
    run(&["rm", "carla", "--yes"]).expect(2);
    run(&["rm", "carla", "4711", "--yes"]).expect(3);
    run(&["ls", "nobody"]).expect(3);
    let roots = sessions.iter().filter(|session| session["parent"].is_null());
    let first = roots.map(|session| session["id"].as_i64().unwrap()).min().unwrap().to_string();
    run(&["rm", "carla", &first, "--dry-run"]).expect(0);
    assert_eq!(list().as_array().unwrap().len(), 4);
    one.get(target).await.expect(200);
    run(&["rm", "carla", &first, "--yes"]).expect(0);
    one.get(target).await.expect(401);
    other.get(target).await.expect(200);
    run(&["rm", "carla", "--all", "--yes"]).expect(0);
    other.get(target).await.expect(401);
    assert_eq!(list().as_array().unwrap().len(), 0);
}

#[test]
fn a_review_says_who_enters_and_why() {
    let config = managed();
    let access = ["cluster", "users", "access"];
    let grant = ["grant", "--user", "jane", "--node", "gallery", "--role", "viewer"];
    config.run(&[&access[..], &grant].concat()).expect(0);
    let review = |more: &[&str]| config.run(&[&["cluster", "access", "review"], more].concat());
    let csv = review(&["--format", "csv"]).expect(0).out;
    let rows: Vec<_> = csv.lines().collect();
    assert_eq!(rows[0], "user,node,role,why");
    assert!(rows.contains(&"carla,gallery,watch,by a declared grant"), "{csv}");
    assert!(rows.contains(&"jane,gallery,viewer,by a stored grant"), "{csv}");
    assert!(
        csv.contains("olivia,gallery,admin,by the user entry (config.d/sites/gallery/"),
        "{csv}"
    );
    assert!(!csv.contains("mia") && !csv.contains("ada"), "{csv}");
    let only = review(&["--user", "JANE", "--format", "json"]).expect(0).json();
    assert_eq!(only.as_array().unwrap().len(), 1, "{only}");
    let roles = review(&["--role", "watch", "--node", "gallery", "--format", "json"]).expect(0);
    assert_eq!(roles.json()[0]["user"], "carla");
    let typo = review(&["--node", "galery"]).expect(3);
    assert!(typo.err.contains("did you mean `gallery`?"), "{}", typo.err);
}

/// What a file declares is shown with its line, and changed there.
#[test]
fn a_declared_grant_is_left_to_its_file() {
    let config = managed();
    let access = |more: &[&str]| config.run(&[&["cluster", "users", "access"], more].concat());
    let list = access(&["ls", "--format", "json"]).expect(0).json();
    assert_eq!(list[0]["managed_by"], "config.d/sites/gallery/grants.toml:1", "{list}");
    let of_carla = ["--user", "carla", "--node", "gallery", "--yes"];
    for verb in ["grant", "revoke"] {
        let refused = access(&[&[verb], &of_carla[..]].concat()).expect(1);
        let place = "is managed by config.d/sites/gallery/grants.toml:1: change it there";
        assert!(refused.err.contains(place), "{}", refused.err);
    }
    let nodes = config.run(&["cluster", "nodes", "ls", "--format", "json"]).expect(0).json();
    assert_eq!(nodes[0]["managed_by"], "config.d/sites/gallery/site.toml", "{nodes}");
    config.run(&["cluster", "nodes", "show", "nowhere"]).expect(3);
}

/// What is told once is told, though the gateway takes nothing over: nobody could ask for it again.
#[test]
fn a_secret_is_told_whatever_the_gateway_does() {
    let config = managed();
    // a gateway that hangs up
    let socket = std::os::unix::net::UnixListener::bind(config.at("state/control.sock")).unwrap();
    std::thread::spawn(move || while socket.accept().is_ok() {});
    let token = ["cluster", "nodes", "token"];
    let made = config.run(&[&token[..], &["add", "--label", "x"]].concat()).expect(1);
    assert!(made.err.contains("the change is stored") || made.err.contains("it is stored"));
    assert!(made.out.trim().len() > 20 && !made.out.contains(' '), "{}", made.out);
    let listed = config.run(&[&token[..], &["ls", "--format", "json"]].concat()).expect(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

/// Whoever asks what somebody may is told as the gateway would answer them.
#[test]
fn a_disabled_account_is_answered_as_a_visitor() {
    let config = managed();
    let ask = || {
        let ask = ["policy", "check", "--site", "gallery", "--as", "fred", "view", "/"];
        config.run(&ask)
    };
    ask().expect(0);
    config.run(&["users", "mod", "fred", "--disable", "--yes"]).expect(0);
    let refused = ask().expect(3);
    assert!(refused.err.contains("is disabled"), "{}", refused.err);
}
