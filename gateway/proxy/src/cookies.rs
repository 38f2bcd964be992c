//! Cookies on their way to and from gallery servers: the gateway's own stay with it.

use http::{HeaderMap, HeaderValue, header};
use vestibule_identity::cookie::{LOOPBACK_NAME, SECURE_NAME};

/// Whether a cookie is the gateway's, whatever it is for: its names begin with the session's.
pub(crate) fn is_ours(name: &str) -> bool {
    let name = name.trim();
    let begins = |known: &str| {
        name.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known))
    };
    begins(SECURE_NAME) || begins(LOOPBACK_NAME)
}

/// What is left of the cookies without the gateway's own.
pub(crate) fn without_ours(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut left = Vec::new();
    for value in headers.get_all(header::COOKIE) {
        // a value that is not text holds no cookie that anybody set here
        let Ok(text) = value.to_str() else { continue };
        for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            if !is_ours(name) {
                left.push(pair);
            }
        }
    }
    if left.is_empty() { None } else { HeaderValue::from_str(&left.join("; ")).ok() }
}

/// The cookies whose names pass.
pub(crate) fn only(cookies: &HeaderValue, passes: impl Fn(&str) -> bool) -> Option<HeaderValue> {
    let pairs = cookies.to_str().ok()?.split(';').map(str::trim);
    let left: Vec<&str> =
        pairs.filter(|pair| passes(pair.split('=').next().unwrap_or_default().trim())).collect();
    if left.is_empty() { None } else { HeaderValue::from_str(&left.join("; ")).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_keeps_its_own() {
        let check = |values: &[&'static str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::COOKIE, HeaderValue::from_static(value));
            }
            let left = without_ours(&headers);
            assert_eq!(left.as_ref().map(|left| left.to_str().unwrap()), expected, "{values:?}");
        };
        check(&["__Host-vestibule=secret"], None);
        check(&["a=1; __Host-vestibule=secret; b=2"], Some("a=1; b=2"));
        check(&["a=1;vestibule=secret", "b=2"], Some("a=1; b=2"));
        check(&["a=1; VESTIBULE=x;  vestibule-flow=y ;__host-vestibule-x=z"], Some("a=1"));
        check(&["a=\"vestibule=1\""], Some("a=\"vestibule=1\""));
        check(&[], None);
        check(&[";;"], None);
    }
}
