//! The keys that sign assertions: made, published, put to use, and forgotten, each in its time.
//!
//! A key is published a day before it signs, so that whoever keeps the published ones for an hour
//! knows it by then; and it stays published until nothing that it signed is believed any more. So
//! there is always a key that everybody knows, and no request fails while they change. All
//! gateways on one store share them, and of several that rotate at once one does.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::{Digest as _, Sha256};
use vestibule_store::{SigningKeyRow, UnixTime};

use crate::Secret;
use crate::identity::{Identity, Unavailable};

/// How long a key signs: 30 days.
const SIGNS_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long before that it is published.
const AHEAD: Duration = Duration::from_secs(24 * 3600);
/// How long after that it stays published: far longer than what it signed lives.
const KEPT: Duration = Duration::from_secs(3600);
/// How long others may keep what is published; see [`Identity::published_keys`].
pub const PUBLISHED_FOR: Duration = Duration::from_secs(3600);
/// How often the store is asked for keys that another gateway made.
const REFRESH: Duration = Duration::from_secs(60);
/// What the key is called that private keys are sealed with.
const SEAL: &str = "signing-keys";

/// The keys that this process knows.
pub(crate) struct SigningKeys {
    known: RwLock<Arc<Known>>,
    /// When the store was last asked, in seconds.
    asked: AtomicI64,
}

#[derive(Default)]
struct Known {
    /// The one that signs last at the end.
    keys: Vec<Arc<SigningKey>>,
    /// The public halves (RFC 7517).
    published: Arc<str>,
}

/// A key that can sign.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pair: Ed25519KeyPair,
    signs_from: UnixTime,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(***)")
    }
}

impl SigningKey {
    /// The signature of a text.
    pub(crate) fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.sign(text.as_bytes()))
    }
}

impl SigningKeys {
    pub(crate) fn new() -> Self {
        Self { known: RwLock::default(), asked: AtomicI64::new(i64::MIN) }
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key that signs at a moment.
    pub(crate) fn at(&self, now: UnixTime) -> Option<Arc<SigningKey>> {
        let known = self.known();
        known.keys.iter().rev().find(|key| key.signs_from <= now).cloned()
    }
}

impl Identity {
    /// The keys that assertions are verified with, as a JSON Web Key Set. May be kept for
    /// [`PUBLISHED_FOR`].
    #[must_use]
    pub fn published_keys(&self) -> Arc<str> {
        Arc::clone(&self.signing.known().published)
    }

    /// Reads the keys once a minute, makes the next one when its time has come, and deletes what
    /// is no longer needed. To be called before the first request; [`Identity::maintain`] does it
    /// from then on.
    ///
    /// # Errors
    /// If the store can't be reached, or holds a key that can't be read.
    pub async fn refresh_signing_keys(&self) -> Result<(), Unavailable> {
        let now = self.now();
        let asked = UnixTime::from_seconds(self.signing.asked.load(Ordering::SeqCst));
        // also if the clock was set back
        if asked <= now && now < asked.plus(REFRESH) {
            return Ok(());
        }
        let store = self.store.signing_keys();
        let mut rows = store.all().await?;
        let newest = rows.last().map(|row| row.signs_from);
        let next = newest.map_or(now, |begun| begun.plus(SIGNS_FOR));
        if newest.is_none() || next <= now.plus(AHEAD) {
            // a gateway that slept through the day before publishes first, and signs by the old
            let signs_from = newest.map_or(now, |_| next.max(now.plus(AHEAD)));
            store.add(&self.make_signing_key(now, signs_from).await?, newest).await?;
            rows = store.all().await?;
            tracing::info!("a key that signs assertions is published");
        }
        for kid in over(&rows, now) {
            store.delete(&kid).await?;
            rows.retain(|row| row.kid != kid);
        }
        let known = self.read_signing_keys(&rows).await?;
        *self.signing.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        self.signing.asked.store(now.seconds(), Ordering::SeqCst);
        Ok(())
    }

    async fn make_signing_key(
        &self,
        now: UnixTime,
        signs_from: UnixTime,
    ) -> Result<SigningKeyRow, Unavailable> {
        let random = SystemRandom::new();
        let private =
            Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| Unavailable::Randomness)?;
        let pair =
            Ed25519KeyPair::from_pkcs8(private.as_ref()).map_err(|_| Unavailable::Signing)?;
        let public_key = pair.public_key().as_ref();
        let public_key: [u8; 32] = public_key.try_into().map_err(|_| Unavailable::Signing)?;
        let kid = thumbprint(&public_key);
        let private = Secret::new(private.as_ref().to_vec());
        let sealed = self.seal(SEAL, kid.as_bytes(), &private).await?;
        Ok(SigningKeyRow { kid, public_key, sealed, created: now, signs_from })
    }

    async fn read_signing_keys(&self, rows: &[SigningKeyRow]) -> Result<Known, Unavailable> {
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let private = self.unseal(SEAL, row.kid.as_bytes(), &row.sealed).await?;
            let private = private.ok_or(Unavailable::Signing)?;
            let pair =
                Ed25519KeyPair::from_pkcs8(private.expose()).map_err(|_| Unavailable::Signing)?;
            let (kid, signs_from) = (row.kid.clone(), row.signs_from);
            keys.push(Arc::new(SigningKey { kid, pair, signs_from }));
        }
        Ok(Known { keys, published: published(rows) })
    }
}

/// The keys whose successor has signed for so long that nothing of theirs is believed any more.
fn over(rows: &[SigningKeyRow], now: UnixTime) -> Vec<String> {
    let successors = rows.iter().skip(1);
    let pairs = rows.iter().zip(successors);
    let over = pairs.filter(|(_, successor)| successor.signs_from.plus(KEPT) <= now);
    over.map(|(row, _)| row.kid.clone()).collect()
}

/// The name of a key: what it is, hashed (RFC 7638, RFC 8037).
fn thumbprint(public_key: &[u8; 32]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public_key);
    let text = format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"{x}\"}}");
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

/// The public halves as a JSON Web Key Set.
fn published(rows: &[SigningKeyRow]) -> Arc<str> {
    let keys = rows.iter().map(|row| {
        serde_json::json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": row.kid,
            "x": URL_SAFE_NO_PAD.encode(row.public_key),
        })
    });
    let set = serde_json::json!({ "keys": keys.collect::<Vec<_>>() });
    Arc::from(set.to_string())
}
