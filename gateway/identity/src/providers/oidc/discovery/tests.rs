//! Where a gateway asks that shows a client certificate (S32).

use serde_json::json;
use vestibule_schema::ProviderId;
use vestibule_tests::Authority;

use super::super::client_certificate::ClientCertificate;
use super::*;

/// The addresses that are asked for tokens and for what is told of somebody.
fn read(
    authentication: ClientAuthentication,
    more: &Value,
) -> Result<(String, Option<String>), DiscoveryError> {
    read_of("https://id.example.com", authentication, more)
}

fn read_of(
    issuer: &str,
    authentication: ClientAuthentication,
    more: &Value,
) -> Result<(String, Option<String>), DiscoveryError> {
    let portal = Url::parse("https://photos.example.com").unwrap();
    let id = ProviderId::parse("office").unwrap();
    let mut config = OidcConfig::new(id, issuer, "vestibule", &portal).unwrap();
    config.client_authentication = authentication;
    let mut document = json!({
        "issuer": "https://id.example.com",
        "authorization_endpoint": "https://id.example.com/authorize",
        "token_endpoint": "https://id.example.com/token",
        "userinfo_endpoint": "https://id.example.com/userinfo",
        "jwks_uri": "https://id.example.com/jwks",
    });
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    let metadata = Metadata::read(document.as_object().unwrap(), &config)?;
    assert_eq!(metadata.authorization.as_str(), "https://id.example.com/authorize");
    Ok((metadata.token.to_string(), metadata.user_info.map(|address| address.to_string())))
}

fn by_certificate() -> ClientAuthentication {
    let dir = tempfile::tempdir().unwrap();
    Authority::new().write(dir.path(), "vestibule");
    let (chain, key) = (dir.path().join("certificate.pem"), dir.path().join("key.pem"));
    ClientAuthentication::Tls(ClientCertificate::load(&chain, &key).unwrap())
}

fn pair(token: &str, user_info: &str) -> (String, Option<String>) {
    (token.to_owned(), Some(user_info.to_owned()))
}

#[test]
fn who_shows_a_certificate_asks_where_one_is_asked_for() {
    let (token, user_info) = ("https://id.example.com/token", "https://id.example.com/userinfo");
    let alias = "https://mtls.example.com/token";
    let aliases = json!({ "mtls_endpoint_aliases": { "token_endpoint": alias } });
    let none = json!({ "mtls_endpoint_aliases": {} });
    assert_eq!(read(by_certificate(), &aliases).unwrap(), pair(alias, user_info));
    assert_eq!(read(by_certificate(), &none).unwrap(), pair(token, user_info));
    assert_eq!(read(by_certificate(), &json!({})).unwrap(), pair(token, user_info));
    let both = "https://mtls.example.com/userinfo";
    let aliases = json!({
        "mtls_endpoint_aliases": { "token_endpoint": alias, "userinfo_endpoint": both }
    });
    assert_eq!(read(by_certificate(), &aliases).unwrap(), pair(alias, both));
    // a secret goes where it always went
    for other in [ClientAuthentication::Basic, ClientAuthentication::Discovered] {
        assert_eq!(read(other, &aliases).unwrap(), pair(token, user_info));
    }
}

#[test]
fn no_certificate_is_shown_in_the_clear() {
    let (issuer, plain) = ("http://127.0.0.1:4000", "http://127.0.0.1:4000/token");
    let plain = json!({ "issuer": issuer, "token_endpoint": plain });
    let answer = read_of(issuer, by_certificate(), &plain);
    assert!(matches!(answer, Err(DiscoveryError::NoTls("token_endpoint"))));
    assert!(read_of(issuer, ClientAuthentication::Basic, &plain).is_ok());
    let alias = json!({ "mtls_endpoint_aliases": { "token_endpoint": "http://evil.example/" } });
    assert!(matches!(
        read(by_certificate(), &alias),
        Err(DiscoveryError::Insecure("token_endpoint"))
    ));
}

/// The name of the address that is refused, if one is.
fn refused(issuer: &str, patch: (&str, &str)) -> Option<&'static str> {
    let portal = Url::parse("https://photos.example.com").unwrap();
    let id = ProviderId::parse("office").unwrap();
    let config = OidcConfig::new(id, issuer, "vestibule", &portal).unwrap();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": "https://id.example.com/authorize",
        "token_endpoint": "https://id.example.com/token",
        "jwks_uri": "https://id.example.com/jwks",
    });
    document[patch.0] = json!(patch.1);
    match Metadata::read(document.as_object().unwrap(), &config) {
        Err(DiscoveryError::Insecure(name)) => Some(name),
        _ => None,
    }
}

/// S22: an issuer elsewhere has nothing to say of what runs on this machine.
#[test]
fn this_machine_is_named_by_an_issuer_on_it_alone() {
    let here = "http://127.0.0.1:9000/token";
    let elsewhere = "https://id.example.com";
    assert_eq!(refused(elsewhere, ("token_endpoint", here)), Some("token_endpoint"));
    assert_eq!(refused(elsewhere, ("jwks_uri", "http://localhost/jwks")), Some("jwks_uri"));
    let info = ("userinfo_endpoint", "http://[::1]/");
    assert_eq!(refused(elsewhere, info), Some("userinfo_endpoint"));
    for issuer in ["http://127.0.0.1:9000", "https://localhost:9000"] {
        assert_eq!(refused(issuer, ("token_endpoint", here)), None, "{issuer}");
    }
    assert_eq!(refused(elsewhere, ("token_endpoint", "https://id.example.com/t")), None);
}
