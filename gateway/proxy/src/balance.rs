//! The gallery servers of a site, taken in turn.

use std::net::ToSocketAddrs as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may be silent; a big picture is rendered within it.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a server may take nothing.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The gallery servers of a site.
#[derive(Debug)]
pub struct Upstreams {
    peers: Vec<HttpPeer>,
    next: AtomicUsize,
}

/// Why a text names no gallery server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// There is none.
    #[error("a site needs an upstream")]
    None,
    /// The text has another form.
    #[error("`{0}` is no upstream: write `http://host:port`, `https://host:port` or `unix:/path`")]
    Form(String),
    /// The host has no address.
    #[error("the host of `{upstream}` can't be found")]
    Unresolved {
        /// The text.
        upstream: String,
        /// What the resolver says.
        source: std::io::Error,
    },
    /// The path can't be that of a socket.
    #[error("`{0}` is no path of a socket")]
    SocketPath(String),
}

impl Upstreams {
    /// Reads the servers and finds their addresses, once: a name that changes its address later
    /// moves nothing until the configuration is read again (requirement S60).
    ///
    /// # Errors
    /// [`UpstreamError`], for the first that is wrong.
    pub fn resolve(upstreams: &[impl AsRef<str>]) -> Result<Self, UpstreamError> {
        let peers =
            upstreams.iter().map(|text| peer(text.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if peers.is_empty() {
            return Err(UpstreamError::None);
        }
        Ok(Self { peers, next: AtomicUsize::new(0) })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether there is none; never the case.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// The next in turn.
    pub(crate) fn take(&self) -> Option<&HttpPeer> {
        let turn = match self.peers.len() {
            0 | 1 => 0,
            several => self.next.fetch_add(1, Ordering::Relaxed) % several,
        };
        self.peers.get(turn)
    }
}

fn peer(text: &str) -> Result<HttpPeer, UpstreamError> {
    let form = || UpstreamError::Form(text.to_owned());
    let mut peer = if let Some(path) = text.strip_prefix("unix:") {
        if !path.starts_with('/') {
            return Err(form());
        }
        HttpPeer::new_uds(path, false, String::new())
            .map_err(|_| UpstreamError::SocketPath(text.to_owned()))?
    } else {
        let (is_tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(form()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let parsed: http::uri::Authority = authority.parse().map_err(|_| form())?;
        if authority.contains('@') {
            return Err(form());
        }
        let port = parsed.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']');
        let unresolved = |source| UpstreamError::Unresolved { upstream: text.to_owned(), source };
        let mut addresses = (host, port).to_socket_addrs().map_err(unresolved)?;
        let missing = || unresolved(std::io::Error::from(std::io::ErrorKind::NotFound));
        let address = addresses.next().ok_or_else(missing)?;
        // the name is what the certificate is checked for
        HttpPeer::new(address, is_tls, if is_tls { host.to_owned() } else { String::new() })
    };
    peer.options.connection_timeout = Some(CONNECT_TIMEOUT);
    peer.options.total_connection_timeout = Some(2 * CONNECT_TIMEOUT);
    peer.options.read_timeout = Some(READ_TIMEOUT);
    peer.options.write_timeout = Some(WRITE_TIMEOUT);
    peer.options.idle_timeout = Some(IDLE_TIMEOUT);
    // upgrades go through a tunnel of our own
    peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    Ok(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_forms() {
        let good =
            ["http://127.0.0.1:8090", "http://[::1]:80/", "https://127.0.0.1", "unix:/run/x"];
        let upstreams = Upstreams::resolve(&good).unwrap();
        assert_eq!(upstreams.len(), 4);
        let shown: Vec<String> =
            (0..4).filter_map(|_| upstreams.take()).map(|peer| peer._address.to_string()).collect();
        assert_eq!(shown, ["127.0.0.1:8090", "[::1]:80", "127.0.0.1:443", "/run/x"]);
        assert_eq!(upstreams.take().unwrap()._address.to_string(), "127.0.0.1:8090");
    }

    #[test]
    fn anything_else_is_an_error() {
        for text in
            ["", "127.0.0.1:80", "ftp://a", "http://", "http://a b", "http://u@127.0.0.1", "unix:x"]
        {
            assert!(matches!(Upstreams::resolve(&[text]), Err(UpstreamError::Form(_))), "{text}");
        }
        assert!(matches!(Upstreams::resolve(&[""; 0]), Err(UpstreamError::None)));
        let unknown = Upstreams::resolve(&["http://no-such-host.invalid"]);
        assert!(matches!(unknown, Err(UpstreamError::Unresolved { .. })));
    }
}
