//! Directories as Active Directory is one: the provider against Samba as a domain controller.

use std::collections::BTreeSet;
use std::time::Duration;

use pretty_assertions::assert_eq;
use vestibule_identity::providers::ldap::{
    DirectoryKind, FilterTemplate, GroupSource, LdapConfig, LdapError, LdapLimits, LdapProvider,
    NESTED_GROUP_FILTER, People, Placeholder, Reason, Server, ServiceAccount, Standing, StartTls,
    Verdict,
};
use vestibule_identity::{ExternalUser, ProviderGroups, Secret};
use vestibule_schema::ProviderId;
use vestibule_tests::samba::{BASE_DN, samba};

async fn config() -> LdapConfig {
    let kind = DirectoryKind::ActiveDirectory;
    let people = People::below(BASE_DN, kind).unwrap();
    LdapConfig {
        id: ProviderId::parse("corp").unwrap(),
        servers: vec![Server::parse("ldaps://127.0.0.2", StartTls::Required).unwrap()],
        ca_file: Some(samba().await.ca_file()),
        service: ServiceAccount {
            dn: "service@ad.example.test".to_owned(),
            password: Secret::from("service-Directory-1"),
        },
        kind,
        people: People { domain: Some("EXAMPLE".to_owned()), ..people },
        groups: GroupSource::MemberOf { attribute: "memberOf".to_owned() },
        limits: LdapLimits::default(),
        refresh: Duration::from_secs(300),
    }
}

fn searched(filter: &str) -> GroupSource {
    let filter = FilterTemplate::parse(filter, &[Placeholder::Dn]).unwrap();
    GroupSource::Search { base_dn: BASE_DN.to_owned(), filter }
}

async fn provider() -> LdapProvider {
    LdapProvider::new(config().await).unwrap()
}

fn password(name: &str) -> Secret<String> {
    Secret::new(format!("{name}-Directory-1"))
}

async fn verdict(config: LdapConfig, typed: &str, password: &Secret<String>) -> Verdict {
    LdapProvider::new(config).unwrap().sign_in(typed, password).await.unwrap()
}

async fn accepted(config: LdapConfig, name: &str) -> ExternalUser {
    match verdict(config, name, &password(name)).await {
        Verdict::Accepted(user) => *user,
        Verdict::Refused(reason) => panic!("{name}: {reason:?}"),
    }
}

/// With the right password.
async fn refused(name: &str) -> Reason {
    match verdict(config().await, name, &password(name)).await {
        Verdict::Accepted(user) => panic!("{user:?}"),
        Verdict::Refused(reason) => reason,
    }
}

fn group(name: &str) -> String {
    format!("cn={name},cn=users,dc=ad,dc=example,dc=test")
}

fn shown(groups: &ProviderGroups) -> BTreeSet<String> {
    match groups {
        ProviderGroups::Known(groups) => groups.iter().map(|g| g.id().to_string()).collect(),
        ProviderGroups::Unknown | ProviderGroups::Unsaid => panic!("{groups:?}"),
    }
}

/// S44: the name of the account, the one that looks like an address, and the one with the domain
/// are one account, which its GUID identifies.
#[tokio::test]
async fn somebody_has_three_names_and_one_account() {
    let mut users = Vec::new();
    for typed in ["alice", "ALICE", "alice@ad.example.test", "EXAMPLE\\alice"] {
        match verdict(config().await, typed, &password("alice")).await {
            Verdict::Accepted(user) => users.push(*user),
            Verdict::Refused(reason) => panic!("{typed}: {reason:?}"),
        }
    }
    users.dedup();
    let [user] = &users[..] else { panic!("{users:?}") };
    assert_eq!(user.subject.issuer, "ldap:corp");
    let dashes = user.subject.id.match_indices('-').map(|(at, _)| at);
    assert_eq!(dashes.collect::<Vec<_>>(), [8, 13, 18, 23], "{}", user.subject.id);
    assert_eq!(user.user_name.as_deref(), Some("alice"));
    assert_eq!(user.display_name.as_deref(), Some("Alice Example"));
    assert_eq!(user.verified_email.as_deref(), Some("alice@example.test"));
    assert_eq!(shown(&user.groups), BTreeSet::from([group("photographers")]));
    let elsewhere = verdict(config().await, "OTHER\\alice", &password("alice")).await;
    assert_eq!(elsewhere, Verdict::Refused(Reason::NoSuchUser));
}

/// S44.
#[tokio::test]
async fn groups_of_groups_count_where_that_is_asked_for() {
    let direct = LdapConfig {
        groups: searched(DirectoryKind::ActiveDirectory.group_filter()),
        ..config().await
    };
    let user = accepted(direct, "alice").await;
    assert_eq!(shown(&user.groups), BTreeSet::from([group("photographers")]));
    let nested = LdapConfig { groups: searched(NESTED_GROUP_FILTER), ..config().await };
    let user = accepted(nested, "alice").await;
    let all = BTreeSet::from([group("photographers"), group("everyone")]);
    assert_eq!(shown(&user.groups), all);
}

/// S44: many groups come page by page.
#[tokio::test]
async fn many_groups_come_in_pages() {
    let limits = LdapLimits { page: 10, ..LdapLimits::default() };
    let paged = LdapConfig { groups: searched(NESTED_GROUP_FILTER), limits, ..config().await };
    assert_eq!(shown(&accepted(paged.clone(), "bob").await.groups).len(), 25);
    let few = LdapConfig { limits: LdapLimits { groups: 24, ..limits }, ..paged };
    assert_eq!(accepted(few, "bob").await.groups, ProviderGroups::Unknown);
}

/// S42: Active Directory takes no password in the clear; `StartTLS` it does.
#[tokio::test]
async fn start_tls_works_and_plain_text_does_not() {
    let url = "ldap://127.0.0.2";
    let start_tls = vec![Server::parse(url, StartTls::Required).unwrap()];
    accepted(LdapConfig { servers: start_tls, ..config().await }, "alice").await;
    let clear = vec![Server::parse(url, StartTls::Off).unwrap()];
    let clear = LdapConfig { servers: clear, ..config().await };
    let result = LdapProvider::new(clear).unwrap().sign_in("alice", &password("alice")).await;
    assert!(matches!(result, Err(LdapError::ServiceAccount { code: 8 })), "{result:?}");
}

#[tokio::test]
async fn wrong_passwords_and_names_are_refused() {
    let check = async |typed: &str, password: &str, reason| {
        let verdict = verdict(config().await, typed, &Secret::from(password)).await;
        assert_eq!(verdict, Verdict::Refused(reason), "{typed:?}");
    };
    check("bob", "not-the-password", Reason::WrongPassword).await;
    check("nobody", "not-the-password", Reason::NoSuchUser).await;
    check("*", "alice-Directory-1", Reason::NoSuchUser).await;
    check("alice)(objectClass=*", "alice-Directory-1", Reason::NoSuchUser).await;
    check("bob", "", Reason::NoPassword).await;
    // a computer's account is nobody's
    check("DC1$", "not-the-password", Reason::NoSuchUser).await;
}

/// S44.
#[tokio::test]
async fn a_disabled_account_is_refused() {
    assert_eq!(refused("dora").await, Reason::Disabled);
}

/// S44.
#[tokio::test]
async fn an_account_whose_time_is_over_is_refused() {
    assert_eq!(refused("ed").await, Reason::AccountExpired);
}

/// S44.
#[tokio::test]
async fn an_expired_password_is_refused() {
    assert_eq!(refused("pat").await, Reason::PasswordExpired);
}

/// S44.
#[tokio::test]
async fn a_password_that_must_be_changed_is_refused() {
    assert_eq!(refused("mia").await, Reason::MustChangePassword);
}

/// S44; and S45: a lock, which strangers bring about, ends nobody's session.
#[tokio::test]
async fn a_locked_account_is_refused_with_the_right_password() {
    let id = accepted(config().await, "lou").await.subject.id;
    for _ in 0..3 {
        let _ = verdict(config().await, "lou", &Secret::from("not-the-password")).await;
    }
    assert_eq!(refused("lou").await, Reason::Locked);
    let standing = provider().await.look_up(&id).await.unwrap();
    assert!(matches!(standing, Some(Standing::Active(_))), "{standing:?}");
}

/// S45.
#[tokio::test]
async fn what_becomes_of_somebody_is_seen() {
    let (samba, provider) = (samba().await, provider().await);
    let before = accepted(config().await, "gus").await;
    assert_eq!(shown(&before.groups), BTreeSet::from([group("photographers")]));
    let id = before.subject.id;
    samba.tool(&["group", "removemembers", "photographers", "gus"]);
    let Some(Standing::Active(after)) = provider.look_up(&id).await.unwrap() else { panic!() };
    assert_eq!(shown(&after.groups), BTreeSet::new());
    samba.tool(&["user", "disable", "gus"]);
    assert_eq!(provider.look_up(&id).await.unwrap(), Some(Standing::Shut(Reason::Disabled)));
    samba.tool(&["user", "delete", "gus"]);
    assert_eq!(provider.look_up(&id).await.unwrap(), None);
}
