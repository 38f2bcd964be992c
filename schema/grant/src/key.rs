//! Signing and verifying.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use ring::hmac;
use zeroize::Zeroizing;

use crate::claims::{Binding, Claims, Wire};
use crate::{GrantError, LIFETIME, MAX_TOKEN_BYTES};

/// A payload above this many bytes is deflated: long lists of folders compress tenfold.
const DEFLATE_ABOVE: usize = 1024;
/// The most bytes that a deflated payload may have. Only signed payloads are ever inflated.
const MAX_PAYLOAD_BYTES: u64 = 16 * 1024 * 1024;
/// How far the clocks of gateway and backend may differ.
const SKEW: Duration = Duration::from_secs(5);

/// A secret that gateway and backend share, with the name under which grants refer to it.
pub struct GrantKey {
    id: String,
    secret: Zeroizing<[u8; 32]>,
    hmac: hmac::Key,
}

impl GrantKey {
    /// A key of 256 random bits.
    #[must_use]
    pub fn from_secret(id: &str, secret: [u8; 32]) -> Self {
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Self { id: id.to_owned(), secret: Zeroizing::new(secret), hmac }
    }

    /// Reads the key from its text form, `id:base64url`, as [`GrantKey::to_text`] writes it.
    ///
    /// # Errors
    /// [`GrantError::Malformed`].
    pub fn from_text(text: &str) -> Result<Self, GrantError> {
        let (id, secret) = text.trim().split_once(':').ok_or(GrantError::Malformed)?;
        let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let secret =
            Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).map_err(|_| GrantError::Malformed)?);
        let secret = <[u8; 32]>::try_from(secret.as_slice()).map_err(|_| GrantError::Malformed)?;
        if !is_id {
            return Err(GrantError::Malformed);
        }
        Ok(Self::from_secret(id, secret))
    }

    /// The text form, for a key file that only its owner may read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}:{}", self.id, URL_SAFE_NO_PAD.encode(*self.secret)))
    }

    /// Makes the token for one request.
    ///
    /// # Errors
    /// [`GrantError::TooLong`] if it does not fit in a header.
    pub fn sign(
        &self,
        binding: &Binding<'_>,
        claims: &Claims,
        now: SystemTime,
    ) -> Result<String, GrantError> {
        let wire = Wire::new(binding, claims, seconds(now + LIFETIME)?);
        let json = serde_json::to_vec(&wire).map_err(|_| GrantError::Malformed)?;
        let (kind, payload) =
            if json.len() > DEFLATE_ABOVE { ("z", deflate(&json)?) } else { ("j", json) };
        let mut token = format!("v2.{}.{kind}.{}", self.id, URL_SAFE_NO_PAD.encode(payload));
        let tag = hmac::sign(&self.hmac, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(tag, &mut token);
        if token.len() > MAX_TOKEN_BYTES {
            return Err(GrantError::TooLong);
        }
        Ok(token)
    }
}

impl fmt::Debug for GrantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantKey({}, ***)", self.id)
    }
}

/// The keys that are believed: the current one, and during a rotation the one before.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<GrantKey>,
}

impl KeyRing {
    /// A ring of keys.
    #[must_use]
    pub fn new(keys: Vec<GrantKey>) -> Self {
        Self { keys }
    }

    /// Verifies a token for exactly this request.
    ///
    /// # Errors
    /// Anything but a good grant for this request at this time; see [`GrantError`].
    pub fn verify(
        &self,
        token: &str,
        binding: &Binding<'_>,
        now: SystemTime,
    ) -> Result<Claims, GrantError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(GrantError::TooLong);
        }
        let wire = self.open(token)?;
        let now = seconds(now)?;
        let latest = now + LIFETIME.as_secs() + SKEW.as_secs();
        if wire.not_after + SKEW.as_secs() < now || wire.not_after > latest {
            return Err(GrantError::Expired);
        }
        let bound = wire.site == binding.site
            && wire.method == binding.method
            && wire.target == binding.target;
        if !bound {
            return Err(GrantError::Binding);
        }
        wire.into_claims().ok_or(GrantError::Malformed)
    }

    /// Checks the signature, then reads the payload, never the other way round.
    fn open(&self, token: &str) -> Result<Wire, GrantError> {
        let (signed, tag) = token.rsplit_once('.').ok_or(GrantError::Malformed)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| GrantError::Malformed)?;
        let mut parts = signed.split('.');
        let (Some("v2"), Some(id), Some(kind), Some(payload), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(GrantError::Malformed);
        };
        let key = self.keys.iter().find(|key| key.id == id).ok_or(GrantError::Signature)?;
        hmac::verify(&key.hmac, signed.as_bytes(), &tag).map_err(|_| GrantError::Signature)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| GrantError::Malformed)?;
        let json = match kind {
            "j" => payload,
            "z" => inflate(&payload)?,
            _ => return Err(GrantError::Malformed),
        };
        serde_json::from_slice(&json).map_err(|_| GrantError::Malformed)
    }
}

fn seconds(time: SystemTime) -> Result<u64, GrantError> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| GrantError::Expired)?;
    Ok(since.as_secs())
}

fn deflate(bytes: &[u8]) -> Result<Vec<u8>, GrantError> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).map_err(|_| GrantError::Malformed)?;
    encoder.finish().map_err(|_| GrantError::Malformed)
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, GrantError> {
    let mut json = Vec::new();
    let mut limited = DeflateDecoder::new(bytes).take(MAX_PAYLOAD_BYTES);
    limited.read_to_end(&mut json).map_err(|_| GrantError::Malformed)?;
    Ok(json)
}

#[cfg(test)]
mod tests;
