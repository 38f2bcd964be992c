//! The tunnel of a WebSocket: who opens it, what it carries, and what ends it.

pub(crate) mod server;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tungstenite::http::Request;
use tungstenite::{Message, WebSocket, client};
use vestibule_proxy::TunnelLimits;
use vestibule_schema::UserName;

use crate::client::{Client, Reply, cookie};
use crate::harness::{CLOSED, PERMISSIONS, Running, start, start_with};

const HOST: &str = "sockets.localhost";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Opens a WebSocket as a page of the site does.
fn open(running: &Running, folder: &str, session: &str) -> WebSocket<TcpStream> {
    let authority = format!("{HOST}:{}", running.address.port());
    let request = Request::get(format!("ws://{authority}/socket/{folder}"))
        .header("Host", &authority)
        .header("Origin", format!("http://{authority}"))
        .header("Cookie", format!("{session}; own=2"))
        .header("Connection", "keep-alive, Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Protocol", "chat")
        .header("Remote-User", "boss")
        .body(())
        .unwrap();
    client(request, connect(running)).unwrap().0
}

fn echo(socket: &mut WebSocket<TcpStream>, text: &str) {
    socket.send(Message::text(text)).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text(text));
}

/// Waits for its end, which must come.
fn is_cut(mut socket: WebSocket<TcpStream>) {
    let error = loop {
        match socket.read() {
            Ok(Message::Close(_)) | Ok(_) => {}
            Err(error) => break error,
        }
    };
    let text = error.to_string();
    assert!(!text.contains("temporarily unavailable"), "it goes on: {text}");
}

/// An upgrade as raw bytes, and the answer.
fn ask(running: &Running, target: &str, fields: &[&str]) -> Reply {
    let mut client = Client::to(running.address);
    let mut text = format!("GET {target} HTTP/1.1\r\nHost: {HOST}:{}\r\n", running.address.port());
    for field in ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY] {
        text.push_str(&format!("{field}\r\n"));
    }
    fields.iter().for_each(|field| text.push_str(&format!("{field}\r\n")));
    text.push_str("\r\n");
    let reply = client.raw(text.as_bytes());
    assert!(client.is_closed(), "the connection is for nothing else afterwards");
    reply
}

fn own_origin(running: &Running) -> String {
    format!("Origin: http://{HOST}:{}", running.address.port())
}

/// S56, S58, S59: the tunnel carries what the two ends say; the request behind it is made anew.
#[test]
fn a_tunnel_carries_both_ways() {
    let running = start();
    let jane = running.sign_in("sockets", "jane");
    let mut socket = open(&running, "echo/", &jane);
    // the first message of the server's: the head that it was sent
    let head = socket.read().unwrap().into_text().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /socket/echo/ http/1.1\r\n"), "{head}");
    for field in ["upgrade: websocket", "sec-websocket-protocol: chat", "cookie: own=2\r\n"] {
        assert!(head.contains(field), "{field}: {head}");
    }
    assert!(!head.contains("boss") && !head.contains(&jane.to_ascii_lowercase()), "{head}");
    echo(&mut socket, "hello");
    let long = "a".repeat(300_000);
    echo(&mut socket, &long);
    // a second one beside it
    let mut other = open(&running, "echo/", &jane);
    other.read().unwrap();
    echo(&mut other, "there");
    echo(&mut socket, "again");
    socket.close(None).unwrap();
    is_cut(socket);
    echo(&mut other, "still");
}

/// S59, ASVS 4.4.2: a page of another origin can't use somebody's cookie.
#[test]
fn only_the_sites_own_pages_open_one() {
    let running = start();
    let jane = cookie(&running.sign_in("sockets", "jane"));
    let port = running.address.port();
    for origin in [
        "Origin: http://evil.example".to_owned(),
        format!("Origin: http://localhost:{port}"),
        format!("Origin: https://{HOST}:{port}"),
        "Origin: null".to_owned(),
        "X: no origin at all".to_owned(),
    ] {
        let reply = ask(&running, "/socket/echo/", &[&jane, &origin]);
        assert_eq!(reply.status, 403, "{origin}");
        assert_eq!(reply.body, "{\"error\":\"foreign_origin\"}\n");
    }
}

/// S59: judged like any other request, and no route, no upgrade.
#[test]
fn who_may_not_opens_none() {
    let running = start();
    let mia = cookie(&running.sign_in("sockets", "mia"));
    let origin = own_origin(&running);
    let status = |target: &str, fields: &[&str]| ask(&running, target, fields).status;
    assert_eq!(status("/socket/closed/", &[&mia, &origin]), 404);
    assert_eq!(status("/socket/closed/", &[&origin]), 401);
    assert_eq!(status("/socket/echo/", &["Authorization: Bearer x", &origin]), 401);
    assert_eq!(status("/files/a.jpg", &[&mia, &origin]), 501);
    assert_eq!(status("/none", &[&mia, &origin]), 501);
    assert_eq!(status("/_vestibule/account", &[&mia, &origin]), 501);
    assert_eq!(status("/socket/../closed/", &[&mia, &origin]), 400);
    // without the wish to be one it is an ordinary request
    let mut client = Client::to(running.address);
    let plain = format!("GET /socket/plain/ HTTP/1.1\r\nHost: {HOST}\r\n{mia}\r\n\r\n");
    assert_eq!(client.raw(plain.as_bytes()).status, 200);
}

/// S59, CVE-2026-2833: what stands behind the head goes nowhere unless the server agreed.
#[test]
fn nothing_is_relayed_before_the_server_agrees() {
    let running = start();
    let jane = cookie(&running.sign_in("sockets", "jane"));
    let origin = own_origin(&running);
    for (target, status) in [
        ("/socket/refuses/", 502),
        ("/socket/wrong-accept/", 502),
        ("/socket/no-upgrade/", 502),
        ("/socket/missing/", 404),
    ] {
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut stream = connect(&running);
        let port = running.address.port();
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{KEY}\r\n{origin}\r\n{jane}\r\n\r\n\
             {smuggled}"
        )
        .unwrap();
        let mut reply = Vec::new();
        // it may be reset, as what was smuggled is never read
        let _ = stream.read_to_end(&mut reply);
        let reply = String::from_utf8_lossy(&reply).into_owned();
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {reply}");
        assert_eq!(reply.matches("HTTP/1.1").count(), 1, "{target}: {reply}");
        assert_eq!(server::after_head(target), b"", "{target}");
    }
}

/// What was sent too early, but to a server that agrees, is the first thing that it hears.
#[test]
fn an_eager_client_loses_nothing() {
    let running = start();
    let jane = cookie(&running.sign_in("sockets", "jane"));
    let (origin, port) = (own_origin(&running), running.address.port());
    let mut stream = connect(&running);
    let mut bytes = format!(
        "GET /socket/echo/ HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{KEY}\r\n{origin}\r\n{jane}\r\n\r\n"
    )
    .into_bytes();
    // a text of five letters with an empty mask
    bytes.extend_from_slice(b"\x81\x85\0\0\0\0early");
    stream.write_all(&bytes).unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\x81\x05early") {
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    assert!(seen.starts_with(b"HTTP/1.1 101 "));
}

/// S59, S74: the tunnel ends with the session, and with no other.
#[test]
fn a_tunnel_ends_with_its_session() {
    let running = start();
    let mut jane = open(&running, "echo/", &running.sign_in("sockets", "jane"));
    let mut mia = open(&running, "echo/", &running.sign_in("sockets", "mia"));
    jane.read().unwrap();
    mia.read().unwrap();
    echo(&mut jane, "hello");
    let name = UserName::parse("jane").unwrap();
    let account = running.runtime.block_on(running.identity.user(&name)).unwrap().id;
    running.runtime.block_on(running.identity.end_all_sessions(account)).unwrap();
    let ended = std::time::Instant::now();
    is_cut(jane);
    eprintln!("a tunnel ended {:?} after its session", ended.elapsed());
    echo(&mut mia, "still here");
}

/// S59, S74: the tunnel ends with the right to it.
#[test]
fn a_tunnel_ends_with_the_right_to_it() {
    let running = start();
    let session = running.sign_in("sockets", "jane");
    let mut closed = open(&running, "closed/echo/", &session);
    let mut echoes = open(&running, "echo/", &session);
    closed.read().unwrap();
    echoes.read().unwrap();
    running.replace_rules(PERMISSIONS, &CLOSED.replace("jane", "nobody-else"));
    is_cut(closed);
    echo(&mut echoes, "still here");
}

/// S59: a tunnel in which nothing moves ends, and so does the waiting for one.
#[test]
fn silence_has_an_end() {
    let short = Duration::from_millis(300);
    let usual = TunnelLimits::default();
    let running = start_with(TunnelLimits { idle: short, ..usual });
    is_cut(open(&running, "echo/", &running.sign_in("sockets", "jane")));
    let running = start_with(TunnelLimits { agree: short, ..usual });
    let jane = cookie(&running.sign_in("sockets", "jane"));
    let never = ask(&running, "/socket/never/", &[&jane, &own_origin(&running)]);
    assert_eq!((never.status, never.body.as_str()), (504, "{\"error\":\"gateway_timeout\"}\n"));
}
