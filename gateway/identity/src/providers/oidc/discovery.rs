//! The discovery document: what of it is used, and what must hold before any of it is.

use serde_json::{Map, Value};
use url::Url;

use super::config::{ClientAuthentication, OidcConfig, has_excess, is_on_this_machine, is_safe};
use super::jwt;
use super::outside::OutsideError;

/// Why a provider can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// Its document can't be read.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// Its document is another issuer's.
    #[error("the discovery document names another issuer than the configuration")]
    Issuer,
    /// An address is missing or none.
    #[error("the discovery document has no usable `{0}`")]
    Missing(&'static str),
    /// An address could be read on the way.
    #[error("`{0}` of the discovery document is neither HTTPS nor on this machine")]
    Insecure(&'static str),
    /// An address where the gateway would show a certificate, and can't.
    #[error("`{0}` of the discovery document is not HTTPS: no client certificate can be shown")]
    NoTls(&'static str),
    /// It does not know the code flow.
    #[error("the provider does not offer the authorization code flow")]
    NoCodeFlow,
    /// It knows PKCE, but not with SHA-256: what is known of the verifier could be weakened.
    #[error("the provider does not offer PKCE with S256")]
    NoPkce,
    /// It signs with nothing that is accepted.
    #[error("the provider signs with no algorithm that is accepted")]
    NoAlgorithm,
}

/// What a provider says of itself.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) keys: Url,
    pub(super) user_info: Option<Url>,
    pub(super) end_session: Option<Url>,
    /// Whether every answer names the issuer (RFC 9207).
    pub(super) names_issuer: bool,
    /// Whether it reads which claims it is asked for.
    pub(super) reads_claims: bool,
    /// Whether the token endpoint takes the secret in the body alone.
    pub(super) secret_in_body_alone: bool,
}

impl Metadata {
    /// Reads a document.
    pub(super) fn read(
        document: &Map<String, Value>,
        config: &OidcConfig,
    ) -> Result<Self, DiscoveryError> {
        if text(document, "issuer") != Some(config.issuer.as_str()) {
            return Err(DiscoveryError::Issuer);
        }
        check_abilities(document)?;
        let secrets = list(document, "token_endpoint_auth_methods_supported");
        let secret_in_body_alone = secrets.is_some_and(|methods| {
            methods.contains(&"client_secret_post") && !methods.contains(&"client_secret_basic")
        });
        let shown = Shown::of(document, config);
        Ok(Self {
            authorization: required(document, config, "authorization_endpoint")?,
            token: shown
                .address("token_endpoint")?
                .ok_or(DiscoveryError::Missing("token_endpoint"))?,
            keys: required(document, config, "jwks_uri")?,
            user_info: shown.address("userinfo_endpoint")?,
            end_session: optional(document, config, "end_session_endpoint")?,
            reads_claims: document.get("claims_parameter_supported") == Some(&Value::Bool(true)),
            names_issuer: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            secret_in_body_alone,
        })
    }
}

/// Where the gateway proves which client it is, or shows what it was given then.
struct Shown<'d> {
    document: &'d Map<String, Value>,
    config: &'d OidcConfig,
    /// The addresses that ask for a client certificate (RFC 8705, section 5); none if the gateway
    /// shows none. What is not among them asks for one at its own address.
    aliases: Option<&'d Map<String, Value>>,
    by_certificate: bool,
}

impl<'d> Shown<'d> {
    fn of(document: &'d Map<String, Value>, config: &'d OidcConfig) -> Self {
        let by_certificate = matches!(config.client_authentication, ClientAuthentication::Tls(_));
        let aliases = document.get("mtls_endpoint_aliases").and_then(Value::as_object);
        Self { document, config, aliases: aliases.filter(|_| by_certificate), by_certificate }
    }

    fn address(&self, name: &'static str) -> Result<Option<Url>, DiscoveryError> {
        let alias =
            self.aliases.map_or(Ok(None), |aliases| optional(aliases, self.config, name))?;
        let address = match alias {
            Some(alias) => Some(alias),
            None => optional(self.document, self.config, name)?,
        };
        match address {
            Some(address) if self.by_certificate && address.scheme() != "https" => {
                Err(DiscoveryError::NoTls(name))
            }
            address => Ok(address),
        }
    }
}

/// Where an issuer's document is.
pub(super) fn address(issuer: &str) -> Option<Url> {
    Url::parse(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).ok()
}

/// A list that is missing says nothing; one that is there must name what is needed.
fn check_abilities(document: &Map<String, Value>) -> Result<(), DiscoveryError> {
    let lacks = |name, needed: &dyn Fn(&str) -> bool| {
        list(document, name).is_some_and(|items| !items.iter().any(|item| needed(item)))
    };
    if lacks("response_types_supported", &|item| item == "code") {
        return Err(DiscoveryError::NoCodeFlow);
    }
    if lacks("code_challenge_methods_supported", &|item| item == "S256") {
        return Err(DiscoveryError::NoPkce);
    }
    if lacks("id_token_signing_alg_values_supported", &|item| jwt::algorithm(item).is_some()) {
        return Err(DiscoveryError::NoAlgorithm);
    }
    Ok(())
}

fn text<'d>(document: &'d Map<String, Value>, name: &str) -> Option<&'d str> {
    document.get(name).and_then(Value::as_str)
}

fn list<'d>(document: &'d Map<String, Value>, name: &str) -> Option<Vec<&'d str>> {
    let items = document.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).collect())
}

fn required(
    document: &Map<String, Value>,
    config: &OidcConfig,
    name: &'static str,
) -> Result<Url, DiscoveryError> {
    optional(document, config, name)?.ok_or(DiscoveryError::Missing(name))
}

fn optional(
    document: &Map<String, Value>,
    config: &OidcConfig,
    name: &'static str,
) -> Result<Option<Url>, DiscoveryError> {
    let Some(value) = document.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let address = value.as_str().and_then(|text| Url::parse(text).ok());
    let address = address.filter(|address| !has_excess(address));
    let address = address.ok_or(DiscoveryError::Missing(name))?;
    // what runs on this machine is named by an issuer on this machine alone
    let may_be_here = Url::parse(&config.issuer).is_ok_and(|issuer| is_on_this_machine(&issuer));
    let is_good = address.scheme() == "https" || (is_safe(&address) && may_be_here);
    if is_good { Ok(Some(address)) } else { Err(DiscoveryError::Insecure(name)) }
}

#[cfg(test)]
mod tests;
