//! The exchange that turns a connection in the clear into one with TLS (RFC 4511, 4.14).
//!
//! It is done here and not by the LDAP library, so that not one byte of what is said in the clear
//! is taken for an answer to anything later: the answer is read to its last byte and no further,
//! and what somebody sends behind it meets the TLS handshake, which fails (requirement S42).

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::ber::{self, Values};

/// An extended request, 1.3.6.1.4.1.1466.20037.
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// No honest answer is longer.
const LONGEST: usize = 4096;

/// Why a connection did not go over to TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartTlsError {
    /// The connection broke.
    #[error("the connection broke before TLS")]
    Broken(#[source] std::io::Error),
    /// The server won't.
    #[error("the server refuses StartTLS (result {code})")]
    Refused {
        /// Its result code.
        code: u8,
    },
    /// Something else came than the one answer that there is.
    #[error("the server answered StartTLS with something else")]
    Unexpected,
}

/// Asks for TLS; after this, nothing but the handshake may be read or written.
pub(crate) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), StartTlsError> {
    stream.write_all(REQUEST).await.map_err(StartTlsError::Broken)?;
    stream.flush().await.map_err(StartTlsError::Broken)?;
    let message = read_message(stream).await?;
    match result_code(&message) {
        Some(0) => Ok(()),
        Some(code) => Err(StartTlsError::Refused { code }),
        None => Err(StartTlsError::Unexpected),
    }
}

/// One message, and nothing that comes after it.
async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, StartTlsError> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.map_err(StartTlsError::Broken)?;
    let [tag, first] = head;
    if tag != 0x30 {
        return Err(StartTlsError::Unexpected);
    }
    let mut length = vec![first];
    if first >= 0x80 {
        length.resize(1 + usize::from(first & 0x7f).min(5), 0);
        let digits = length.get_mut(1..).unwrap_or_default();
        stream.read_exact(digits).await.map_err(StartTlsError::Broken)?;
    }
    let length = ber::length(&length).map(|(length, _)| length).filter(|length| *length <= LONGEST);
    let mut body = vec![0; length.ok_or(StartTlsError::Unexpected)?];
    stream.read_exact(&mut body).await.map_err(StartTlsError::Broken)?;
    Ok(body)
}

/// The result code, if this is the answer to the request.
fn result_code(message: &[u8]) -> Option<u8> {
    let mut message = Values::new(message);
    let id = message.take(0x02)?;
    let code = message.enter(0x78)?.take(0x0a)?;
    match (id, code) {
        ([1], [code]) => Some(*code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server says, and how it is taken.
    async fn after(said: &[u8]) -> (Result<(), StartTlsError>, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(said).await.unwrap();
        theirs.shutdown().await.unwrap();
        let result = ask(&mut ours).await;
        let mut left = Vec::new();
        ours.read_to_end(&mut left).await.unwrap();
        (result, left)
    }

    const YES: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";

    #[tokio::test]
    async fn both_ways_to_write_the_answer_are_understood() {
        assert!(after(YES).await.0.is_ok());
        let long = b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00";
        assert!(after(long).await.0.is_ok());
    }

    /// S42: a bind's answer that somebody sends in the clear behind it is left for the handshake.
    #[tokio::test]
    async fn what_comes_behind_the_answer_is_not_read() {
        let injected = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
        let (result, left) = after(&[YES, injected].concat()).await;
        assert!(result.is_ok());
        assert_eq!(left, injected);
    }

    /// S42.
    #[tokio::test]
    async fn nothing_else_is_an_answer() {
        let refused = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00";
        let (result, _) = after(refused).await;
        assert!(matches!(result, Err(StartTlsError::Refused { code: 2 })), "{result:?}");
        for said in [
            &b"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00"[..],
            b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
            b"\x30\x00",
            b"HTTP/1.1 200 OK\r\n",
            b"\x30\x80\x00\x00\x00\x00\x00\x00",
            b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01",
        ] {
            let (result, _) = after(said).await;
            assert!(matches!(result, Err(StartTlsError::Unexpected)), "{said:?} {result:?}");
        }
        for said in [&b""[..], b"\x30", b"\x30\x0c\x02\x01\x01"] {
            let (result, _) = after(said).await;
            assert!(matches!(result, Err(StartTlsError::Broken(_))), "{said:?} {result:?}");
        }
    }
}
