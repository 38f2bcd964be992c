//! Responses and the headers that they all carry.

use std::io;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::refusal::Refusal;

/// The body of a response.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What pages may load: our style sheet and our pictures.
const PAGE_POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a file that is opened by itself may do: nothing.
const FILE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; \
     frame-ancestors 'none'";
/// Pages and JSON are asked for again each time.
pub(crate) const ASK_AGAIN: &str = "private, no-cache";
/// Pictures are good for a while, in this browser only.
pub(crate) const KEEP: &str = "private, max-age=300, must-revalidate";

/// What stays as it is in an extended header value (RFC 8187).
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A body in memory.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A response with the headers that all have.
pub(crate) fn response(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CONTENT_SECURITY_POLICY, FILE_POLICY),
        (header::CACHE_CONTROL, ASK_AGAIN),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Sets a header; a value that can't stand in one is left out.
pub(crate) fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A response with bytes in memory.
pub(crate) fn bytes(status: StatusCode, kind: &'static str, bytes: Bytes) -> Response<Body> {
    let length = bytes.len();
    let mut response = response(status, full(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// What is answered if even a refusal can't be written.
const BROKEN: &[u8] = br#"{"error":"internal","message":"something went wrong"}"#;

/// JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(text) => bytes(status, "application/json", Bytes::from(text)),
        Err(error) => {
            tracing::error!(%error, "can't write an answer as JSON");
            bytes(StatusCode::INTERNAL_SERVER_ERROR, "application/json", Bytes::from_static(BROKEN))
        }
    }
}

/// A page.
pub(crate) fn page(status: StatusCode, html: String) -> Response<Body> {
    let mut response = bytes(status, "text/html; charset=utf-8", Bytes::from(html));
    set(&mut response, header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

/// What a refused request is answered as JSON.
#[derive(Serialize)]
struct Refused {
    error: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
}

/// A refusal as JSON; without a grant, nothing at all.
pub(crate) fn refusal(refusal: Refusal) -> Response<Body> {
    let missing = match refusal {
        Refusal::Forbidden(action) => Some(action.name()),
        _ => None,
    };
    let message = refusal.to_string();
    let mut response = match refusal {
        Refusal::Unauthorized => bytes(refusal.status(), "text/plain", Bytes::new()),
        _ => json(refusal.status(), &Refused { error: refusal.code(), message, missing }),
    };
    mark(&mut response, refusal);
    response
}

/// Sets the headers that a refusal wants.
pub(crate) fn mark(response: &mut Response<Body>, refusal: Refusal) {
    set(response, header::CACHE_CONTROL, "no-store");
    if let Some(seconds) = refusal.retry_after() {
        set(response, header::RETRY_AFTER, &seconds.to_string());
    }
    if let Refusal::Range(size) = refusal {
        set(response, header::CONTENT_RANGE, &format!("bytes */{size}"));
    }
    if refusal == Refusal::Method {
        set(response, header::ALLOW, "GET, HEAD");
    }
}

/// The value of `Content-Disposition` for a file that is saved under a name (RFC 6266).
pub(crate) fn attachment(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' }
        })
        .collect();
    format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{}",
        utf8_percent_encode(name, ATTRIBUTE)
    )
}

#[cfg(test)]
mod tests {
    use vestibule_schema::{Action, PathError};

    use super::*;

    #[tokio::test]
    async fn each_refusal_has_a_code_of_its_own() {
        let all = [
            Refusal::NotFound,
            Refusal::Method,
            Refusal::Forbidden(Action::DownloadRaw),
            Refusal::NotRedactable("picture"),
            Refusal::NothingToPack,
            Refusal::Path(PathError::DotSegment),
            Refusal::Query("wrong"),
            Refusal::Unsupported("no"),
            Refusal::Unprocessable("no"),
            Refusal::Range(5),
            Refusal::Busy,
            Refusal::LibraryGone,
            Refusal::Unreadable,
            Refusal::Internal,
        ];
        let mut codes = std::collections::BTreeSet::new();
        for one in all {
            let response = refusal(one);
            assert_eq!(response.status(), one.status());
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(json["message"], one.to_string());
            let missing = matches!(one, Refusal::Forbidden(_)).then_some("download_raw");
            assert_eq!(json.get("missing").and_then(|name| name.as_str()), missing);
            assert!(codes.insert(json["error"].as_str().unwrap().to_owned()), "{json}");
        }
        let json: serde_json::Value = serde_json::from_slice(BROKEN).unwrap();
        assert!(codes.contains(json["error"].as_str().unwrap()));
    }

    #[test]
    fn names_of_all_kinds_stand_in_the_header() {
        let check = |name, expected| assert_eq!(attachment(name), expected);
        check("a b.jpg", "attachment; filename=\"a b.jpg\"; filename*=UTF-8''a%20b.jpg");
        check(
            "é\"\\\n📷.jpg",
            "attachment; filename=\"_____.jpg\"; filename*=UTF-8''%C3%A9%22%5C%0A%F0%9F%93%B7.jpg",
        );
        check("100%41.jpg", "attachment; filename=\"100_41.jpg\"; filename*=UTF-8''100%2541.jpg");
    }
}
