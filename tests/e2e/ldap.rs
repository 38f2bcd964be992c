//! Directories as OpenLDAP is one: the provider against a real slapd, and against those who stand
//! in between.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::Duration;

use pretty_assertions::assert_eq;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OnceCell;
use vestibule_identity::providers::ldap::{
    ConnectError, DirectoryKind, FilterTemplate, GroupSource, LdapConfig, LdapError, LdapLimits,
    LdapProvider, People, Placeholder, Reason, Server, ServiceAccount, Standing, StartTls,
    StartTlsError, Verdict,
};
use vestibule_identity::{ExternalUser, ProviderGroups, Secret};
use vestibule_schema::ProviderId;
use vestibule_tests::openldap::SUFFIX;
use vestibule_tests::{Authority, OpenLdap, free_port, temp_folder};

/// The one that all share who change nothing.
async fn shared() -> &'static OpenLdap {
    static SHARED: OnceCell<OpenLdap> = OnceCell::const_new();
    SHARED.get_or_init(OpenLdap::start).await
}

pub(crate) fn config(ldap: &OpenLdap) -> LdapConfig {
    LdapConfig {
        id: ProviderId::parse("office").unwrap(),
        servers: vec![server(&format!("ldaps://127.0.0.1:{}", ldap.tls_port))],
        ca_file: Some(ldap.ca_file()),
        service: ServiceAccount {
            dn: format!("cn=service,{SUFFIX}"),
            password: Secret::from("service-password"),
        },
        kind: DirectoryKind::OpenLdap,
        people: People::below(&format!("ou=people,{SUFFIX}"), DirectoryKind::OpenLdap).unwrap(),
        groups: GroupSource::MemberOf { attribute: "memberOf".to_owned() },
        limits: LdapLimits::default(),
        refresh: Duration::from_secs(300),
    }
}

fn server(url: &str) -> Server {
    Server::parse(url, StartTls::Required).unwrap()
}

/// Groups from a search instead of `memberOf`.
fn searched(filter: &str) -> GroupSource {
    let filter = FilterTemplate::parse(filter, &[Placeholder::Dn, Placeholder::User]).unwrap();
    GroupSource::Search { base_dn: format!("ou=groups,{SUFFIX}"), filter }
}

fn provider(config: LdapConfig) -> LdapProvider {
    LdapProvider::new(config).unwrap()
}

fn password(uid: &str) -> Secret<String> {
    Secret::new(format!("{uid}-directory-password"))
}

async fn verdict(config: LdapConfig, uid: &str, password: &Secret<String>) -> Verdict {
    provider(config).sign_in(uid, password).await.unwrap()
}

async fn accepted(config: LdapConfig, uid: &str) -> ExternalUser {
    match verdict(config, uid, &password(uid)).await {
        Verdict::Accepted(user) => *user,
        Verdict::Refused(reason) => panic!("{uid}: {reason:?}"),
    }
}

async fn refused(uid: &str) -> Reason {
    match verdict(config(shared().await), uid, &password(uid)).await {
        Verdict::Accepted(user) => panic!("{user:?}"),
        Verdict::Refused(reason) => reason,
    }
}

fn shown(groups: &ProviderGroups) -> BTreeSet<&str> {
    match groups {
        ProviderGroups::Known(groups) => groups.iter().map(|group| group.id().as_str()).collect(),
        ProviderGroups::Unknown | ProviderGroups::Unsaid => panic!("{groups:?}"),
    }
}

const FAMILY: &str = "cn=family,ou=groups,dc=example,dc=test";
const PHOTOGRAPHERS: &str = "cn=photographers,ou=groups,dc=example,dc=test";
const HOSTILE_GROUP: &str = "cn=r&d (zürich)\\, 1*,ou=groups,dc=example,dc=test";

#[tokio::test]
async fn somebody_signs_in_and_is_described() {
    let user = accepted(config(shared().await), "alice").await;
    assert_eq!(user.provider.as_str(), "office");
    assert_eq!(user.subject.issuer, "ldap:office");
    assert_eq!(user.subject.id.len(), 36, "{}", user.subject.id);
    assert_eq!(user.user_name.as_deref(), Some("alice"));
    assert_eq!(user.display_name.as_deref(), Some("Alice Example"));
    assert_eq!(user.verified_email.as_deref(), Some("alice@example.test"));
    assert_eq!(shown(&user.groups), BTreeSet::from([FAMILY, PHOTOGRAPHERS, HOSTILE_GROUP]));
    let wrong = Secret::from("not-the-password");
    let wrong = verdict(config(shared().await), "alice", &wrong).await;
    assert_eq!(wrong, Verdict::Refused(Reason::WrongPassword));
}

/// S23: an address with two `@` is none.
#[tokio::test]
async fn an_address_with_two_ats_is_none() {
    assert_eq!(accepted(config(shared().await), "mallory").await.verified_email, None);
}

/// S42: both ways to TLS; and in the clear to this machine, if that is asked for.
#[tokio::test]
async fn every_kind_of_connection_leads_to_the_same_account() {
    let ldap = shared().await;
    let over_tls = accepted(config(ldap), "alice").await;
    let plain = format!("ldap://127.0.0.1:{}", ldap.port);
    let start_tls = LdapConfig { servers: vec![server(&plain)], ..config(ldap) };
    assert_eq!(accepted(start_tls, "alice").await, over_tls);
    let clear = Server::parse(&plain, StartTls::Off).unwrap();
    let clear = LdapConfig { servers: vec![clear], ..config(ldap) };
    assert_eq!(accepted(clear, "alice").await, over_tls);
}

async fn connect_error(config: LdapConfig) -> ConnectError {
    match provider(config).sign_in("alice", &password("alice")).await {
        Err(LdapError::Unreachable(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// S42: the certificate must come from an authority that is trusted, and be the host's.
#[tokio::test]
async fn a_certificate_is_verified_and_so_is_its_host() {
    let ldap = shared().await;
    let folder = temp_folder();
    std::fs::write(folder.at("other.pem"), Authority::new().pem()).unwrap();
    let other_name = format!("ldaps://localhost:{}", ldap.tls_port);
    let plain = format!("ldap://127.0.0.1:{}", ldap.port);
    for unsure in [
        LdapConfig { ca_file: Some(folder.at("other.pem")), ..config(ldap) },
        LdapConfig {
            ca_file: Some(folder.at("other.pem")),
            servers: vec![server(&plain)],
            ..config(ldap)
        },
        LdapConfig { servers: vec![server(&other_name)], ..config(ldap) },
    ] {
        let error = connect_error(unsure).await;
        assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
    }
}

/// Somebody in between who answers `StartTLS` himself; gives back all that came in the clear.
async fn answers_start_tls(answer: &'static [u8]) -> (u16, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 31];
        stream.read_exact(&mut heard).await.unwrap();
        stream.write_all(answer).await.unwrap();
        // until the other side gives up, whatever it sends
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    (port, heard)
}

/// S42: who refuses `StartTLS`, or says nothing like it, is not spoken to in the clear.
#[tokio::test]
async fn there_is_no_way_back_to_plain_text() {
    let refused = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00";
    let (port, heard) = answers_start_tls(refused).await;
    let servers = vec![server(&format!("ldap://127.0.0.1:{port}"))];
    let error = connect_error(LdapConfig { servers, ..config(shared().await) }).await;
    let is_refused = matches!(error, ConnectError::StartTls(StartTlsError::Refused { code: 0x34 }));
    assert!(is_refused, "{error:?}");
    assert_eq!(heard.await.unwrap().len(), 31, "nothing but the question is sent");
}

/// S42: an answer to a bind, sent in the clear behind the answer to `StartTLS`, lets nobody in.
#[tokio::test]
async fn what_is_said_before_tls_does_not_count() {
    let ldap = shared().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = ldap.port;
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
        let mut question = [0; 31];
        client.read_exact(&mut question).await.unwrap();
        server.write_all(&question).await.unwrap();
        let mut answer = vec![0; 1024];
        let length = server.read(&mut answer).await.unwrap();
        answer.truncate(length);
        for id in 1..4 {
            answer.extend([0x30, 12, 2, 1, id, 0x61, 7, 10, 1, 0, 4, 0, 4, 0]);
        }
        client.write_all(&answer).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    let servers = vec![server(&format!("ldap://127.0.0.1:{port}"))];
    let error = connect_error(LdapConfig { servers, ..config(ldap) }).await;
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
}

/// S40.
#[tokio::test]
async fn no_name_means_somebody_else() {
    let names = [
        "*",
        "a*",
        "alice*",
        "*)(uid=*",
        "alice)(objectClass=*",
        "alice)(|(uid=*",
        "\\61lice",
        "alice\0",
        "",
        "uid=alice",
        "Bob (Viewer), Jr.",
    ];
    for name in names {
        let verdict = verdict(config(shared().await), name, &password("alice")).await;
        assert_eq!(verdict, Verdict::Refused(Reason::NoSuchUser), "{name:?}");
    }
}

/// S40: a name full of what filters and distinguished names are made of, and its groups both
/// ways.
#[tokio::test]
async fn a_hostile_name_is_a_name() {
    let name = "Bob (Viewer), Jr.*";
    let bobs = Secret::from("bob-directory-password");
    let filter = "(|(member={dn})(memberUid={user}))";
    let ldap = shared().await;
    for groups in [config(ldap).groups, searched(filter)] {
        let verdict = verdict(LdapConfig { groups, ..config(ldap) }, name, &bobs).await;
        let Verdict::Accepted(user) = verdict else { panic!("{verdict:?}") };
        assert_eq!(user.user_name.as_deref(), Some(name));
        assert_eq!(shown(&user.groups), BTreeSet::from([FAMILY]));
    }
}

/// S41: slapd would take an empty password for no wish to prove anything.
#[tokio::test]
async fn an_empty_password_is_not_even_sent() {
    let ldap = OpenLdap::start().await;
    let provider = provider(config(&ldap));
    let before = ldap.operations();
    for empty in ["", "\0", "\0secret"] {
        let verdict = provider.sign_in("alice", &Secret::from(empty)).await.unwrap();
        assert_eq!(verdict, Verdict::Refused(Reason::NoPassword));
    }
    assert_eq!(ldap.operations(), before);
    let found = provider.find("alice").await.unwrap();
    let verdict = found.prove(&Secret::from("")).await.unwrap();
    assert_eq!(verdict, Verdict::Refused(Reason::NoPassword));
}

/// S12: what the directory is asked is the same, whether the name or the password is wrong.
#[tokio::test]
async fn an_unknown_name_costs_what_a_wrong_password_costs() {
    let ldap = OpenLdap::start().await;
    let provider = provider(config(&ldap));
    let cost = async |name: &str, reason| {
        let before = ldap.operations();
        let verdict = provider.sign_in(name, &Secret::from("not-the-password")).await.unwrap();
        assert_eq!(verdict, Verdict::Refused(reason), "{name}");
        let after = ldap.operations();
        [after[0] - before[0], after[1] - before[1]]
    };
    let wrong = cost("alice", Reason::WrongPassword).await;
    assert_eq!(wrong, [2, 1], "the service's bind and the user's; one search");
    assert_eq!(cost("nobody-of-this-name", Reason::NoSuchUser).await, wrong);
    // what no directory could have as a name
    assert_eq!(cost(" \u{7}", Reason::NoSuchUser).await, wrong);
}

/// S43.
#[tokio::test]
async fn a_name_that_two_have_is_nobodys() {
    let mut config = config(shared().await);
    config.people.user_filter =
        FilterTemplate::parse("(mail={name})", &[Placeholder::Name]).unwrap();
    for twin in ["twin1", "twin2"] {
        let verdict = verdict(config.clone(), "twin@example.test", &password(twin)).await;
        assert_eq!(verdict, Verdict::Refused(Reason::Ambiguous));
    }
}

/// S43: references to other servers are neither followed in passing nor when everything lies
/// behind one.
#[tokio::test]
async fn referrals_are_not_followed() {
    let ldap = OpenLdap::start().await;
    accepted(config(&ldap), "alice").await;
    let mut away = config(&ldap);
    away.people.base_dn = format!("ou=elsewhere,ou=people,{SUFFIX}");
    let result = provider(away).sign_in("alice", &password("alice")).await;
    assert!(matches!(result, Err(LdapError::Referral)), "{result:?}");
    let nobody = ldap.elsewhere.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(nobody, Err(ErrorKind::WouldBlock));
}

/// S43: more groups than the directory gives, or than are taken, are unknown and not none.
#[tokio::test]
async fn groups_that_are_cut_are_unknown() {
    let ldap = shared().await;
    let mut narrow = config(ldap);
    narrow.groups = searched("(member={dn})");
    narrow.service.dn = format!("cn=narrow,{SUFFIX}");
    narrow.service.password = Secret::from("narrow-password");
    assert_eq!(accepted(narrow.clone(), "alice").await.groups, ProviderGroups::Unknown);
    assert_eq!(shown(&accepted(narrow, "gus").await.groups), BTreeSet::from([PHOTOGRAPHERS]));
    for groups in [config(ldap).groups, searched("(member={dn})")] {
        let limits = LdapLimits { groups: 2, page: 1, ..LdapLimits::default() };
        let few = LdapConfig { groups, limits, ..config(ldap) };
        assert_eq!(accepted(few.clone(), "alice").await.groups, ProviderGroups::Unknown);
        let enough = LdapConfig { limits: LdapLimits { groups: 3, ..limits }, ..few };
        assert_eq!(shown(&accepted(enough, "alice").await.groups).len(), 3);
    }
}

/// S43: who says nothing is not waited for, at the handshake or after.
#[tokio::test]
async fn a_silent_server_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let short = Duration::from_millis(100);
    let limits = LdapLimits { connect: short, operation: short, ..LdapLimits::default() };
    for url in [format!("ldaps://127.0.0.1:{port}"), format!("ldap://127.0.0.1:{port}")] {
        let late = LdapConfig { servers: vec![server(&url)], limits, ..config(shared().await) };
        let error = connect_error(late).await;
        assert!(matches!(error, ConnectError::Late), "{error:?}");
    }
    let clear = Server::parse(&format!("ldap://127.0.0.1:{port}"), StartTls::Off).unwrap();
    let late = LdapConfig { servers: vec![clear], limits, ..config(shared().await) };
    let result = provider(late).sign_in("alice", &password("alice")).await;
    assert!(matches!(result, Err(LdapError::Late)), "{result:?}");
}

/// What is no LDAP makes the library panic; that is no more than a server that can't be used.
#[tokio::test]
async fn nonsense_is_an_answer_like_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = vec![0; 1024];
            let _ = stream.read(&mut heard).await;
            // an answer to the bind without a result
            let _ = stream.write_all(b"\x30\x05\x02\x01\x01\x61\x00").await;
            let _ = stream.read_to_end(&mut heard).await;
        }
    });
    let clear = Server::parse(&format!("ldap://127.0.0.1:{port}"), StartTls::Off).unwrap();
    let odd = LdapConfig { servers: vec![clear], ..config(shared().await) };
    let result = provider(odd).sign_in("alice", &password("alice")).await;
    assert!(matches!(result, Err(LdapError::Unreadable)), "{result:?}");
}

/// S45: a directory that can't be reached lets nobody in; one server that can is enough.
#[tokio::test]
async fn servers_are_tried_in_order() {
    let ldap = shared().await;
    let down = server(&format!("ldaps://127.0.0.1:{}", free_port()));
    let error = connect_error(LdapConfig { servers: vec![down.clone()], ..config(ldap) }).await;
    assert!(matches!(error, ConnectError::Silent(_)), "{error:?}");
    let up = config(ldap).servers.remove(0);
    accepted(LdapConfig { servers: vec![down, up], ..config(ldap) }, "alice").await;
}

/// A wrong password of the service account is the operator's mistake, not the user's.
#[tokio::test]
async fn a_service_account_that_is_refused_is_an_error() {
    let mut config = config(shared().await);
    for wrong in ["not-the-password", ""] {
        config.service.password = Secret::from(wrong);
        let result = provider(config.clone()).sign_in("alice", &password("alice")).await;
        assert!(matches!(result, Err(LdapError::ServiceAccount { .. })), "{result:?}");
    }
    assert!(!format!("{config:?}").contains("password\""), "{config:?}");
}

/// S44.
#[tokio::test]
async fn a_disabled_account_is_refused() {
    assert_eq!(refused("dora").await, Reason::Disabled);
}

/// S44.
#[tokio::test]
async fn a_locked_account_is_refused_with_the_right_password() {
    for _ in 0..3 {
        let wrong = Secret::from("not-the-password");
        let _ = verdict(config(shared().await), "lou", &wrong).await;
    }
    assert_eq!(refused("lou").await, Reason::Locked);
}

/// S44.
#[tokio::test]
async fn an_expired_password_is_refused() {
    assert_eq!(refused("pat").await, Reason::PasswordExpired);
}

/// S44: slapd lets the bind pass, for a change of the password and nothing else.
#[tokio::test]
async fn a_password_that_must_be_changed_is_refused() {
    assert_eq!(refused("mia").await, Reason::MustChangePassword);
}

/// S44, S45: the account is the same under another name; what becomes of it is seen.
#[tokio::test]
async fn what_becomes_of_somebody_is_seen() {
    let ldap = OpenLdap::start().await;
    let provider = provider(config(&ldap));
    let before = accepted(config(&ldap), "gus").await;
    let id = &before.subject.id;
    let again = provider.look_up(id).await.unwrap();
    assert_eq!(again, Some(Standing::Active(Box::new(before.clone()))));
    ldap.modify(
        "dn: cn=photographers,ou=groups,dc=example,dc=test\nchangetype: modify\n\
         delete: member\nmember: uid=gus,ou=people,dc=example,dc=test\n\n\
         dn: uid=gus,ou=people,dc=example,dc=test\nchangetype: modrdn\nnewrdn: uid=gustav\n\
         deleteoldrdn: 1\n",
    );
    let Some(Standing::Active(after)) = provider.look_up(id).await.unwrap() else { panic!() };
    assert_eq!(after.subject, before.subject);
    assert_eq!(after.user_name.as_deref(), Some("gustav"));
    assert_eq!(shown(&after.groups), BTreeSet::new());
    ldap.modify(
        "dn: uid=gustav,ou=people,dc=example,dc=test\nchangetype: modify\n\
         replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n",
    );
    assert_eq!(provider.look_up(id).await.unwrap(), Some(Standing::Shut(Reason::Disabled)));
    ldap.modify("dn: uid=gustav,ou=people,dc=example,dc=test\nchangetype: delete\n");
    assert_eq!(provider.look_up(id).await.unwrap(), None);
    for nobody in ["", "*", "31456524-80b6-1041-93bf-b50eb20aef90"] {
        assert_eq!(provider.look_up(nobody).await.unwrap(), None, "{nobody}");
    }
}

/// S45: what is required holds at sign-in, and as long as somebody is signed in.
#[tokio::test]
async fn what_is_required_holds_for_ever() {
    let ldap = shared().await;
    let id = accepted(config(ldap), "gus").await.subject.id;
    let mut strict = config(ldap);
    strict.people.required_filter =
        Some(FilterTemplate::parse(&format!("(memberOf={FAMILY})"), &[]).unwrap());
    accepted(strict.clone(), "alice").await;
    let verdict = verdict(strict.clone(), "gus", &password("gus")).await;
    assert_eq!(verdict, Verdict::Refused(Reason::NoSuchUser));
    assert_eq!(provider(strict).look_up(&id).await.unwrap(), None);
}

/// S13: however the name is written, the account is known before its password is compared.
#[tokio::test]
async fn every_way_to_write_a_name_leads_to_one_account() {
    let provider = provider(config(shared().await));
    let mut subjects = BTreeSet::new();
    for name in ["alice", "ALICE", "Alice"] {
        let found = provider.find(name).await.unwrap();
        subjects.insert(found.subject().map(|subject| subject.id.clone()));
    }
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    assert!(!subjects.contains(&None));
    assert_eq!(provider.find("nobody").await.unwrap().subject(), None);
}
