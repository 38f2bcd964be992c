//! From a cookie to somebody, the two ends of a session, and every way to end one.

use std::sync::Arc;
use std::time::Duration;

use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{AccountState, NewAccount, Store};

use crate::clock::ManualClock;
use crate::sign_in::Attempt;
use crate::{
    Audience, Authentication, Credentials, FailedCredential, Identity, NewSession, RequestOrigin,
    Secret, Settings, UnixTime,
};

mod binding;

const DAY: Duration = Duration::from_secs(24 * 3600);
const PASSWORD: &str = "correct horse battery";

struct Fixture {
    identity: Identity,
    clock: Arc<ManualClock>,
    origin: RequestOrigin,
}

async fn fixture() -> Fixture {
    on(Store::open_in_memory().await.unwrap()).await
}

async fn on(store: Store) -> Fixture {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_000_000)));
    let identity = Identity::open(store, Settings::for_tests(clock.clone())).await.unwrap();
    let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 1].into());
    Fixture { identity, clock, origin }
}

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

impl Fixture {
    async fn add(&self, user: &str) {
        let account = NewAccount::new(name(user), AccountRole::parse("user").unwrap());
        self.identity.add_user(account, Some(&PASSWORD.into())).await.unwrap();
    }

    async fn sign_in(&self, user: &str) -> NewSession {
        let password: Secret<String> = PASSWORD.into();
        let attempt = Attempt { name: user, password: &password, user_agent: "test" };
        self.identity.sign_in(&self.origin, &attempt).await.unwrap().session().unwrap()
    }

    async fn who(&self, cookies: &[&str]) -> Authentication {
        let credentials = Credentials { cookies, ..Credentials::default() };
        self.identity.authenticate(&self.origin, &Audience::Portal, &credentials).await.unwrap()
    }

    fn cached(&self, cookies: &[&str]) -> Option<Authentication> {
        let credentials = Credentials { cookies, ..Credentials::default() };
        self.identity.authenticate_cached(&self.origin, &Audience::Portal, &credentials)
    }
}

/// The `Cookie` header that answers a `Set-Cookie`.
fn cookie(session: &NewSession) -> String {
    session.cookie.as_str().split(';').next().unwrap().to_owned()
}

fn user_of(authentication: &Authentication) -> Option<String> {
    match authentication {
        Authentication::SignedIn(signed_in) => Some(signed_in.name.as_str().to_owned()),
        Authentication::Anonymous { .. } | Authentication::Failed(_) => None,
    }
}

fn is_cleared(authentication: &Authentication) -> bool {
    matches!(authentication, Authentication::Anonymous { clear_cookie: true })
}

#[tokio::test]
async fn a_session_is_read_once_and_then_known() {
    let f = fixture().await;
    f.add("jane").await;
    let cookie = cookie(&f.sign_in("JANE").await);
    assert!(f.cached(&[&cookie]).is_none(), "the first request asks the store");
    let who = f.who(&[&cookie]).await;
    assert_eq!(user_of(&who).as_deref(), Some("jane"), "the stored name, not the typed one");
    assert_eq!(user_of(&f.cached(&[&cookie]).unwrap()).as_deref(), Some("jane"));

    // no SQL: the store may be gone
    f.identity.store().close().await;
    assert_eq!(user_of(&f.who(&[&cookie]).await).as_deref(), Some("jane"));
}

#[tokio::test]
async fn nobody_new_gets_in_while_the_store_is_away_and_the_others_not_for_long() {
    let f = fixture().await;
    f.add("jane").await;
    let (known, new) = (cookie(&f.sign_in("jane").await), cookie(&f.sign_in("jane").await));
    f.who(&[&known]).await;
    f.identity.store().close().await;
    let ask = |cookie: String| {
        let (identity, origin) = (&f.identity, &f.origin);
        async move {
            let credentials = Credentials { cookies: &[&cookie], ..Credentials::default() };
            identity.authenticate(origin, &Audience::Portal, &credentials).await
        }
    };
    assert!(ask(new).await.is_err());
    f.clock.advance(Duration::from_secs(60));
    assert!(ask(known.clone()).await.is_ok());
    f.clock.advance(Duration::from_secs(1));
    assert!(ask(known).await.is_err());
}

#[tokio::test]
async fn without_a_cookie_nobody_is_asked() {
    let f = fixture().await;
    f.identity.store().close().await;
    for cookies in [&[][..], &["other=1; vestibule=x"], &["__Host-vestibule"]] {
        let who = f.cached(cookies).unwrap();
        assert!(matches!(who, Authentication::Anonymous { clear_cookie: false }), "{cookies:?}");
    }
    for cookies in [&["__Host-vestibule="][..], &["__Host-vestibule=short; a=b"]] {
        assert!(is_cleared(&f.cached(cookies).unwrap()), "{cookies:?}");
    }
}

#[tokio::test]
async fn an_unknown_cookie_is_no_cookie_and_is_cleared() {
    let f = fixture().await;
    let unknown = format!("__Host-vestibule={}", "A".repeat(43));
    assert!(is_cleared(&f.who(&[&unknown]).await));
}

/// S4.
#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_when_its_time_is_over() {
    let f = fixture().await;
    f.add("jane").await;
    let (idle, used) = (cookie(&f.sign_in("jane").await), cookie(&f.sign_in("jane").await));
    f.clock.advance(DAY * 7 - Duration::from_secs(1));
    assert!(user_of(&f.who(&[&used]).await).is_some(), "one second before");
    f.clock.advance(Duration::from_secs(1));
    assert!(is_cleared(&f.who(&[&idle]).await), "idle for seven days");
    f.clock.advance(DAY * 6);
    assert!(user_of(&f.who(&[&used]).await).is_some(), "the use counted, unwritten");
    f.clock.advance(DAY - Duration::from_secs(1));
    assert!(user_of(&f.who(&[&used]).await).is_some(), "one second before");
    f.clock.advance(Duration::from_secs(1));
    assert!(is_cleared(&f.who(&[&used]).await), "fourteen days, used or not");
}

/// A session is worth nothing anywhere but where it was made.
#[tokio::test]
async fn a_session_of_the_portal_is_nothing_at_a_site() {
    let f = fixture().await;
    f.add("jane").await;
    let cookie = cookie(&f.sign_in("jane").await);
    f.who(&[&cookie]).await;
    let value = cookie.split_once('=').unwrap().1;
    for site in ["family", "form", "portal"] {
        let audience = Audience::Site(vestibule_schema::SiteId::parse(site).unwrap());
        let moved = format!("{cookie}; __Host-vestibule.{site}={value}");
        let credentials = Credentials { cookies: &[&moved], ..Credentials::default() };
        let who = f.identity.authenticate(&f.origin, &audience, &credentials).await.unwrap();
        assert!(is_cleared(&who), "{site}");
    }
    assert!(user_of(&f.who(&[&cookie]).await).is_some(), "and is not harmed there");
}

/// The cookie of HTTPS is nothing over plain HTTP, and the reverse.
#[tokio::test]
async fn a_plain_connection_over_a_network_carries_no_session() {
    let f = fixture().await;
    f.add("jane").await;
    let cookie = cookie(&f.sign_in("jane").await);
    let value = cookie.split_once('=').unwrap().1;
    let origin = RequestOrigin::new(false, "photos.example.com", f.origin.client);
    let both = format!("{cookie}; vestibule={value}");
    let credentials = Credentials { cookies: &[&both], ..Credentials::default() };
    let who = f.identity.authenticate(&origin, &Audience::Portal, &credentials).await.unwrap();
    assert!(matches!(who, Authentication::Anonymous { clear_cookie: false }));
    let plain = format!("vestibule={value}");
    assert_eq!(user_of(&f.who(&[&plain]).await), None);
}

/// S9: deterministic, whatever the cache holds.
#[tokio::test]
async fn of_two_cookies_the_first_that_is_worth_something_wins() {
    let f = fixture().await;
    f.add("jane").await;
    f.add("mark").await;
    let (jane, mark) = (cookie(&f.sign_in("jane").await), cookie(&f.sign_in("mark").await));
    let junk = format!("__Host-vestibule={}; __Host-vestibule=x", "A".repeat(43));
    for warm in [&jane, &mark] {
        f.identity.invalidate_all();
        f.who(&[warm]).await;
        assert_eq!(user_of(&f.who(&[&jane, &mark]).await).as_deref(), Some("jane"));
        f.identity.invalidate_all();
        f.who(&[warm]).await;
        assert_eq!(user_of(&f.who(&[&junk, &mark, &jane]).await).as_deref(), Some("mark"));
    }
}

#[tokio::test]
async fn a_credential_that_fails_is_not_an_absent_one() {
    let f = fixture().await;
    f.add("jane").await;
    let cookie = cookie(&f.sign_in("jane").await);
    f.who(&[&cookie]).await;
    for (header, kind) in [
        ("Basic amFuZTpjb3JyZWN0", FailedCredential::Basic),
        ("bearer abc", FailedCredential::Bearer),
        ("Digest x", FailedCredential::Unknown),
    ] {
        let credentials = Credentials {
            cookies: &[&cookie],
            authorization: Some(header),
            takes_app_passwords: true,
        };
        let who =
            f.identity.authenticate(&f.origin, &Audience::Portal, &credentials).await.unwrap();
        assert!(matches!(who, Authentication::Failed(failed) if failed == kind), "{header}");
        assert!(who.principal().is_none());
    }
}

/// S5, S6: what ends a session is in force when it returns.
#[tokio::test]
async fn what_ends_a_session_is_in_force_at_once() {
    let f = fixture().await;
    f.add("jane").await;
    f.add("other").await;
    let others = cookie(&f.sign_in("other").await);
    f.who(&[&others]).await;
    for way in ["sign-out", "one", "all", "password", "role", "state", "removal"] {
        let session = f.sign_in("jane").await;
        let (who, cookie) = (&session.signed_in, cookie(&session));
        assert!(user_of(&f.who(&[&cookie]).await).is_some());
        let (identity, jane) = (&f.identity, name("jane"));
        match way {
            "sign-out" => identity.sign_out(&f.origin, who).await.unwrap(),
            "one" => drop(identity.end_session(who.account, who.session().unwrap()).await.unwrap()),
            "all" => drop(identity.end_all_sessions(who.account).await.unwrap()),
            "password" => identity.set_password(&jane, &PASSWORD.into()).await.unwrap(),
            "role" => identity.set_role(&jane, &AccountRole::default()).await.unwrap(),
            "state" => {
                identity.set_state(&jane, AccountState::Disabled).await.unwrap();
                assert!(f.cached(&[&cookie]).is_none_or(|who| user_of(&who).is_none()));
                identity.set_state(&jane, AccountState::Enabled).await.unwrap();
            }
            _ => identity.remove_user(&jane).await.unwrap(),
        }
        assert!(f.cached(&[&cookie]).is_none(), "{way}");
        assert!(is_cleared(&f.who(&[&cookie]).await), "{way}");
    }
    assert!(user_of(&f.who(&[&others]).await).is_some(), "nobody else is concerned");
}

#[tokio::test]
async fn ending_the_others_keeps_this_one() {
    let f = fixture().await;
    f.add("jane").await;
    let (a, b, c) = (f.sign_in("jane").await, f.sign_in("jane").await, f.sign_in("jane").await);
    for session in [&a, &b, &c] {
        f.who(&[&cookie(session)]).await;
    }
    assert_eq!(f.identity.end_other_sessions(&b.signed_in).await.unwrap(), 2);
    assert!(user_of(&f.who(&[&cookie(&b)]).await).is_some());
    assert!(is_cleared(&f.who(&[&cookie(&a)]).await));
    assert!(is_cleared(&f.who(&[&cookie(&c)]).await));
    let left = f.identity.sessions(b.signed_in.account).await.unwrap();
    assert_eq!(
        left.iter().map(|session| session.id).collect::<Vec<_>>(),
        [b.signed_in.session().unwrap()]
    );
}

/// A read of the store that began before a session was ended can't bring it back.
#[tokio::test]
async fn a_late_read_does_not_revive_a_session() {
    let f = fixture().await;
    f.add("jane").await;
    let session = f.sign_in("jane").await;
    let token = crate::token::hash(cookie(&session).split_once('=').unwrap().1).unwrap();
    let before = f.identity.cache.before_read();
    let row = f.identity.store().sessions().find(&token).await.unwrap().unwrap();
    f.identity.sign_out(&f.origin, &session.signed_in).await.unwrap();
    let times = super::cache::SeenAndRead { last_seen: row.last_seen, read: f.identity.now() };
    let cached = super::Cached::new(session.signed_in.clone(), (row.id, row.audience), times);
    f.identity.cache.fill(token, Arc::new(cached), before);
    assert_eq!(f.identity.cache.len(), 0);
    assert!(is_cleared(&f.who(&[&cookie(&session)]).await));
}

/// The first request that starts after a sign-out returned finds nobody, however many others are
/// filling the cache at that moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_after_a_sign_out_is_let_in() {
    let f = Arc::new(fixture().await);
    f.add("jane").await;
    for trial in 0..300 {
        let session = f.sign_in("jane").await;
        let cookie = cookie(&session);
        let mut others = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (f, cookie) = (Arc::clone(&f), cookie.clone());
            others.spawn(async move {
                for _ in 0..4 {
                    f.who(&[&cookie]).await;
                }
            });
        }
        f.identity.sign_out(&f.origin, &session.signed_in).await.unwrap();
        assert!(f.cached(&[&cookie]).is_none_or(|who| user_of(&who).is_none()), "{trial}");
        assert!(is_cleared(&f.who(&[&cookie]).await), "{trial}");
        others.join_all().await;
        assert!(is_cleared(&f.who(&[&cookie]).await), "{trial}");
    }
}

/// A change that another process made is noticed by the next round of upkeep.
#[tokio::test]
async fn a_change_of_another_process_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vestibule.db");
    let gateway = on(Store::open(&path).await.unwrap()).await;
    let command = on(Store::open(&path).await.unwrap()).await;
    gateway.add("jane").await;
    let cookie = cookie(&gateway.sign_in("jane").await);
    gateway.identity.maintain().await.unwrap();
    gateway.who(&[&cookie]).await;
    gateway.identity.maintain().await.unwrap();
    assert!(gateway.cached(&[&cookie]).is_some(), "nothing changed");
    command.identity.set_password(&name("jane"), &PASSWORD.into()).await.unwrap();
    gateway.identity.maintain().await.unwrap();
    assert!(is_cleared(&gateway.who(&[&cookie]).await));
}

/// S4: a use of a session at a site, or on another node, is one of the portal's session too, and is
/// in the store alone.
#[tokio::test]
async fn a_session_that_is_used_elsewhere_is_not_idle() {
    let f = fixture().await;
    f.add("jane").await;
    let session = f.sign_in("jane").await;
    let cookie = cookie(&session);
    f.who(&[&cookie]).await;
    f.clock.advance(DAY * 4);
    let used = [(session.signed_in.session().unwrap(), f.identity.now())];
    f.identity.store().sessions().touch(&used).await.unwrap();
    f.clock.advance(DAY * 4);
    f.identity.maintain().await.unwrap();
    assert!(user_of(&f.who(&[&cookie]).await).is_some());
    f.clock.advance(DAY * 7);
    assert!(is_cleared(&f.who(&[&cookie]).await));
}

/// What another process changed is noticed before uses are written down, and none of these is lost.
#[tokio::test]
async fn a_change_is_noticed_first_and_loses_no_use() {
    let f = fixture().await;
    f.add("jane").await;
    let session = f.sign_in("jane").await;
    let cookie = cookie(&session);
    f.who(&[&cookie]).await;
    f.clock.advance(Duration::from_secs(30));
    f.who(&[&cookie]).await;
    let used = f.identity.now();
    let written = || async {
        let rows = f.identity.store().sessions().of_account(session.signed_in.account).await;
        rows.unwrap()[0].last_seen
    };
    f.add("mia").await;
    f.identity.notice().await.unwrap();
    assert!(f.cached(&[&cookie]).is_none(), "it is noticed");
    assert!(written().await < used, "not yet");
    f.clock.advance(Duration::from_secs(5));
    f.identity.keep_up().await.unwrap();
    assert_eq!(written().await, used);
}

/// A clock that is wrong for a moment makes nothing known for a day.
#[tokio::test]
async fn a_clock_that_jumps_is_forgotten() {
    let f = fixture().await;
    f.clock.advance(DAY);
    f.identity.maintain().await.unwrap();
    f.clock.set(UnixTime::from_seconds(f.identity.now().seconds() - 86_400));
    f.identity.maintain().await.unwrap();
    assert_eq!(f.identity.maintained(), f.identity.now());
}

#[tokio::test]
async fn the_last_use_is_written_at_most_once_a_minute() {
    let f = fixture().await;
    f.add("jane").await;
    let session = f.sign_in("jane").await;
    let cookie = cookie(&session);
    let began = f.identity.now();
    let written = || async {
        let rows = f.identity.store().sessions().of_account(session.signed_in.account).await;
        rows.unwrap()[0].last_seen
    };
    f.identity.maintain().await.unwrap();
    f.who(&[&cookie]).await;
    f.clock.advance(Duration::from_secs(59));
    f.who(&[&cookie]).await;
    f.identity.maintain().await.unwrap();
    assert_eq!(written().await, began, "not yet");
    f.clock.advance(Duration::from_secs(1));
    f.who(&[&cookie]).await;
    f.identity.maintain().await.unwrap();
    assert_eq!(written().await, f.identity.now());
    f.clock.advance(Duration::from_secs(5));
    f.who(&[&cookie]).await;
    f.identity.flush().await.unwrap();
    assert_eq!(written().await, f.identity.now(), "before the process ends, all is written");
}

#[tokio::test]
async fn upkeep_deletes_what_is_over_and_nothing_else() {
    let f = fixture().await;
    f.add("jane").await;
    let idle = f.sign_in("jane").await;
    let used = cookie(&f.sign_in("jane").await);
    f.clock.advance(DAY * 6);
    f.who(&[&used]).await;
    f.clock.advance(DAY * 2);
    f.identity.maintain().await.unwrap();
    let rows = f.identity.store().sessions().of_account(idle.signed_in.account).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_ne!(Some(rows[0].id), idle.signed_in.session());
}

#[tokio::test]
async fn the_cache_is_bounded_and_loses_nobody() {
    use super::cache::{Cached, SeenAndRead, SessionCache};
    let f = fixture().await;
    f.add("jane").await;
    let signed_in = f.sign_in("jane").await.signed_in;
    let session = signed_in.session().unwrap();
    let cache = SessionCache::new();
    for number in 0..20_000_u32 {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        let token = vestibule_store::TokenHash::from_bytes(bytes);
        let seen = UnixTime::from_seconds(i64::from(number));
        let times = SeenAndRead { last_seen: seen, read: seen };
        let cached = Cached::new(signed_in.clone(), (session, Audience::Portal), times);
        cache.fill(token, Arc::new(cached), cache.before_read());
        assert!(cache.find(&token).is_some(), "the newest is kept");
    }
    assert_eq!(cache.len(), 16 * 1024);
}

/// S7: with one session more than an account may have, the oldest ends.
#[tokio::test]
async fn an_account_has_so_many_sessions_and_no_more() {
    let mut f = fixture().await;
    f.identity.settings.sessions_per_account = Some(2);
    f.add("jane").await;
    f.add("mark").await;
    let mut cookies = Vec::new();
    let mark = f.sign_in("mark").await;
    for _ in 0..3 {
        f.clock.advance(Duration::from_secs(1));
        let session = f.sign_in("jane").await;
        cookies.push(session.cookie.as_str().split(';').next().unwrap().to_owned());
    }
    let is_in = |who| matches!(who, Authentication::SignedIn(_));
    assert!(!is_in(f.who(&[&cookies[0]]).await), "the oldest");
    assert!(is_in(f.who(&[&cookies[1]]).await) && is_in(f.who(&[&cookies[2]]).await));
    let mark = mark.cookie.as_str().split(';').next().unwrap().to_owned();
    assert!(is_in(f.who(&[&mark]).await), "another account");
}
