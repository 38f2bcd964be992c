//! A session's token: 256 random bits, of which the store knows the SHA-256 alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use vestibule_store::TokenHash;
use zeroize::Zeroize;

use crate::Secret;

/// The token's length as text.
pub(crate) const TEXT_LENGTH: usize = 43;

/// Makes a token, as text.
pub(crate) fn random() -> Result<Secret<String>, getrandom::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    bytes.zeroize();
    Ok(Secret::new(text))
}

/// The hash of a token's text; `None` if no token reads so.
pub(crate) fn hash(text: &str) -> Option<TokenHash> {
    if text.len() != TEXT_LENGTH {
        return None;
    }
    let mut bytes = [0u8; 33];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    let token = bytes.get(..length).filter(|token| token.len() == 32)?;
    let hash = Sha256::digest(token);
    bytes.zeroize();
    Some(TokenHash::from_bytes(hash.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S2.
    #[test]
    fn tokens_are_long_and_differ() {
        let (a, b) = (random().unwrap(), random().unwrap());
        assert_eq!(a.expose().len(), TEXT_LENGTH);
        assert_ne!(a.expose(), b.expose());
        assert_ne!(hash(a.expose()), hash(b.expose()));
        assert_eq!(hash(a.expose()), hash(a.expose()));
    }

    #[test]
    fn nothing_else_is_a_token() {
        for text in ["", "abc", &"a".repeat(44), &"=".repeat(43), &"é".repeat(43), &"+".repeat(43)]
        {
            assert_eq!(hash(text), None, "{text}");
        }
    }
}
