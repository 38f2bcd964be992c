//! The handshake of a WebSocket (RFC 6455, 4): what the client must show, what the gallery server
//! must answer, and what of each is passed on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pingora::http::{RequestHeader, ResponseHeader};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use vestibule_adapters::Ask;

use crate::front::Head;
use crate::refuse::Refusal;

/// What is hashed with the client's key (RFC 6455, 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client's part of the handshake, which has been judged.
#[derive(Debug)]
pub(crate) struct Handshake {
    key: HeaderValue,
    /// What only a server that read the key can answer.
    accept: String,
    /// Sub-protocols and extensions: a matter of the two ends.
    between_ends: Vec<(HeaderName, HeaderValue)>,
}

impl Handshake {
    /// The handshake that a client asks for, if it asks for one and the route is one for it.
    ///
    /// # Errors
    /// The refusal, if the route is for no WebSocket or the handshake is none of this site's.
    pub(crate) fn asked(
        head: &Head,
        asked: &Result<Option<Ask>, Refusal>,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, Refusal> {
        let ask = asked.as_ref().ok().and_then(Option::as_ref);
        match (head.upgrade, ask.and_then(|ask| ask.upgrade)) {
            (None, _) => Ok(None),
            (Some(wanted), Some(named)) if wanted == named => Self::read(head, headers).map(Some),
            (Some(_), _) => Err(Refusal::NoUpgrade),
        }
    }

    /// Reads a client's part.
    ///
    /// A browser sends its cookies to a WebSocket from any page, so the page must be one of this
    /// site (requirement S59, ASVS 4.4.2). Who sends no origin is not told apart from a page that
    /// hides its own.
    ///
    /// # Errors
    /// The refusal.
    fn read(head: &Head, headers: &HeaderMap) -> Result<Self, Refusal> {
        let origin = only(headers, &header::ORIGIN).ok_or(Refusal::ForeignOrigin)?;
        if origin.as_bytes() != head.origin.ascii_origin().as_bytes() {
            return Err(Refusal::ForeignOrigin);
        }
        let version = only(headers, &header::SEC_WEBSOCKET_VERSION);
        if version.is_none_or(|version| version != "13") {
            return Err(Refusal::BadRequest);
        }
        let key = only(headers, &header::SEC_WEBSOCKET_KEY).ok_or(Refusal::BadRequest)?;
        let bytes = STANDARD.decode(key.as_bytes()).map_err(|_| Refusal::BadRequest)?;
        if bytes.len() != 16 {
            return Err(Refusal::BadRequest);
        }
        let between_ends = [header::SEC_WEBSOCKET_PROTOCOL, header::SEC_WEBSOCKET_EXTENSIONS];
        let between_ends = between_ends.into_iter().flat_map(|name| {
            headers.get_all(&name).iter().map(move |value| (name.clone(), value.clone()))
        });
        Ok(Self {
            accept: accept(key.as_bytes()),
            key: key.clone(),
            between_ends: between_ends.collect(),
        })
    }

    /// Makes of an upstream request one that asks for the WebSocket.
    pub(crate) fn ask(&self, request: &mut RequestHeader) -> pingora::Result<()> {
        request.insert_header(header::CONNECTION, "Upgrade")?;
        request.insert_header(header::UPGRADE, "websocket")?;
        request.insert_header(header::SEC_WEBSOCKET_VERSION, "13")?;
        request.insert_header(header::SEC_WEBSOCKET_KEY, self.key.clone())?;
        for (name, value) in &self.between_ends {
            request.append_header(name.clone(), value.clone())?;
        }
        Ok(())
    }

    /// The answer for the client, if the gallery server's is one to this handshake: it has
    /// switched protocols, to a WebSocket, and has read the key.
    pub(crate) fn answer(
        &self,
        answer: &ResponseHeader,
    ) -> Option<pingora::Result<ResponseHeader>> {
        let headers = &answer.headers;
        let is = |name: &HeaderName, expected: &[u8]| {
            only(headers, name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(expected))
        };
        let accepts = only(headers, &header::SEC_WEBSOCKET_ACCEPT)
            .is_some_and(|value| value.as_bytes() == self.accept.as_bytes());
        let has_switched = answer.status == StatusCode::SWITCHING_PROTOCOLS
            && answer.version == http::Version::HTTP_11
            && is(&header::UPGRADE, b"websocket")
            && is(&header::CONNECTION, b"upgrade")
            && accepts;
        has_switched.then(|| self.pass_on(headers))
    }

    /// Only what belongs to the handshake: no cookie and no word of the inside comes with it.
    fn pass_on(&self, headers: &HeaderMap) -> pingora::Result<ResponseHeader> {
        let mut response = ResponseHeader::build(StatusCode::SWITCHING_PROTOCOLS, Some(6))?;
        response.insert_header(header::CONNECTION, "Upgrade")?;
        response.insert_header(header::UPGRADE, "websocket")?;
        response.insert_header(header::SEC_WEBSOCKET_ACCEPT, self.accept.as_str())?;
        for name in [header::SEC_WEBSOCKET_PROTOCOL, header::SEC_WEBSOCKET_EXTENSIONS] {
            for value in headers.get_all(&name) {
                response.append_header(name.clone(), value.clone())?;
            }
        }
        Ok(response)
    }
}

fn accept(key: &[u8]) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat()))
}

/// The value of a header that stands exactly once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::Connection;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn read(fields: &[(&str, &str)]) -> Result<Handshake, Refusal> {
        let mut request = RequestHeader::build("GET", b"/socket", None).unwrap();
        let always = [("host", "p.example"), ("connection", "Upgrade"), ("upgrade", "websocket")];
        for (name, value) in always.iter().chain(fields) {
            request.append_header((*name).to_owned(), *value).unwrap();
        }
        let peer = Some([192, 0, 2, 7].into());
        let connection = Connection {
            peer,
            is_tls: true,
            certificate: None,
            server_name: None,
            trusted_proxies: &[],
        };
        let head = Head::read(None, &request, connection).unwrap();
        Handshake::read(&head, &request.headers)
    }

    fn good<'a>() -> Vec<(&'a str, &'a str)> {
        vec![
            ("origin", "https://p.example"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ]
    }

    /// S59.
    #[test]
    fn only_the_sites_own_pages_open_one() {
        assert!(read(&good()).is_ok());
        for origin in [
            "http://p.example",
            "https://P.example.",
            "https://p.example:8443",
            "https://evil.example",
            "https://p.example.evil.example",
            "null",
            "",
        ] {
            let mut fields = good();
            fields[0].1 = origin;
            assert_eq!(read(&fields).unwrap_err(), Refusal::ForeignOrigin, "{origin}");
        }
        assert_eq!(read(&good()[1..]).unwrap_err(), Refusal::ForeignOrigin);
        let mut twice = good();
        twice.push(("origin", "https://p.example"));
        assert_eq!(read(&twice).unwrap_err(), Refusal::ForeignOrigin);
    }

    #[test]
    fn the_handshake_has_one_form() {
        for (index, value) in [(1, "8"), (1, "13, 8"), (2, "short"), (2, "YWJj"), (2, "")] {
            let mut fields = good();
            fields[index].1 = value;
            assert_eq!(read(&fields).unwrap_err(), Refusal::BadRequest, "{value}");
        }
    }

    /// The example of RFC 6455, 1.3; S59: no other answer opens the tunnel.
    #[test]
    fn the_server_must_have_read_the_key() {
        let handshake = read(&good()).unwrap();
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let answer = |status: u16, fields: &[(&str, &str)]| {
            let mut answer = ResponseHeader::build(status, None).unwrap();
            for (name, value) in fields {
                answer.append_header((*name).to_owned(), *value).unwrap();
            }
            handshake.answer(&answer).map(Result::unwrap)
        };
        let right = [
            ("upgrade", "WebSocket"),
            ("connection", "upgrade"),
            ("sec-websocket-accept", handshake.accept.as_str()),
            ("set-cookie", "vestibule=evil"),
            ("server", "secret/1.0"),
        ];
        let passed = answer(101, &right).unwrap();
        assert_eq!(passed.headers.len(), 3);
        assert!(answer(200, &right).is_none());
        assert!(answer(101, &right[1..]).is_none());
        for (index, value) in [(0, "h2c"), (1, "close"), (2, "s3pPLMBiTxaQ9kYGzzhZRbK+xOx=")] {
            let mut wrong = right;
            wrong[index].1 = value;
            assert!(answer(101, &wrong).is_none(), "{value}");
        }
    }
}
