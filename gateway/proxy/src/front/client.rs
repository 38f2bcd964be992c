//! Whom a request comes from, and over what: the peer, or what a trusted proxy says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderValue};
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

/// The client of a trusted proxy that can't be told: nobody has this address.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Looks at the forwarded headers only if the peer is a trusted proxy (requirement S57), and then
/// from the right: the last address that no trusted proxy has is the client's.
// INVARIANT: whoever a trusted proxy speaks for has the proxy's own address only if nothing else
// was said. What can't be read is somebody, too, and not the proxy: policies, limits and the audit
// log know such a client as `0.0.0.0`.
pub(super) fn see(headers: &HeaderMap, connection: Connection<'_>) -> Seen {
    let peer = peer(connection);
    if !is_proxy(connection) {
        let certificate = connection.certificate;
        return Seen { address: peer, is_secure: connection.is_tls, certificate };
    }
    let address = forwarded_for(headers, connection.trusted_proxies).unwrap_or(peer);
    let mut protocols = headers.get_all("x-forwarded-proto").iter();
    let is_secure = match (protocols.next(), protocols.next()) {
        (Some(protocol), None) => protocol.as_bytes().eq_ignore_ascii_case(b"https"),
        (None, _) => connection.is_tls,
        (Some(_), Some(_)) => false,
    };
    // what a proxy shows is its own certificate, not the client's
    Seen { address, is_secure, certificate: None }
}

/// Whether the peer is a trusted proxy.
pub(super) fn is_proxy(connection: Connection<'_>) -> bool {
    is_trusted(peer(connection), connection.trusted_proxies)
}

fn peer(connection: Connection<'_>) -> IpAddr {
    connection.peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// The client as trusted proxies tell of it; none if they say nothing. Each hop is read by itself:
/// those to its left come from whoever sent the request, and may be any bytes.
fn forwarded_for(headers: &HeaderMap, trusted_proxies: &[IpNet]) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").iter().rev().map(HeaderValue::as_bytes);
    let hops = values.flat_map(|value| value.rsplit(|byte| *byte == b','));
    let mut address = None;
    // an empty place in a list is none (RFC 9110, 5.6.1)
    for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
        let read = std::str::from_utf8(hop).ok().and_then(address_of);
        let Some(hop) = read else { return Some(NOBODY) };
        address = Some(hop);
        if !is_trusted(hop, trusted_proxies) {
            break;
        }
    }
    address
}

/// The address of a hop: some proxies write its port, too.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port)
}

fn is_trusted(address: IpAddr, networks: &[IpNet]) -> bool {
    !networks.is_empty() && {
        let address = address.to_canonical();
        networks.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded: &[(&'static str, &str)], expected: (&str, bool)) {
        let forwarded: Vec<_> =
            forwarded.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        check_bytes(peer, &forwarded, expected);
    }

    fn check_bytes(peer: &str, forwarded: &[(&'static str, &[u8])], expected: (&str, bool)) {
        let networks: [IpNet; 2] = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for (name, value) in forwarded {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let peer = Some(peer.parse().unwrap());
        let certificate = Some(CertificateHash::from_bytes([1; 32]));
        let trusted_proxies = &networks;
        let connection =
            Connection { peer, is_tls: false, certificate, server_name: None, trusted_proxies };
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
        check("10.0.0.1", &[(xff, "evil, 192.0.2.1")], ("192.0.2.1", false));
        check("10.0.0.1", &[(xff, "192.0.2.1, ,")], ("192.0.2.1", false));
        check("10.0.0.1", &[(xff, "192.0.2.1:4711")], ("192.0.2.1", false));
        check("10.0.0.1", &[(xff, "8.8.8.8, [2001:db8::1]:4711")], ("2001:db8::1", false));
        check("10.0.0.1", &[(xff, "[2001:db8::1], 10.9.9.9:80")], ("2001:db8::1", false));
        check("10.0.0.1", &[(xff, "2001:db8::1")], ("2001:db8::1", false));
        check("10.0.0.1", &[(xff, "192.0.2.1:x")], ("0.0.0.0", false));
        check("10.0.0.1", &[], ("10.0.0.1", false));
        check("::ffff:10.0.0.1", &[(xff, "192.0.2.1")], ("192.0.2.1", false));
        check("10.0.0.1", &[("x-forwarded-proto", "HTTPS")], ("10.0.0.1", true));
        let twice = [("x-forwarded-proto", "https"), ("x-forwarded-proto", "https")];
        check("10.0.0.1", &twice, ("10.0.0.1", false));
    }

    /// S57: no bytes make a client the proxy that it comes through.
    #[test]
    fn a_hop_that_is_no_text_does_not_hide_the_next() {
        let xff = "x-forwarded-for";
        check_bytes("10.0.0.1", &[(xff, b"\xff, 192.0.2.1")], ("192.0.2.1", false));
        check_bytes("10.0.0.1", &[(xff, b"\xff"), (xff, b"192.0.2.1")], ("192.0.2.1", false));
        check_bytes("10.0.0.1", &[(xff, b"\xff, 192.0.2.1, 10.9.9.9")], ("192.0.2.1", false));
        // what a proxy itself says of its client, and can't be read
        check_bytes("10.0.0.1", &[(xff, b"8.8.8.8, \xff")], ("0.0.0.0", false));
        check_bytes("10.0.0.1", &[(xff, b"192.0.2.1, evil, 10.9.9.9")], ("0.0.0.0", false));
        check_bytes("10.0.0.1", &[(xff, b"unknown")], ("0.0.0.0", false));
        // nobody who is not trusted is listened to, whatever it is
        check_bytes("203.0.113.5", &[(xff, b"\xff")], ("203.0.113.5", false));
    }
}
