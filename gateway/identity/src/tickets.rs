//! What is good once: random tokens whose hashes the store keeps with what they stand for.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use vestibule_store::{TicketKey, UnixTime};

use crate::identity::{Identity, Unavailable};
use crate::{Secret, token};

/// What a ticket is for. One for one purpose is nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// From the portal to a site.
    Entry,
    /// From a right password to the code that must follow.
    SecondStep,
    /// From the secret of a second factor to its first code.
    Enrolment,
    /// The invitation of the first administrator.
    FirstRun,
    /// From the wish for a passkey to the browser that made it.
    Passkey,
}

impl Purpose {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::SecondStep => "second-step",
            Self::Enrolment => "enrolment",
            Self::FirstRun => "first-run",
            Self::Passkey => "passkey",
        }
    }

    /// How long one is good.
    pub(crate) const fn lifetime(self) -> Duration {
        match self {
            Self::Entry => Duration::from_secs(60),
            Self::SecondStep => Duration::from_secs(5 * 60),
            Self::Passkey => crate::passkeys::LIFETIME,
            Self::Enrolment => Duration::from_secs(10 * 60),
            Self::FirstRun => Duration::from_secs(60 * 60),
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
        let expires = self.now().plus(purpose.lifetime());
        self.keep_ticket(purpose, (&token, expires), kept).await?;
        Ok(token)
    }

    /// Keeps a ticket of a known token: one of another form, or one that was taken and is to be
    /// good for another try.
    pub(crate) async fn keep_ticket(
        &self,
        purpose: Purpose,
        (token, expires): (&Secret<String>, UnixTime),
        kept: &impl Serialize,
    ) -> Result<(), Unavailable> {
        let key = key(purpose, token.expose());
        let payload = serde_json::to_string(kept).map_err(|_| Unavailable::Unreadable)?;
        self.store.tickets().put(&key, purpose.name(), &payload, expires).await?;
        Ok(())
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

/// By what the store knows a ticket.
pub(crate) fn key(purpose: Purpose, token: &str) -> TicketKey {
    TicketKey::from_bytes(digest(&["ticket", purpose.name(), token]))
}

/// Each part is preceded by its length, so that no two lists of parts read the same.
pub(crate) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// What a ticket holds.
pub(crate) fn read<T: DeserializeOwned>(payload: &str) -> Result<T, Unavailable> {
    serde_json::from_str(payload).map_err(|_| Unavailable::Unreadable)
}
