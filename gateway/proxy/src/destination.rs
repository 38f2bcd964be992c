//! The header `Destination` of a move or copy: a place of this very site, or none.

use crate::front::Head;
use crate::refuse::Refusal;
use crate::sites::Authority;
use crate::world::SiteRuntime;

/// The raw path of the destination, relative to the site; `None` if the method has none.
///
/// # Errors
/// 400 if it is no address; 502 if it is one of another server (RFC 4918, 9.8.5), which another
/// site of this gateway is too.
pub(crate) fn within<'r>(site: &SiteRuntime, head: &'r Head) -> Result<Option<&'r str>, Refusal> {
    let moves = matches!(head.method.as_str(), "MOVE" | "COPY");
    let Some(text) = head.destination.as_deref().filter(|_| moves) else { return Ok(None) };
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::BadRequest);
    }
    let path = path_here(text, &head.origin.authority)?;
    let rest = path.strip_prefix(site.mount.base()).ok_or(Refusal::BadGateway)?;
    if rest.starts_with('/') { Ok(Some(rest)) } else { Err(Refusal::BadGateway) }
}

/// The path of an address of this host: whole, or from the slash on.
fn path_here<'r>(text: &'r str, own: &str) -> Result<&'r str, Refusal> {
    if text.starts_with('/') && !text.starts_with("//") {
        return Ok(text);
    }
    let after = |scheme: &str, port: u16| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| (text.get(scheme.len()..), port))
    };
    let (rest, own_port) =
        after("http://", 80).or_else(|| after("https://", 443)).ok_or(Refusal::BadRequest)?;
    let rest = rest.ok_or(Refusal::BadRequest)?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |cut| rest.split_at(cut));
    let named = Authority::split(authority).ok_or(Refusal::BadRequest)?;
    let named = match named.port.filter(|port| *port != own_port) {
        Some(port) => format!("{}:{port}", named.host),
        None => named.host.into_owned(),
    };
    if named == own { Ok(path) } else { Err(Refusal::BadGateway) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_here() {
        let check = |text: &str, expected: Result<&str, Refusal>| {
            assert_eq!(path_here(text, "photos.example:8080"), expected, "{text}");
        };
        check("http://photos.example:8080/a%20b", Ok("/a%20b"));
        check("HTTP://Photos.Example:8080/a", Ok("/a"));
        check("https://photos.example:8080/a", Ok("/a"));
        check("http://photos.example:8080", Ok("/"));
        check("/a/b", Ok("/a/b"));
        check("http://photos.example/a", Err(Refusal::BadGateway));
        check("http://elsewhere.example:8080/a", Err(Refusal::BadGateway));
        check("http://photos.example:8080@elsewhere.example/a", Err(Refusal::BadRequest));
        check("http://user@photos.example:8080/a", Err(Refusal::BadRequest));
        check("//photos.example:8080/a", Err(Refusal::BadRequest));
        check("file:///etc/passwd", Err(Refusal::BadRequest));
        check("a/b", Err(Refusal::BadRequest));
        check("", Err(Refusal::BadRequest));
    }

    #[test]
    fn the_own_port_need_not_be_named() {
        assert_eq!(path_here("https://photos.example:443/a", "photos.example"), Ok("/a"));
        assert_eq!(path_here("https://photos.example/a", "photos.example"), Ok("/a"));
        assert_eq!(path_here("http://photos.example:80/a", "photos.example"), Ok("/a"));
    }
}
