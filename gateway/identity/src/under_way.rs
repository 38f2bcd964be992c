//! Sign-ins that are under way at a provider, and words of providers that are obeyed once.
//!
//! A sign-in is kept as a ticket: good once, for ten minutes, and in the browser that began it,
//! whichever node of the cluster that meets (requirements S8, S20).

use std::time::Duration;

use vestibule_store::TicketKey;

use crate::identity::{Identity, Unavailable};
use crate::limits::TooMany;
use crate::origin::RequestOrigin;
use crate::providers::oidc::{
    Arrived, Asked, Begun, Callback, CallbackError, LogoutToken, OidcError, OidcProvider,
    PENDING_LIFETIME, Pending,
};
use crate::tickets;

/// What tickets of sign-ins are for.
const SIGN_IN: &str = "oidc-sign-in";

/// What tickets of logout tokens are for.
const LOGOUT: &str = "oidc-logout";

/// Why a sign-in at a provider can't begin or end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnderWayError {
    /// The store does not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The provider, or what came from it.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// Too many sign-ins have begun at one address.
    #[error("too many sign-ins have begun; try again in {} s", retry_after.as_secs())]
    TooMany {
        /// When the next may begin.
        retry_after: Duration,
    },
}

impl From<TooMany> for UnderWayError {
    fn from(limit: TooMany) -> Self {
        Self::TooMany { retry_after: limit.retry_after.max(Duration::from_secs(1)) }
    }
}

/// A sign-in that is to begin.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'r> {
    /// The name of the browser, which is a secret between it and us.
    pub browser: &'r str,
    /// Where somebody wants to go.
    pub return_to: &'r str,
    /// Whether they are asked who they are although the provider knows.
    pub asked: Asked,
}

/// Somebody who came back, and where they wanted to go.
#[derive(Debug)]
#[non_exhaustive]
pub struct CameBack {
    /// Who.
    pub arrived: Arrived,
    /// Where to.
    pub return_to: String,
}

/// Whether a word was heard before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It was not: it is to be obeyed.
    Now,
    /// It was: somebody says it again.
    Before,
}

impl Identity {
    /// Begins a sign-in at a provider. Each is written down, so that an address may begin so many.
    ///
    /// # Errors
    /// If the provider or the store can't be reached, or too many have begun.
    pub async fn begin_at(
        &self,
        origin: &RequestOrigin,
        provider: &OidcProvider,
        wanted: Beginning<'_>,
    ) -> Result<Begun, UnderWayError> {
        self.limits.count_departure(origin.client, self.now())?;
        let begun = provider.begin_asking(wanted.asked, wanted.return_to).await?;
        let key = key(SIGN_IN, &[begun.pending.state().expose(), wanted.browser]);
        let written = begun.pending.write();
        let expires = self.now().plus(PENDING_LIFETIME);
        let tickets = self.store.tickets();
        let put = tickets.put(&key, SIGN_IN, written.expose(), expires).await;
        if put.map_err(Unavailable::from)? {
            Ok(begun)
        } else {
            // a state of 256 bits came twice: the randomness is none
            Err(Unavailable::Randomness.into())
        }
    }

    /// Ends a sign-in with what one of these browsers brings back: a request may carry several
    /// names, and all are tried (requirement S9). Whatever comes of it, it can't be tried again.
    ///
    /// # Errors
    /// If no sign-in was begun there that this answers, or anything else is not as it must be.
    pub async fn finish_at(
        &self,
        provider: &OidcProvider,
        browsers: &[&str],
        callback: &Callback,
    ) -> Result<CameBack, UnderWayError> {
        for browser in browsers {
            let key = key(SIGN_IN, &[callback.state().expose(), browser]);
            let taken = self.store.tickets().take(&key, SIGN_IN, self.now()).await;
            let Some(written) = taken.map_err(Unavailable::from)? else { continue };
            let pending = Pending::read(&written);
            let pending = pending.ok_or(OidcError::Callback(CallbackError::State))?;
            let arrived = provider.finish(&pending, callback).await?;
            return Ok(CameBack { arrived, return_to: pending.return_to().to_owned() });
        }
        Err(OidcError::Callback(CallbackError::State).into())
    }

    /// Whether a logout token was remembered.
    pub(crate) async fn was_heard(&self, token: &LogoutToken) -> Result<bool, Unavailable> {
        let key = key(LOGOUT, &[&token.issuer, &token.id]);
        Ok(self.store.tickets().is_kept(&key, LOGOUT).await?)
    }

    /// Remembers a logout token until its time is over (requirement S28): when it was obeyed.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn hear(&self, token: &LogoutToken) -> Result<Heard, Unavailable> {
        let key = key(LOGOUT, &[&token.issuer, &token.id]);
        let is_new = self.store.tickets().put(&key, LOGOUT, "", token.expires).await?;
        Ok(if is_new { Heard::Now } else { Heard::Before })
    }
}

fn key(purpose: &str, parts: &[&str]) -> TicketKey {
    TicketKey::from_bytes(tickets::digest(&[&[purpose], parts].concat()))
}
