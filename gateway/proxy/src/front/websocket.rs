//! Whether a client asks for a WebSocket, in the one form that is understood (RFC 6455, 4.1).

use http::{HeaderMap, Method, Version, header};
use pingora::http::RequestHeader;
use vestibule_adapters::Upgrade;

use super::{Framing, FrontError};

/// What the connection shall become. Any other protocol than a WebSocket is not even looked at:
/// its header stays behind, and the request is an ordinary one (RFC 9110, 7.8).
///
/// # Errors
/// If the client asks for a WebSocket in a form that two readers could take differently.
pub(super) fn asked(
    request: &RequestHeader,
    framing: Framing,
) -> Result<Option<Upgrade>, FrontError> {
    let headers = &request.headers;
    let names_it = |value: &http::HeaderValue| {
        let mut protocols = value.as_bytes().split(|byte| *byte == b',');
        protocols.any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    };
    if !headers.get_all(header::UPGRADE).iter().any(names_it) {
        return Ok(None);
    }
    let is_alone = only(headers, &header::UPGRADE)
        .is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
    let is_whole = is_alone
        && request.version == Version::HTTP_11
        && request.method == Method::GET
        && framing == Framing::None
        && has_token(headers, b"upgrade");
    if is_whole { Ok(Some(Upgrade::WebSocket)) } else { Err(FrontError::Upgrade) }
}

/// The value of a header that stands exactly once.
fn only<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}

fn has_token(headers: &HeaderMap, token: &[u8]) -> bool {
    let values = headers.get_all(header::CONNECTION).iter();
    let mut tokens = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    tokens.any(|found| found.trim_ascii().eq_ignore_ascii_case(token))
}
