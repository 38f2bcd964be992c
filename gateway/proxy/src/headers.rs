//! Which headers pass, and which names are the gateway's own.

use std::borrow::Cow;

use http::HeaderName;

/// Names that an upstream could take for the word of the gateway, or that the gateway relies on,
/// as [`fold`]ed: the whole name, or its beginning if that ends in `-`.
const PROTECTED: &[&str] = &[
    "authorization",
    "content-length",
    "cookie",
    "destination",
    "forwarded",
    "host",
    "proxy-authorization",
    "remote-",
    "set-cookie",
    "transfer-encoding",
    "via",
    "x-auth-",
    "x-authenticated-",
    "x-client-",
    "x-forwarded-",
    "x-goog-authenticated-",
    "x-immich-",
    "x-api-key",
    "x-ms-client-principal",
    "x-original-",
    "x-real-ip",
    "x-remote-",
    "x-request-id",
    "x-rewrite-url",
    "x-user",
    "x-vestibule-",
    "x-webauth-",
    "x-http-method-",
    "x-method-override",
    "ssl-client-",
    "x-ssl-client-",
    "x-client-cert",
    "cf-access-",
    "tailscale-user-",
];

/// Whether `Connection` may not name this header, because an upstream or the gateway relies on
/// what it says.
pub(crate) fn is_protected(name: &str) -> bool {
    let name = fold(name);
    is_known(&name) || passes_to_any(&name)
}

/// Whether a folded name is among [`PROTECTED`].
fn is_known(name: &str) -> bool {
    PROTECTED.iter().any(|known| {
        name == known.trim_end_matches('-') || (known.ends_with('-') && name.starts_with(known))
    })
}

/// Whether a response header tells the outside what only the gateway and its upstreams know, or
/// could be taken for the gateway's word. Case and `_` don't matter.
pub(crate) fn is_internal(name: &str) -> bool {
    // most names are told apart by their first letter
    match name.as_bytes().first().map(u8::to_ascii_lowercase) {
        Some(b'x') => {
            let name = fold(name);
            name == "x-powered-by"
                || name == "x-aspnet-version"
                || name == "x-sendfile"
                || name.starts_with("x-accel-")
                || name.starts_with("x-debug")
                || is_known(&name)
        }
        Some(b'c') => {
            name == "cdn-cache-control" || (name != "content-length" && is_known(&fold(name)))
        }
        Some(b'a') => name == "alt-svc" || is_known(&fold(name)),
        // how an answer is framed is the transport's, and cookies are looked at one by one
        Some(b't') => name != "transfer-encoding" && is_known(&fold(name)),
        Some(b's') => {
            ["server", "surrogate-control", "server-timing"].contains(&name)
                || (name != "set-cookie" && is_known(&fold(name)))
        }
        Some(b'd' | b'f' | b'h' | b'p' | b'r' | b'v') => is_known(&fold(name)),
        _ => false,
    }
}

/// A name as a careless server reads it: in lower case, `_` as `-`.
fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|b| b != b'_' && !b.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    name.bytes().map(|b| if b == b'_' { '-' } else { char::from(b.to_ascii_lowercase()) }).collect()
}

/// The request headers that pass to our own media backend. Everything else stays here.
pub(crate) fn passes_to_backend(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "accept"
            | "accept-encoding"
            | "accept-language"
            | "cache-control"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            | "if-range"
            | "if-unmodified-since"
            | "range"
    )
}

/// The request headers that pass to any gallery server: what HTTP itself defines for the end of
/// the way, and nothing that could name a person.
pub(crate) fn passes_to_any(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-charset"
            | "accept-encoding"
            | "accept-language"
            | "cache-control"
            | "content-encoding"
            | "content-language"
            | "content-type"
            | "dnt"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            | "if-range"
            | "if-unmodified-since"
            | "origin"
            | "pragma"
            | "priority"
            | "range"
            | "referer"
            | "sec-fetch-dest"
            | "sec-fetch-mode"
            | "sec-fetch-site"
            | "sec-fetch-user"
            | "sec-gpc"
            | "user-agent"
            | "x-requested-with"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_matter() {
        for name in [
            "X-Vestibule-Grant",
            "x_vestibule_grant",
            "X-VESTIBULE-ANYTHING",
            "Remote-User",
            "REMOTE_USER",
            "X_Forwarded_For",
            "x-forwarded-groups",
            "Forwarded",
            "Host",
            "Authorization",
            "Cookie",
            "Content-Length",
            "Range",
            "X-HTTP-Method-Override",
            "x_http_method",
        ] {
            assert!(is_protected(name), "{name}");
        }
        for name in ["close", "keep-alive", "Upgrade", "TE", "x-anything", "HTTP2-Settings"] {
            assert!(!is_protected(name), "{name}");
        }
    }

    #[test]
    fn responses_tell_nothing_of_the_inside() {
        for name in ["server", "x-powered-by", "x-vestibule-grant", "x_vestibule_x", "remote_user"]
        {
            assert!(is_internal(name), "{name}");
        }
        for name in [
            "content-type",
            "content-length",
            "etag",
            "vary",
            "x-content-type-options",
            "retry-after",
            "set-cookie",
            "transfer-encoding",
            "dav",
            "location",
        ] {
            assert!(!is_internal(name), "{name}");
        }
    }

    /// S58: what would be believed of a request is not said by an answer.
    #[test]
    fn no_name_that_is_protected_stands_in_an_answer() {
        let framing = ["content-length", "set-cookie", "transfer-encoding"];
        for known in PROTECTED.iter().filter(|known| !framing.contains(known)) {
            let name = if known.ends_with('-') { format!("{known}x") } else { (*known).to_owned() };
            for name in [name.replace('-', "_"), name] {
                assert!(is_internal(&name), "{name}");
            }
        }
    }
}
