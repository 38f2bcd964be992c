//! What a gallery server is told of who asks, and how it can know that it is true.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::client::{Client, cookie};
use crate::harness::RUNNING;

const HOST: &str = "sockets.localhost";
const HEADER: &str = "x-vestibule-assertion:";

/// The assertions that the gallery server was sent.
fn asserted(body: &str) -> Vec<String> {
    let lines = body.lines().filter(|line| line.to_ascii_lowercase().starts_with(HEADER));
    lines.map(|line| line.split_once(':').unwrap().1.trim().to_owned()).collect()
}

/// The value of a text member, without a reader of JSON: the tokens are ours.
fn member<'j>(json: &'j str, name: &str) -> &'j str {
    let rest =
        json.split_once(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}: {json}")).1;
    if let Some(text) = rest.strip_prefix('"') {
        return text.split('"').next().unwrap();
    }
    let end = if rest.starts_with('[') {
        rest.find(']').unwrap() + 1
    } else {
        rest.find([',', '}']).unwrap()
    };
    rest.get(..end).unwrap()
}

/// S58, complaint 4: what is said of somebody can be verified from the published keys alone;
/// what anybody else says is left behind.
#[test]
fn a_gallery_server_knows_who_asks() {
    let jane = cookie(&RUNNING.sign_in("sockets", "jane"));
    let mut client = Client::new();
    let forged = "X-Vestibule-Assertion: a.b.c";
    let reply =
        client.send("GET", HOST, "/files/a.jpg", &[&jane, forged, "X_Vestibule_Assertion: d"]);
    assert_eq!(reply.status, 200);
    let [token] = &asserted(&reply.body)[..] else { panic!("{}", reply.body) };
    let keys = client.send("GET", "portal.localhost", "/.well-known/jwks.json", &[]);
    assert_eq!((keys.status, keys.header("content-type")), (200, vec!["application/json"]));
    assert_eq!(keys.header("cache-control"), ["public, max-age=3600"]);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let text = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let (head, claims) = (text(head), text(claims));
    assert_eq!(member(&head, "kid"), member(&keys.body, "kid"));
    let key = URL_SAFE_NO_PAD.decode(member(&keys.body, "x")).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature).unwrap();
    for (name, value) in [
        ("iss", "https://portal.example"),
        ("aud", "sockets"),
        ("preferred_username", "jane"),
        ("role", "viewer"),
        ("roles", "[\"viewer\"]"),
        ("groups", "[]"),
    ] {
        assert_eq!(member(&claims, name), value, "{claims}");
    }
    let permissions = member(&claims, "permissions");
    assert!(permissions.contains("\"view\"") && !permissions.contains("manage"), "{permissions}");
}

/// S58: nobody is told of as nobody, and who did not ask to be told is told nothing.
#[test]
fn of_nobody_nothing_is_said() {
    let forged = "X-Vestibule-Assertion: a.b.c";
    let mut client = Client::new();
    let nobody = client.send("GET", HOST, "/files/a.jpg", &[forged]);
    assert_eq!((nobody.status, asserted(&nobody.body).len()), (200, 0));
    let jane = cookie(&RUNNING.jane);
    let other = client.send("GET", "localhost", "/image/a.jpg?size=thumbnail", &[&jane, forged]);
    assert_eq!((other.status, asserted(&other.body).len()), (200, 0));
}

/// The keys are on every host of the gateway, for anybody, to be read only.
#[test]
fn the_keys_are_on_every_host() {
    let mut client = Client::new();
    let mut status =
        |method: &str, host: &str| client.send(method, host, "/.well-known/jwks.json", &[]).status;
    for host in ["localhost", HOST, "portal.localhost", "shut.localhost", "clients.localhost"] {
        assert_eq!(status("GET", host), 200, "{host}");
    }
    assert_eq!(status("HEAD", "localhost"), 200);
    assert_eq!(status("DELETE", "localhost"), 405);
    assert_eq!(status("GET", "other.example"), 421);
}
