//! What is kept sealed: AES-256-GCM under a key of the installation, good for one place alone.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::Secret;
use crate::identity::{Identity, Unavailable};

impl Identity {
    /// Seals bytes with the key of a name, for a place: what names the row that holds them.
    pub(crate) async fn seal(
        &self,
        key: &str,
        place: &[u8],
        open: &Secret<Vec<u8>>,
    ) -> Result<Vec<u8>, Unavailable> {
        let mut nonce = [0u8; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| Unavailable::Randomness)?;
        let key = self.sealing_key(key).await?;
        let aad = Aad::from(place);
        let mut sealed = open.expose().clone();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| Unavailable::Randomness)?;
        let mut whole = nonce.to_vec();
        whole.append(&mut sealed);
        Ok(whole)
    }

    /// What was sealed with the key of a name for a place; none if it was not.
    pub(crate) async fn unseal(
        &self,
        key: &str,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Option<Secret<Vec<u8>>>, Unavailable> {
        let Some((nonce, rest)) = sealed.split_first_chunk::<NONCE_LEN>() else { return Ok(None) };
        let key = self.sealing_key(key).await?;
        let (nonce, mut rest) = (Nonce::assume_unique_for_key(*nonce), rest.to_vec());
        let aad = Aad::from(place);
        let Ok(opened) = key.open_in_place(nonce, aad, &mut rest).map(|opened| opened.len()) else {
            return Ok(None);
        };
        rest.truncate(opened);
        Ok(Some(Secret::new(rest)))
    }

    async fn sealing_key(&self, name: &str) -> Result<LessSafeKey, Unavailable> {
        let key = self.key(name).await?;
        let key =
            UnboundKey::new(&AES_256_GCM, key.bytes()).map_err(|_| Unavailable::Randomness)?;
        Ok(LessSafeKey::new(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, SystemClock};

    /// Whoever opens the page of sign-in is asked for a passkey: that is no question to the store.
    #[tokio::test]
    async fn a_key_is_read_once() {
        let store = vestibule_store::Store::open_in_memory().await.unwrap();
        let settings = Settings::for_tests(std::sync::Arc::new(SystemClock));
        let identity = Identity::open(store, settings).await.unwrap();
        let open = Secret::new(b"a secret".to_vec());
        let sealed = identity.seal("one", b"7", &open).await.unwrap();
        identity.store().close().await;
        assert!(identity.unseal("one", b"7", &sealed).await.unwrap().is_some());
        assert!(identity.seal("one", b"7", &open).await.is_ok());
        assert!(identity.seal("two", b"7", &open).await.is_err(), "the store is asked for another");
    }

    #[tokio::test]
    async fn it_opens_in_its_place_with_its_key() {
        let store = vestibule_store::Store::open_in_memory().await.unwrap();
        let settings = Settings::for_tests(std::sync::Arc::new(SystemClock));
        let identity = Identity::open(store, settings).await.unwrap();
        let open = Secret::new(b"a secret".to_vec());
        let sealed = identity.seal("one", b"7", &open).await.unwrap();
        assert!(!sealed.windows(8).any(|part| part == b"a secret"));
        assert_ne!(identity.seal("one", b"7", &open).await.unwrap(), sealed);
        let opened = identity.unseal("one", b"7", &sealed).await.unwrap().unwrap();
        assert_eq!(opened.expose(), open.expose());
        assert!(identity.unseal("one", b"8", &sealed).await.unwrap().is_none(), "another place");
        assert!(identity.unseal("two", b"7", &sealed).await.unwrap().is_none(), "another key");
        for changed in [&sealed[..5], &sealed[..sealed.len() - 1], &[]] {
            assert!(identity.unseal("one", b"7", changed).await.unwrap().is_none());
        }
    }
}
