//! [`OidcConfig`]: what the operator says of a provider.

use std::collections::BTreeSet;
use std::time::Duration;

use url::{Host, Url};
use vestibule_schema::ProviderId;

use super::client_certificate::ClientCertificate;
use crate::Secret;

/// How the gateway proves to the token endpoint which client it is.
#[derive(Debug, Clone, Default)]
pub enum ClientAuthentication {
    /// In the `Authorization` header; in the body if the provider's discovery names that alone.
    #[default]
    Discovered,
    /// In the `Authorization` header: `client_secret_basic`.
    Basic,
    /// In the body: `client_secret_post`.
    Post,
    /// By a certificate, without a secret: `tls_client_auth` and `self_signed_tls_client_auth`
    /// (RFC 8705).
    Tls(ClientCertificate),
}

/// Why a text is no issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// It is no address.
    #[error("this is no address")]
    Address,
    /// It is not HTTPS, and not on this machine.
    #[error("an issuer must be `https://…`; `http://` is for this machine alone")]
    Insecure,
    /// It has what an issuer may not have.
    #[error("an issuer has no query, no fragment and no user")]
    Excess,
}

/// One provider, as the operator says. The defaults are the documented ones.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OidcConfig {
    /// The provider's name: of its table, its addresses here and its groups.
    pub id: ProviderId,
    /// Its issuer, to the letter.
    pub issuer: String,
    /// What the gateway is called there.
    pub client_id: String,
    /// What proves it; none for a public client.
    pub client_secret: Option<Secret<String>>,
    /// How it is proved.
    pub client_authentication: ClientAuthentication,
    /// Where the provider sends browsers back to. One for each provider, so that an answer of one
    /// can't be taken for another's (requirement S21).
    pub redirect_uri: Url,
    /// What people read on the button.
    pub display_name: String,
    /// What is asked for beside `openid`: `profile` and `email`.
    pub scopes: Vec<String>,
    /// The claim that holds the groups: `groups`.
    pub groups_claim: String,
    /// The claim that holds the user name: `preferred_username`.
    pub name_claim: String,
    /// Which ways to sign in the provider is asked for, the best first.
    pub acr_values: Vec<String>,
    /// One of these the provider must say it used; empty: any will do (requirement S31).
    pub required_acr: BTreeSet<String>,
    /// How long ago somebody may have signed in at the provider; none: any time.
    pub max_age: Option<Duration>,
    /// How long the provider may take for an answer: 10 s.
    pub timeout: Duration,
    /// How often it is asked again of those who are signed in, as directories are: 5 min.
    pub refresh: Duration,
}

impl OidcConfig {
    /// A provider with its defaults. `portal` is the portal's address, as browsers see it.
    ///
    /// # Errors
    /// If the issuer is none.
    pub fn new(
        id: ProviderId,
        issuer: &str,
        client_id: &str,
        portal: &Url,
    ) -> Result<Self, IssuerError> {
        let address = Url::parse(issuer).map_err(|_| IssuerError::Address)?;
        if !is_safe(&address) {
            return Err(IssuerError::Insecure);
        }
        if address.query().is_some() || has_excess(&address) {
            return Err(IssuerError::Excess);
        }
        let mut redirect_uri = portal.clone();
        redirect_uri.set_path(&format!("/_vestibule/oidc/{id}/callback"));
        Ok(Self {
            display_name: id.as_str().to_owned(),
            id,
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: None,
            client_authentication: ClientAuthentication::default(),
            redirect_uri,
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            groups_claim: "groups".to_owned(),
            name_claim: "preferred_username".to_owned(),
            acr_values: Vec::new(),
            required_acr: BTreeSet::new(),
            max_age: None,
            timeout: Duration::from_secs(10),
            refresh: Duration::from_secs(5 * 60),
        })
    }
}

/// Whether what is sent there can't be read on the way: HTTPS, or HTTP to this machine.
pub(super) fn is_safe(address: &Url) -> bool {
    match address.scheme() {
        "https" => address.has_host(),
        "http" => is_on_this_machine(address),
        _ => false,
    }
}

/// Whether an address is this machine's.
pub(super) fn is_on_this_machine(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether an address has a user, a password or a fragment.
pub(super) fn has_excess(address: &Url) -> bool {
    !address.username().is_empty() || address.password().is_some() || address.fragment().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(issuer: &str, expected: Option<IssuerError>) {
        let portal = Url::parse("https://photos.example.com").unwrap();
        let id = ProviderId::parse("office").unwrap();
        let config = OidcConfig::new(id, issuer, "vestibule", &portal);
        assert_eq!(config.as_ref().err().copied(), expected, "{issuer}");
        if let Ok(config) = config {
            let expected = "https://photos.example.com/_vestibule/oidc/office/callback";
            assert_eq!(config.redirect_uri.as_str(), expected);
            assert_eq!(config.issuer, issuer);
        }
    }

    #[test]
    fn an_issuer_is_https_or_on_this_machine() {
        check("https://id.example.com", None);
        check("https://id.example.com/realms/photos/", None);
        check("http://127.0.0.1:4000", None);
        check("http://[::1]:4000", None);
        check("http://localhost:4000/x", None);
        check("http://id.example.com", Some(IssuerError::Insecure));
        check("http://localhost.example.com", Some(IssuerError::Insecure));
        check("ftp://id.example.com", Some(IssuerError::Insecure));
        check("file:///etc/passwd", Some(IssuerError::Insecure));
        check("id.example.com", Some(IssuerError::Address));
        check("https://id.example.com?tenant=1", Some(IssuerError::Excess));
        check("https://id.example.com/#x", Some(IssuerError::Excess));
        check("https://jane:x@id.example.com", Some(IssuerError::Excess));
    }
}
