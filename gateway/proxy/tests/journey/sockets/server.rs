//! A gallery server's side of a WebSocket: one that echoes, and others that don't agree.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Condvar, LazyLock, Mutex};
use std::time::Duration;

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// What came behind the heads of requests that were not agreed to.
static AFTER: LazyLock<Mutex<HashMap<String, Vec<u8>>>> = LazyLock::new(Mutex::default);
static ENDED: Condvar = Condvar::new();

/// What came behind the head of a request, once its connection has ended.
pub(crate) fn after_head(target: &str) -> Vec<u8> {
    let after = AFTER.lock().unwrap();
    let is_missing = |after: &mut HashMap<String, Vec<u8>>| !after.contains_key(target);
    let (after, waited) =
        ENDED.wait_timeout_while(after, Duration::from_secs(30), is_missing).unwrap();
    assert!(!waited.timed_out(), "the connection of {target} does not end");
    after.get(target).unwrap().clone()
}

pub(crate) fn serve(mut stream: TcpStream, target: &str, head: &str) {
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    });
    let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
    let switch = |accept: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\nServer: secret/1.0\r\n"
        )
    };
    if target.contains("echo") {
        let agreed = format!("{}Sec-WebSocket-Protocol: chat\r\n\r\n", switch(&accept));
        stream.write_all(agreed.as_bytes()).unwrap();
        return echo(WebSocket::from_raw_socket(stream, Role::Server, None), head);
    }
    let reply = match target {
        t if t.contains("never") => String::new(),
        t if t.contains("wrong-accept") => {
            format!("{}\r\n", switch("AAAAAAAAAAAAAAAAAAAAAAAAAAA="))
        }
        t if t.contains("no-upgrade") => {
            format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
        }
        t if t.contains("missing") => {
            "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".into()
        }
        _ => "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok".into(),
    };
    stream.write_all(reply.as_bytes()).unwrap();
    let mut after = Vec::new();
    let _ = stream.read_to_end(&mut after);
    AFTER.lock().unwrap().insert(target.to_owned(), after);
    ENDED.notify_all();
}

/// Says what it was asked, then whatever it hears.
fn echo(mut socket: WebSocket<TcpStream>, head: &str) {
    let mut sent = socket.send(Message::text(head));
    while sent.is_ok() {
        sent = match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
    }
}
