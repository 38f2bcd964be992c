//! The same gateway over HTTPS.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use pretty_assertions::assert_eq;
use vestibule_tests::{Client, ConfigDir, Gateway};

/// A gateway with a certificate for `localhost`, and a browser that trusts it.
async fn secure() -> (Gateway, Client) {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let config = ConfigDir::demo().with_gateway(
        "public_url = \"https://localhost:{port}\"\n[[tls]]\nlisten = \"127.0.0.1:{port}\"\n\
         certificate = \"certificate.pem\"\nkey = \"key.pem\"\n",
    );
    fs::write(config.at("certificate.pem"), certified.cert.pem()).unwrap();
    fs::write(config.at("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    let gateway = Gateway::start(config).await;
    let origin = format!("https://localhost:{}", gateway.port);
    let client = Client::trusting(&origin, &certified.cert.pem());
    (gateway, client)
}

/// S1, S80: the prefix makes browsers refuse such a cookie from any other host or over plain HTTP.
#[tokio::test]
async fn the_session_cookie_is_bound_to_host_and_https() {
    let (_gateway, client) = secure().await;
    client.open("/browse/family/").await.expect(303);
    let welcome = client.sign_in("fred").await;
    let cookies = welcome.all("set-cookie");
    let session = cookies.iter().find(|c| c.starts_with("__Host-vestibule=")).unwrap();
    let mut attributes: Vec<_> = session.split("; ").skip(1).collect();
    attributes.retain(|attribute| !attribute.starts_with("Max-Age="));
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    assert!(cookies.iter().all(|c| c.starts_with("__Host-") && c.ends_with("; Secure")));
    let page = client.open("/browse/family/").await.expect(200);
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
    client.sign_out().await;
    client.open("/browse/family/").await.expect(303);
}

/// Without the prefix it may come from anywhere: it is no session.
#[tokio::test]
async fn a_cookie_without_the_prefix_is_no_session() {
    let (gateway, client) = secure().await;
    client.sign_in("fred").await;
    let session = client.enter("/").await.cookie("__Host-vestibule.gallery");
    let token = session.split('=').nth(1).unwrap();
    let certificate = fs::read_to_string(gateway.config.at("certificate.pem")).unwrap();
    let origin = format!("https://localhost:{}", gateway.port);
    let other = Client::trusting(&origin, &certificate);
    let target = "/image/family/garden.jpg?size=thumbnail";
    let plain = format!("vestibule.gallery={token}");
    other.get_with(target, &[("cookie", &plain)]).await.expect(401);
    let prefixed = format!("__Host-vestibule.gallery={token}");
    other.get_with(target, &[("cookie", &prefixed)]).await.expect(200);
}

/// A request in the clear to the encrypted port is no request.
#[tokio::test]
async fn plain_http_is_not_answered_there() {
    let (gateway, _client) = secure().await;
    let request = vestibule_tests::raw::get("/", &[]);
    let reply = vestibule_tests::raw::tcp(gateway.address(), &request).await;
    assert_eq!(reply.status, 0, "{}", reply.text);
}

/// What a server answers first to a client that speaks no later version than this one, on a
/// connection of its own: a record's type, and an alert's description.
fn answer_to_version(address: std::net::SocketAddr, version: [u8; 2]) -> (u8, u8) {
    // RFC 5246, 7.4.1.2: version, random, no session, two suites, no compression
    let mut hello = version.to_vec();
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    // and what the suites need: groups, forms of points, signatures
    hello.extend([0, 26, 0, 10, 0, 6, 0, 4, 0, 29, 0, 23, 0, 11, 0, 2, 1, 0]);
    hello.extend([0, 13, 0, 6, 0, 4, 4, 3, 8, 4]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(&record).unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap();
    (answer[0], answer[6])
}

/// S80: nothing older than TLS 1.2, and a host that nobody has is told so whatever was asked for
/// while the connection was made.
#[tokio::test]
async fn old_versions_and_unknown_hosts_are_refused() {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    let (gateway, client) = secure().await;
    for version in [[3, 0], [3, 1], [3, 2]] {
        let (answer, why) = answer_to_version(gateway.address(), version);
        assert_eq!(answer, ALERT, "{version:?}");
        assert!(matches!(why, 40 | 70), "{version:?}: refused for its version, not {why}");
    }
    assert_eq!(answer_to_version(gateway.address(), [3, 3]).0, HANDSHAKE, "the same but newer");
    client.get("/browse/").await.expect(200);
    let elsewhere = client.get_with("/browse/", &[("host", "elsewhere.example")]).await;
    elsewhere.expect(421);
}

#[test]
fn a_key_that_is_missing_is_named() {
    let config = ConfigDir::demo().with_gateway(
        "[[tls]]\nlisten = \"127.0.0.1:1\"\ncertificate = \"c.pem\"\nkey = \"no-key.pem\"\n",
    );
    let run = config.run(&["serve"]).expect(1);
    assert!(run.err.contains("c.pem"), "{}", run.err);
}
