//! Signing in: one message, one cost, and limits.

use std::sync::Arc;
use std::time::Duration;

use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{AccountState, NewAccount, Store};

use super::*;
use crate::accounts::{AccountError, ChangePasswordError, PasswordChange};
use crate::clock::ManualClock;
use crate::second_factor::SecondFactorError;
use crate::{Audience, Credentials, HashCost, PasswordError, Settings, UnixTime};

const PASSWORD: &str = "correct horse battery";

struct Fixture {
    identity: Identity,
    clock: Arc<ManualClock>,
}

async fn fixture() -> Fixture {
    with(|settings| settings).await
}

async fn with(adjust: impl FnOnce(Settings) -> Settings) -> Fixture {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_000_000)));
    let store = Store::open_in_memory().await.unwrap();
    let settings = adjust(Settings::for_tests(clock.clone()));
    let identity = Identity::open(store, settings).await.unwrap();
    let f = Fixture { identity, clock };
    f.add("jane").await;
    f
}

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn at(address: &str) -> RequestOrigin {
    RequestOrigin::new(true, "photos.example.com", address.parse().unwrap())
}

impl Fixture {
    async fn add(&self, user: &str) {
        let account = NewAccount::new(name(user), AccountRole::default());
        self.identity.add_user(account, Some(&PASSWORD.into())).await.unwrap();
    }

    async fn sign_in(
        &self,
        origin: &RequestOrigin,
        user: &str,
        password: &str,
    ) -> Result<NewSession, SignInError> {
        let password: Secret<String> = password.into();
        let attempt = Attempt { name: user, password: &password, user_agent: "test" };
        let step = self.identity.sign_in(origin, &attempt).await?;
        Ok(step.session().expect("nobody here has a second factor"))
    }
}

fn is_refused(result: &Result<NewSession, SignInError>) -> bool {
    matches!(result, Err(SignInError::Refused))
}

fn is_limited(result: &Result<NewSession, SignInError>) -> bool {
    matches!(result, Err(SignInError::TooMany { .. }))
}

#[tokio::test]
async fn the_right_password_begins_a_session_with_a_new_token() {
    let f = fixture().await;
    let a = f.sign_in(&at("192.0.2.1"), "jane", PASSWORD).await.unwrap();
    let b = f.sign_in(&at("192.0.2.1"), "Jane", PASSWORD).await.unwrap();
    assert_ne!(a.cookie, b.cookie, "S3");
    assert_eq!(b.signed_in.name, name("jane"), "S14: the one stored name");
    assert_eq!(a.signed_in.expires, f.identity.now().plus(Duration::from_secs(14 * 86_400)));
}

/// S12: whoever is meant, one comparison, one answer.
#[tokio::test]
async fn an_unknown_name_costs_what_a_wrong_password_costs() {
    let f = fixture().await;
    f.add("disabled").await;
    f.identity.set_state(&name("disabled"), AccountState::Disabled).await.unwrap();
    let without = NewAccount::new(name("without"), AccountRole::default());
    f.identity.add_user(without, None).await.unwrap();
    let mut messages = Vec::new();
    for (number, (user, password)) in [
        ("jane", "wrong password"),
        ("nobody", "wrong password"),
        ("nobody", PASSWORD),
        ("disabled", PASSWORD),
        ("disabled", "wrong password"),
        ("without", ""),
        ("without", PASSWORD),
        ("", ""),
        ("a\nb", PASSWORD),
        (&*"x".repeat(5_000), PASSWORD),
        ("jane", &*"x".repeat(5_000)),
    ]
    .into_iter()
    .enumerate()
    {
        let before = f.identity.hasher.comparisons();
        let result = f.sign_in(&at(&format!("192.0.2.{number}")), user, password).await;
        assert!(is_refused(&result), "{user} {result:?}");
        messages.push(result.unwrap_err().to_string());
        assert_eq!(f.identity.hasher.comparisons(), before + 1, "{user}");
    }
    messages.dedup();
    assert_eq!(messages, ["the user name or the password is wrong"]);
}

/// S11: the password is used exactly as it is given.
#[tokio::test]
async fn no_password_is_cut_or_folded() {
    let f = fixture().await;
    let long: String = "pässwörter und 📷 ".repeat(16).chars().take(256).collect();
    f.identity.set_password(&name("jane"), &long.as_str().into()).await.unwrap();
    let origin = at("192.0.2.1");
    assert!(f.sign_in(&origin, "jane", &long).await.is_ok());
    let shorter: String = long.chars().take(255).collect();
    for wrong in [shorter.as_str(), &long.to_uppercase(), &format!("{long} "), &format!(" {long}")]
    {
        assert!(is_refused(&f.sign_in(&origin, "jane", wrong).await), "{wrong}");
    }
}

#[tokio::test]
async fn over_a_plain_connection_nobody_signs_in() {
    let f = fixture().await;
    let plain = RequestOrigin::new(false, "photos.example.com", [192, 0, 2, 1].into());
    let before = f.identity.hasher.comparisons();
    let error = f.sign_in(&plain, "jane", PASSWORD).await.unwrap_err();
    assert!(matches!(error, SignInError::InsecureOrigin));
    assert!(error.to_string().contains("https://"), "{error}");
    assert_eq!(f.identity.hasher.comparisons(), before);
    let local = RequestOrigin::new(false, "localhost:8080", [127, 0, 0, 1].into());
    let session = f.sign_in(&local, "jane", PASSWORD).await.unwrap();
    assert!(session.cookie.as_str().starts_with("vestibule="));
    assert!(!session.cookie.as_str().contains("Secure"));
}

/// S13: ten at once from an address, then one a minute; success costs nothing.
#[tokio::test]
async fn an_address_may_fail_ten_times_and_then_once_a_minute() {
    let f = fixture().await;
    let origin = at("192.0.2.1");
    for round in 0..30 {
        assert!(f.sign_in(&origin, "jane", PASSWORD).await.is_ok(), "{round}");
    }
    for round in 0..10 {
        let user = format!("nobody{round}");
        assert!(is_refused(&f.sign_in(&origin, &user, "x").await), "{round}");
    }
    let before = f.identity.hasher.comparisons();
    let limited = f.sign_in(&origin, "jane", PASSWORD).await;
    let Err(SignInError::TooMany { retry_after }) = limited else { panic!("{limited:?}") };
    assert_eq!(retry_after, Duration::from_secs(60));
    assert_eq!(f.identity.hasher.comparisons(), before, "nothing was hashed");
    assert!(f.sign_in(&at("192.0.2.2"), "jane", PASSWORD).await.is_ok(), "others are not held");

    f.clock.advance(Duration::from_secs(59));
    assert!(is_limited(&f.sign_in(&origin, "jane", PASSWORD).await));
    f.clock.advance(Duration::from_secs(1));
    assert!(is_refused(&f.sign_in(&origin, "jane", "x").await), "one more");
    assert!(is_limited(&f.sign_in(&origin, "jane", "x").await));
}

#[tokio::test]
async fn half_an_ipv6_address_is_one_client() {
    let f = fixture().await;
    for number in 0..10 {
        let origin = at(&format!("2001:db8:1:2::{number:x}"));
        assert!(is_refused(&f.sign_in(&origin, &format!("u{number}"), "x").await));
    }
    assert!(is_limited(&f.sign_in(&at("2001:db8:1:2:ffff::1"), "jane", PASSWORD).await));
    assert!(f.sign_in(&at("2001:db8:1:3::1"), "jane", PASSWORD).await.is_ok());
}

/// S13: one counter per account, however its name is written and whether it exists.
#[tokio::test]
async fn an_account_may_fail_ten_times_from_anywhere() {
    for user in ["jane", "nobody"] {
        let f = fixture().await;
        for number in 0..10 {
            let typed = if number % 2 == 0 { user.to_owned() } else { user.to_uppercase() };
            let origin = at(&format!("192.0.2.{number}"));
            assert!(is_refused(&f.sign_in(&origin, &typed, "x").await), "{user} {number}");
        }
        assert!(is_limited(&f.sign_in(&at("192.0.2.77"), user, PASSWORD).await), "{user}");
        f.clock.advance(Duration::from_secs(60));
        assert!(is_refused(&f.sign_in(&at("192.0.2.78"), user, "x").await), "{user}");
    }
}

/// S13: a stranger can't lock the last administrator out of where they are signed in.
#[tokio::test]
async fn a_stranger_locks_nobody_out_of_a_known_place() {
    let f = fixture().await;
    let home = at("198.51.100.7");
    f.sign_in(&home, "jane", PASSWORD).await.unwrap();
    for number in 0..10 {
        assert!(is_refused(&f.sign_in(&at(&format!("192.0.2.{number}")), "jane", "x").await));
    }
    assert!(is_limited(&f.sign_in(&at("192.0.2.77"), "jane", PASSWORD).await));
    assert!(f.sign_in(&home, "jane", PASSWORD).await.is_ok());
    // and even there one can't go on guessing
    for _ in 0..10 {
        assert!(is_refused(&f.sign_in(&home, "jane", "x").await));
    }
    assert!(is_limited(&f.sign_in(&home, "jane", PASSWORD).await));
}

/// S13: whoever is held for an account's sake uses up what their address has: each try asks the
/// store, and where there is one a directory.
#[tokio::test]
async fn who_tries_a_held_account_on_and_on_is_held_everywhere() {
    let f = fixture().await;
    for number in 0..10 {
        assert!(is_refused(&f.sign_in(&at(&format!("192.0.2.{number}")), "jane", "x").await));
    }
    let stranger = at("192.0.2.77");
    for _ in 0..10 {
        assert!(is_limited(&f.sign_in(&stranger, "jane", "x").await));
    }
    let another = f.sign_in(&stranger, "nobody", "x").await;
    assert!(is_limited(&another), "by the address: {another:?}");
    assert!(is_refused(&f.sign_in(&at("192.0.2.78"), "nobody", "x").await), "others are not");
}

/// S12: that a name is held back tells nobody whether it exists: nothing is done for one that does.
#[tokio::test]
async fn a_held_name_that_exists_costs_nothing_more() {
    let f = fixture().await;
    let home = at("198.51.100.7");
    let session = f.sign_in(&home, "jane", PASSWORD).await.unwrap();
    let cookie = session.cookie.as_str().split(';').next().unwrap().to_owned();
    let credentials = Credentials { cookies: &[&cookie], ..Credentials::default() };
    f.identity.authenticate(&home, &Audience::Portal, &credentials).await.unwrap();
    f.clock.advance(Duration::from_secs(10));
    f.identity.authenticate(&home, &Audience::Portal, &credentials).await.unwrap();
    for number in 0..10 {
        assert!(is_refused(&f.sign_in(&at(&format!("192.0.2.{number}")), "jane", "x").await));
    }
    assert!(is_limited(&f.sign_in(&at("192.0.2.77"), "jane", "x").await));
    assert_eq!(f.identity.cache.unwritten(Duration::ZERO).len(), 1, "no use was written down");
}

#[tokio::test]
async fn who_finds_the_queue_full_comes_back_later_and_has_not_failed() {
    let f = with(|settings| Settings { hash_lanes: 1, hash_queue: 1, ..settings }).await;
    let origin = at("192.0.2.1");
    let blocked = f.identity.hasher.fill_for_test();
    let result = f.sign_in(&origin, "jane", PASSWORD).await;
    let Err(SignInError::Busy { retry_after }) = result else { panic!("{result:?}") };
    assert!(retry_after >= Duration::from_secs(1));
    for _ in 0..20 {
        let result = f.sign_in(&origin, "jane", PASSWORD).await;
        assert!(matches!(result, Err(SignInError::Busy { .. })), "never limited: {result:?}");
    }
    drop(blocked);
    assert!(f.sign_in(&origin, "jane", PASSWORD).await.is_ok());
}

/// Who fails too often is told so at once, and takes nobody's place.
#[tokio::test]
async fn who_is_held_back_waits_in_no_queue() {
    let f = with(|settings| Settings { hash_lanes: 1, hash_queue: 1, ..settings }).await;
    let origin = at("192.0.2.1");
    for number in 0..10 {
        assert!(is_refused(&f.sign_in(&origin, &format!("nobody-{number}"), "x").await));
    }
    let blocked = f.identity.hasher.fill_for_test();
    assert!(is_limited(&f.sign_in(&origin, "jane", PASSWORD).await));
    drop(blocked);
    assert!(f.sign_in(&at("192.0.2.2"), "jane", PASSWORD).await.is_ok());
}

/// The guests of a party are behind one address, and sign in at once: nobody has failed.
#[tokio::test]
async fn many_at_one_address_get_in_at_once() {
    let f = with(|settings| Settings { hash_wait: Duration::from_secs(600), ..settings }).await;
    let origin = at("192.0.2.1");
    let guests = (0..30).map(|_| f.sign_in(&origin, "jane", PASSWORD));
    for guest in futures_util::future::join_all(guests).await {
        assert!(guest.is_ok(), "{guest:?}");
    }
    // and what they guess at once counts all the same
    let guesses = (0..30).map(|_| f.sign_in(&origin, "jane", "x"));
    let guesses = futures_util::future::join_all(guesses).await;
    assert_eq!(guesses.iter().filter(|one| is_refused(one)).count(), 10);
    assert_eq!(guesses.iter().filter(|one| is_limited(one)).count(), 20);
}

/// P14: a storm of sign-ins is no storm of questions to the store.
#[tokio::test]
async fn who_finds_the_queue_full_costs_the_store_nothing() {
    let f = with(|settings| Settings { hash_lanes: 1, hash_queue: 1, ..settings }).await;
    let blocked = f.identity.hasher.fill_for_test();
    f.identity.store().close().await;
    let result = f.sign_in(&at("192.0.2.1"), "jane", PASSWORD).await;
    assert!(matches!(result, Err(SignInError::Busy { .. })), "{result:?}");
    drop(blocked);
    let result = f.sign_in(&at("192.0.2.1"), "jane", PASSWORD).await;
    assert!(matches!(result, Err(SignInError::Unavailable(_))), "it is asked now: {result:?}");
}

/// S10: a hash of weaker parameters is replaced at the next sign-in, and the password stays.
#[tokio::test]
async fn a_weak_hash_is_strengthened_at_sign_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vestibule.db");
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(0)));
    let strong = HashCost { memory_kib: 16, passes: 2, lanes: 1 };
    let hash_of = |store: Store| async move {
        let account = store.accounts().find(&name("jane")).await.unwrap().unwrap();
        account.password_hash.unwrap().as_phc().to_owned()
    };
    let open = |cost: HashCost| {
        let (path, clock) = (path.clone(), clock.clone());
        async move {
            let settings = Settings { hash_cost: cost, ..Settings::for_tests(clock.clone()) };
            let store = Store::open(&path).await.unwrap();
            Fixture { identity: Identity::open(store, settings).await.unwrap(), clock }
        }
    };
    let weak = open(HashCost::CHEAPEST).await;
    weak.add("jane").await;
    let before = hash_of(weak.identity.store().clone()).await;
    assert!(before.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{before}");

    let f = open(strong).await;
    assert!(is_refused(&f.sign_in(&at("192.0.2.1"), "jane", "wrong").await));
    assert_eq!(hash_of(f.identity.store().clone()).await, before, "a wrong one changes nothing");
    f.sign_in(&at("192.0.2.1"), "jane", PASSWORD).await.unwrap();
    let after = hash_of(f.identity.store().clone()).await;
    assert!(after.starts_with("$argon2id$v=19$m=16,t=2,p=1$"), "{after}");
    f.sign_in(&at("192.0.2.1"), "jane", PASSWORD).await.unwrap();
    assert_eq!(hash_of(f.identity.store().clone()).await, after, "once");
}

/// To compare a password takes its time: what was ended meanwhile is not begun again.
#[tokio::test]
async fn nothing_takes_the_place_of_a_session_that_has_ended() {
    let f = fixture().await;
    let origin = at("192.0.2.1");
    let jane = f.sign_in(&origin, "jane", PASSWORD).await.unwrap().signed_in;
    f.identity.end_all_sessions(jane.account).await.unwrap();
    let password = Secret::from(PASSWORD);
    let change = PasswordChange {
        old: &password,
        new: &password,
        ends_app_passwords: false,
        ends_passkeys: false,
        user_agent: "",
    };
    let changed = f.identity.change_password(&origin, &jane, &change).await;
    let is_over = matches!(changed, Err(ChangePasswordError::Old(SignInError::StartAgain)));
    assert!(is_over, "{changed:?}");
    let begun = f.identity.begin_second_factor(&origin, &jane, &password).await;
    let is_over = matches!(begun, Err(SecondFactorError::Proof(SignInError::StartAgain)));
    assert!(is_over, "{:?}", begun.err());
    assert_eq!(f.identity.sessions(jane.account).await.unwrap().len(), 0);
}

#[tokio::test]
async fn changing_ones_password_needs_the_old_one_and_ends_the_rest() {
    let f = fixture().await;
    let origin = at("192.0.2.1");
    let (here, there) = (
        f.sign_in(&origin, "jane", PASSWORD).await.unwrap(),
        f.sign_in(&origin, "jane", PASSWORD).await.unwrap(),
    );
    let change = |old: &str, new: &str| {
        let (old, new): (Secret<String>, Secret<String>) = (old.into(), new.into());
        let (identity, signed_in, origin) = (&f.identity, here.signed_in.clone(), origin.clone());
        async move {
            let change = PasswordChange {
                old: &old,
                new: &new,
                ends_app_passwords: false,
                ends_passkeys: false,
                user_agent: "",
            };
            identity.change_password(&origin, &signed_in, &change).await
        }
    };
    let new = "another horse entirely";
    assert!(matches!(
        change("wrong", new).await,
        Err(ChangePasswordError::Old(SignInError::Refused))
    ));
    assert!(matches!(
        change(PASSWORD, "short").await,
        Err(ChangePasswordError::New(AccountError::Password(PasswordError::TooShort)))
    ));
    let next = change(PASSWORD, new).await.unwrap();
    assert_ne!(next.signed_in.session(), here.signed_in.session(), "S3");
    let left = f.identity.sessions(there.signed_in.account).await.unwrap();
    assert_eq!(left.iter().map(|s| s.id).collect::<Vec<_>>(), [next.signed_in.session().unwrap()]);
    assert!(is_refused(&f.sign_in(&origin, "jane", PASSWORD).await));
    assert!(f.sign_in(&origin, "jane", new).await.is_ok());
}

/// A password that is changed while it is being compared opens nothing.
#[tokio::test]
async fn a_session_does_not_begin_after_a_change() {
    let f = fixture().await;
    let password: Secret<String> = PASSWORD.into();
    let origin = at("192.0.2.1");
    let proven = f.identity.check_password(&origin, Whom::Typed("jane"), &password).await.unwrap();
    let Proven::Here(account) = proven else { panic!("{proven:?}") };
    f.identity.set_password(&name("jane"), &"another horse entirely".into()).await.unwrap();
    let result = f.identity.begin_session(&origin, &account, &Proof::password("")).await;
    assert!(is_refused(&result), "{result:?}");
}

#[tokio::test]
async fn a_user_of_a_bad_password_is_not_made() {
    let f = fixture().await;
    let new = NewAccount::new(name("mark"), AccountRole::default());
    let error = f.identity.add_user(new, Some(&"password1".into())).await.unwrap_err();
    assert!(matches!(error, AccountError::Password(PasswordError::Common)), "{error}");
    assert!(f.identity.user(&name("mark")).await.is_err());
}

/// S84: what was planted as a secret is in no `Debug` of any public type.
#[tokio::test]
async fn secrets_are_not_shown() {
    let f = fixture().await;
    let password: Secret<String> = PASSWORD.into();
    let attempt = Attempt { name: "jane", password: &password, user_agent: "" };
    let session = f.sign_in(&at("192.0.2.1"), "jane", PASSWORD).await.unwrap();
    let token = session.cookie.as_str().split(['=', ';']).nth(1).unwrap().to_owned();
    let header = format!("__Host-vestibule={token}");
    let cookies = [header.as_str()];
    let credentials =
        Credentials { cookies: &cookies, authorization: Some(PASSWORD), takes_app_passwords: true };
    let change = PasswordChange {
        old: &password,
        new: &password,
        ends_app_passwords: false,
        ends_passkeys: false,
        user_agent: "",
    };
    let user = f.identity.user(&name("jane")).await.unwrap();
    let phc = user.password_hash.as_ref().unwrap().as_phc().to_owned();
    let cookies_alone = Credentials { authorization: None, ..credentials };
    let who =
        f.identity.authenticate(&at("192.0.2.1"), &Audience::Portal, &cookies_alone).await.unwrap();
    let shown = format!(
        "{:?} {attempt:?} {session:?} {credentials:?} {change:?} {password:?} {user:?} {who:?} \
         {:?} {:?} {:?} {:?}",
        f.identity,
        f.identity.settings,
        f.identity.cache,
        f.identity.hasher,
        f.identity.key("forms").await.unwrap(),
    );
    for secret in [PASSWORD, &token, &phc] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("***"));
}
