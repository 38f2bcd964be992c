//! Over a real socket.

use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use vestibule_grant::{Binding, HEADER, MAX_TOKEN_BYTES};
use vestibule_schema::{Permission, PermissionSet};

use super::pictures::jpeg;
use super::support::{Gallery, claims, key, path, set};
use crate::{Listen, ServeError, Server};

fn request(method: &str, target: &str, grant: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{HEADER}: {grant}\r\n\r\n"
    )
}

fn sign(method: &str, target: &str, claims: &vestibule_grant::Claims) -> String {
    let binding = Binding { site: "family", method, target };
    key().sign(&binding, claims, SystemTime::now()).unwrap()
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_goes_at_the_end() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    let config = Gallery::config(gallery.around());
    let Listen::Unix(socket) = config.listen.clone() else { panic!("a socket") };
    // a stale socket is replaced, a file is not
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let server = Server::bind(config).await.unwrap();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let second = Gallery::config(gallery.around());
    assert!(matches!(Server::bind(second).await, Err(ServeError::Listen { .. })));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { stopped.await.unwrap_or_default() }));
    let target = "/image/a.jpg?size=original";
    for (method, has_body) in [("GET", true), ("HEAD", false)] {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        let grant = sign(method, target, &claims(PermissionSet::ALL));
        stream.write_all(request(method, target, &grant).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains(&format!("content-length: {}", jpeg(40, 30).len())), "{head}");
        assert_eq!(bytes.len() > end, has_body);
    }
    stop.send(()).unwrap();
    running.await.unwrap();
    assert!(!socket.exists());
    std::fs::write(&socket, "mine").unwrap();
    let config = Gallery::config(gallery.around());
    assert!(matches!(Server::bind(config).await, Err(ServeError::Listen { .. })));
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "mine");
}

#[tokio::test]
async fn the_longest_grant_fits_into_the_head() {
    let gallery = Gallery::new();
    let mut config = Gallery::config(gallery.around());
    config.listen = Listen::Tcp("127.0.0.1:0".parse().unwrap());
    let server = Server::bind(config).await.unwrap();
    let address = server.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { stopped.await.unwrap_or_default() }));
    // names that hardly compress, as many as fit
    let mut who = claims(set(&[Permission::SeeHidden]));
    let mut state = 7_u64;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{state:016x}")
    };
    who.below = (0..5000)
        .map(|_| vestibule_grant::Below {
            folder: path(&format!("/{}{}/", word(), word())),
            permissions: set(&[]),
            rules: vestibule_grant::KnownRules::Block,
        })
        .collect();
    who.below.sort_by(|a, b| a.folder.cmp(&b.folder));
    let grant = sign("GET", "/api/folders/", &who);
    assert!(grant.len() > MAX_TOKEN_BYTES * 2 / 5, "{}", grant.len());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request("GET", "/api/folders/", &grant).as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    let gallery = Gallery::new();
    let mut config = Gallery::config(gallery.around());
    config.listen = Listen::Tcp("0.0.0.0:0".parse().unwrap());
    assert!(matches!(Server::bind(config).await, Err(ServeError::NotLoopback(_))));
}

/// Nobody reads any more: the archive's writer ends, and makes room for another.
#[tokio::test]
async fn a_dropped_archive_stops_its_work() {
    let gallery = Gallery::with(|config| config.limits.archives = 1);
    for number in 0..50 {
        gallery.write(&format!("{number}.jpg"), vec![0xFF; 400_000]);
    }
    let who = claims(PermissionSet::ALL);
    let ask = async || {
        let grant = sign("GET", "/zip/", &who);
        let request = http::Request::builder().uri("/zip/").header(HEADER, grant);
        gallery.backend.respond(request.body(()).unwrap()).await
    };
    let first = ask().await;
    assert_eq!(first.status(), 200);
    assert_eq!(ask().await.status(), 503);
    drop(first);
    let free = async {
        while ask().await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), free).await.unwrap();
}
