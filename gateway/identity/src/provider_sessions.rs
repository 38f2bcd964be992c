//! Sessions that began at an OpenID provider: what is kept for them, how it is renewed, and how the
//! provider ends them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vestibule_store::audit::Ended;
use vestibule_store::{AccountId, ProviderSession, SessionId, Subject};

use crate::Secret;
use crate::credentials::SignedIn;
use crate::external::ProviderGroups;
use crate::identity::{Identity, Unavailable};
use crate::providers::oidc::{Arrived, LogoutToken, OidcProvider, RefreshError, Tokens};
use crate::sign_in::NewSession;
use crate::under_way::Heard;

/// How long one node may take for it; also how long a provider that failed is left alone.
const LEASE: Duration = Duration::from_secs(60);

/// How many sessions are renewed in one round.
const MOST_AT_ONCE: u32 = 32;

/// What the sealing key is called in the store.
const KEY: &str = "provider-tokens";

/// [`Tokens`] as they are sealed.
#[derive(Serialize, Deserialize)]
struct Written {
    id_token: Option<String>,
    refresh_token: Option<String>,
    session: Option<String>,
    nonce: String,
}

/// What a provider's word to sign somebody out came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedOutThere {
    /// So many sessions of the portal have ended, each with those born of it.
    Ended(usize),
    /// The word was heard before, and is not obeyed twice.
    Replayed,
}

impl Identity {
    /// Keeps what a session needs of the provider that it began at.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn keep_tokens(
        &self,
        session: SessionId,
        arrived: &Arrived,
    ) -> Result<(), Unavailable> {
        let kept = ProviderSession {
            session,
            provider: arrived.user.provider.clone(),
            subject: arrived.user.subject.clone(),
            name: arrived.tokens.session.clone(),
            sealed: self.seal_tokens(session, &arrived.tokens).await?,
            renewed: self.now(),
        };
        Ok(self.store.provider_sessions().put(&kept).await?)
    }

    /// What a session keeps of its provider; none if it began elsewhere.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn tokens_of(
        &self,
        session: SessionId,
    ) -> Result<Option<(ProviderSession, Tokens)>, Unavailable> {
        let Some(kept) = self.store.provider_sessions().find(session).await? else {
            return Ok(None);
        };
        match self.unseal_tokens(session, &kept.sealed).await? {
            Some(tokens) => Ok(Some((kept, tokens))),
            None => {
                tracing::warn!(%session, "the tokens of a session can't be read: it keeps none");
                Ok(None)
            }
        }
    }

    /// Obeys a provider's word that somebody signed out there (requirement S28): once, and for the
    /// sessions of that issuer alone.
    ///
    /// # Errors
    /// If the store can't be reached; then the word is to be said again.
    pub async fn sign_out_there(&self, word: &LogoutToken) -> Result<SignedOutThere, Unavailable> {
        let (subject, name) = (word.subject.as_deref(), word.session.as_deref());
        if self.was_heard(word).await? {
            return Ok(SignedOutThere::Replayed);
        }
        let sessions = self.store.provider_sessions().born_of(&word.issuer, subject, name).await?;
        for (account, session) in &sessions {
            self.end_one(*account, *session).await?;
            let account = account.number();
            tracing::info!(account, %session, "signed out at the provider");
        }
        // what can't be written down has ended all the same
        let mut written = Ok(());
        for (account, session) in &sessions {
            written = written.and(self.audit_ended(*account, Ended::One(*session), 1).await);
        }
        written?;
        // INVARIANT: last of all: a word that was heard and not wholly obeyed is said again
        match self.hear(word).await? {
            Heard::Now => Ok(SignedOutThere::Ended(sessions.len())),
            Heard::Before => Ok(SignedOutThere::Replayed),
        }
    }

    /// What somebody's session keeps of its provider, before another takes its place.
    pub(crate) async fn tokens_of_owner(
        &self,
        who: &SignedIn,
    ) -> Result<Option<(ProviderSession, Tokens)>, Unavailable> {
        match who.root_session() {
            Some(session) => self.tokens_of(session).await,
            None => Ok(None),
        }
    }

    /// Goes on with them in the session that took its place, so that the provider ends that one too.
    pub(crate) async fn carry_tokens(
        &self,
        kept: Option<(ProviderSession, Tokens)>,
        to: &NewSession,
    ) -> Result<(), Unavailable> {
        let (Some((kept, tokens)), Some(session)) = (kept, to.signed_in.session()) else {
            return Ok(());
        };
        let sealed = self.seal_tokens(session, &tokens).await?;
        let kept = ProviderSession { session, sealed, ..kept };
        Ok(self.store.provider_sessions().put(&kept).await?)
    }

    /// One round of renewal with a provider: its tokens and groups, of those sessions that are due.
    /// Whoever the provider no longer knows is signed out; a provider that can't be asked changes
    /// nothing (requirement S26). Says how many were renewed.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn renew(&self, provider: &OidcProvider) -> Result<usize, Unavailable> {
        let now = self.now();
        let seconds = i64::try_from(provider.config().refresh.as_secs()).unwrap_or(i64::MAX);
        let before = vestibule_store::UnixTime::from_seconds(now.seconds().saturating_sub(seconds));
        let id = &provider.config().id;
        let due = self.store.provider_sessions().due(id, (before, now), MOST_AT_ONCE).await?;
        let mut renewed = 0;
        for session in due {
            if self.renew_one(provider, session).await? {
                renewed += 1;
            }
        }
        Ok(renewed)
    }

    async fn renew_one(
        &self,
        provider: &OidcProvider,
        session: SessionId,
    ) -> Result<bool, Unavailable> {
        let now = self.now();
        // INVARIANT: whoever has no lease asks nothing: a refresh token that rotates is good once
        if !self.store.provider_sessions().lease(session, now, now.plus(LEASE)).await? {
            return Ok(false);
        }
        let Some((kept, tokens)) = self.tokens_of(session).await? else { return Ok(false) };
        match provider.refresh(&kept.subject, &tokens).await {
            Ok(Some(arrived)) => {
                self.keep_tokens(session, &arrived).await?;
                self.take_over(&arrived).await?;
                Ok(true)
            }
            Ok(None) => {
                // without a refresh token the groups of the sign-in stand
                let kept = ProviderSession { renewed: self.now(), ..kept };
                self.store.provider_sessions().put(&kept).await?;
                Ok(false)
            }
            Err(error @ (RefreshError::Over | RefreshError::Untrusted(_))) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::info!(%session, %error, cause, "a session ends with its provider's word");
                for (account, session) in self.owner(&kept).await? {
                    self.end_session(account, session).await?;
                }
                Ok(false)
            }
            Err(error @ RefreshError::Unknown { .. }) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(provider = %kept.provider, %error, cause, "groups are as they were");
                if let RefreshError::Unknown { rotated: Some(rotated), .. } = error {
                    self.keep_rotated(kept, Tokens { refresh_token: Some(rotated), ..tokens })
                        .await?;
                }
                Ok(false)
            }
        }
    }

    /// Keeps a refresh token that came although all else failed: the one before is used up. What is
    /// due stays due, after a while.
    async fn keep_rotated(&self, kept: ProviderSession, new: Tokens) -> Result<(), Unavailable> {
        let session = kept.session;
        let sealed = self.seal_tokens(session, &new).await?;
        let sessions = self.store.provider_sessions();
        sessions.put(&ProviderSession { sealed, ..kept }).await?;
        let now = self.now();
        sessions.lease(session, now, now.plus(LEASE)).await?;
        Ok(())
    }

    /// Takes over the groups that came with new tokens. A provider that said nothing of groups
    /// has not taken any away, unless it said all that it says at a sign-in.
    async fn take_over(&self, arrived: &Arrived) -> Result<(), Unavailable> {
        let (subject, groups) = (&arrived.user.subject, &arrived.user.groups);
        if *groups == ProviderGroups::Unsaid && !arrived.has_id_token {
            return Ok(());
        }
        if self.store.identities().set_groups(subject, groups, self.now()).await?
            && let Some(account) = self.store.identities().find(subject).await?
        {
            self.cache.end_of_account(account.id);
        }
        Ok(())
    }

    /// The session of what is kept, with its account.
    async fn owner(
        &self,
        kept: &ProviderSession,
    ) -> Result<Vec<(AccountId, SessionId)>, Unavailable> {
        let Subject { issuer, id } = &kept.subject;
        let all = self.store.provider_sessions().born_of(issuer, Some(id), None).await?;
        Ok(all.into_iter().filter(|(_, session)| *session == kept.session).collect())
    }

    async fn seal_tokens(
        &self,
        session: SessionId,
        tokens: &Tokens,
    ) -> Result<Vec<u8>, Unavailable> {
        let exposed =
            |secret: &Option<Secret<String>>| secret.as_ref().map(|secret| secret.expose().clone());
        let written = Written {
            id_token: exposed(&tokens.id_token),
            refresh_token: exposed(&tokens.refresh_token),
            session: tokens.session.clone(),
            nonce: tokens.nonce.expose().clone(),
        };
        let written = serde_json::to_vec(&written).map_err(|_| Unavailable::Unreadable)?;
        self.seal(KEY, &session.number().to_be_bytes(), &Secret::new(written)).await
    }

    async fn unseal_tokens(
        &self,
        session: SessionId,
        sealed: &[u8],
    ) -> Result<Option<Tokens>, Unavailable> {
        let Some(opened) = self.unseal(KEY, &session.number().to_be_bytes(), sealed).await? else {
            return Ok(None);
        };
        let Ok(written) = serde_json::from_slice::<Written>(opened.expose()) else {
            return Ok(None);
        };
        Ok(Some(Tokens::new(
            written.id_token.map(Secret::new),
            written.refresh_token.map(Secret::new),
            written.session,
            Secret::new(written.nonce),
        )))
    }
}
