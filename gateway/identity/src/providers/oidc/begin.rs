//! The beginning of a sign-in: where the browser is sent, and what is kept meanwhile.

use std::fmt;
use std::time::Duration;

use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient};
use openidconnect::{
    AuthUrl, AuthenticationContextClass, ClientId, CsrfToken, IssuerUrl, JsonWebKeySet, Nonce,
    PkceCodeChallenge, RedirectUrl, Scope,
};
use serde::{Deserialize, Serialize};
use url::Url;
use vestibule_schema::ProviderId;
use vestibule_store::UnixTime;

use super::config::OidcConfig;
use super::discovery::Metadata;
use crate::Secret;

/// How long a sign-in may take (requirement S20).
pub const PENDING_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What an ID token is asked to say beside what it says anyhow: when somebody signed in, so that it
/// is known whether that was a moment ago (requirement S85).
const CLAIMS: &str = r#"{"id_token":{"auth_time":{"essential":true}}}"#;

/// How long `state` and `nonce` are, in bytes.
const RANDOM_BYTES: u32 = 32;

/// Whether somebody is asked who is signed in at the provider already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// As the provider likes: mostly it lets them through.
    AsItLikes,
    /// Once more: whoever is at the browser shows who they are.
    Again,
}

/// A sign-in that has begun.
#[non_exhaustive]
pub struct Begun {
    /// Where to send the browser.
    pub address: Url,
    /// What [`OidcProvider::finish`](super::OidcProvider::finish) needs.
    pub pending: Pending,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // the address holds what is kept
        f.debug_struct("Begun").field("pending", &self.pending).finish_non_exhaustive()
    }
}

/// What is kept while somebody signs in at a provider. It is good once, in the browser that began,
/// and for [`PENDING_LIFETIME`]: who keeps it sees to the first two.
#[derive(Clone)]
pub struct Pending {
    pub(super) provider: ProviderId,
    pub(super) state: Secret<String>,
    pub(super) nonce: Secret<String>,
    pub(super) verifier: Secret<String>,
    pub(super) begun: UnixTime,
    return_to: String,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// [`Pending`] as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    begun: i64,
    return_to: String,
}

impl Pending {
    /// The provider's name.
    #[must_use]
    pub const fn provider(&self) -> &ProviderId {
        &self.provider
    }

    /// The value by which the provider's answer is found again.
    #[must_use]
    pub const fn state(&self) -> &Secret<String> {
        &self.state
    }

    /// Where somebody wanted to go, as [`OidcProvider::begin`](super::OidcProvider::begin) was
    /// told.
    #[must_use]
    pub fn return_to(&self) -> &str {
        &self.return_to
    }

    /// As a text, to be kept. It is a secret.
    #[must_use]
    pub fn write(&self) -> Secret<String> {
        let written = Written {
            provider: self.provider.as_str().to_owned(),
            state: self.state.expose().clone(),
            nonce: self.nonce.expose().clone(),
            verifier: self.verifier.expose().clone(),
            begun: self.begun.seconds(),
            return_to: self.return_to.clone(),
        };
        // a struct of texts and a number always has a text
        Secret::new(serde_json::to_string(&written).unwrap_or_default())
    }

    /// Reads what [`Pending::write`] wrote; `None` for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(text).ok()?;
        Some(Self {
            provider: ProviderId::parse(&written.provider).ok()?,
            state: Secret::new(written.state),
            nonce: Secret::new(written.nonce),
            verifier: Secret::new(written.verifier),
            begun: UnixTime::from_seconds(written.begun),
            return_to: written.return_to,
        })
    }
}

/// Makes the address and what is kept; `None` if the addresses that were checked before are none.
pub(super) fn begin(
    config: &OidcConfig,
    metadata: &Metadata,
    (asked, return_to): (Asked, &str),
    now: UnixTime,
) -> Option<Begun> {
    let client_id = ClientId::new(config.client_id.clone());
    let issuer = IssuerUrl::new(config.issuer.clone()).ok()?;
    let client = CoreClient::new(client_id, issuer, JsonWebKeySet::default())
        .set_auth_uri(AuthUrl::from_url(metadata.authorization.clone()))
        .set_redirect_uri(RedirectUrl::from_url(config.redirect_uri.clone()));
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let mut request = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new_random_len(RANDOM_BYTES),
            || Nonce::new_random_len(RANDOM_BYTES),
        )
        .set_pkce_challenge(challenge)
        .add_scopes(config.scopes.iter().cloned().map(Scope::new));
    for way in &config.acr_values {
        request = request.add_auth_context_value(AuthenticationContextClass::new(way.clone()));
    }
    match (asked, config.max_age) {
        // both say the same, and some providers know one of them
        (Asked::Again, _) => {
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
        }
        (Asked::AsItLikes, Some(max_age)) => request = request.set_max_age(max_age),
        (Asked::AsItLikes, None) => {}
    }
    if metadata.reads_claims {
        request = request.add_extra_param("claims", CLAIMS);
    }
    let (address, state, nonce) = request.url();
    let pending = Pending {
        provider: config.id.clone(),
        state: Secret::new(state.into_secret()),
        nonce: Secret::new(nonce.secret().clone()),
        verifier: Secret::new(verifier.into_secret()),
        begun: now,
        return_to: return_to.to_owned(),
    };
    Some(Begun { address, pending })
}
