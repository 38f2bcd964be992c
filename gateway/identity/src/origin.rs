//! [`RequestOrigin`]: over what, to which host and from whom a request came.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vestibule_store::CertificateHash;

/// What the front has judged of a request before anybody asks who sent it. The portal receives
/// it as an extension of the request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestOrigin {
    /// Whether the browser speaks HTTPS, to us or to a trusted proxy.
    pub secure: bool,
    /// The host as judged: lower case, with the port if it isn't the scheme's own.
    pub authority: String,
    /// The client's address: the peer's, or what a trusted proxy says.
    pub client: IpAddr,
    /// The request's name in the logs, if somebody gave it one.
    pub request_id: Option<String>,
    /// The certificate that the client itself showed on its connection, which has been verified;
    /// never what a proxy shows or tells.
    pub client_certificate: Option<CertificateHash>,
}

/// How much a connection protects a session's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTPS.
    Secure,
    /// Plain HTTP that does not leave the machine.
    Loopback,
    /// Plain HTTP over a network: nobody can sign in.
    Exposed,
}

impl RequestOrigin {
    /// The origin of a request; the authority is put into lower case.
    #[must_use]
    pub fn new(secure: bool, authority: &str, client: IpAddr) -> Self {
        Self {
            secure,
            authority: authority.to_ascii_lowercase(),
            client,
            request_id: None,
            client_certificate: None,
        }
    }

    /// How much the connection protects a session's token.
    #[must_use]
    pub fn transport(&self) -> Transport {
        if self.secure {
            Transport::Secure
        } else if is_loopback(self.host()) {
            Transport::Loopback
        } else {
            Transport::Exposed
        }
    }

    /// The host, without port and brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// Whether what is bound to a client certificate is worth something on this connection
    /// (requirement S32).
    pub(crate) fn shows(&self, bound_to: Option<CertificateHash>) -> bool {
        bound_to.is_none() || self.client_certificate == bound_to
    }

    /// The origin as a browser writes it: `https://photos.example.com`.
    #[must_use]
    pub fn ascii_origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

/// The address whose attempts are counted together: an IPv6 network of 64 bits belongs to one
/// client, and an IPv4 address mapped into IPv6 is that address.
pub(crate) fn counted(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        },
    }
}

/// The host of an authority, without port and brackets.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or(authority, |(host, _)| host);
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Whether a host names this machine in every browser: `localhost` and below (RFC 6761),
/// `127.0.0.0/8`, `::1`.
fn is_loopback(host: &str) -> bool {
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    host.parse::<Ipv4Addr>().is_ok_and(|v4| v4.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|v6| v6.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(secure: bool, authority: &str) -> Transport {
        RequestOrigin::new(secure, authority, Ipv4Addr::LOCALHOST.into()).transport()
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for authority in [
            "localhost",
            "LOCALHOST:8080",
            "family.localhost:8080",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]:8080",
            "[::1]",
        ] {
            assert_eq!(transport(false, authority), Transport::Loopback, "{authority}");
            assert_eq!(transport(true, authority), Transport::Secure, "{authority}");
        }
        for authority in [
            "photos.example.com",
            "localhost.example.com:8080",
            "notlocalhost",
            "128.0.0.1",
            "127.0.0.1.example.com",
            "0.0.0.0",
            "192.168.1.2:8080",
            "[::2]:80",
            "[::ffff:10.0.0.1]",
            "localhost:8080:evil",
            "",
        ] {
            assert_eq!(transport(false, authority), Transport::Exposed, "{authority}");
        }
    }

    /// S13: a client can't leave its bucket by changing the half of the address it chooses.
    #[test]
    fn one_network_of_64_bits_is_one_client() {
        let counted = |text: &str| counted(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::");
        assert_eq!(counted("2001:db8:1:2::ffff"), "2001:db8:1:2::");
        assert_eq!(counted("2001:db8:1:3::1"), "2001:db8:1:3::");
        assert_eq!(counted("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(counted("192.0.2.1"), "192.0.2.1");
    }
}
