//! The session's cookie: its name, its attributes, and reading it.

use std::fmt;
use std::time::Duration;

use vestibule_schema::SiteId;
use vestibule_store::Audience;

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

    /// The cookie that carries a session's token for so long. That of a site has the site's name,
    /// so that sites of one host do not take each other's place.
    pub(crate) fn session(
        origin: &RequestOrigin,
        audience: &Audience,
        (token, max_age): (&str, Duration),
    ) -> Option<Self> {
        match audience {
            Audience::Portal => Self::new(origin, LOOPBACK_NAME, token, max_age),
            Audience::Site(site) => {
                Self::new(origin, &format!("{LOOPBACK_NAME}.{site}"), token, max_age)
            }
        }
    }

    /// The cookie by which a browser is known that opened share links of a site.
    pub(crate) fn share(
        origin: &RequestOrigin,
        site: &SiteId,
        (token, max_age): (&str, Duration),
    ) -> Option<Self> {
        Self::new(origin, &share_name(site), token, max_age)
    }

    /// What makes the browser forget its session cookie.
    #[must_use]
    pub fn clear(origin: &RequestOrigin, audience: &Audience) -> Option<Self> {
        Self::session(origin, audience, ("", Duration::ZERO))
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

/// The cookies of a request, read in one way by everybody: a pair that is no text is left out by
/// itself, so that one which somebody's script set hides no other.
pub struct Cookies<'h> {
    first: Option<&'h str>,
    all: Vec<&'h str>,
}

impl<'h> Cookies<'h> {
    /// Reads the values of the `Cookie` headers. One that is text is the rule, and needs no list.
    pub fn read(headers: impl IntoIterator<Item = &'h [u8]>) -> Self {
        let mut headers = headers.into_iter();
        let Some(first) = headers.next() else { return Self { first: None, all: Vec::new() } };
        let second = headers.next();
        match (std::str::from_utf8(first), second) {
            (Ok(first), None) => Self { first: Some(first), all: Vec::new() },
            _ => {
                let headers = std::iter::once(first).chain(second).chain(headers);
                let pairs = headers.flat_map(|header| header.split(|byte| *byte == b';'));
                let all = pairs.filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
                Self { first: None, all }
            }
        }
    }

    /// The headers' values, as far as they are text: each is some pairs with `;` between them.
    #[must_use]
    pub fn values(&self) -> &[&'h str] {
        if self.all.is_empty() { self.first.as_slice() } else { &self.all }
    }

    /// Each pair of a name and a value, without blanks around it.
    pub fn pairs(&self) -> impl Iterator<Item = &'h str> {
        let pairs = self.values().iter().flat_map(|value| value.split(';'));
        pairs.map(str::trim).filter(|pair| !pair.is_empty())
    }
}

impl fmt::Debug for Cookies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookies(***)")
    }
}

/// No site is called so: a dot stands in no name.
fn share_name(site: &SiteId) -> String {
    format!("{LOOPBACK_NAME}.{site}.share")
}

/// The values of the cookies by which a browser is known that opened share links of a site.
pub(crate) fn share_values<'r>(
    origin: &RequestOrigin,
    site: &SiteId,
    cookies: &'r [&'r str],
) -> impl Iterator<Item = &'r str> {
    let name = match origin.transport() {
        // most requests have none: the name is written only where it may be there
        _ if !cookies.iter().any(|header| header.contains(".share=")) => None,
        Transport::Secure => Some(format!("__Host-{}", share_name(site))),
        Transport::Loopback => Some(share_name(site)),
        Transport::Exposed => None,
    };
    matching(cookies, move |key| name.as_deref() == Some(key))
}

/// The values of the session cookies of an audience, as [`values`] has them; none where no session
/// can be.
pub(crate) fn session_values<'r>(
    origin: &RequestOrigin,
    audience: &'r Audience,
    cookies: &'r [&'r str],
) -> impl Iterator<Item = &'r str> {
    let prefix = match origin.transport() {
        Transport::Secure => Some(SECURE_NAME),
        Transport::Loopback => Some(LOOPBACK_NAME),
        Transport::Exposed => None,
    };
    let of_name = move |key: &str| {
        let rest = prefix.and_then(|prefix| key.strip_prefix(prefix));
        match (rest, audience) {
            (Some(rest), Audience::Portal) => rest.is_empty(),
            (Some(rest), Audience::Site(site)) => rest.strip_prefix('.') == Some(site.as_str()),
            (None, _) => false,
        }
    };
    matching(cookies, of_name)
}

/// Whether a cookie of this name is the gateway's own, and so never reaches an upstream.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    let base = name.strip_prefix("__Host-").unwrap_or(name);
    let rest = base.strip_prefix(LOOPBACK_NAME);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
}

/// The values of the cookies of a name, in the order in which the browser sent them. Several of
/// one name are possible; all are tried, at most eight (requirement S9).
pub fn values<'r>(cookies: &'r [&'r str], name: &'r str) -> impl Iterator<Item = &'r str> {
    matching(cookies, move |key| key == name)
}

fn matching<'r>(
    cookies: &'r [&'r str],
    of_name: impl Fn(&str) -> bool + 'r,
) -> impl Iterator<Item = &'r str> {
    cookies
        .iter()
        .flat_map(|header| header.split(';'))
        .filter_map(move |pair| {
            let (key, value) = pair.split_once('=')?;
            of_name(key.trim()).then(|| value.trim().trim_matches('"'))
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
        let cookie = SetCookie::session(
            &origin(true, "photos.example.com"),
            &Audience::Portal,
            (&token, day),
        )
        .unwrap();
        assert_eq!(
            cookie.as_str(),
            format!(
                "__Host-vestibule={token}; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax; Secure"
            )
        );
        let longest = Audience::Site(SiteId::parse(&"s".repeat(64)).unwrap());
        let site = SetCookie::session(&origin(true, "a.example"), &longest, (&token, day)).unwrap();
        assert!(site.as_str().split(';').next().unwrap().len() <= 128);
        let local =
            SetCookie::session(&origin(false, "localhost:8080"), &Audience::Portal, (&token, day))
                .unwrap();
        assert_eq!(
            local.as_str(),
            format!("vestibule={token}; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax")
        );
        assert_eq!(
            SetCookie::session(
                &origin(false, "photos.example.com"),
                &Audience::Portal,
                (&token, day)
            ),
            None
        );
    }

    #[test]
    fn our_cookies_are_known() {
        for name in ["vestibule", "__Host-vestibule", "vestibule-form", "__Host-vestibule-form"] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["", "vestibules", "__Host-", "__Host-other", "my-vestibule", "vestibule_x"] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn each_audience_finds_its_own_cookie_alone() {
        let site = |name: &str| Audience::Site(SiteId::parse(name).unwrap());
        let audiences = [Audience::Portal, site("a"), site("A"), site("form"), site("a-b")];
        let day = Duration::from_secs(86_400);
        for (secure, host) in [(true, "a.example"), (false, "localhost")] {
            let origin = origin(secure, host);
            let set = |audience: &Audience| {
                let cookie = SetCookie::session(&origin, audience, ("t", day)).unwrap();
                cookie.as_str().split(';').next().unwrap().to_owned()
            };
            for one in &audiences {
                for other in &audiences {
                    let header = set(other);
                    let headers = [header.as_str()];
                    let found = session_values(&origin, one, &headers).count();
                    assert_eq!(found, usize::from(one == other), "{one:?} {other:?}");
                    assert!(is_ours(header.split('=').next().unwrap()));
                }
            }
            assert_eq!(
                session_values(&origin, &site("a"), &["vestibule.=t", "vestibulea=t"]).count(),
                0
            );
        }
    }

    /// Beside a site's session, and of one site alone.
    #[test]
    fn what_was_opened_has_a_cookie_of_its_own() {
        let (a, b) = (SiteId::parse("a").unwrap(), SiteId::parse("b").unwrap());
        let day = Duration::from_secs(86_400);
        for (secure, host) in [(true, "a.example"), (false, "localhost")] {
            let origin = origin(secure, host);
            let cookie = SetCookie::share(&origin, &a, ("t", day)).unwrap();
            let header = cookie.as_str().split(';').next().unwrap();
            assert!(is_ours(header.split('=').next().unwrap()));
            let headers = ["x=1", header];
            assert_eq!(share_values(&origin, &a, &headers).collect::<Vec<_>>(), ["t"]);
            assert_eq!(share_values(&origin, &b, &headers).count(), 0);
            let site = Audience::Site(a.clone());
            assert_eq!(session_values(&origin, &site, &headers).count(), 0);
        }
        let longest = SiteId::parse(&"s".repeat(64)).unwrap();
        let token = "t".repeat(crate::token::TEXT_LENGTH);
        let cookie = SetCookie::share(&origin(true, "a.example"), &longest, (&token, day));
        let length = cookie.unwrap().as_str().split(';').next().unwrap().len();
        assert!(length <= 160, "{length}");
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
