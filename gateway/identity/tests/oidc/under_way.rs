//! A sign-in is good once and in its own browser; a logout token is obeyed once.

use std::sync::Arc;
use std::time::Duration;

use vestibule_identity::providers::oidc::{Asked, Begun};
use vestibule_identity::{Beginning, Heard, Identity, RequestOrigin, Settings, UnderWayError};
use vestibule_store::Store;

use crate::case::{Stage, read, told};
use crate::logout;

const LOST: &str = "the answer belongs to no sign-in that was begun here";

async fn identity(stage: &Stage) -> Identity {
    let settings = Settings::for_tests(Arc::clone(&stage.clock) as _);
    Identity::open(Store::open_in_memory().await.unwrap(), settings).await.unwrap()
}

async fn begin(
    identity: &Identity,
    stage: &Stage,
    browser: &str,
    return_to: &str,
) -> Result<Begun, UnderWayError> {
    let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 7].into());
    let wanted = Beginning { browser, return_to, asked: Asked::AsItLikes };
    identity.begin_at(&origin, &stage.client, wanted).await
}

/// Whoever begins again and again is held back before anything is written down.
#[tokio::test]
async fn an_address_begins_so_many_sign_ins() {
    let stage = Stage::new(|_| {}).await;
    let identity = identity(&stage).await;
    for _ in 0..60 {
        begin(&identity, &stage, "my-browser", "/").await.unwrap();
    }
    let held = begin(&identity, &stage, "my-browser", "/").await;
    let retry_after = Duration::from_secs(1);
    assert!(
        matches!(held, Err(UnderWayError::TooMany { retry_after: it }) if it == retry_after),
        "{held:?}"
    );
    stage.clock.advance(Duration::from_secs(1));
    begin(&identity, &stage, "my-browser", "/").await.unwrap();
}

/// S8, S9, S20.
#[tokio::test]
async fn a_sign_in_ends_once_and_where_it_began() {
    let stage = Stage::new(|_| {}).await;
    let identity = identity(&stage).await;
    let begun = begin(&identity, &stage, "my-browser", "/i/family/").await.unwrap();
    let callback = read(&stage.visit(begun.address).await).unwrap();
    let finish =
        async |browsers: &[&str]| identity.finish_at(&stage.client, browsers, &callback).await;
    let elsewhere = finish(&["another-browser"]).await.unwrap_err();
    assert_eq!(told(&elsewhere), LOST);
    assert_eq!(told(&finish(&[]).await.unwrap_err()), LOST, "a browser without a cookie");
    assert_eq!(stage.provider.calls("token"), 0);
    let back = finish(&["planted", "my-browser"]).await.unwrap();
    assert_eq!(back.return_to, "/i/family/");
    assert_eq!(back.arrived.user.user_name.as_deref(), Some("jane"));
    let again = finish(&["my-browser"]).await.unwrap_err();
    assert_eq!(told(&again), LOST);
    assert_eq!(stage.provider.calls("token"), 1, "the code is not even shown again");
}

/// S20.
#[tokio::test]
async fn a_sign_in_that_takes_too_long_is_forgotten() {
    let stage = Stage::new(|_| {}).await;
    let identity = identity(&stage).await;
    let begun = begin(&identity, &stage, "my-browser", "/").await.unwrap();
    let callback = read(&stage.visit(begun.address).await).unwrap();
    stage.clock.advance(Duration::from_secs(600));
    let late = identity.finish_at(&stage.client, &["my-browser"], &callback).await;
    assert_eq!(told(&late.unwrap_err()), LOST);
}

/// S8: an answer that somebody else's browser got is worth nothing here, nor is mine there.
#[tokio::test]
async fn nobody_is_signed_in_as_somebody_else() {
    let stage = Stage::new(|_| {}).await;
    let identity = identity(&stage).await;
    let theirs = begin(&identity, &stage, "attacker", "/").await.unwrap();
    let callback = read(&stage.visit(theirs.address).await).unwrap();
    let _mine = begin(&identity, &stage, "victim", "/").await.unwrap();
    let lured = identity.finish_at(&stage.client, &["victim"], &callback).await;
    assert!(matches!(lured, Err(UnderWayError::Oidc(_))), "{lured:?}");
}

/// S28.
#[tokio::test]
async fn a_logout_token_is_obeyed_once() {
    let stage = Stage::new(|_| {}).await;
    let identity = identity(&stage).await;
    let text = logout::all()[0].token(&stage);
    let token = stage.client.logout_token(&text).await.unwrap();
    assert_eq!(identity.hear(&token).await.unwrap(), Heard::Now);
    let again = stage.client.logout_token(&text).await.unwrap();
    assert_eq!(identity.hear(&again).await.unwrap(), Heard::Before);
}
