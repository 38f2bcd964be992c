//! Being known to a provider of OpenID Connect by a certificate (RFC 8705): npm's `oidc-provider`
//! over TLS on the other side, whose token endpoint asks for one at an address of its own.

use pretty_assertions::assert_eq;
use url::Url;
use vestibule_tests::{Authority, ConfigDir, Gateway, Issued, OidcServer, Wanderer};

/// A folder that only the family sees.
const CLOSED: &str = "/browse/family/";

/// A gateway that shows a certificate to the provider `office`.
async fn start(provider: &OidcServer, trusted: &Authority, own: &Issued) -> Gateway {
    let table = format!(
        "\n[identity.oidc.office]\nissuer = \"{}\"\nclient_id = \"vestibule\"\n\
         client_authentication = \"tls\"\nclient_certificate = \"client.pem\"\n\
         client_key = \"client-key.pem\"\nauto_register = true\nrefresh_seconds = 1\n\
         scopes = [\"profile\", \"email\", \"groups\", \"offline_access\"]\n",
        provider.issuer
    );
    let config = ConfigDir::demo().with_gateway(&table);
    let grants = "[[groups]]\ngroup = \"family\"\nrole = \"admin\"\n";
    config.write("config.d/sites/gallery/grants.toml", grants);
    config.write("client.pem", &own.certificate);
    config.write("client-key.pem", &own.key);
    config.write("trusted.pem", &trusted.pem());
    let gateway = Gateway::start_trusting(config, "trusted.pem").await;
    provider.serve(&gateway, "office").await;
    gateway
}

fn at(gateway: &Gateway, path: &str) -> Url {
    Url::parse(&format!("http://localhost:{}{path}", gateway.port)).unwrap()
}

/// Signs in as alice; gives the last page's status, and that of the closed folder after it.
async fn sign_in(browser: &Wanderer, gateway: &Gateway) -> (u16, u16) {
    let begin = at(gateway, "/_vestibule/oidc/office");
    let (_, page) = browser.sign_in_at_provider(begin.as_str(), "alice").await;
    let folder = browser.open(at(gateway, CLOSED).as_str()).await.1;
    (page.status, if folder.text().contains("grandmother.jpg") { 200 } else { 0 })
}

/// S32: tokens are asked for, used and renewed with the certificate, and with no secret.
#[tokio::test]
async fn a_provider_knows_the_gateway_by_its_certificate() {
    let authority = Authority::new();
    let provider = OidcServer::start_asking(&authority).await;
    let own = authority.client("vestibule.example", |_| {});
    let gateway = start(&provider, &authority, &own).await;
    let browser = provider.browser();
    assert_eq!(sign_in(&browser, &gateway).await, (200, 200), "{}", gateway.log());
    // the refresh token, too, is good with the certificate alone
    provider.control("groups", &[("name", "alice"), ("groups", "")]).await;
    let is_out = async || {
        let reply = browser.step(&at(&gateway, CLOSED), None).await;
        (reply.status >= 400).then_some(())
    };
    let patience = std::time::Duration::from_secs(60);
    vestibule_tests::eventually(patience, "groups are read again", is_out).await;
}

/// S32: a certificate of somebody else is none.
#[tokio::test]
async fn a_provider_takes_no_other_certificate() {
    let authority = Authority::new();
    let provider = OidcServer::start_asking(&authority).await;
    // of another name: a signature that fails makes node end a connection now and then, whatever
    // the provider says
    let other = Authority::named("another authority");
    for (what, wrong) in [
        ("for another name", authority.client("elsewhere.example", |_| {})),
        ("of another authority", other.client("vestibule.example", |_| {})),
    ] {
        let gateway = start(&provider, &authority, &wrong).await;
        let (page, folder) = sign_in(&provider.browser(), &gateway).await;
        assert!(page >= 400 && folder == 0, "a certificate {what}: {page}");
        let log = gateway.log();
        let is_told = log.contains("does not accept the gateway as its client");
        assert!(is_told, "{what}: {log}\n{}", provider.log());
    }
}
