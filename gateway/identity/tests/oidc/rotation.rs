//! Keys that change, codes that come again, providers that are mixed up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vestibule_identity::providers::oidc::{Asked, OidcConfig, Pending};
use vestibule_schema::ProviderId;

use crate::case::{Stage, client, read, told};
use crate::keys::Signing;
use crate::provider::{Deviation, NOW, Provider, raw};

/// Rotates the provider's keys: what it signs with now, and what it publishes.
fn rotate(stage: &Stage, signing: Signing, published: &[&str]) {
    let keys = published.iter().map(|name| stage.provider.keys().rsa(name)).collect();
    stage.provider.deviate(Deviation { signing, keys: Some(keys), ..Deviation::default() });
}

/// S24: a new key is good as soon as it is published, an old one no longer when it is not.
#[tokio::test]
async fn keys_rotate_without_a_failed_sign_in() {
    let stage = Stage::new(|_| {}).await;
    stage.sign_in().await.unwrap();
    rotate(&stage, Signing::Unpublished, &["rsa-1", "rsa-2"]);
    stage.sign_in().await.unwrap();
    stage.sign_in().await.unwrap();
    assert_eq!(stage.provider.calls("jwks"), 2, "read again once, for the new key");
    rotate(&stage, Signing::Rs256, &["rsa-2"]);
    stage.clock.advance(Duration::from_secs(600));
    let error = stage.sign_in().await.unwrap_err();
    assert_eq!(told(&error), "no key of the provider fits the token");
}

/// S24: a key that nobody has does not make the keys be read at every try.
#[tokio::test]
async fn a_key_that_is_not_there_is_not_looked_for_all_the_time() {
    let stage = Stage::new(|_| {}).await;
    stage.sign_in().await.unwrap();
    rotate(&stage, Signing::Unpublished, &["rsa-1"]);
    let (a, b, c) = tokio::join!(stage.sign_in(), stage.sign_in(), stage.sign_in());
    assert!(a.is_err() && b.is_err() && c.is_err());
    assert_eq!(stage.provider.calls("jwks"), 2, "the first, and one for all three");
    stage.provider.deviation().raw_keys = raw(500, "text/plain", "");
    stage.clock.advance(Duration::from_secs(29));
    stage.sign_in().await.unwrap_err();
    assert_eq!(stage.provider.calls("jwks"), 2);
    stage.clock.advance(Duration::from_secs(1));
    for _ in 0..3 {
        stage.sign_in().await.unwrap_err();
    }
    assert_eq!(stage.provider.calls("jwks"), 3, "also where reading them fails");
}

/// What is known is used while the provider is in trouble, and not for ever.
#[tokio::test]
async fn keys_outlive_a_short_trouble() {
    let stage = Stage::new(|_| {}).await;
    stage.sign_in().await.unwrap();
    stage.provider.deviation().raw_keys = raw(503, "text/plain", "later");
    stage.provider.deviation().raw_discovery = raw(503, "text/plain", "later");
    stage.clock.advance(Duration::from_secs(1800));
    let begun = stage.client.begin("/").await;
    assert!(begun.is_ok(), "{begun:?}");
    stage.clock.advance(Duration::from_secs(1801));
    let error = stage.client.begin("/").await.unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
}

/// S20: a code is good once, whoever brings it.
#[tokio::test]
async fn a_code_that_was_used_is_refused() {
    let stage = Stage::new(|_| {}).await;
    let begun = stage.client.begin("/").await.unwrap();
    let brought = stage.visit(begun.address).await;
    let callback = read(&brought).unwrap();
    stage.client.finish(&begun.pending, &callback).await.unwrap();
    let error = stage.client.finish(&begun.pending, &callback).await.unwrap_err();
    assert_eq!(told(&error), "the provider does not accept the code or refresh token");
}

/// S20: the code of one sign-in is worth nothing in another, for the verifier is another.
#[tokio::test]
async fn a_code_belongs_to_the_sign_in_that_asked_for_it() {
    let stage = Stage::new(|_| {}).await;
    let (mine, theirs) =
        (stage.client.begin("/").await.unwrap(), stage.client.begin("/").await.unwrap());
    let mut brought = stage.visit(theirs.address).await;
    for (name, value) in &mut brought {
        if *name == "state" {
            value.clone_from(mine.pending.state().expose());
        }
    }
    let error = stage.client.finish(&mine.pending, &read(&brought).unwrap()).await.unwrap_err();
    assert_eq!(told(&error), "the provider does not accept the code or refresh token");
}

/// S21: an answer that comes to another provider's address is refused before anything is sent.
#[tokio::test]
async fn providers_are_not_mixed_up() {
    let (honest, evil) = (Stage::new(|_| {}).await, Provider::start().await);
    let rename = |config: &mut OidcConfig| config.id = ProviderId::parse("evil").unwrap();
    let other = client(&evil, &honest.clock, rename);
    let begun = honest.client.begin("/").await.unwrap();
    let brought = honest.visit(begun.address).await;
    let error = other.finish(&begun.pending, &read(&brought).unwrap()).await.unwrap_err();
    assert_eq!(told(&error), "the answer came to another provider's address");
    assert_eq!(evil.calls("token"), 0);
}

/// S20.
#[tokio::test]
async fn every_sign_in_has_its_own_secrets() {
    let stage = Stage::new(|_| {}).await;
    let (a, b) = (stage.client.begin("/a").await.unwrap(), stage.client.begin("/b").await.unwrap());
    assert_ne!(a.pending.state().expose(), b.pending.state().expose());
    let parameter = |address: &url::Url, name: &str| {
        address.query_pairs().find(|(its, _)| its == name).unwrap().1.into_owned()
    };
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(parameter(&a.address, name), parameter(&b.address, name));
    }
    let written = a.pending.write();
    let read = Pending::read(written.expose()).unwrap();
    assert_eq!(read.return_to(), "/a");
    assert_eq!(read.state().expose(), a.pending.state().expose());
    assert!(Pending::read("{}").is_none());
    for shown in [format!("{a:?}"), format!("{read:?}")] {
        assert!(!shown.contains(read.state().expose().as_str()), "{shown}");
    }
}

/// S85: whoever is to show that it is them is asked, and a provider that reads which claims are
/// wanted is asked to say when it asked.
#[tokio::test]
async fn who_is_to_show_who_they_are_is_asked_again() {
    let query = async |asked, discovery: serde_json::Value| {
        let stage = Stage::new(|_| {}).await;
        stage.provider.deviation().discovery = discovery;
        let begun = stage.client.begin_asking(asked, "/").await.unwrap();
        begun.address.query_pairs().into_owned().collect::<std::collections::BTreeMap<_, _>>()
    };
    let plain = query(Asked::AsItLikes, json!({})).await;
    assert!(!["prompt", "max_age", "claims"].iter().any(|name| plain.contains_key(*name)));
    let again = query(Asked::Again, json!({ "claims_parameter_supported": true })).await;
    assert_eq!((again["prompt"].as_str(), again["max_age"].as_str()), ("login", "0"));
    let claims: serde_json::Value = serde_json::from_str(&again["claims"]).unwrap();
    assert_eq!(claims, json!({ "id_token": { "auth_time": { "essential": true } } }));
    let plain = query(Asked::AsItLikes, json!({ "claims_parameter_supported": true })).await;
    assert!(plain.contains_key("claims") && !plain.contains_key("prompt"));
}

/// What the provider says of when somebody signed in is kept.
#[tokio::test]
async fn when_somebody_signed_in_is_known() {
    let stage = Stage::new(|_| {}).await;
    assert_eq!(stage.sign_in().await.unwrap().user.signed_in, None, "it does not say");
    stage.provider.deviation().claims = json!({ "auth_time": NOW - 7200 });
    let at = vestibule_identity::UnixTime::from_seconds(NOW - 7200);
    assert_eq!(stage.sign_in().await.unwrap().user.signed_in, Some(at));
    stage.provider.deviation().claims = json!({ "auth_time": "now" });
    assert_eq!(stage.sign_in().await.unwrap().user.signed_in, None, "no moment");
}

/// The provider is asked once, however many sign in at once.
#[tokio::test]
async fn many_that_begin_at_once_ask_once() {
    let stage = Arc::new(Stage::new(|_| {}).await);
    let (a, b, c) =
        tokio::join!(stage.client.begin("/"), stage.client.begin("/"), stage.client.begin("/"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(stage.provider.calls("discovery"), 1);
}
