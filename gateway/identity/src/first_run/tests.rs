//! The first administrator.

use std::sync::Arc;
use std::time::Duration;

use vestibule_store::Store;

use super::*;
use crate::Settings;
use crate::clock::ManualClock;

const PASSWORD: &str = "correct horse battery";

struct Fixture {
    identity: Identity,
    clock: Arc<ManualClock>,
}

async fn fixture() -> Fixture {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_700_000_000)));
    let store = Store::open_in_memory().await.unwrap();
    let identity = Identity::open(store, Settings::for_tests(clock.clone())).await.unwrap();
    Fixture { identity, clock }
}

fn origin(last: u8) -> RequestOrigin {
    RequestOrigin::new(true, "photos.example.com", [192, 0, 2, last].into())
}

impl Fixture {
    async fn make(
        &self,
        code: &Secret<String>,
        (name, password): (&str, &str),
    ) -> Result<NewSession, FirstRunError> {
        let first = FirstAccount { code, name, password: &password.into(), user_agent: "" };
        self.identity.make_first(&origin(1), &first).await
    }
}

/// S18.
#[tokio::test]
async fn the_code_makes_one_administrator_and_then_nobody() {
    let f = fixture().await;
    let code = f.identity.invite_first().await.unwrap().unwrap();
    assert_eq!(code.expose().replace('-', "").len(), 32, "160 bits");
    let typed = Secret::new(code.expose().to_uppercase().replace('-', " "));
    let session = f.make(&typed, (" Ada ", PASSWORD)).await.unwrap();
    assert_eq!(session.signed_in.name.as_str(), "Ada");
    let made = f.identity.user(&session.signed_in.name).await.unwrap();
    assert!(made.role.is_cluster_admin());
    assert!(!f.identity.awaits_first().await.unwrap());
    let again = f.make(&code, ("eve", PASSWORD)).await;
    assert!(matches!(again, Err(FirstRunError::NotAwaited)), "{again:?}");
    assert!(f.identity.invite_first().await.unwrap().is_none());
}

/// S18: it expires, and the next start makes another.
#[tokio::test]
async fn a_code_is_good_for_an_hour_and_until_the_next_one() {
    let f = fixture().await;
    let first = f.identity.invite_first().await.unwrap().unwrap();
    let second = f.identity.invite_first().await.unwrap().unwrap();
    assert!(matches!(f.make(&first, ("ada", PASSWORD)).await, Err(FirstRunError::WrongCode)));
    f.clock.advance(Duration::from_secs(3600));
    assert!(matches!(f.make(&second, ("ada", PASSWORD)).await, Err(FirstRunError::WrongCode)));
    let third = f.identity.invite_first().await.unwrap().unwrap();
    f.clock.advance(Duration::from_secs(3599));
    assert!(f.make(&third, ("ada", PASSWORD)).await.is_ok());
}

#[tokio::test]
async fn a_mistake_uses_no_code_up() {
    let f = fixture().await;
    let code = f.identity.invite_first().await.unwrap().unwrap();
    for (name, password) in
        [("", PASSWORD), ("ada", "short"), ("ada", "password1"), ("adaadaada", "adaadaada")]
    {
        let result = f.make(&code, (name, password)).await;
        let is_mistake = matches!(result, Err(FirstRunError::Name(_) | FirstRunError::Password(_)));
        assert!(is_mistake, "{name} {password} {result:?}");
    }
    assert!(f.make(&code, ("ada", PASSWORD)).await.is_ok());
}

#[tokio::test]
async fn wrong_codes_are_limited() {
    let f = fixture().await;
    let code = f.identity.invite_first().await.unwrap().unwrap();
    let wrong: Secret<String> = "abcd-efgh".into();
    for _ in 0..10 {
        assert!(matches!(f.make(&wrong, ("ada", PASSWORD)).await, Err(FirstRunError::WrongCode)));
    }
    let limited = f.make(&code, ("ada", PASSWORD)).await;
    let too_many =
        |error: &FirstRunError| matches!(error, FirstRunError::SignIn(SignInError::TooMany { .. }));
    assert!(limited.as_ref().is_err_and(too_many), "{limited:?}");
    let first =
        FirstAccount { code: &code, name: "ada", password: &PASSWORD.into(), user_agent: "" };
    assert!(f.identity.make_first(&origin(2), &first).await.is_ok(), "from elsewhere");
}

#[tokio::test]
async fn who_finds_the_queue_full_may_use_the_code_later() {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_700_000_000)));
    let settings = Settings { hash_lanes: 1, hash_queue: 1, ..Settings::for_tests(clock.clone()) };
    let store = Store::open_in_memory().await.unwrap();
    let f = Fixture { identity: Identity::open(store, settings).await.unwrap(), clock };
    let code = f.identity.invite_first().await.unwrap().unwrap();
    let blocked = f.identity.hasher.fill_for_test();
    let busy = f.make(&code, ("ada", PASSWORD)).await;
    let is_busy =
        |error: &FirstRunError| matches!(error, FirstRunError::SignIn(SignInError::Busy { .. }));
    assert!(busy.as_ref().is_err_and(is_busy), "{busy:?}");
    drop(blocked);
    assert!(f.make(&code, ("ada", PASSWORD)).await.is_ok());
}

/// Of two who use it at once one wins, and the other makes nothing.
#[tokio::test]
async fn of_two_at_once_one_wins() {
    let f = fixture().await;
    let code = f.identity.invite_first().await.unwrap().unwrap();
    let (one, two) =
        tokio::join!(f.make(&code, ("one", PASSWORD)), f.make(&code, ("two", PASSWORD)));
    assert_eq!(u8::from(one.is_ok()) + u8::from(two.is_ok()), 1);
    assert_eq!(f.identity.users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_account_that_was_made_otherwise_ends_it_too() {
    let f = fixture().await;
    let code = f.identity.invite_first().await.unwrap().unwrap();
    assert!(f.identity.awaits_first().await.unwrap());
    let jane = NewAccount::new(UserName::parse("jane").unwrap(), AccountRole::default());
    f.identity.add_user(jane, None).await.unwrap();
    assert!(!f.identity.awaits_first().await.unwrap());
    let result = f.make(&code, ("ada", PASSWORD)).await;
    assert!(matches!(result, Err(FirstRunError::NotAwaited)), "{result:?}");
}

#[tokio::test]
async fn nobody_does_it_over_a_plain_connection() {
    let f = fixture().await;
    let code = f.identity.invite_first().await.unwrap().unwrap();
    let plain = RequestOrigin::new(false, "photos.example.com", [192, 0, 2, 1].into());
    let first =
        FirstAccount { code: &code, name: "ada", password: &PASSWORD.into(), user_agent: "" };
    let result = f.identity.make_first(&plain, &first).await;
    assert!(matches!(result, Err(FirstRunError::SignIn(SignInError::InsecureOrigin))));
    assert!(!format!("{first:?}").contains(code.expose()), "S84");
}
