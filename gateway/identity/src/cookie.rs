//! The session's cookie: its name, its attributes, and reading it.

use std::fmt;
use std::time::Duration;

use crate::origin::{RequestOrigin, Transport};

/// The cookie's name over HTTPS: the prefix makes browsers refuse one that another host set.
pub const SECURE_NAME: &str = "__Host-vestibule";
/// The cookie's name over plain HTTP on this machine, where no browser accepts the prefix.
pub const LOOPBACK_NAME: &str = "vestibule";

/// How many cookies of the session's name are tried.
const MAX_TRIED: usize = 8;

/// The value of a `Set-Cookie` header; never shown, for it may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie(String);

impl SetCookie {
    /// A cookie of a base name for this origin: `__Host-` over HTTPS, plain on this machine.
    /// `None` over plain HTTP anywhere else, where no cookie of ours is ever set.
    #[must_use]
    pub fn new(
        origin: &RequestOrigin,
        base_name: &str,
        value: &str,
        max_age: Duration,
    ) -> Option<Self> {
        let seconds = max_age.as_secs();
        let rest = format!("{value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax");
        match origin.transport() {
            Transport::Secure => Some(Self(format!("__Host-{base_name}={rest}; Secure"))),
            Transport::Loopback => Some(Self(format!("{base_name}={rest}"))),
            Transport::Exposed => None,
        }
    }

    /// The cookie that carries a session's token.
    pub(crate) fn session(origin: &RequestOrigin, token: &str, max_age: Duration) -> Option<Self> {
        Self::new(origin, LOOPBACK_NAME, token, max_age)
    }

    /// What makes the browser forget its session cookie.
    #[must_use]
    pub fn clear(origin: &RequestOrigin) -> Option<Self> {
        Self::session(origin, "", Duration::ZERO)
    }

    /// The header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetCookie(***)")
    }
}

/// The name of the session's cookie for this origin; none where no session can be.
#[must_use]
pub fn session_name(origin: &RequestOrigin) -> Option<&'static str> {
    match origin.transport() {
        Transport::Secure => Some(SECURE_NAME),
        Transport::Loopback => Some(LOOPBACK_NAME),
        Transport::Exposed => None,
    }
}

/// Whether a cookie of this name is the gateway's own, and so never reaches an upstream.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    let base = name.strip_prefix("__Host-").unwrap_or(name);
    base == LOOPBACK_NAME || base.starts_with("vestibule-")
}

/// The values of the cookies of a name, in the order in which the browser sent them. Several of
/// one name are possible; all are tried, at most eight (requirement S9).
pub fn values<'r>(cookies: &'r [&'r str], name: &'r str) -> impl Iterator<Item = &'r str> {
    cookies
        .iter()
        .flat_map(|header| header.split(';'))
        .filter_map(move |pair| {
            let (key, value) = pair.split_once('=')?;
            (key.trim() == name).then(|| value.trim().trim_matches('"'))
        })
        .take(MAX_TRIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(secure: bool, authority: &str) -> RequestOrigin {
        RequestOrigin::new(secure, authority, [127, 0, 0, 1].into())
    }

    /// S1.
    #[test]
    fn a_cookie_has_every_attribute_and_is_short() {
        let token = "t".repeat(crate::token::TEXT_LENGTH);
        let day = Duration::from_secs(86_400);
        let cookie = SetCookie::session(&origin(true, "photos.example.com"), &token, day).unwrap();
        assert_eq!(
            cookie.as_str(),
            format!(
                "__Host-vestibule={token}; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax; Secure"
            )
        );
        assert!(SECURE_NAME.len() + 1 + token.len() <= 128);
        let local = SetCookie::session(&origin(false, "localhost:8080"), &token, day).unwrap();
        assert_eq!(
            local.as_str(),
            format!("vestibule={token}; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax")
        );
        assert_eq!(SetCookie::session(&origin(false, "photos.example.com"), &token, day), None);
    }

    #[test]
    fn our_cookies_are_known() {
        for name in ["vestibule", "__Host-vestibule", "vestibule-form", "__Host-vestibule-form"] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["", "vestibules", "__Host-", "__Host-other", "my-vestibule"] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn the_names_agree_with_what_is_set() {
        for (secure, host) in [(true, "a.example"), (false, "localhost")] {
            let origin = origin(secure, host);
            let cookie = SetCookie::clear(&origin).unwrap();
            let name = session_name(&origin).unwrap();
            assert!(cookie.as_str().starts_with(&format!("{name}=; Max-Age=0;")));
        }
    }

    #[test]
    fn finds_every_cookie_of_a_name() {
        let check = |headers: &[&str], expected: &[&str]| {
            assert_eq!(values(headers, "vestibule").collect::<Vec<_>>(), expected);
        };
        check(&[], &[]);
        check(&["a=1; vestibule=x; b=2"], &["x"]);
        check(&["vestibule=x;vestibule=y", "vestibule=\"z\""], &["x", "y", "z"]);
        check(&["Vestibule=x; __Host-vestibule=y; xvestibule=z; vestibule"], &[]);
        check(&["vestibule=a=b"], &["a=b"]);
        check(&["; ;=;=x; vestibule=x"], &["x"]);
        let many = "vestibule=x;".repeat(20);
        assert_eq!(values(&[&many], "vestibule").count(), MAX_TRIED);
    }
}
