//! Signing out: at the provider by the browser, and here by the provider's word.

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;
use vestibule_store::UnixTime;

use super::config::OidcConfig;
use super::discovery::Metadata;
use super::error::OidcError;
use super::id_token::{self, ClaimsError, SKEW};
use crate::Secret;

/// The longest ID token that is kept to be shown at sign-out, in bytes.
pub const MAX_HINT: usize = 4096;

/// How far ahead a logout token's end may lie (requirement S28).
const MAX_LIFETIME: Duration = Duration::from_secs(120);

/// The event that a logout token tells of.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long an identifier of a token or a session may be, in bytes.
const MAX_ID: usize = 255;

/// Why a logout token is not obeyed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogoutTokenError {
    /// The provider can't be asked for its keys, or the token is not signed with one of them.
    #[error(transparent)]
    Provider(#[from] OidcError),
    /// It says something that it must not, or nothing that it must.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// It tells of no sign-out.
    #[error("the token tells of no sign-out")]
    Event,
    /// It has a `nonce`, as ID tokens have: somebody uses one for the other.
    #[error("the token has a `nonce`, which no logout token has")]
    Nonce,
    /// It says of nobody that they signed out.
    #[error("the token has neither `sub` nor `sid`")]
    Nobody,
    /// It is good for longer than two minutes.
    #[error("the token is good for too long")]
    Lifetime,
}

/// The provider's word that somebody signed out there. It is to be obeyed once: whoever obeys
/// remembers `id` until `expires`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutToken {
    /// Whose word.
    pub issuer: String,
    /// Who signed out; none if only one session did.
    pub subject: Option<String>,
    /// Which of their sessions at the provider; none if all.
    pub session: Option<String>,
    /// What this token alone is called.
    pub id: String,
    /// When it need no longer be remembered.
    pub expires: UnixTime,
}

/// Where to send the browser so that the provider's session ends too; `None` if the provider
/// offers no such thing.
pub(super) fn end_session(
    config: &OidcConfig,
    metadata: &Metadata,
    hint: Option<&Secret<String>>,
    back: &Url,
    state: &str,
) -> Option<Url> {
    let mut address = metadata.end_session.clone()?;
    {
        let mut query = address.query_pairs_mut();
        if let Some(hint) = hint {
            query.append_pair("id_token_hint", hint.expose());
        }
        query.append_pair("client_id", &config.client_id);
        query.append_pair("post_logout_redirect_uri", back.as_str());
        query.append_pair("state", state);
    }
    Some(address)
}

/// Checks what a logout token says, once its signature is known to be good.
pub(super) fn check(
    claims: &Map<String, Value>,
    config: &OidcConfig,
    now: UnixTime,
) -> Result<LogoutToken, LogoutTokenError> {
    id_token::check_parties(claims, config)?;
    let expires = id_token::moment(claims, "exp")?.ok_or(ClaimsError::Missing("exp"))?;
    let expires = expires.plus(SKEW);
    if now >= expires {
        return Err(ClaimsError::Expired.into());
    }
    if expires > now.plus(MAX_LIFETIME).plus(SKEW).plus(SKEW) {
        return Err(LogoutTokenError::Lifetime);
    }
    let made = id_token::moment(claims, "iat")?.ok_or(ClaimsError::Missing("iat"))?;
    if made > now.plus(SKEW) {
        return Err(ClaimsError::IssuedAt.into());
    }
    let event = claims.get("events").and_then(Value::as_object).and_then(|all| all.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(LogoutTokenError::Event);
    }
    if claims.contains_key("nonce") {
        return Err(LogoutTokenError::Nonce);
    }
    let id = identifier(claims, "jti")?.ok_or(ClaimsError::Missing("jti"))?;
    let (subject, session) = (identifier(claims, "sub")?, identifier(claims, "sid")?);
    if subject.is_none() && session.is_none() {
        return Err(LogoutTokenError::Nobody);
    }
    Ok(LogoutToken { issuer: config.issuer.clone(), subject, session, id, expires })
}

/// An identifier: a text that is not empty, not too long and has no control characters.
pub(super) fn identifier(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<String>, ClaimsError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text))
            if !text.is_empty() && text.len() <= MAX_ID && !text.chars().any(char::is_control) =>
        {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(ClaimsError::Missing(name)),
    }
}
