//! Bytes on a socket, for requests that no browser sends.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The status and the whole text of an answer.
#[derive(Debug)]
pub struct RawReply {
    /// The status; zero if the connection was closed without an answer.
    pub status: u16,
    /// Head and body.
    pub text: String,
}

/// Sends bytes over TCP and reads until the other side closes.
///
/// # Panics
/// If it does not answer.
pub async fn tcp(address: SocketAddr, bytes: &[u8]) -> RawReply {
    exchange(TcpStream::connect(address).await.unwrap(), bytes).await
}

/// Sends bytes over a Unix socket and reads until the other side closes.
///
/// # Panics
/// If it does not answer.
pub async fn unix(path: &Path, bytes: &[u8]) -> RawReply {
    exchange(UnixStream::connect(path).await.unwrap(), bytes).await
}

/// A `GET` that closes the connection, with these header lines.
#[must_use]
pub fn get(target: impl AsRef<[u8]>, lines: &[&str]) -> Vec<u8> {
    let mut bytes = b"GET ".to_vec();
    bytes.extend_from_slice(target.as_ref());
    bytes.extend_from_slice(b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> RawReply {
    let whole = async {
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // a reset after the answer is an end too
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    let answer = tokio::time::timeout(PATIENCE, whole).await.expect("an answer in time");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    RawReply { status, text }
}
