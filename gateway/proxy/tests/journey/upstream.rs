//! A gallery server that says what it was asked.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Barrier, LazyLock};

use crate::sockets::server as sockets;

/// Starts it; it ends with the process.
pub(crate) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(mut stream: TcpStream) {
    while let Some(head) = read_head(&mut stream) {
        let is_head = head.starts_with("HEAD ");
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if head.to_ascii_lowercase().contains(&HELD.to_ascii_lowercase()) {
            BEGINNING.asked.wait();
            BEGINNING.may_go_on.wait();
        }
        let (status, body) = match &target {
            t if t.starts_with("/socket/") => return sockets::serve(stream, t, &head),
            t if t.contains("missing") => ("404 Not Found", "upstream: no such picture".to_owned()),
            t if t.contains("void") => ("404 Not Found", String::new()),
            t if t.contains("unbelieved") => ("401 Unauthorized", "no".to_owned()),
            t if t.contains("cut") => return,
            t if t.contains("hollow") => return hollow(stream, t),
            t if t.contains("stream-") || t.starts_with("/zip/") => return stream_out(stream, t),
            _ => ("200 OK", head.clone()),
        };
        let reply = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: text/plain\r\n\
             Server: secret/1.0\r\nX-Powered-By: secret\r\nX-Vestibule-Grant: echo\r\n\
             Cache-Control: public, max-age=60\r\nSet-Cookie: vestibule=evil\r\n\
             X-WebAuth-User: boss\r\nX_Files_User: boss\r\nX-Files-Key: hunter2\r\n\
             Set-Cookie: own=1; Path=/\r\nLocation: /elsewhere\r\n\r\n{}",
            body.len(),
            if is_head { "" } else { &body }
        );
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

/// Nothing there, in other forms: chunks, with something in them or not, and up to the end of the
/// connection.
fn hollow(mut stream: TcpStream, target: &str) {
    let framed = match target {
        t if t.contains("chunks") => "Transfer-Encoding: chunked\r\n\r\n4\r\nnone\r\n0\r\n\r\n",
        t if t.contains("chunked") => "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        _ => "\r\nnone",
    };
    let _ = stream.write_all(format!("HTTP/1.1 404 Not Found\r\n{framed}").as_bytes());
}

/// What asks the server to wait before it begins to answer.
pub(crate) const HELD: &str = "Accept-Language: held";

/// What it waits for: one answer at a time.
pub(crate) struct Beginning {
    /// It has been asked.
    pub(crate) asked: Barrier,
    /// It may answer.
    pub(crate) may_go_on: Barrier,
}

pub(crate) static BEGINNING: LazyLock<Beginning> =
    LazyLock::new(|| Beginning { asked: Barrier::new(2), may_go_on: Barrier::new(2) });

/// An answer that takes its time: without end, or silent after its first piece.
fn stream_out(mut stream: TcpStream, target: &str) {
    let piece = vec![b'x'; 4096];
    let is_chunked = !target.contains("length");
    let framing =
        if is_chunked { "Transfer-Encoding: chunked" } else { "Content-Length: 100000000" };
    let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
    let mut sent = stream.write_all(head.as_bytes());
    while sent.is_ok() {
        sent = if is_chunked {
            write!(stream, "{:x}\r\n", piece.len())
                .and_then(|()| stream.write_all(&piece))
                .and_then(|()| stream.write_all(b"\r\n"))
        } else {
            stream.write_all(&piece)
        };
        if target.contains("idle") {
            // until the gateway goes
            let _ = stream.read(&mut [0; 1]);
            return;
        }
    }
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
