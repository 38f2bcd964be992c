//! Certificates of clients: who is let in by one, and sessions that are bound to one.

use std::fs;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use pretty_assertions::assert_eq;
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::HandshakeKind;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use vestibule_tests::{Authority, Client, ConfigDir, Gateway, Issued, eventually};

const PATIENCE: Duration = Duration::from_secs(60);
/// What whoever is let in may see.
const OPEN: &str = "/browse/";
/// What only the family sees.
const CLOSED: &str = "/image/family/garden.jpg?size=thumbnail";

/// A gateway over HTTPS whose `clients.pem` names an authority.
struct Asking {
    gateway: Gateway,
    /// Whom browsers trust.
    trusted: String,
    authority: Authority,
}

impl Asking {
    /// With these lines in its `[[tls]]` table and after it.
    async fn start(lines: &str) -> Self {
        let config = ConfigDir::demo().with_gateway(&format!(
            "public_url = \"https://localhost:{{port}}\"\n[[tls]]\nlisten = \"127.0.0.1:{{port}}\"\n\
             certificate = \"certificate.pem\"\nkey = \"key.pem\"\n{lines}"
        ));
        let (own, authority) = (Authority::new(), Authority::new());
        own.write(config.path(), "localhost");
        config.write("clients.pem", &authority.pem());
        Self { gateway: Gateway::start(config).await, trusted: own.pem(), authority }
    }

    /// A browser that has this certificate.
    fn browser(&self, own: Option<&Issued>) -> Client {
        let origin = format!("https://localhost:{}", self.gateway.port);
        Client::showing(&origin, &self.trusted, own)
    }

    /// What a new browser gets that has this certificate; none if its connection is refused.
    async fn status(&self, own: Option<&Issued>) -> Option<u16> {
        self.browser(own).try_get(OPEN).await
    }

    /// Certificates that are none here, with what is wrong with them.
    fn wrong(&self) -> [(&'static str, Issued); 4] {
        let authority = &self.authority;
        [
            ("of another authority", Authority::new().client("jane", |_| {})),
            (
                "that has expired",
                authority.client("jane", |params| params.not_after = date_time_ymd(2020, 1, 1)),
            ),
            (
                "that is not good yet",
                authority.client("jane", |params| params.not_before = date_time_ymd(2200, 1, 1)),
            ),
            (
                "for servers",
                authority.client("jane", |params| {
                    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                }),
            ),
        ]
    }

    fn audited(&self, event: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.gateway.config.at("state/audit.jsonl")).unwrap();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let records = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|record| record["event"] == event).collect()
    }
}

/// S80: nobody speaks to such a listener without a certificate of its authority.
#[tokio::test]
async fn without_a_good_certificate_nobody_is_heard() {
    let asking = Asking::start("client_ca = \"clients.pem\"\n").await;
    assert_eq!(asking.status(None).await, None);
    for (what, wrong) in asking.wrong() {
        assert_eq!(asking.status(Some(&wrong)).await, None, "a certificate {what}");
    }
    let good = asking.authority.client("jane", |_| {});
    assert_eq!(asking.status(Some(&good)).await, Some(200));
    // it opens the door; who somebody is, is another question
    let browser = asking.browser(Some(&good));
    browser.get(CLOSED).await.expect(401);
    browser.sign_in("fred").await;
    browser.get(CLOSED).await.expect(200);
    assert!(asking.gateway.log().contains("a client is refused at its handshake"));
    assert_eq!(asking.audited("session_misplaced").len(), 0);
}

/// S80: where none is needed a wrong one is still none.
#[tokio::test]
async fn an_optional_certificate_is_good_or_refused() {
    let asking =
        Asking::start("client_ca = \"clients.pem\"\nclient_certificates = \"optional\"\n").await;
    assert_eq!(asking.status(None).await, Some(200));
    for (what, wrong) in asking.wrong() {
        assert_eq!(asking.status(Some(&wrong)).await, None, "a certificate {what}");
    }
    let good = asking.authority.client("jane", |_| {});
    assert_eq!(asking.status(Some(&good)).await, Some(200));
}

/// S80: other authorities are in force without a restart, also on connections that there are; where
/// none is left, nobody is let in.
#[tokio::test]
async fn other_authorities_are_taken_over() {
    let asking = Asking::start("client_ca = \"clients.pem\"\n").await;
    let (old, next) = (asking.authority.client("jane", |_| {}), Authority::new());
    let new = next.client("jane", |_| {});
    let open = asking.browser(Some(&old));
    assert_eq!(open.try_get(OPEN).await, Some(200));
    assert_eq!(asking.status(Some(&new)).await, None);
    asking.gateway.config.write("clients.pem", &next.pem());
    let is_in = async || (asking.status(Some(&new)).await == Some(200)).then_some(());
    eventually(PATIENCE, "the new authority is in force", is_in).await;
    assert_eq!(asking.status(Some(&old)).await, None);
    let on_the_open_one = open.try_get(OPEN).await;
    assert!(matches!(on_the_open_one, None | Some(400)), "{on_the_open_one:?}");
    assert_eq!(open.try_get(OPEN).await, None);
    for (nth, bad) in ["", "no certificate"].iter().enumerate() {
        asking.gateway.config.write("clients.pem", bad);
        let told = || asking.gateway.log().matches("no authority of clients is left").count();
        let is_told = async || (told() > nth).then_some(());
        eventually(PATIENCE, "the mistake is told", is_told).await;
        for shown in [None, Some(&old), Some(&new)] {
            assert_eq!(asking.status(shown).await, None, "no authority is left");
        }
    }
    assert!(asking.gateway.log().contains("clients.pem"), "the file is named");
}

/// How two connections of one client come about, the second after the first was told of sessions
/// that it may resume.
fn two_handshakes(asking: &Asking, own: &Issued) -> [Option<HandshakeKind>; 2] {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(asking.trusted.as_bytes()).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    [(); 2].map(|()| {
        let name = "localhost".try_into().unwrap();
        let connection = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
        let stream = TcpStream::connect(asking.gateway.address()).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let request = vestibule_tests::raw::get(OPEN, &[]);
        std::io::Write::write_all(&mut stream, &request).unwrap();
        let mut answer = Vec::new();
        // the end may come without a close notification
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        stream.conn.handshake_kind()
    })
}

/// S80: a session that is resumed would bring a certificate back that nobody looks at again.
#[tokio::test]
async fn no_connection_goes_on_with_what_another_proved() {
    let own = Authority::new().client("jane", |_| {});
    let free = Asking::start("").await;
    let kinds = two_handshakes(&free, &own);
    assert_eq!(kinds[1], Some(HandshakeKind::Resumed), "where nobody is asked for one");
    for wanted in ["required", "optional"] {
        let lines = format!("client_ca = \"clients.pem\"\nclient_certificates = \"{wanted}\"\n");
        let asking = Asking::start(&lines).await;
        let own = asking.authority.client("jane", |_| {});
        assert_eq!(two_handshakes(&asking, &own), [Some(HandshakeKind::Full); 2], "{wanted}");
    }
}

const BINDING: &str = "client_ca = \"clients.pem\"\nclient_certificates = \"optional\"\n\
    [sessions]\nbind_to_client_certificate = true\n";

/// What a cookie opens for a browser that holds nothing else: at the site, at the portal.
async fn opens(asking: &Asking, own: Option<&Issued>, cookies: [&str; 2]) -> [u16; 2] {
    let [site, portal] = cookies;
    let site = asking.browser(own).get_with(CLOSED, &[("cookie", site)]).await;
    let account = "/_vestibule/account";
    let portal = asking.browser(own).get_with(account, &[("cookie", portal)]).await;
    [site.status, portal.status]
}

/// S32: a cookie that somebody else got hold of is nothing without the certificate on whose
/// connection its session began, at the portal and at sites.
#[tokio::test]
async fn a_session_is_worth_something_with_its_certificate_alone() {
    let asking = Asking::start(BINDING).await;
    let hers = asking.authority.client("fred", |_| {});
    let another = asking.authority.client("fred", |_| {});
    let browser = asking.browser(Some(&hers));
    let portal = browser.sign_in("fred").await.cookie("__Host-vestibule");
    let site = browser.enter("/").await.cookie("__Host-vestibule.gallery");
    let cookies = [site.as_str(), portal.as_str()];
    let nobody = opens(&asking, None, ["none=1"; 2]).await;
    for _ in 0..2 {
        assert_eq!(opens(&asking, Some(&hers), cookies).await, [200, 200]);
        assert_eq!(opens(&asking, None, cookies).await, nobody);
        assert_eq!(opens(&asking, Some(&another), cookies).await, nobody);
    }
    browser.get(CLOSED).await.expect(200);
    // each of the two sessions is told of once
    let told = async || (asking.audited("session_misplaced").len() >= 2).then_some(());
    eventually(PATIENCE, "it is written down", told).await;
    let told = asking.audited("session_misplaced");
    assert_eq!(told.len(), 2, "{told:?}");
    for record in told {
        assert_eq!(record["outcome"], "refused");
        assert_eq!(record["principal"], serde_json::json!({ "kind": "unknown" }));
        assert_eq!(record["details"]["account"], "fred");
    }
}

/// S32: what began without a certificate is bound to none, and no code leads from a session that
/// is bound to one that is not.
#[tokio::test]
async fn a_session_without_a_certificate_is_free() {
    let asking = Asking::start(BINDING).await;
    let hers = asking.authority.client("fred", |_| {});
    let browser = asking.browser(None);
    let portal = browser.sign_in("fred").await.cookie("__Host-vestibule");
    let site = browser.enter("/").await.cookie("__Host-vestibule.gallery");
    for own in [None, Some(&hers)] {
        assert_eq!(opens(&asking, own, [&site, &portal]).await, [200, 200]);
    }
    assert_eq!(asking.audited("session_misplaced").len(), 0);
}

/// S80: an authority that can't be read keeps the gateway from starting; it never means that
/// nobody is asked.
#[tokio::test]
async fn a_gateway_without_its_authority_does_not_start() {
    let lines = "[[tls]]\nlisten = \"127.0.0.1:1\"\ncertificate = \"certificate.pem\"\n\
        key = \"key.pem\"\nclient_ca = \"clients.pem\"\n";
    let config = ConfigDir::demo().with_gateway(lines);
    Authority::new().write(config.path(), "localhost");
    for text in [None, Some("")] {
        if let Some(text) = text {
            config.write("clients.pem", text);
        }
        let run = config.run(&["check"]).expect(2);
        let said = run.out + &run.err;
        assert!(
            said.contains("config::bad_client_ca") && said.contains("vestibule.toml:5"),
            "{said}"
        );
        assert!(said.contains("clients.pem") && said.contains("help:"), "{said}");
        let run = config.run(&["serve"]).expect(1);
        assert!(run.err.contains("clients.pem"), "{}", run.err);
    }
}
