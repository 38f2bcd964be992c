//! Signing in at the portal with a directory's password, and what becomes of it: a real gateway
//! before a real slapd, and before Samba as a domain controller.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pretty_assertions::assert_eq;
use serde_json::Value;
use vestibule_identity::providers::ldap::LdapProvider;
use vestibule_identity::{
    Attempt, Identity, RequestOrigin, Secret, Settings, SignInError, SystemClock,
};
use vestibule_store::Store;
use vestibule_tests::openldap::SUFFIX;
use vestibule_tests::samba::{BASE_DN, samba};
use vestibule_tests::{Client, ConfigDir, Gateway, OpenLdap, Run, eventually, pictures};

use crate::reload::{ROOT, becomes};

const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway whose site is open to one group alone.
async fn gateway(directory: &str, group: &str) -> Gateway {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, "");
    let config = config.with_gateway(directory);
    config.put("site", "a.jpg", pictures::jpeg(60, 40));
    let grants = format!("[[groups]]\ngroup = \"{group}\"\nrole = \"viewer\"\n");
    config.write("config.d/sites/site/grants.toml", &grants);
    Gateway::start(config).await
}

/// A directory's table, with accounts made at the first sign-in.
pub(crate) fn office(ldap: &OpenLdap, more: &str) -> String {
    let (port, ca_file) = (ldap.tls_port, toml::Value::from(ldap.ca_file().to_str().unwrap()));
    format!(
        "[identity.ldap.office]\nurls = [\"ldaps://127.0.0.1:{port}\"]\nca_file = {ca_file}\n\
         bind_dn = \"cn=service,{SUFFIX}\"\nbind_password = \"service-password\"\n\
         base_dn = \"ou=people,{SUFFIX}\"\nauto_register = true\n{more}"
    )
}

pub(crate) fn photographers() -> String {
    format!("cn=photographers,ou=groups,{SUFFIX}")
}

async fn behind(ldap: &OpenLdap, more: &str) -> Gateway {
    gateway(&office(ldap, more), &photographers()).await
}

/// Signs in through the portal's form, and enters the site.
async fn enter(gateway: &Gateway, name: &str, password: &str) -> Client {
    let client = gateway.client();
    client.try_sign_in(name, password).await.expect(303);
    client.enter("/").await;
    client
}

/// The records of the audit log of one kind.
fn records(gateway: &Gateway, kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(gateway.config.at("state/audit.jsonl")).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let all = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|record| record["event"] == kind).collect()
}

/// A group of the directory opens a site; who is not in it signs in and sees nothing.
#[tokio::test]
async fn a_group_of_the_directory_opens_a_site() {
    let ldap = OpenLdap::start().await;
    let gateway = behind(&ldap, "").await;
    gateway.client().get(ROOT).await.expect(401);
    for name in ["alice", "ALICE", "alice@office"] {
        let alice = enter(&gateway, name, "alice-directory-password").await;
        alice.get(ROOT).await.expect(200);
    }
    let twin = gateway.client();
    twin.try_sign_in("twin1", "twin1-directory-password").await.expect(303);
    twin.enter("/").await.expect(404);
    let users = gateway.config.run(&["users", "ls"]).expect(0).out;
    assert_eq!(users.matches("alice").count(), 1, "one account: {users}");
    assert!(users.contains("alice@office"), "{users}");
    let accepted = records(&gateway, "sign_in_accepted");
    assert!(accepted.iter().all(|record| record["details"]["by"] == "ldap"), "{accepted:?}");
    assert_eq!(accepted.len(), 4);
}

/// S12: one message whoever is meant, and local accounts are as they were. The password of the
/// directory is none of a local account of the same name, nor the other way round.
#[tokio::test]
async fn one_message_for_whatever_is_wrong() {
    let ldap = OpenLdap::start().await;
    let gateway = behind(&ldap, "").await;
    let mut bodies = Vec::new();
    for (name, password) in [
        ("alice", "not-the-password"),
        ("nobody", "not-the-password"),
        ("dora", "dora-directory-password"),
        ("alice", ""),
        ("jane", "not-the-password"),
        ("mia", "mia-directory-password"),
    ] {
        let reply = gateway.client().try_sign_in(name, password).await.expect(403);
        assert!(reply.all("set-cookie").iter().all(|cookie| !cookie.contains("session")));
        bodies.push(reply.lasting_text().replace(name, "NAME"));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
    gateway.signed_in("jane").await;
    let refused = eventually(PATIENCE, "six refusals", async || {
        Some(records(&gateway, "sign_in_refused")).filter(|refused| refused.len() == 6)
    });
    let reasons: Vec<_> =
        refused.await.iter().map(|record| record["details"]["reason"].to_string()).collect();
    assert_eq!(reasons[..3], ["\"wrong_password\"", "\"unknown_user\"", "\"disabled\""]);
}

/// S13: one counter for one account, however its name is typed and wherever from; those of others
/// are free.
#[tokio::test]
async fn failures_count_for_the_account_however_it_is_named() {
    let ldap = OpenLdap::start().await;
    let mut settings = Settings::for_tests(Arc::new(SystemClock));
    settings.directories = vec![LdapProvider::new(crate::ldap::config(&ldap)).unwrap()];
    let store = Store::open_in_memory().await.unwrap();
    let identity = Identity::open(store, settings).await.unwrap();
    let try_as = async |name: &str, address: u8| {
        let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, address].into());
        let password = Secret::from("not-the-password");
        let attempt = Attempt { name, password: &password, user_agent: "test" };
        identity.sign_in(&origin, &attempt).await.unwrap_err()
    };
    let names = ["twin1", "TWIN1", "Twin1", "twin1@office", "twin1@OFFICE"];
    for (name, address) in names.into_iter().cycle().zip(1..=10) {
        let error = try_as(name, address).await;
        assert!(matches!(error, SignInError::Refused), "{name}: {error:?}");
    }
    for (name, address) in names.into_iter().zip(11..) {
        let error = try_as(name, address).await;
        assert!(matches!(error, SignInError::TooMany { .. }), "{name}: {error:?}");
    }
    assert!(matches!(try_as("alice", 20).await, SignInError::Refused));
}

/// S45: a directory that is down lets nobody in, and no local password stands in for it; local
/// accounts sign in as ever.
#[tokio::test]
async fn a_directory_that_is_down_lets_nobody_in() {
    let ldap = OpenLdap::start().await;
    let gateway = behind(&ldap, "").await;
    let alice = enter(&gateway, "alice", "alice-directory-password").await;
    drop(ldap);
    for name in ["alice", "alice@office", "nobody"] {
        let reply = gateway.client().try_sign_in(name, "alice-directory-password").await;
        assert!(!reply.expect(503).header("retry-after").is_empty());
    }
    // who is in already stays in for now
    alice.get(ROOT).await.expect(200);
    gateway.signed_in("jane").await;
}

/// S45: ... but not for ever.
#[tokio::test]
async fn sessions_end_when_a_directory_is_down_for_long() {
    let ldap = OpenLdap::start().await;
    let gateway = behind(&ldap, "refresh_seconds = 1\n").await;
    let alice = enter(&gateway, "alice", "alice-directory-password").await;
    alice.get(ROOT).await.expect(200);
    drop(ldap);
    becomes(&alice, ROOT, 401).await;
    let log = gateway.log();
    assert_eq!(log.matches("the directory can't be asked: sessions").count(), 1, "{log}");
}

/// S45: a group that somebody is no longer in opens nothing, and who is gone is signed out.
#[tokio::test]
async fn what_the_directory_takes_away_is_gone_soon() {
    let ldap = OpenLdap::start().await;
    let gateway = behind(&ldap, "refresh_seconds = 1\n").await;
    let alice = enter(&gateway, "alice", "alice-directory-password").await;
    let gus = enter(&gateway, "gus", "gus-directory-password").await;
    ldap.modify(&format!(
        "dn: {}\nchangetype: modify\ndelete: member\nmember: uid=gus,ou=people,{SUFFIX}\n",
        photographers()
    ));
    becomes(&gus, ROOT, 404).await;
    alice.get(ROOT).await.expect(200);
    ldap.modify(&format!("dn: uid=alice,ou=people,{SUFFIX}\nchangetype: delete\n"));
    becomes(&alice, ROOT, 401).await;
}

/// S45: an app password of somebody in a directory is worth what the directory says now, also when
/// nobody is signed in about whom it would be asked.
#[tokio::test]
async fn an_app_password_ends_with_its_owner_in_the_directory() {
    let ldap = OpenLdap::start().await;
    let gateway = behind(&ldap, "refresh_seconds = 1\n").await;
    let alice = enter(&gateway, "alice", "alice-directory-password").await;
    let password = alice.app_password(("alice-directory-password", "all"), &[]).await;
    alice.at_portal().sign_out().await;
    let pair = STANDARD.encode(format!("alice@office:{password}"));
    let authorization = format!("Basic {pair}");
    let ask = async || {
        gateway.client().get_with(ROOT, &[("authorization", authorization.as_str())]).await.status
    };
    assert_eq!(ask().await, 200);
    ldap.modify(&format!("dn: uid=alice,ou=people,{SUFFIX}\nchangetype: delete\n"));
    let gone = eventually(Duration::from_secs(90), "the app password ends", async || {
        (ask().await == 401).then_some(())
    });
    gone.await;
}

/// S44: by the name with and without its domain, somebody of an Active Directory has one account.
#[tokio::test]
async fn both_names_of_an_active_directory_are_one_account() {
    let ca_file = samba().await.ca_file();
    let ca_file = toml::Value::from(ca_file.to_str().unwrap());
    let directory = format!(
        "[identity.ldap.corp]\nkind = \"active-directory\"\nurls = [\"ldaps://127.0.0.2\"]\n\
         ca_file = {ca_file}\nbind_dn = \"service@ad.example.test\"\n\
         bind_password = \"service-Directory-1\"\nbase_dn = \"{BASE_DN}\"\n\
         domain = \"EXAMPLE\"\nauto_register = true\n"
    );
    let gateway = gateway(&directory, &format!("CN=photographers,CN=Users,{BASE_DN}")).await;
    for name in ["wanda@ad.example.test", "wanda", "EXAMPLE\\wanda", "wanda@corp"] {
        let wanda = enter(&gateway, name, "wanda-Directory-1").await;
        wanda.get(ROOT).await.expect(200);
    }
    let users = gateway.config.run(&["users", "ls"]).expect(0).out;
    assert_eq!(users.matches("wanda").count(), 1, "{users}");
}

/// S45: a local password stands in for a directory that is down where that is said, and never for
/// one that answers.
#[tokio::test]
async fn a_local_password_stands_in_where_that_is_said() {
    let ldap = OpenLdap::start().await;
    let gateway = behind(&ldap, "local_fallback = true\n").await;
    enter(&gateway, "alice", "alice-directory-password").await;
    let folder = gateway.config.path().to_str().unwrap();
    let arguments = ["users", "passwd", "alice@office", "--password-stdin", "--config", folder];
    Run::vestibule(&arguments, "a local password").expect(0);
    let local = async || gateway.client().try_sign_in("alice@office", "a local password").await;
    local().await.expect(403);
    drop(ldap);
    local().await.expect(303);
    gateway.client().try_sign_in("alice", "a local password").await.expect(503);
}
