//! [`OidcError`]: why nobody signed in through a provider.

use super::callback::{CallbackError, ProviderError};
use super::discovery::DiscoveryError;
use super::id_token::ClaimsError;
use super::jwt::JwtError;
use super::outside::OutsideError;
use super::tokens::TokenError;
use crate::Secret;

/// Why nobody signed in through a provider. Messages are for the log; none holds a text of the
/// provider or of the browser.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OidcError {
    /// The provider can't be used.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The provider was asked in vain a moment ago, and is left alone for some seconds.
    #[error("the provider was asked in vain a moment ago")]
    Resting,
    /// The provider's keys can't be had.
    #[error(transparent)]
    Keys(OutsideError),
    /// The provider's keys can't be read.
    #[error("the provider's keys are no list of keys")]
    NoKeys,
    /// What the browser brings is not accepted.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// The provider says no.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider gives no tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The ID token is not signed as it should.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// The ID token says something that it must not.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// What the provider tells of somebody can't be had.
    #[error(transparent)]
    UserInfo(OutsideError),
    /// What the provider tells is of somebody else.
    #[error("userinfo speaks of somebody else than the ID token")]
    OtherSubject,
}

impl OidcError {
    /// Whether it may be gone by itself soon: the network, or the provider's trouble.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Resting | Self::Provider(ProviderError::Temporary) => true,
            Self::Keys(error) | Self::UserInfo(error) => error.is_temporary(),
            Self::Discovery(DiscoveryError::Outside(error)) => error.is_temporary(),
            Self::Token(TokenError::Outside(error)) => error.is_temporary(),
            Self::Discovery(_)
            | Self::NoKeys
            | Self::Callback(_)
            | Self::Provider(_)
            | Self::Token(_)
            | Self::Jwt(_)
            | Self::Claims(_)
            | Self::OtherSubject => false,
        }
    }
}

/// Why what somebody signed in with was not renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The provider says that it is over: their session here ends.
    #[error("the provider no longer accepts the refresh token")]
    Over,
    /// What the provider answers can't be believed: their session here ends.
    #[error("what the provider answers to a refresh is not accepted")]
    Untrusted(#[source] OidcError),
    /// It is not known: the network, the provider's trouble or its configuration. Their session
    /// goes on as it was.
    #[error("the provider can't be asked now")]
    Unknown {
        /// Why not.
        source: OidcError,
        /// The refresh token that came before it failed, in place of the one that was shown: that
        /// one may be used up.
        rotated: Option<Secret<String>>,
    },
}

impl RefreshError {
    /// Why nothing was renewed, and the refresh token that came before it failed.
    pub(super) fn new(error: OidcError, rotated: Option<Secret<String>>) -> Self {
        match error {
            OidcError::Token(TokenError::InvalidGrant) => Self::Over,
            OidcError::Claims(_) | OidcError::OtherSubject => Self::Untrusted(error),
            // a key that is not known may be one that is published a moment later
            OidcError::Jwt(JwtError::Key(_)) => Self::Unknown { source: error, rotated },
            OidcError::Jwt(_) => Self::Untrusted(error),
            _ => Self::Unknown { source: error, rotated },
        }
    }
}
