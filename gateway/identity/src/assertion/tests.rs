//! Verified as a gallery server would: from the published keys alone.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;
use std::sync::Arc;

use openidconnect::core::{
    CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{ClientId, IssuerUrl, Nonce};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{NewAccount, Store, UnixTime};

use super::*;
use crate::{Attempt, ManualClock, NewSession, RequestOrigin, Secret, Settings};

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Fixture {
    identity: Identity,
    clock: Arc<ManualClock>,
    site: SiteId,
    session: NewSession,
}

async fn on(store: Store, clock: &Arc<ManualClock>) -> Identity {
    let settings = Settings::for_tests(Arc::clone(clock) as Arc<_>);
    let identity = Identity::open(store, settings).await.unwrap();
    identity.refresh_signing_keys().await.unwrap();
    identity
}

async fn fixture() -> Fixture {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_800_000_000)));
    let identity = on(Store::open_in_memory().await.unwrap(), &clock).await;
    let password = Secret::from("a long enough password");
    let jane = NewAccount::new(UserName::parse("jane").unwrap(), AccountRole::parse("").unwrap());
    identity.add_user(jane, Some(&password)).await.unwrap();
    let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 7].into());
    let attempt = Attempt { name: "jane", password: &password, user_agent: "test" };
    let session = identity.sign_in(&origin, &attempt).await.unwrap().session().unwrap();
    Fixture { identity, clock, site: SiteId::parse("photos").unwrap(), session }
}

impl Fixture {
    fn said(&self) -> Assertion<'_> {
        Assertion {
            issuer: "https://portal.example.com",
            site: &self.site,
            signed_in: &self.session.signed_in,
            email: None,
            role: Some("viewer"),
            roles: &["family", "viewer"],
            groups: &["cn=family,dc=example"],
            permissions: PermissionSet::EMPTY.with_action(Action::View),
            scope: None,
        }
    }

    fn token(&self) -> String {
        self.identity.assertion(&self.said()).unwrap()
    }

    fn now(&self) -> i64 {
        self.identity.now().seconds()
    }
}

/// The published keys, by name.
type Keys = BTreeMap<String, Vec<u8>>;

fn published(identity: &Identity) -> Keys {
    let set: Value = serde_json::from_str(&identity.published_keys()).unwrap();
    let keys = set["keys"].as_array().unwrap().iter().map(|key| {
        for (member, value) in [("kty", "OKP"), ("crv", "Ed25519"), ("alg", "EdDSA")] {
            assert_eq!(key[member], value);
        }
        assert!(key.get("d").is_none(), "the private half is not published");
        let x = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
        (key["kid"].as_str().unwrap().to_owned(), x)
    });
    keys.collect()
}

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["alg"], "EdDSA");
    header["kid"].as_str().unwrap().to_owned()
}

/// What a gallery server that keeps these keys reads of a token at a moment.
fn verify(token: &str, keys: &Keys, now: i64) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let key = UnparsedPublicKey::new(&ED25519, keys.get(&kid(token))?);
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let is_now = claims["nbf"].as_i64()? <= now && now < claims["exp"].as_i64()?;
    is_now.then_some(claims)
}

/// The same by somebody else's library, as a token of an OpenID provider: it finds the key, and
/// verifies signature, issuer, audience and time.
fn verify_elsewhere(
    token: &str,
    keys: &str,
    (site, now): (&str, i64),
) -> Result<CoreIdTokenClaims, String> {
    let keys: CoreJsonWebKeySet = serde_json::from_str(keys).unwrap();
    let issuer = IssuerUrl::new("https://portal.example.com".to_owned()).unwrap();
    let site = ClientId::new(site.to_owned());
    let moment = Value::from(jiff::Timestamp::from_second(now).unwrap().to_string());
    let moment = serde_json::from_value(moment).unwrap();
    let verifier = CoreIdTokenVerifier::new_public_client(site, issuer, keys)
        .set_allowed_algs([CoreJwsSigningAlgorithm::EdDsa])
        .set_time_fn(move || moment);
    let token = CoreIdToken::from_str(token).map_err(|error| error.to_string())?;
    let claims = token.claims(&verifier, |_: Option<&Nonce>| Ok(()));
    claims.cloned().map_err(|error| error.to_string())
}

#[tokio::test]
async fn another_library_verifies_it_too() {
    let f = fixture().await;
    let (token, keys) = (f.token(), f.identity.published_keys());
    let claims = verify_elsewhere(&token, &keys, ("photos", f.now())).unwrap();
    assert_eq!(claims.subject().as_str(), f.session.signed_in.account.number().to_string());
    assert_eq!(claims.preferred_username().unwrap().as_str(), "jane");
    assert!(verify_elsewhere(&token, &keys, ("clients", f.now())).is_err(), "another site");
    assert!(verify_elsewhere(&token, &keys, ("photos", f.now() + 300)).is_err(), "too old");
    let none = "{\"keys\":[]}";
    assert!(verify_elsewhere(&token, none, ("photos", f.now())).is_err(), "an unknown key");
    // the next key is published, and then signs
    f.clock.advance(29 * DAY);
    f.identity.maintain().await.unwrap();
    let (before, keys) = (f.token(), f.identity.published_keys());
    assert!(verify_elsewhere(&before, &keys, ("photos", f.now())).is_ok());
    f.clock.advance(DAY);
    let after = f.token();
    assert_ne!(kid(&before), kid(&after));
    assert!(verify_elsewhere(&after, &keys, ("photos", f.now())).is_ok(), "by the keys of before");
    f.identity.maintain().await.unwrap();
    let keys = f.identity.published_keys();
    let late = f.now() - i64::try_from(DAY.as_secs()).unwrap();
    assert!(
        verify_elsewhere(&before, &keys, ("photos", late)).is_ok(),
        "the old one is still there"
    );
}

/// S58, complaint 4: what is said, and that nothing else is.
#[tokio::test]
async fn a_gallery_server_reads_who_asks() {
    let f = fixture().await;
    let token = f.token();
    let claims = verify(&token, &published(&f.identity), f.now()).unwrap();
    let account = f.session.signed_in.account.number().to_string();
    for (claim, value) in [
        ("iss", Value::from("https://portal.example.com")),
        ("aud", "photos".into()),
        ("sub", account.into()),
        ("name", "jane".into()),
        ("preferred_username", "jane".into()),
        ("role", "viewer".into()),
        ("roles", vec!["family", "viewer"].into()),
        ("groups", vec!["cn=family,dc=example"].into()),
        ("permissions", vec!["view"].into()),
        ("iat", f.now().into()),
        ("exp", (f.now() + 300).into()),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    // nobody's mailbox is verified
    assert!(claims.get("email").is_none() && claims.get("email_verified").is_none());
    let other = verify(&f.token(), &published(&f.identity), f.now()).unwrap();
    assert_ne!(other["jti"], claims["jti"]);
    let said = Assertion { email: Some("jane@example.com"), ..f.said() };
    let with = f.identity.assertion(&said).unwrap();
    let with = verify(&with, &published(&f.identity), f.now()).unwrap();
    assert_eq!(with["email"], "jane@example.com");
    assert_eq!(with["email_verified"], true);
}

#[tokio::test]
async fn what_was_changed_or_is_old_is_not_believed() {
    let f = fixture().await;
    let (token, keys) = (f.token(), published(&f.identity));
    assert!(verify(&token, &keys, f.now() + 299).is_some());
    assert!(verify(&token, &keys, f.now() + 300).is_none());
    let (head, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let forged = URL_SAFE_NO_PAD.encode(claims.replace("viewer", "editor"));
    assert!(verify(&format!("{head}.{forged}.{signature}"), &keys, f.now()).is_none());
}

/// Through a quarter of a year, each hour: whoever keeps the published keys for an hour, and
/// looks as seldom as that allows, believes every token.
#[tokio::test]
async fn keys_change_without_a_failed_request() {
    let f = fixture().await;
    let hour = Duration::from_secs(3600);
    let mut kept = published(&f.identity);
    let mut used = BTreeSet::new();
    for _ in 0..24 * 90 {
        let token = f.token();
        assert!(verify(&token, &kept, f.now()).is_some(), "by keys of an hour ago");
        used.insert(kid(&token));
        f.clock.advance(hour);
        f.identity.maintain().await.unwrap();
        assert!(published(&f.identity).contains_key(&kid(&token)), "it may still be under way");
        // what was fetched just before the hour was over
        assert!(verify(&f.token(), &kept, f.now()).is_some(), "by keys of just before");
        kept = published(&f.identity);
        assert!((1..=2).contains(&kept.len()));
    }
    assert!((3..=4).contains(&used.len()), "{} keys in 90 days", used.len());
    assert!(published(&f.identity).len() <= 2, "old ones go");
}

/// A gateway that was off when a key should have followed publishes the next before it signs.
#[tokio::test]
async fn a_long_sleep_skips_no_publication() {
    let f = fixture().await;
    let before = published(&f.identity);
    f.clock.advance(70 * DAY);
    f.identity.maintain().await.unwrap();
    assert!(verify(&f.token(), &before, f.now()).is_some());
    assert_eq!(published(&f.identity).len(), 2);
    let after = published(&f.identity);
    f.clock.advance(DAY);
    f.identity.maintain().await.unwrap();
    let token = f.token();
    assert!(verify(&token, &after, f.now()).is_some() && !before.contains_key(&kid(&token)));
}

/// Two gateways on one store sign with the same key, and one makes the next.
#[tokio::test]
async fn gateways_on_one_store_share_their_keys() {
    let f = fixture().await;
    let other = on(f.identity.store().clone(), &f.clock).await;
    assert_eq!(f.identity.published_keys(), other.published_keys());
    f.clock.advance(29 * DAY);
    f.identity.maintain().await.unwrap();
    other.maintain().await.unwrap();
    assert_eq!(published(&other).len(), 2);
    f.clock.advance(DAY);
    other.maintain().await.unwrap();
    f.identity.maintain().await.unwrap();
    assert_eq!(f.identity.published_keys(), other.published_keys());
    let token = other.assertion(&f.said()).unwrap();
    assert_eq!(kid(&token), kid(&f.token()));
    assert!(verify(&token, &published(&f.identity), f.now()).is_some());
}

/// S84: what the database holds of a private key is not the key.
#[tokio::test]
async fn private_keys_are_sealed() {
    let f = fixture().await;
    let rows = f.identity.store().signing_keys().all().await.unwrap();
    // the beginning of every private key of this kind (RFC 8410)
    let begins: [u8; 4] = [0x04, 0x22, 0x04, 0x20];
    assert!(!rows[0].sealed.windows(4).any(|part| part == begins));
    assert!(format!("{:?}", f.identity.signing).contains("***"));
}
