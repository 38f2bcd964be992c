//! The answer's headers: nothing of the inside, nothing for shared caches.

use http::{HeaderName, HeaderValue, StatusCode, header};
use pingora::http::ResponseHeader;
use vestibule_adapters::HandOver;

use crate::cookies;
use crate::forward::Forwarding;
use crate::front::Head;
use crate::headers::is_internal;
use crate::refuse::Challenge;
use crate::world::SiteRuntime;

/// A gallery server that asks for a name and a password would get those of the gateway: who has
/// signed in is refused by it, and a visitor is asked by the gateway.
///
/// # Errors
/// If the answer can't be changed; it does not go out then.
pub(crate) fn take_no_challenge(
    response: &mut ResponseHeader,
    forwarding: &Forwarding,
    head: &Head,
) -> Result<(), Box<pingora::Error>> {
    while response.remove_header(&header::WWW_AUTHENTICATE).is_some() {}
    if response.status != StatusCode::UNAUTHORIZED {
        return Ok(());
    }
    if forwarding.permit().principal().is_signed_in() {
        return response.set_status(StatusCode::FORBIDDEN);
    }
    let (name, value) = Challenge::to(head, forwarding.site()).header();
    response.insert_header(name, value)
}

/// Corrects the headers of a gallery server's answer.
///
/// # Errors
/// If a corrected header can't be set; the answer does not go out then.
pub fn correct(
    response: &mut ResponseHeader,
    site: &SiteRuntime,
    authority: &str,
) -> Result<(), Box<pingora::Error>> {
    leave_internal(response, site);
    make_private(response)?;
    response.append_header(header::VARY, HeaderValue::from_static("Cookie"))?;
    match site.adapter.hand_over() {
        // our own backend knows where it is, and sets no cookies
        HandOver::Grant => while response.remove_header(&header::SET_COOKIE).is_some() {},
        HandOver::Nothing => {
            filter_cookies(response, site.mount.base())?;
            // a server that knows of the path has it in its addresses already
            let kept = site.adapter.keeps_prefix();
            rewrite_location(response, if kept { "" } else { site.mount.base() }, authority)?;
        }
    }
    Ok(())
}

/// Leaves behind what only the gateway and its upstreams know, the names among it by which this
/// one is told who asks (requirement S58).
pub(crate) fn leave_internal(response: &mut ResponseHeader, site: &SiteRuntime) {
    let identity = site.identity_headers.as_ref();
    let is_left = |name: &&HeaderName| {
        is_internal(name.as_str()) || identity.is_some_and(|identity| identity.has(name))
    };
    let internal: Vec<HeaderName> = response.headers.keys().filter(is_left).cloned().collect();
    for name in internal {
        while response.remove_header(&name).is_some() {}
    }
}

/// What a permit was needed for is for the one who asked alone (requirement S77).
fn make_private(response: &mut ResponseHeader) -> Result<(), Box<pingora::Error>> {
    let mut given = response.headers.get_all(header::CACHE_CONTROL).iter();
    let kept = match (given.next(), given.next()) {
        (Some(value), None) if is_private_already(value) => return Ok(()),
        (None, _) => "private".to_owned(),
        _ => {
            let values = response.headers.get_all(header::CACHE_CONTROL).iter();
            let words = values.filter_map(|value| value.to_str().ok());
            private_directives(words)
        }
    };
    while response.remove_header(&header::CACHE_CONTROL).is_some() {}
    response.insert_header(header::CACHE_CONTROL, kept)
}

fn is_private_already(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|text| {
        let mut directives = text.split(',').map(str::trim);
        let is_shared = |d: &str| d.eq_ignore_ascii_case("public") || is_for_shared(d);
        let keeps =
            |d: &str| d.eq_ignore_ascii_case("private") || d.eq_ignore_ascii_case("no-store");
        directives.clone().any(keeps) && !directives.any(is_shared)
    })
}

fn is_for_shared(directive: &str) -> bool {
    directive.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("s-maxage"))
        || directive.get(..16).is_some_and(|s| s.eq_ignore_ascii_case("proxy-revalidate"))
}

fn private_directives<'v>(values: impl Iterator<Item = &'v str>) -> String {
    let mut kept = String::from("private");
    for directive in values.flat_map(|value| value.split(',')).map(str::trim) {
        let is_replaced = directive.is_empty()
            || directive.eq_ignore_ascii_case("public")
            || directive.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("private"))
            || is_for_shared(directive);
        if !is_replaced {
            kept.push_str(", ");
            kept.push_str(directive);
        }
    }
    kept
}

/// Keeps a server from setting a cookie in the gateway's name, or, below a path, for its
/// neighbours.
fn filter_cookies(response: &mut ResponseHeader, base: &str) -> Result<(), Box<pingora::Error>> {
    let given: Vec<HeaderValue> =
        response.headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    if given.is_empty() {
        return Ok(());
    }
    while response.remove_header(&header::SET_COOKIE).is_some() {}
    for cookie in given.iter().filter_map(|value| value.to_str().ok()) {
        if is_of_the_server(cookie) {
            response.append_header(header::SET_COOKIE, with_path(cookie, base))?;
        }
    }
    Ok(())
}

/// Whether a cookie has a name, and not one of the gateway's. Of one without a name the browser
/// sends the value alone: `=vestibule=x` would come back as the gateway's own.
fn is_of_the_server(cookie: &str) -> bool {
    let pair = cookie.split(';').next().unwrap_or_default();
    let name = pair.split_once('=').map(|(name, _)| name.trim());
    name.is_some_and(|name| !name.is_empty() && !cookies::is_ours(name))
}

/// A cookie whose path lies below the site's base.
fn with_path(cookie: &str, base: &str) -> String {
    if base.is_empty() {
        return cookie.to_owned();
    }
    let mut path = String::from("/");
    let mut kept = String::with_capacity(cookie.len() + base.len() + 8);
    for (index, part) in cookie.split(';').enumerate() {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let key = key.trim();
        match index {
            0 => kept.push_str(part.trim()),
            _ if key.eq_ignore_ascii_case("path") => path = value.trim().to_owned(),
            // a domain would give it to the neighbours
            _ if key.eq_ignore_ascii_case("domain") => {}
            _ => {
                kept.push_str("; ");
                kept.push_str(part.trim());
            }
        }
    }
    let path = if path.starts_with('/') { path.as_str() } else { "/" };
    // a server that knows of its path says so itself
    let below = path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = match below {
        Some("") => "/",
        Some(rest) => rest,
        None => path,
    };
    kept.push_str("; Path=");
    kept.push_str(base);
    kept.push_str(path);
    kept
}

/// A server below a path doesn't know of it: what it calls `/a` is `/i/family/a`.
fn rewrite_location(
    response: &mut ResponseHeader,
    base: &str,
    authority: &str,
) -> Result<(), Box<pingora::Error>> {
    let Some(location) = response.headers.get(header::LOCATION).and_then(|l| l.to_str().ok())
    else {
        return Ok(());
    };
    let own = |scheme: &str| {
        let rest = location.strip_prefix(scheme)?.strip_prefix(authority)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    };
    let path = match own("http://").or_else(|| own("https://")) {
        Some(path) => path,
        None if location.starts_with('/') && !location.starts_with("//") => location,
        None => return Ok(()),
    };
    let path = if path.is_empty() { "/" } else { path };
    let rewritten = format!("{base}{path}");
    if is_of_another_host(&rewritten) {
        // as an absolute address it led to this host, and does so still
        return Ok(());
    }
    response.insert_header(header::LOCATION, rewritten)
}

/// Whether browsers read a path as the address of another host: they take `\` for `/`, and see no
/// tab.
fn is_of_another_host(path: &str) -> bool {
    let mut seen = path.chars().filter(|character| *character != '\t');
    let is_slash = |character: Option<char>| matches!(character, Some('/' | '\\'));
    is_slash(seen.next()) && is_slash(seen.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_for_shared_caches() {
        let check = |given: &[&'static str], expected: &str| {
            let mut response = ResponseHeader::build(200, None).unwrap();
            for value in given {
                response.append_header(header::CACHE_CONTROL, *value).unwrap();
            }
            make_private(&mut response).unwrap();
            let got: Vec<_> = response.headers.get_all(header::CACHE_CONTROL).iter().collect();
            assert_eq!(got, [expected], "{given:?}");
        };
        check(&[], "private");
        check(&["public, max-age=3600"], "private, max-age=3600");
        check(&["max-age=60, s-maxage=600, PUBLIC"], "private, max-age=60");
        check(&["max-age=60", "public"], "private, max-age=60");
        check(&["private, max-age=60"], "private, max-age=60");
        check(&["no-store"], "no-store");
        check(&["no-store, public"], "private, no-store");
        check(&["private=\"x-a\", max-age=1"], "private, max-age=1");
        check(&["no-cache, proxy-revalidate"], "private, no-cache");
        check(&["private, no-cache"], "private, no-cache");
    }

    #[test]
    fn cookies_stay_below_the_site() {
        assert_eq!(with_path("a=b; Path=/; HttpOnly", ""), "a=b; Path=/; HttpOnly");
        assert_eq!(with_path("a=b; Path=/; HttpOnly", "/i/f"), "a=b; HttpOnly; Path=/i/f/");
        assert_eq!(with_path("a=b;path=/x;Domain=example.com", "/i/f"), "a=b; Path=/i/f/x");
        assert_eq!(with_path("a=b", "/i/f"), "a=b; Path=/i/f/");
        assert_eq!(with_path("a=b; Path=/i/f", "/i/f"), "a=b; Path=/i/f/");
        assert_eq!(with_path("a=b; Path=/i/f/c", "/i/f"), "a=b; Path=/i/f/c");
        assert_eq!(with_path("a=b; Path=/i/form", "/i/f"), "a=b; Path=/i/f/i/form");
        let mut response = ResponseHeader::build(200, None).unwrap();
        for value in [
            "vestibule=stolen",
            "__Host-vestibule=stolen",
            "=vestibule.family=stolen",
            " \t=vestibule=stolen; Path=/",
            "vestibule",
            "; a=b",
            "a=b",
        ] {
            response.append_header(header::SET_COOKIE, value).unwrap();
        }
        filter_cookies(&mut response, "").unwrap();
        let left: Vec<_> = response.headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(left, ["a=b"]);
    }

    #[test]
    fn locations_lead_back_below_the_site() {
        let check = |location: &'static str, expected: &str| {
            let mut response = ResponseHeader::build(302, None).unwrap();
            response.insert_header(header::LOCATION, location).unwrap();
            rewrite_location(&mut response, "/i/f", "p.example:8080").unwrap();
            assert_eq!(response.headers[header::LOCATION], expected, "{location}");
        };
        check("/a?b", "/i/f/a?b");
        check("http://p.example:8080/a", "/i/f/a");
        check("https://p.example:8080", "/i/f/");
        check("http://p.example:80801/a", "http://p.example:80801/a");
        check("http://other.example/a", "http://other.example/a");
        check("//other.example/a", "//other.example/a");
        check("a/b", "a/b");
        check("http://p.example:8080//other.example", "/i/f//other.example");
    }

    /// At a host of the site's own there is no base before it.
    #[test]
    fn no_location_becomes_that_of_another_host() {
        for location in [
            "http://p.example//evil.example/x",
            "https://p.example/\\evil.example/x",
            "http://p.example/\t/evil.example/x",
            "//evil.example/x",
            "/\\evil.example",
        ] {
            let mut response = ResponseHeader::build(302, None).unwrap();
            response.insert_header(header::LOCATION, location).unwrap();
            rewrite_location(&mut response, "", "p.example").unwrap();
            assert_eq!(response.headers[header::LOCATION], location);
        }
        let mut response = ResponseHeader::build(302, None).unwrap();
        response.insert_header(header::LOCATION, "http://p.example/a//b").unwrap();
        rewrite_location(&mut response, "", "p.example").unwrap();
        assert_eq!(response.headers[header::LOCATION], "/a//b");
    }
}
