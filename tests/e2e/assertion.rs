//! What a gallery server of somebody else's is told of who asks, and how it can know that it is
//! true: from the published keys alone.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pretty_assertions::assert_eq;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;
use vestibule_tests::{ConfigDir, Gateway, Reply};

/// A gallery server that says what it was asked; it ends with the process.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let reply = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nX_Vestibule_Assertion: leaked\r\n\
         X-Vestibule-Assertion: leaked\r\nContent-Length: {}\r\n\r\n",
        head.len()
    );
    let _ = stream.write_all(reply.as_bytes());
    let _ = stream.write_all(&head);
}

/// The assertions that the gallery server was sent.
fn asserted(reply: &Reply) -> Vec<String> {
    let text = reply.text();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    let folded = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let ours = fields.filter(|(name, _)| folded(name) == "x-vestibule-assertion");
    ours.map(|(_, value)| value.trim().to_owned()).collect()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// S58, complaint 4.
#[tokio::test]
async fn a_gallery_server_is_told_who_asks() {
    let config = ConfigDir::demo();
    let gallery = toml::Value::from(config.gallery("gallery").to_str().unwrap());
    let site = format!(
        "hosts = [\"localhost\"]\nupstream = [\"http://{}\"]\nadapter = \"vestibule\"\n\
         gallery = {gallery}\nassertion = true\n",
        echo()
    );
    config.write("config.d/sites/gallery/site.toml", &site);
    let gateway = Gateway::start(config).await;
    let jane = gateway.signed_in("jane").await;
    let forged = [
        ("x-vestibule-assertion", "a.b.c"),
        ("x_vestibule_assertion", "d"),
        ("x-vestibule-assertion_", "e"),
    ];
    let target = "/image/welcome.jpg?size=thumbnail";
    let reply = jane.get_with(target, &forged).await.expect(200);
    let [token] = &asserted(&reply)[..] else { panic!("{}", reply.text()) };
    assert!(reply.headers.keys().all(|name| !name.as_str().contains("assertion")), "{reply:?}");

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let (head, claims) = (decoded(head), decoded(claims));
    let keys = gateway.client().get("/.well-known/jwks.json").await.expect(200);
    let keys: Value = serde_json::from_slice(&keys.body).unwrap();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == head["kid"]);
    let key = URL_SAFE_NO_PAD.decode(key.unwrap()["x"].as_str().unwrap()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature).unwrap();
    assert_eq!(claims["iss"], format!("http://localhost:{}", gateway.port));
    assert_eq!(
        (&claims["aud"], &claims["preferred_username"]),
        (&"gallery".into(), &"jane".into())
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert!(claims["permissions"].as_array().unwrap().contains(&"view".into()), "{claims}");

    let nobody = gateway.client().get_with(target, &forged).await.expect(200);
    assert_eq!(asserted(&nobody), Vec::<String>::new());
}
