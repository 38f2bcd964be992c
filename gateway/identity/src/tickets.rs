//! What is good once: random tokens whose hashes the store keeps with what they stand for.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use vestibule_store::TicketKey;

use crate::identity::{Identity, Unavailable};
use crate::{Secret, token};

/// What a ticket is for. One for one purpose is nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// From the portal to a site.
    Entry,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
        }
    }

    const fn lifetime(self) -> Duration {
        match self {
            Self::Entry => Duration::from_secs(60),
        }
    }
}

impl Identity {
    /// Makes a ticket for what is kept.
    pub(crate) async fn issue_ticket(
        &self,
        purpose: Purpose,
        kept: &impl Serialize,
    ) -> Result<Secret<String>, Unavailable> {
        let token = token::random().map_err(|_| Unavailable::Randomness)?;
        let key = key(purpose, token.expose());
        let payload = serde_json::to_string(kept).map_err(|_| Unavailable::Unreadable)?;
        let expires = self.now().plus(purpose.lifetime());
        self.store.tickets().put(&key, purpose.name(), &payload, expires).await?;
        Ok(token)
    }

    /// Uses a ticket up. `None` if it is not good.
    pub(crate) async fn take_ticket<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<Option<T>, Unavailable> {
        if token.len() != token::TEXT_LENGTH {
            return Ok(None);
        }
        let key = key(purpose, token);
        let payload = self.store.tickets().take(&key, purpose.name(), self.now()).await?;
        payload.map(|text| read(&text)).transpose()
    }
}

/// A text that stands for others and does not tell them.
pub(crate) fn mark(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(digest(parts))
}

fn key(purpose: Purpose, token: &str) -> TicketKey {
    TicketKey::from_bytes(digest(&["ticket", purpose.name(), token]))
}

/// Each part is preceded by its length, so that no two lists of parts read the same.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

fn read<T: DeserializeOwned>(payload: &str) -> Result<T, Unavailable> {
    serde_json::from_str(payload).map_err(|_| Unavailable::Unreadable)
}
