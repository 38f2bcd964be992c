//! The keys that a provider signs with.

use openidconnect::core::{
    CoreJsonWebKey, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm as Algorithm,
};
use openidconnect::{JsonWebKey, JsonWebKeyAlgorithm, JwsSigningAlgorithm};
use serde_json::{Map, Value};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How many keys of a provider are read.
const MAX_KEYS: usize = 64;

/// The shortest RSA modulus, in bytes: 2,048 bits.
const MIN_RSA_BYTES: usize = 256;

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No key of the provider has this name and fits the algorithm.
    #[error("no key of the provider fits the token")]
    Unknown,
    /// Several fit, and the token does not say which.
    #[error("several keys of the provider fit the token")]
    Ambiguous,
}

/// The keys of one provider.
#[derive(Debug)]
pub(super) struct KeySet(Vec<CoreJsonWebKey>);

impl KeySet {
    /// Reads a key set. What is no public key for signatures, or a weak one, is left out; none if
    /// there is no list at all.
    pub(super) fn read(document: &Map<String, Value>) -> Option<Self> {
        let keys = document.get("keys")?.as_array()?;
        Some(Self(keys.iter().take(MAX_KEYS).filter_map(read_key).collect()))
    }

    /// The one key for a token.
    pub(super) fn find(
        &self,
        name: Option<&str>,
        algorithm: &Algorithm,
    ) -> Result<&CoreJsonWebKey, KeyError> {
        let mut fitting = self.0.iter().filter(|key| {
            let named = name.is_none_or(|name| key.key_id().is_some_and(|id| **id == name));
            named && fits(key, algorithm)
        });
        let key = fitting.next().ok_or(KeyError::Unknown)?;
        if fitting.next().is_some() { Err(KeyError::Ambiguous) } else { Ok(key) }
    }
}

fn read_key(value: &Value) -> Option<CoreJsonWebKey> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    match text("kty")? {
        "RSA" => {
            let modulus = URL_SAFE_NO_PAD.decode(text("n")?.trim_end_matches('=')).ok()?;
            let length = modulus.iter().skip_while(|byte| **byte == 0).count();
            if length < MIN_RSA_BYTES {
                tracing::warn!(bytes = length, "a key of a provider is too short, and left out");
                return None;
            }
        }
        "EC" | "OKP" => {}
        // a symmetric key in public is everybody's
        _ => return None,
    }
    serde_json::from_value(value.clone()).ok()
}

fn fits(key: &CoreJsonWebKey, algorithm: &Algorithm) -> bool {
    let for_signatures = match key.key_use() {
        None | Some(CoreJsonWebKeyUse::Signature) => true,
        Some(_) => false,
    };
    let for_this = match key.signing_alg() {
        JsonWebKeyAlgorithm::Unspecified => true,
        JsonWebKeyAlgorithm::Algorithm(its) => its == algorithm,
        JsonWebKeyAlgorithm::Unsupported => false,
    };
    for_signatures && for_this && algorithm.key_type().as_ref() == Some(key.key_type())
}
