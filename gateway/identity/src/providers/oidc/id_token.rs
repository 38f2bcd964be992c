//! What an ID token must say before it says who somebody is (requirement S22).

use std::time::Duration;

use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm as Algorithm};
use openidconnect::{AccessToken, AccessTokenHash};
use serde_json::{Map, Value};
use vestibule_store::UnixTime;

use super::config::OidcConfig;
use super::same;
use crate::Secret;

/// How far two clocks may be apart.
pub(super) const SKEW: Duration = Duration::from_secs(60);

/// The last moment that is a date: the end of the year 9999.
const LAST_MOMENT: f64 = 253_402_300_799.0;

/// Why what a token says is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimsError {
    /// Something must be there.
    #[error("the token has no usable `{0}`")]
    Missing(&'static str),
    /// Another issuer made it.
    #[error("the token is another issuer's")]
    Issuer,
    /// It is for somebody else, or for others too.
    #[error("the token is not for this client")]
    Audience,
    /// It was made for another client.
    #[error("the token was made for another client")]
    AuthorizedParty,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It comes from the future, or from before it was asked for.
    #[error("the token was not made when it was asked for")]
    IssuedAt,
    /// It answers another question.
    #[error("the token answers another sign-in")]
    Nonce,
    /// It came with another access token.
    #[error("the token belongs to another access token")]
    AccessTokenHash,
    /// It speaks of somebody else than before.
    #[error("the token speaks of somebody else")]
    Subject,
    /// Not in the way that is required.
    #[error("they did not sign in at the provider in a way that is required here")]
    Assurance,
    /// Too long ago.
    #[error("they signed in at the provider too long ago")]
    AuthTime,
}

/// What a token's `nonce` must be.
#[derive(Clone, Copy)]
pub(super) enum NonceRule<'r> {
    /// This one: the token answers a sign-in.
    Required(&'r str),
    /// This one or none: the token answers a refresh.
    IfThere(&'r str),
}

/// What a token is compared with.
pub(super) struct Expected<'r> {
    pub(super) config: &'r OidcConfig,
    pub(super) now: UnixTime,
    /// When it was asked for.
    pub(super) asked: UnixTime,
    pub(super) nonce: NonceRule<'r>,
}

/// Checks everything but `at_hash`; gives the subject.
pub(super) fn check(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<String, ClaimsError> {
    let config = expected.config;
    check_parties(claims, config)?;
    check_times(claims, expected)?;
    check_nonce(claims, expected.nonce)?;
    match expected.nonce {
        NonceRule::Required(_) => check_sign_in(claims, expected)?,
        // nobody signed in: what is said of that is of long ago, or not said at all (OpenID Connect
        // Core 12.2)
        NonceRule::IfThere(_) => {}
    }
    subject(claims).map(str::to_owned).ok_or(ClaimsError::Missing("sub"))
}

/// Checks how, and how long ago, somebody signed in at the provider.
fn check_sign_in(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), ClaimsError> {
    let config = expected.config;
    if !config.required_acr.is_empty() {
        let used = claims.get("acr").and_then(Value::as_str);
        let used = used.filter(|used| config.required_acr.contains(*used));
        used.ok_or(ClaimsError::Assurance)?;
    }
    if let Some(max_age) = config.max_age {
        let signed_in = moment(claims, "auth_time")?.ok_or(ClaimsError::Missing("auth_time"))?;
        if expected.now > signed_in.plus(max_age).plus(SKEW) {
            return Err(ClaimsError::AuthTime);
        }
    }
    Ok(())
}

/// Checks `iss`, `aud` and `azp`.
pub(super) fn check_parties(
    claims: &Map<String, Value>,
    config: &OidcConfig,
) -> Result<(), ClaimsError> {
    match claims.get("iss") {
        Some(Value::String(issuer)) if *issuer == config.issuer => {}
        Some(_) => return Err(ClaimsError::Issuer),
        None => return Err(ClaimsError::Missing("iss")),
    }
    let party = match claims.get("azp") {
        None => None,
        Some(Value::String(party)) if *party == config.client_id => Some(party),
        Some(_) => return Err(ClaimsError::AuthorizedParty),
    };
    let is_ours = |value: &Value| value.as_str() == Some(config.client_id.as_str());
    let accepted = match claims.get("aud") {
        None => return Err(ClaimsError::Missing("aud")),
        Some(Value::Array(all)) => {
            // others may be named only where the token says that it was made for us
            let no_others = all.iter().all(is_ours) || party.is_some();
            all.iter().any(is_ours) && all.iter().all(Value::is_string) && no_others
        }
        Some(one) => is_ours(one),
    };
    if accepted { Ok(()) } else { Err(ClaimsError::Audience) }
}

fn check_times(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), ClaimsError> {
    let now = expected.now;
    let expires = moment(claims, "exp")?.ok_or(ClaimsError::Missing("exp"))?;
    if now >= expires.plus(SKEW) {
        return Err(ClaimsError::Expired);
    }
    let made = moment(claims, "iat")?.ok_or(ClaimsError::Missing("iat"))?;
    if made > now.plus(SKEW) || expected.asked > made.plus(SKEW) {
        return Err(ClaimsError::IssuedAt);
    }
    if moment(claims, "nbf")?.is_some_and(|begins| begins > now.plus(SKEW)) {
        return Err(ClaimsError::IssuedAt);
    }
    Ok(())
}

fn check_nonce(claims: &Map<String, Value>, rule: NonceRule<'_>) -> Result<(), ClaimsError> {
    let (expected, may_be_missing) = match rule {
        NonceRule::Required(expected) => (expected, false),
        NonceRule::IfThere(expected) => (expected, true),
    };
    match claims.get("nonce") {
        None if may_be_missing => Ok(()),
        None => Err(ClaimsError::Missing("nonce")),
        Some(Value::String(nonce)) if same(nonce, expected) => Ok(()),
        Some(_) => Err(ClaimsError::Nonce),
    }
}

/// Checks `at_hash`, if it is there.
pub(super) fn check_access_token(
    claims: &Map<String, Value>,
    token: &Secret<String>,
    algorithm: &Algorithm,
    key: &CoreJsonWebKey,
) -> Result<(), ClaimsError> {
    let Some(hash) = claims.get("at_hash") else { return Ok(()) };
    let token = AccessToken::new(token.expose().clone());
    let right = AccessTokenHash::from_token(&token, algorithm, key);
    match right {
        Ok(right) if hash.as_str() == Some(right.as_str()) => Ok(()),
        Ok(_) | Err(_) => Err(ClaimsError::AccessTokenHash),
    }
}

/// Who is meant; none if that can't be an identifier.
pub(super) fn subject(claims: &Map<String, Value>) -> Option<&str> {
    let subject = claims.get("sub")?.as_str()?;
    let good = !subject.is_empty() && subject.len() <= 255;
    (good && !subject.chars().any(char::is_control)).then_some(subject)
}

/// A date of a token: a number of seconds, also with a fraction, that is a date at all. A number
/// like `1e300` is none, and must not come out as one by wrapping.
pub(super) fn moment(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<UnixTime>, ClaimsError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST_MOMENT).contains(seconds));
    let seconds = seconds.ok_or(ClaimsError::Missing(name))?;
    // it was just checked to fit
    Ok(Some(UnixTime::from_seconds(seconds as i64)))
}
