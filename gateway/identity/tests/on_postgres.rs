//! Identity on a PostgreSQL that goes away and comes back.

use std::sync::Arc;
use std::time::Duration;

use vestibule_identity::sign_in::Attempt;
use vestibule_identity::{
    Audience, Authentication, Credentials, Identity, ManualClock, RequestOrigin, Secret, Settings,
    Unavailable, UnixTime,
};
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{NewAccount, PostgresUrl, Store};
use vestibule_tests::{Postgres, eventually};

const PASSWORD: &str = "correct horse battery";
/// When the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

fn origin() -> RequestOrigin {
    RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 1].into())
}

/// The cookie of a session that begins; `None` if the store can't be reached.
async fn sign_in(identity: &Identity) -> Option<String> {
    let password: Secret<String> = PASSWORD.into();
    let attempt = Attempt { name: "jane", password: &password, user_agent: "test" };
    let session = identity.sign_in(&origin(), &attempt).await.ok()?.session()?;
    session.cookie.as_str().split(';').next().map(str::to_owned)
}

async fn who(identity: &Identity, cookie: &str) -> Result<bool, Unavailable> {
    let credentials = Credentials { cookies: &[cookie], ..Credentials::default() };
    let answer = identity.authenticate(&origin(), &Audience::Portal, &credentials).await?;
    Ok(matches!(answer, Authentication::SignedIn(_)))
}

#[tokio::test]
async fn whom_it_knows_goes_on_for_the_grace_and_nobody_new_gets_in() {
    let mut server = Postgres::start().await;
    let url = PostgresUrl::parse(&server.database()).unwrap();
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_000_000)));
    let settings = Settings::for_tests(clock.clone());
    let grace = settings.store_grace;
    let store = Store::open_postgres(&url).await.unwrap();
    let identity = Identity::open(store, settings).await.unwrap();
    let account = NewAccount::new(UserName::parse("jane").unwrap(), AccountRole::default());
    identity.add_user(account, Some(&PASSWORD.into())).await.unwrap();
    let (known, new) = (sign_in(&identity).await.unwrap(), sign_in(&identity).await.unwrap());
    // the account is new to it; what it knows it has read after that
    identity.maintain().await.unwrap();
    assert!(who(&identity, &known).await.unwrap());

    server.stop();
    assert!(identity.maintain().await.is_err());
    assert!(who(&identity, &new).await.is_err(), "nobody new");
    assert_eq!(sign_in(&identity).await, None);
    clock.advance(grace);
    assert!(who(&identity, &known).await.unwrap(), "for the grace");
    clock.advance(Duration::from_secs(1));
    assert!(who(&identity, &known).await.is_err(), "no longer");

    server.start_again().await;
    let back = async || identity.maintain().await.ok();
    eventually(PATIENCE, "the store is back", back).await;
    assert!(who(&identity, &known).await.unwrap());
    assert!(who(&identity, &new).await.unwrap());
}
