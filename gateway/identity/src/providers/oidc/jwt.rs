//! Signed tokens: taken apart, and believed only after their signature.
//!
//! Of the header, the algorithm and the key's name choose among the provider's own keys. What else
//! stands there, a key or the address of one above all, is never looked at (requirement S22).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm as Algorithm};
use serde_json::{Map, Value};

use super::json::{self, JsonError};
use super::keys::KeyError;

/// How long a token may be.
const MAX_BYTES: usize = 128 * 1024;

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// It is no signed token: three parts in base64url, and not too long.
    #[error("this is no signed token")]
    Form,
    /// Its header can't be read.
    #[error("the token's header can't be used")]
    Header(#[source] JsonError),
    /// It is signed with nothing, with a shared secret, or in a way that is not known.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// It demands to be read in a way that is not known.
    #[error("the token demands an extension")]
    Extension,
    /// It is a token of another kind.
    #[error("the token is of another kind")]
    Kind,
    /// There is no key for it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its signature is not the key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// What was signed can't be read.
    #[error("what the token says can't be used")]
    Claims(#[source] JsonError),
}

/// What a token is for, as its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who signed in.
    Id,
    /// Who signed out.
    Logout,
}

/// A token that nobody vouches for yet.
pub(super) struct Unverified<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) key: Option<String>,
    signed: &'t str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart.
    pub(super) fn read(text: &'t str, kind: Kind) -> Result<Self, JwtError> {
        if text.len() > MAX_BYTES {
            return Err(JwtError::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JwtError::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Form)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Form);
        let header = json::object(&decode(header)?).map_err(JwtError::Header)?;
        let (claims, signature) = (decode(claims)?, decode(signature)?);
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(JwtError::Extension);
        }
        check_kind(&header, kind)?;
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(algorithm);
        let key = match header.get("kid") {
            None => None,
            Some(Value::String(name)) => Some(name.clone()),
            Some(_) => return Err(JwtError::Header(JsonError::Syntax)),
        };
        let algorithm = algorithm.ok_or(JwtError::Algorithm)?;
        Ok(Self { algorithm, key, signed, claims, signature })
    }

    /// What the token says, if this key signed it.
    pub(super) fn verify(&self, key: &CoreJsonWebKey) -> Result<Map<String, Value>, JwtError> {
        key.verify_signature(&self.algorithm, self.signed.as_bytes(), &self.signature)
            .map_err(|_| JwtError::Signature)?;
        json::object(&self.claims).map_err(JwtError::Claims)
    }
}

/// The algorithms that are accepted: those with a public key, and of these the ones that can be
/// verified.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RsaSsaPkcs1V15Sha256,
        "RS384" => Algorithm::RsaSsaPkcs1V15Sha384,
        "RS512" => Algorithm::RsaSsaPkcs1V15Sha512,
        "PS256" => Algorithm::RsaSsaPssSha256,
        "PS384" => Algorithm::RsaSsaPssSha384,
        "PS512" => Algorithm::RsaSsaPssSha512,
        "ES256" => Algorithm::EcdsaP256Sha256,
        "ES384" => Algorithm::EcdsaP384Sha384,
        "EdDSA" => Algorithm::EdDsa,
        _ => return None,
    })
}

/// A logout token says that it is one, so that no other token of the provider is taken for it; an
/// ID token says nothing, or `JWT`.
fn check_kind(header: &Map<String, Value>, kind: Kind) -> Result<(), JwtError> {
    let named = match header.get("typ") {
        None => None,
        Some(Value::String(name)) => Some(name.to_ascii_lowercase()),
        Some(_) => return Err(JwtError::Kind),
    };
    let named = named.as_deref().map(|name| name.strip_prefix("application/").unwrap_or(name));
    let right = match kind {
        Kind::Id => matches!(named, None | Some("jwt")),
        Kind::Logout => named == Some("logout+jwt"),
    };
    // what is in there could be yet another token
    let nested = header.contains_key("cty");
    if right && !nested { Ok(()) } else { Err(JwtError::Kind) }
}
