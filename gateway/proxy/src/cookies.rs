//! Cookies on their way to and from gallery servers: the gateway's own stay with it.

use http::{HeaderMap, HeaderValue, header};
use vestibule_identity::cookie::{Cookies, LOOPBACK_NAME, SECURE_NAME};

/// The cookies of a request.
pub(crate) fn read(headers: &HeaderMap) -> Cookies<'_> {
    Cookies::read(headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes))
}

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
    joined(read(headers).pairs().filter(|pair| !is_ours(name(pair))))
}

/// The cookies whose names pass.
pub(crate) fn only(cookies: &HeaderValue, passes: impl Fn(&str) -> bool) -> Option<HeaderValue> {
    let cookies = Cookies::read([cookies.as_bytes()]);
    joined(cookies.pairs().filter(|pair| passes(name(pair).trim())))
}

fn name(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

fn joined<'p>(pairs: impl Iterator<Item = &'p str>) -> Option<HeaderValue> {
    let pairs: Vec<&str> = pairs.collect();
    if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
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

    #[test]
    fn a_cookie_that_is_no_text_takes_no_other_with_it() {
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, value(b"a=1; bad=\xff; vestibule=secret; b=\xc3\xa9"));
        let left = without_ours(&headers).unwrap();
        assert_eq!(left.as_bytes(), "a=1; b=é".as_bytes());
        let known = only(&value(b"a=1; bad=\xff; b=2"), |name| name == "b").unwrap();
        assert_eq!(known, "b=2");
        assert_eq!(read(&headers).pairs().collect::<Vec<_>>(), ["a=1", "vestibule=secret", "b=é"]);
    }
}
