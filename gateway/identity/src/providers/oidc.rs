//! OpenID Connect: signing in at somebody else's, by the authorization code flow with PKCE.
//!
//! [`OidcProvider::begin`] says where to send a browser, [`OidcProvider::finish`] reads what it
//! brings back. This file is the order of things; each step has a module, and each module the
//! rules of one thing that a provider says: its `discovery`, its `keys`, the `callback`,
//! the tokens' form (`jwt`) and their claims (`id_token`, `logout`).
//!
//! The crate `openidconnect` makes the request and verifies signatures; claims are checked here,
//! for here they are read more strictly where it matters, and less where it doesn't:
//! `docs/adr/0003-claims-are-checked-here.md`. What a hostile provider may try, and what comes of
//! it, is listed in `docs/oidc-cases.md`.

use std::fmt;
use std::sync::Arc;

use openidconnect::core::CoreJsonWebKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;
use vestibule_store::UnixTime;

use crate::Secret;
use crate::clock::Clock;
use crate::external::{ExternalUser, Subject};

mod begin;
mod cached;
mod callback;
mod claims;
mod client_certificate;
mod config;
mod discovery;
mod error;
mod groups;
mod id_token;
mod json;
mod jwt;
mod keys;
mod known;
mod logout;
mod outside;
mod tokens;

pub use begin::{Asked, Begun, PENDING_LIFETIME, Pending};
pub use callback::{Callback, CallbackError, ProviderError};
pub use client_certificate::{ClientCertificate, ClientCertificateError};
pub use config::{ClientAuthentication, IssuerError, OidcConfig};
pub use discovery::DiscoveryError;
pub use error::{OidcError, RefreshError};
pub use id_token::ClaimsError;
pub use json::JsonError;
pub use jwt::JwtError;
pub use keys::KeyError;
pub use logout::{LogoutToken, LogoutTokenError, MAX_HINT};
pub use outside::{Endpoint, Outside, OutsideError};
pub use tokens::TokenError;

use discovery::Metadata;
use id_token::{Expected, NonceRule};
use jwt::{Kind, Unverified};
use known::Known;
use tokens::{Grant, TokenSet};

/// Somebody who came back from a provider and has proved who they are.
#[derive(Debug)]
#[non_exhaustive]
pub struct Arrived {
    /// Who.
    pub user: ExternalUser,
    /// What their session needs later.
    pub tokens: Tokens,
    /// Whether an ID token came, with which the provider says all that it says at a sign-in.
    pub has_id_token: bool,
}

/// What a session needs of a provider after the sign-in.
#[derive(Clone)]
#[non_exhaustive]
pub struct Tokens {
    /// The ID token, to be shown at sign-out; none if it is longer than [`MAX_HINT`].
    pub id_token: Option<Secret<String>>,
    /// What new tokens are asked with; none if the provider gave none.
    pub refresh_token: Option<Secret<String>>,
    /// The session at the provider, by which it may be ended from there.
    pub session: Option<String>,
    /// What a later ID token may repeat.
    pub nonce: Secret<String>,
}

impl Tokens {
    pub(crate) const fn new(
        id_token: Option<Secret<String>>,
        refresh_token: Option<Secret<String>>,
        session: Option<String>,
        nonce: Secret<String>,
    ) -> Self {
        Self { id_token, refresh_token, session, nonce }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("session", &self.session).finish_non_exhaustive()
    }
}

/// One provider. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OidcProvider {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: OidcConfig,
    outside: Outside,
    clock: Arc<dyn Clock>,
    known: Arc<Known>,
}

impl OidcProvider {
    /// A provider. Nothing is asked of it yet, so that the gateway starts without it.
    #[must_use]
    pub fn new(config: OidcConfig, outside: Outside, clock: Arc<dyn Clock>) -> Self {
        let known = Known::new(config.clone(), outside.clone(), Arc::clone(&clock));
        Self { inner: Arc::new(Inner { config, outside, clock, known: Arc::new(known) }) }
    }

    /// What the operator says of it.
    #[must_use]
    pub fn config(&self) -> &OidcConfig {
        &self.inner.config
    }

    /// Begins a sign-in, after which somebody wants to go to `return_to`.
    ///
    /// # Errors
    /// If the provider can't be reached, or not be used.
    pub async fn begin(&self, return_to: &str) -> Result<Begun, OidcError> {
        self.begin_asking(Asked::AsItLikes, return_to).await
    }

    /// The same, and says whether somebody who is signed in at the provider is asked once more.
    ///
    /// # Errors
    /// If the provider can't be reached, or not be used.
    pub async fn begin_asking(&self, asked: Asked, return_to: &str) -> Result<Begun, OidcError> {
        let inner = &self.inner;
        let metadata = inner.known.metadata().await?;
        let wish = (asked, return_to);
        let begun = begin::begin(&inner.config, &metadata, wish, inner.clock.now());
        begun.ok_or(OidcError::Discovery(DiscoveryError::Missing("authorization_endpoint")))
    }

    /// Finishes a sign-in with what the browser brings back.
    ///
    /// # Errors
    /// If anything is not as it must be: nobody is signed in.
    pub async fn finish(
        &self,
        pending: &Pending,
        callback: &Callback,
    ) -> Result<Arrived, OidcError> {
        let inner = &self.inner;
        let answer = callback.answer(pending, &inner.config, inner.clock.now())?;
        let metadata = inner.known.metadata().await?;
        callback.check_issuer(&inner.config, &metadata)?;
        let code = answer.as_ref().map_err(|error| *error)?;
        let grant = Grant::Code { code, verifier: &pending.verifier };
        let tokens = tokens::exchange(&inner.outside, &inner.config, &metadata, grant).await?;
        let id_token = tokens.id_token.as_ref().ok_or(TokenError::Missing("id_token"))?;
        let expected = Expected {
            config: &inner.config,
            now: inner.clock.now(),
            asked: pending.begun,
            nonce: NonceRule::Required(pending.nonce.expose()),
        };
        let (subject, claims) = inner.id_token(id_token, &tokens, &expected).await?;
        let user_info = inner.user_info(&metadata, &tokens, &subject).await?;
        Ok(Arrived {
            user: claims::user(&inner.config, subject, &claims, user_info.as_ref()),
            tokens: keep(&tokens, &claims, &pending.nonce)?,
            has_id_token: true,
        })
    }

    /// Asks for new tokens, and what the provider says of somebody now.
    ///
    /// # Errors
    /// If the provider refuses or can't be asked, which are different things.
    pub async fn refresh(
        &self,
        subject: &Subject,
        tokens: &Tokens,
    ) -> Result<Option<Arrived>, RefreshError> {
        let Some(refresh_token) = &tokens.refresh_token else { return Ok(None) };
        let asked = self.inner.clock.now();
        let new = self.inner.exchange(refresh_token).await;
        let (metadata, new) = new.map_err(|error| RefreshError::new(error, None))?;
        let arrived = self.inner.renewed((subject, tokens), (&metadata, &new), asked).await;
        match arrived {
            Ok(arrived) => Ok(Some(arrived)),
            Err(error) => Err(RefreshError::new(error, new.refresh_token.clone())),
        }
    }

    /// Where to send a browser so that the session at the provider ends too, and it comes back to
    /// `back` with `state`; `None` if the provider offers no such thing.
    ///
    /// # Errors
    /// If the provider can't be reached, or not be used.
    pub async fn end_session(
        &self,
        tokens: &Tokens,
        back: &Url,
        state: &str,
    ) -> Result<Option<Url>, OidcError> {
        let metadata = self.inner.known.metadata().await?;
        let hint = tokens.id_token.as_ref();
        Ok(logout::end_session(&self.inner.config, &metadata, hint, back, state))
    }

    /// Reads the provider's word that somebody signed out there.
    ///
    /// # Errors
    /// If it is not the provider's, or no such word.
    pub async fn logout_token(&self, text: &str) -> Result<LogoutToken, LogoutTokenError> {
        let inner = &self.inner;
        let token = Unverified::read(text, Kind::Logout).map_err(OidcError::from)?;
        let (_, claims) = inner.verify(&token).await?;
        logout::check(&claims, &inner.config, inner.clock.now())
    }
}

impl Inner {
    /// Shows a refresh token, which may be used up by that.
    async fn exchange(
        &self,
        refresh_token: &Secret<String>,
    ) -> Result<(Arc<Metadata>, TokenSet), OidcError> {
        let metadata = self.known.metadata().await?;
        let grant = Grant::Refresh(refresh_token);
        let new = tokens::exchange(&self.outside, &self.config, &metadata, grant).await?;
        Ok((metadata, new))
    }

    /// What new tokens say, and the provider with them.
    async fn renewed(
        &self,
        (subject, old): (&Subject, &Tokens),
        (metadata, new): (&Metadata, &TokenSet),
        asked: UnixTime,
    ) -> Result<Arrived, OidcError> {
        let nonce = NonceRule::IfThere(old.nonce.expose());
        let now = self.clock.now();
        let expected = Expected { config: &self.config, now, asked, nonce };
        // a refresh need not bring an ID token; then userinfo alone speaks
        let (id, claims) = match &new.id_token {
            Some(id_token) => self.id_token(id_token, new, &expected).await?,
            None => (subject.id.clone(), Map::new()),
        };
        if id != subject.id || self.config.issuer != subject.issuer {
            return Err(ClaimsError::Subject.into());
        }
        let user_info = self.user_info(metadata, new, &id).await?;
        let user = claims::user(&self.config, id, &claims, user_info.as_ref());
        let mut tokens = keep(new, &claims, &old.nonce)?;
        tokens.refresh_token = tokens.refresh_token.or_else(|| old.refresh_token.clone());
        tokens.session = tokens.session.or_else(|| old.session.clone());
        if new.id_token.is_none() {
            tokens.id_token.clone_from(&old.id_token);
        }
        Ok(Arrived { user, tokens, has_id_token: new.id_token.is_some() })
    }

    /// Checks an ID token wholly; gives the subject and all claims.
    async fn id_token(
        &self,
        text: &Secret<String>,
        tokens: &TokenSet,
        expected: &Expected<'_>,
    ) -> Result<(String, Map<String, Value>), OidcError> {
        let token = Unverified::read(text.expose(), Kind::Id)?;
        let (key, claims) = self.verify(&token).await?;
        let subject = id_token::check(&claims, expected)?;
        id_token::check_access_token(&claims, &tokens.access_token, &token.algorithm, &key)?;
        Ok((subject, claims))
    }

    /// What the provider tells beside the ID token, if it tells anything.
    async fn user_info(
        &self,
        metadata: &Metadata,
        tokens: &TokenSet,
        subject: &str,
    ) -> Result<Option<Map<String, Value>>, OidcError> {
        let Some(address) = &metadata.user_info else { return Ok(None) };
        let (token, limit) = (&tokens.access_token, self.config.timeout);
        let answer = self.outside.read_with(Endpoint::UserInfo, address, token, limit).await;
        let claims = answer.map_err(OidcError::UserInfo)?;
        // INVARIANT: both speak of one person, or neither is believed
        if id_token::subject(&claims) != Some(subject) {
            return Err(OidcError::OtherSubject);
        }
        Ok(Some(claims))
    }

    /// Verifies a signature with one of the provider's keys.
    async fn verify(
        &self,
        token: &Unverified<'_>,
    ) -> Result<(CoreJsonWebKey, Map<String, Value>), OidcError> {
        let key = self.known.key(token.key.as_deref(), &token.algorithm).await?;
        let claims = token.verify(&key)?;
        Ok((key, claims))
    }
}

/// What a session needs later of what came now.
fn keep(
    new: &TokenSet,
    claims: &Map<String, Value>,
    nonce: &Secret<String>,
) -> Result<Tokens, OidcError> {
    let hint = new.id_token.as_ref().filter(|token| token.expose().len() <= MAX_HINT);
    Ok(Tokens {
        id_token: hint.cloned(),
        refresh_token: new.refresh_token.clone(),
        session: logout::identifier(claims, "sid")?,
        nonce: nonce.clone(),
    })
}

/// Whether two texts are the same, in a time that does not tell how far they are.
fn same(a: &str, b: &str) -> bool {
    Sha256::digest(a) == Sha256::digest(b)
}
