//! A client that says what it means, byte for byte.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::RUNNING;

/// A connection to the gateway.
pub(crate) struct Client(TcpStream);

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Whether an answer's length is that of a body which follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HasBody {
    Yes,
    No,
}

impl Reply {
    /// The values of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).collect()
    }

    /// Everything but what differs between any two answers.
    pub(crate) fn without_names(&self) -> (u16, Vec<&str>, &str) {
        let differs = |line: &str| {
            let line = line.to_ascii_lowercase();
            line.starts_with("x-request-id") || line.starts_with("date")
        };
        let lines = self.head.lines().filter(|line| !differs(line)).collect();
        (self.status, lines, &self.body)
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::to(RUNNING.address)
    }

    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    /// On a connection that is there already.
    pub(crate) fn on(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// Sends bytes as they are and reads one answer.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Reply {
        self.0.write_all(bytes).unwrap();
        self.read(if bytes.starts_with(b"HEAD ") { HasBody::No } else { HasBody::Yes })
    }

    /// Reads one answer.
    pub(crate) fn read(&mut self, has_body: HasBody) -> Reply {
        let mut head = Vec::new();
        let mut byte = [0u8; 1];
        while !head.ends_with(b"\r\n\r\n") {
            assert_eq!(self.0.read(&mut byte).unwrap(), 1, "closed after {head:?}");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, body: String::new() };
        let length = reply.header("content-length").first().map_or(0, |l| l.parse().unwrap());
        if has_body == HasBody::Yes {
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).unwrap();
            reply.body = String::from_utf8(body).unwrap();
        }
        reply
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        host: &str,
        target: &str,
        fields: &[&str],
    ) -> Reply {
        let port = RUNNING.address.port();
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        for field in fields {
            text.push_str(field);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        self.raw(text.as_bytes())
    }

    /// Whether the gateway has closed the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0u8; 1]), Ok(0) | Err(_))
    }
}

/// One request on a connection of its own, to the site `photos`.
pub(crate) fn get(target: &str, fields: &[&str]) -> Reply {
    Client::new().send("GET", "localhost", target, fields)
}

/// The header that shows a session.
pub(crate) fn cookie(session: &str) -> String {
    format!("Cookie: {session}")
}
