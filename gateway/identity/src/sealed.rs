//! What is kept for later and is for this gateway alone: sealed with a key of its purpose
//! (AES-256-GCM), and bound to what it belongs to, so that no row can take another one's place.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::identity::{Identity, Unavailable};

impl Identity {
    /// Seals a text with the key of a name.
    pub(crate) async fn seal_text(
        &self,
        key: &str,
        belongs_to: &[u8],
        text: &[u8],
    ) -> Result<Vec<u8>, Unavailable> {
        let mut nonce = [0u8; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| Unavailable::Randomness)?;
        let key = self.sealing_key(key).await?;
        let mut sealed = text.to_vec();
        let aad = Aad::from(belongs_to);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| Unavailable::Randomness)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What was sealed; none if it was not sealed with this key for what it belongs to.
    pub(crate) async fn unseal_text(
        &self,
        key: &str,
        belongs_to: &[u8],
        sealed: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Unavailable> {
        let key = self.sealing_key(key).await?;
        let Some((nonce, rest)) = sealed.split_first_chunk::<NONCE_LEN>() else { return Ok(None) };
        let (nonce, mut rest) =
            (Nonce::assume_unique_for_key(*nonce), Zeroizing::new(rest.to_vec()));
        let length = match key.open_in_place(nonce, Aad::from(belongs_to), &mut rest) {
            Ok(opened) => opened.len(),
            Err(_) => return Ok(None),
        };
        rest.truncate(length);
        Ok(Some(rest))
    }

    async fn sealing_key(&self, name: &str) -> Result<LessSafeKey, Unavailable> {
        let key = self.key(name).await?;
        let key =
            UnboundKey::new(&AES_256_GCM, key.bytes()).map_err(|_| Unavailable::Randomness)?;
        Ok(LessSafeKey::new(key))
    }
}
