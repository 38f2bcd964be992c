//! What a browser brings back from a provider: read strictly, and compared with what was begun.

use std::fmt;

use url::form_urlencoded;
use vestibule_store::UnixTime;

use super::begin::{PENDING_LIFETIME, Pending};
use super::config::OidcConfig;
use super::discovery::Metadata;
use super::same;
use crate::Secret;

/// How long the query may be, in bytes.
const MAX_QUERY: usize = 16 * 1024;

/// Why what a browser brings is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// It is too long.
    #[error("the answer is too long")]
    TooLong,
    /// A parameter stands twice: two readers could see two answers (requirement S25).
    #[error("`{0}` stands twice in the answer")]
    Duplicate(&'static str),
    /// It is an answer in a form that was not asked for (requirement S25).
    #[error("the answer holds `{0}`, which was not asked for")]
    Mode(&'static str),
    /// It names no sign-in, or another one.
    #[error("the answer belongs to no sign-in that was begun here")]
    State,
    /// The sign-in was begun with another provider.
    #[error("the answer came to another provider's address")]
    Provider,
    /// The sign-in took too long.
    #[error("the sign-in took longer than ten minutes")]
    Expired,
    /// It is another issuer's (requirement S21).
    #[error("the answer is another issuer's")]
    Issuer,
    /// It should say whose it is, and does not.
    #[error("the answer does not say which issuer's it is")]
    NoIssuer,
    /// It holds neither a code nor an error, or both.
    #[error("the answer holds no code")]
    NoCode,
}

/// What a provider says instead of signing somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// Somebody, or the provider, said no.
    #[error("the provider denied access")]
    AccessDenied,
    /// The provider wants to ask somebody something, and was not let.
    #[error("the provider wants somebody to sign in, choose or agree first")]
    InteractionRequired,
    /// The provider is in trouble.
    #[error("the provider has a trouble of its own")]
    Temporary,
    /// The provider does not like what the gateway asks.
    #[error("the provider does not accept what the gateway asks")]
    Request,
    /// Something else.
    #[error("the provider answered with an error that is not known")]
    Other,
}

impl ProviderError {
    fn read(code: &str) -> Self {
        match code {
            "access_denied" => Self::AccessDenied,
            "login_required"
            | "interaction_required"
            | "consent_required"
            | "account_selection_required"
            | "unmet_authentication_requirements" => Self::InteractionRequired,
            "server_error" | "temporarily_unavailable" => Self::Temporary,
            "invalid_request"
            | "invalid_scope"
            | "unauthorized_client"
            | "unsupported_response_type" => Self::Request,
            _ => Self::Other,
        }
    }
}

/// The parameters that may stand once.
const ONCE: [&str; 6] = ["state", "code", "iss", "error", "error_description", "session_state"];

/// The parameters of other flows.
const OTHER_MODES: [&str; 4] = ["id_token", "access_token", "response", "logout_token"];

/// What a browser brought.
#[derive(Clone)]
pub struct Callback {
    state: Secret<String>,
    issuer: Option<String>,
    outcome: Result<Secret<String>, ProviderError>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("error", &self.outcome.as_ref().err()).finish()
    }
}

impl Callback {
    /// Reads the query of the address that a provider sent a browser to.
    ///
    /// # Errors
    /// If it is no answer to anything that is asked here.
    pub fn read(query: &str) -> Result<Self, CallbackError> {
        if query.len() > MAX_QUERY {
            return Err(CallbackError::TooLong);
        }
        let mut found: [Option<String>; ONCE.len()] = Default::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if let Some(name) = OTHER_MODES.iter().find(|other| **other == name) {
                return Err(CallbackError::Mode(name));
            }
            let mut places = ONCE.iter().zip(&mut found);
            let Some((name, place)) = places.find(|(once, _)| **once == name) else { continue };
            if place.replace(value.into_owned()).is_some() {
                return Err(CallbackError::Duplicate(name));
            }
        }
        let [state, code, issuer, error, _, _] = found;
        let outcome = match (code.filter(|code| !code.is_empty()), error) {
            (Some(code), None) => Ok(Secret::new(code)),
            (None, Some(error)) => Err(ProviderError::read(&error)),
            (None, None) | (Some(_), Some(_)) => return Err(CallbackError::NoCode),
        };
        let state = state.filter(|state| !state.is_empty()).ok_or(CallbackError::State)?;
        Ok(Self { state: Secret::new(state), issuer, outcome })
    }

    /// The value by which the sign-in is found that this answers.
    #[must_use]
    pub const fn state(&self) -> &Secret<String> {
        &self.state
    }

    /// The code, or what the provider says instead; if this answers a sign-in at all.
    pub(super) fn answer(
        &self,
        pending: &Pending,
        config: &OidcConfig,
        now: UnixTime,
    ) -> Result<&Result<Secret<String>, ProviderError>, CallbackError> {
        if pending.provider != config.id {
            return Err(CallbackError::Provider);
        }
        if !same(self.state.expose(), pending.state.expose()) {
            return Err(CallbackError::State);
        }
        if now >= pending.begun.plus(PENDING_LIFETIME) {
            return Err(CallbackError::Expired);
        }
        Ok(&self.outcome)
    }

    /// Compares the issuer: a wrong one is wrong whether or not the provider promised to say.
    pub(super) fn check_issuer(
        &self,
        config: &OidcConfig,
        metadata: &Metadata,
    ) -> Result<(), CallbackError> {
        match &self.issuer {
            Some(issuer) if *issuer == config.issuer => Ok(()),
            Some(_) => Err(CallbackError::Issuer),
            None if metadata.names_issuer => Err(CallbackError::NoIssuer),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Result<Option<ProviderError>, CallbackError>) {
        let read = Callback::read(query).map(|callback| callback.outcome.err());
        assert_eq!(read, expected, "{query}");
    }

    /// S25.
    #[test]
    fn an_answer_is_read_strictly() {
        check("code=a&state=b", Ok(None));
        check("code=a&state=b&iss=https%3A%2F%2Fid&scope=openid&scope=x", Ok(None));
        check("code=a&state=b&state=b", Err(CallbackError::Duplicate("state")));
        check("code=a&%63ode=c&state=b", Err(CallbackError::Duplicate("code")));
        check("code=a&state=b&iss=x&iss=y", Err(CallbackError::Duplicate("iss")));
        check("id_token=x&state=b", Err(CallbackError::Mode("id_token")));
        check("code=a&access_token=x&state=b", Err(CallbackError::Mode("access_token")));
        check("response=x", Err(CallbackError::Mode("response")));
        check("code=a", Err(CallbackError::State));
        check("code=a&state=", Err(CallbackError::State));
        check("state=b", Err(CallbackError::NoCode));
        check("state=b&code=", Err(CallbackError::NoCode));
        check("state=b&code=a&error=access_denied", Err(CallbackError::NoCode));
        check(&format!("code={}&state=b", "a".repeat(MAX_QUERY)), Err(CallbackError::TooLong));
    }

    #[test]
    fn errors_of_the_provider_are_few() {
        check("error=access_denied&state=b", Ok(Some(ProviderError::AccessDenied)));
        check("error=login_required&state=b", Ok(Some(ProviderError::InteractionRequired)));
        check("error=temporarily_unavailable&state=b", Ok(Some(ProviderError::Temporary)));
        check("error=invalid_scope&state=b", Ok(Some(ProviderError::Request)));
        check("error=%3Cscript%3E&state=b", Ok(Some(ProviderError::Other)));
    }
}
