//! What a directory is asked of people, when, and what its word is worth: identity on a real slapd,
//! with a clock of the test's own.

use std::sync::Arc;
use std::time::Duration;

use pretty_assertions::assert_eq;
use vestibule_identity::providers::ldap::{LdapConfig, LdapProvider, Verdict};
use vestibule_identity::{
    Attempt, Authentication, Clock as _, DirectoryWatch, Identity, ManualClock, Registration,
    RequestOrigin, Secret, Settings, ShareAttempt, ShareOrder, SignInError, SignedIn, SystemClock,
};
use vestibule_schema::{AccountRole, GalleryPath, RoleName, SiteId, UserName};
use vestibule_store::{NewAccount, NewIdentity, Store};
use vestibule_tests::OpenLdap;
use vestibule_tests::openldap::SUFFIX;

use crate::directory_sign_in::photographers;

/// An identity on a real directory, whose people get accounts, with a clock of one's own.
async fn on_directory(config: LdapConfig) -> (Identity, Arc<ManualClock>, LdapProvider) {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let directory = LdapProvider::with_clock(config, Arc::clone(&clock) as _).unwrap();
    let mut settings = Settings::for_tests(Arc::clone(&clock) as _);
    let rules =
        Registration { auto_register: true, asks_directory: true, ..Registration::default() };
    settings.providers = [(directory.config().id.clone(), rules)].into();
    settings.directories = vec![directory.clone()];
    let identity = Identity::open(Store::open_in_memory().await.unwrap(), settings).await.unwrap();
    (identity, clock, directory)
}

fn from(address: u8) -> RequestOrigin {
    RequestOrigin::new(true, "photos.example.com", [192, 0, 2, address].into())
}

async fn signed_in(identity: &Identity, name: &str, uid: &str) -> Arc<SignedIn> {
    let password = Secret::new(format!("{uid}-directory-password"));
    let attempt = Attempt { name, password: &password, user_agent: "test" };
    let step = identity.sign_in(&from(1), &attempt).await.unwrap();
    step.session().unwrap().signed_in
}

/// S13: an account that is held back costs the directory nothing, from wherever it is tried.
#[tokio::test]
async fn a_held_account_does_not_reach_the_directory() {
    let ldap = OpenLdap::start().await;
    let (identity, _, _) = on_directory(crate::ldap::config(&ldap)).await;
    signed_in(&identity, "alice", "alice").await;
    let wrong = Secret::from("not-the-password");
    let try_from = async |name: &str, address: u8| {
        let attempt = Attempt { name, password: &wrong, user_agent: "test" };
        identity.sign_in(&from(address), &attempt).await.unwrap_err()
    };
    for address in 10..20 {
        let error = try_from("alice@office", address).await;
        assert!(matches!(error, SignInError::Refused), "{error:?}");
    }
    let before = ldap.operations();
    for address in 20..40 {
        let error = try_from("alice@office", address).await;
        assert!(matches!(error, SignInError::TooMany { .. }), "{error:?}");
    }
    assert_eq!(ldap.operations(), before, "by the name of the account");
    for _ in 0..20 {
        let error = try_from("alice", 50).await;
        assert!(matches!(error, SignInError::TooMany { .. }), "{error:?}");
    }
    let searches = ldap.operations()[1] - before[1];
    assert!(searches <= 11, "by another of its names the address is held soon: {searches}");
    // S13: where they are signed in they may try
    // S13: where they are signed in they may try; this directory holds them back itself by now
    let here = try_from("alice", 1).await;
    assert!(matches!(here, SignInError::Refused), "{here:?}");
}

/// Whoever shows their password once more is known by what never changes, whatever the account is
/// called here and they are called there.
#[tokio::test]
async fn who_proves_again_may_have_another_name_in_the_directory() {
    let ldap = OpenLdap::start().await;
    let (identity, _, directory) = on_directory(crate::ldap::config(&ldap)).await;
    let boss = NewAccount::new(UserName::parse("boss").unwrap(), AccountRole::default());
    let boss = identity.add_user(boss, None).await.unwrap();
    let verdict = directory.sign_in("alice", &Secret::from("alice-directory-password")).await;
    let Ok(Verdict::Accepted(user)) = verdict else { panic!("{verdict:?}") };
    let linked =
        NewIdentity { provider: user.provider, subject: user.subject, groups: user.groups };
    identity.store().identities().adopt(boss.id, &linked, identity.now()).await.unwrap();
    let who = signed_in(&identity, "alice", "alice").await;
    assert_eq!(who.name.as_str(), "boss");
    let wrong = Secret::from("gus-directory-password");
    assert!(identity.begin_second_factor(&from(1), &who, &wrong).await.is_err());
    let right = Secret::from("alice-directory-password");
    identity.begin_second_factor(&from(1), &who, &right).await.unwrap();
    ldap.modify(&format!(
        "dn: uid=alice,ou=people,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid=alicia\ndeleteoldrdn: 1\n"
    ));
    identity.begin_second_factor(&from(1), &who, &right).await.unwrap();
}

/// S6: a share link ends with its maker in the directory, for whoever opened it, and loses what its
/// maker's groups gave; also when its maker has no session about which the directory is asked.
#[tokio::test]
async fn a_share_link_ends_with_its_maker_in_the_directory() {
    let ldap = OpenLdap::start().await;
    let (identity, clock, _) = on_directory(crate::ldap::config(&ldap)).await;
    let gus = signed_in(&identity, "gus", "gus").await;
    let site = SiteId::parse("family").unwrap();
    let order = ShareOrder {
        site: site.clone(),
        path: GalleryPath::from_decoded("/").unwrap(),
        role: RoleName::visitor(),
        maker: gus.name.clone(),
        label: "",
        password: None,
        expires: None,
        uses: None,
    };
    let token = identity.make_share(&order).await.unwrap().token;
    let none = Secret::from("");
    let attempt = ShareAttempt { token: token.expose(), password: &none, cookies: &[], who: None };
    let opened = identity.open_share(&from(2), &attempt).await.unwrap().cookie.unwrap();
    let cookie = opened.as_str().split(';').next().unwrap().to_owned();
    identity.sign_out(&from(1), &gus).await.unwrap();
    let visitor = Authentication::Anonymous { clear_cookie: false };
    let held = async || {
        let at = (&from(2), &site);
        identity.with_shares(at, &[&cookie], &visitor).await.unwrap().map(|who| {
            let maker = &who.shares()[0].maker;
            let groups = &maker.as_user().unwrap().groups;
            groups.iter().map(ToString::to_string).collect::<Vec<_>>()
        })
    };
    assert!(held().await.unwrap().iter().any(|group| group.contains("photographers")));
    ldap.modify(&format!(
        "dn: {}\nchangetype: modify\ndelete: member\nmember: uid=gus,ou=people,{SUFFIX}\n",
        photographers()
    ));
    clock.advance(Duration::from_secs(301));
    assert!(held().await.unwrap().iter().all(|group| !group.contains("photographers")));
    ldap.modify(&format!("dn: uid=gus,ou=people,{SUFFIX}\nchangetype: delete\n"));
    assert!(held().await.is_some(), "the directory was asked a moment ago");
    clock.advance(Duration::from_secs(301));
    assert_eq!(held().await, None);
    assert!(identity.look_at_share(token.expose()).await.unwrap().is_none());
    assert!(identity.open_share(&from(2), &attempt).await.is_err());
    let before = ldap.operations();
    for _ in 0..10 {
        assert_eq!(held().await, None);
    }
    assert_eq!(ldap.operations(), before, "the word is remembered for a while");
}

/// S45: an entry that can't be read is its owner's trouble: those behind it are asked about, and
/// nobody else is signed out.
#[tokio::test]
async fn an_entry_that_can_not_be_read_signs_nobody_else_out() {
    let ldap = OpenLdap::start().await;
    for uid in ["alice", "gus"] {
        ldap.modify(&format!(
            "dn: uid={uid},ou=people,{SUFFIX}\nchangetype: modify\nadd: description\n\
             description: id-{uid}\n"
        ));
    }
    let mut config = crate::ldap::config(&ldap);
    config.people.id_attribute = "description".to_owned();
    let (identity, clock, directory) = on_directory(config).await;
    let alice = signed_in(&identity, "alice", "alice").await;
    clock.advance(Duration::from_secs(1));
    let gus = signed_in(&identity, "gus", "gus").await;
    ldap.modify(&format!(
        "dn: uid=alice,ou=people,{SUFFIX}\nchangetype: modify\nadd: description\n\
         description: another\n"
    ));
    let mut watch = DirectoryWatch::new(directory);
    let read = async || identity.store().identities().of_account(gus.account).await.unwrap();
    for _ in 0..4 {
        clock.advance(Duration::from_secs(300));
        watch.round(&identity).await.unwrap();
        assert_eq!(read().await[0].groups_read, identity.now(), "gus is asked about");
    }
    assert_eq!(identity.sessions(gus.account).await.unwrap().len(), 1);
    assert!(identity.sessions(alice.account).await.unwrap().is_empty(), "after three intervals");
}
