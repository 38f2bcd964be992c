//! What anybody may ask of the gateway itself, outside of its prefix: places that standards name.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use vestibule_identity::PUBLISHED_FOR;

use crate::front::Head;
use crate::gateway::Gateway;
use crate::refuse::{Answer, Refusal};

/// The keys that assertions are verified with (RFC 7517), on every host of the gateway.
const KEYS: &str = "/.well-known/jwks.json";

/// The answer to a request for such a place; none for any other.
pub(crate) fn serve(gateway: &Gateway, head: &Head) -> Option<Result<Answer, Refusal>> {
    if head.path() != KEYS {
        return None;
    }
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Some(Err(Refusal::MethodNotAllowed { allow: "GET, HEAD".into() }));
    }
    let kept = format!("public, max-age={}", PUBLISHED_FOR.as_secs());
    let kept = HeaderValue::try_from(kept).unwrap_or(HeaderValue::from_static("no-store"));
    let headers = vec![
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, kept),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let body = Bytes::from(gateway.identity.published_keys().as_bytes().to_vec());
    Some(Ok(Answer { status: StatusCode::OK, headers, body }))
}
