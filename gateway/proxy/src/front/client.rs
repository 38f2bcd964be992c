//! Whom a request comes from, and over what: the peer, or what a trusted proxy says.

use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;
use ipnet::IpNet;
use vestibule_identity::CertificateHash;

use super::Connection;

/// The client as it is believed to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) address: IpAddr,
    pub(super) is_secure: bool,
    /// Its own certificate.
    pub(super) certificate: Option<CertificateHash>,
}

/// Looks at the forwarded headers only if the peer is a trusted proxy (requirement S57), and then
/// from the right: the last address that no trusted proxy has is the client's.
pub(super) fn see(headers: &HeaderMap, connection: Connection<'_>) -> Seen {
    let peer = connection.peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    if !is_trusted(peer, connection.trusted_proxies) {
        let certificate = connection.certificate;
        return Seen { address: peer, is_secure: connection.is_tls, certificate };
    }
    let mut address = peer;
    let values: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    for text in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let Ok(hop) = text.trim().parse() else { break };
        address = hop;
        if !is_trusted(hop, connection.trusted_proxies) {
            break;
        }
    }
    let mut protocols = headers.get_all("x-forwarded-proto").iter();
    let is_secure = match (protocols.next(), protocols.next()) {
        (Some(protocol), None) => protocol.as_bytes().eq_ignore_ascii_case(b"https"),
        (None, _) => connection.is_tls,
        (Some(_), Some(_)) => false,
    };
    // what a proxy shows is its own certificate, not the client's
    Seen { address, is_secure, certificate: None }
}

fn is_trusted(address: IpAddr, networks: &[IpNet]) -> bool {
    !networks.is_empty() && {
        let address = address.to_canonical();
        networks.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(peer: &str, forwarded: &[(&'static str, &str)], expected: (&str, bool)) {
        let networks: [IpNet; 2] = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for (name, value) in forwarded {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let peer = Some(peer.parse().unwrap());
        let certificate = Some(CertificateHash::from_bytes([1; 32]));
        let trusted_proxies = &networks;
        let connection = Connection { peer, is_tls: false, certificate, trusted_proxies };
        let seen = see(&headers, connection);
        let is_own = !is_trusted(connection.peer.unwrap(), &networks);
        assert_eq!(seen.certificate.is_some(), is_own, "a proxy's certificate is no client's");
        assert_eq!((seen.address.to_string().as_str(), seen.is_secure), expected, "{forwarded:?}");
    }

    #[test]
    fn a_stranger_says_nothing_of_itself() {
        let spoofed = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")];
        check("203.0.113.5", &spoofed, ("203.0.113.5", false));
    }

    #[test]
    fn a_trusted_proxy_is_believed_from_the_right() {
        let xff = "x-forwarded-for";
        check("10.0.0.1", &[(xff, "192.0.2.1")], ("192.0.2.1", false));
        check("10.0.0.1", &[(xff, "8.8.8.8, 192.0.2.1")], ("192.0.2.1", false));
        check("10.0.0.1", &[(xff, "8.8.8.8, 192.0.2.1, 10.9.9.9")], ("192.0.2.1", false));
        check("10.0.0.1", &[(xff, "8.8.8.8"), (xff, "192.0.2.1")], ("192.0.2.1", false));
        check("10.0.0.1", &[(xff, "8.8.8.8, evil")], ("10.0.0.1", false));
        check("10.0.0.1", &[], ("10.0.0.1", false));
        check("::ffff:10.0.0.1", &[(xff, "192.0.2.1")], ("192.0.2.1", false));
        check("10.0.0.1", &[("x-forwarded-proto", "HTTPS")], ("10.0.0.1", true));
        let twice = [("x-forwarded-proto", "https"), ("x-forwarded-proto", "https")];
        check("10.0.0.1", &twice, ("10.0.0.1", false));
    }
}
