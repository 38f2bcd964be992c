use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const LAST: &str = "\r\n\r\n";

/// S50 and class D of `security.md`: bytes and what becomes of them.
#[test]
fn framing_is_read_in_one_way() {
    let check = |head: &str, expected: Result<Framing, FrontError>| {
        assert_eq!(raw::check(head.as_bytes()), expected, "{head:?}");
    };
    let with = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}{LAST}");
    check(&format!("GET / HTTP/1.1\r\nHost: a{LAST}"), Ok(Framing::None));
    check(&format!("\r\n\r\nGET / HTTP/1.1\r\nHost: a{LAST}"), Ok(Framing::None));
    check(&with("Content-Length: 0"), Ok(Framing::None));
    check(&with("Content-Length: 5"), Ok(Framing::Length(5)));
    check(&with("Transfer-Encoding: chunked"), Ok(Framing::Chunked));
    check(&with("TRANSFER-ENCODING:Chunked"), Ok(Framing::Chunked));

    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked";
    check(&with(both), Err(FrontError::TwoFramings));
    let reversed = "Transfer-Encoding: chunked\r\nContent-Length: 0";
    check(&with(reversed), Err(FrontError::TwoFramings));
    for twice in
        ["Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5\r\ncontent-length: 6"]
    {
        check(&with(twice), Err(FrontError::ContentLength));
    }
    for length in ["", "+5", "-1", "5, 5", "0x5", "5 5", "99999999999999999999", "5;"] {
        check(&with(&format!("Content-Length: {length}")), Err(FrontError::ContentLength));
    }
    for encoding in
        ["", "gzip", "gzip, chunked", "chunked, gzip", "xchunked", "chunked;q=1", "identity"]
    {
        check(&with(&format!("Transfer-Encoding: {encoding}")), Err(FrontError::TransferEncoding));
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked";
    check(&with(twice), Err(FrontError::TransferEncoding));
}

#[test]
fn heads_are_read_strictly() {
    let check = |head: &str, expected: FrontError| {
        assert_eq!(raw::check(head.as_bytes()), Err(expected), "{head:?}");
    };
    let with = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}{LAST}");
    check("GET / HTTP/1.1\nHost: a\r\n\r\n", FrontError::BareLineFeed);
    check("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", FrontError::BareLineFeed);
    check("GET / HTTP/1.1\r\nHost: a\r\n\n", FrontError::BareLineFeed);
    check(&with("X: a\rb"), FrontError::Control);
    check(&with("X: a\0b"), FrontError::Control);
    check(&with("X: a\x7fb"), FrontError::Control);
    check(&with("X: a\r\n b"), FrontError::FoldedField);
    check(&with("\tX: a"), FrontError::FoldedField);
    check(&with("X : a"), FrontError::FieldName);
    check(&with("X\t: a"), FrontError::FieldName);
    check(&with(": a"), FrontError::FieldName);
    check(&with("nothing"), FrontError::FieldName);
    check(&with("Host: b"), FrontError::Host);
    check(&format!("GET / HTTP/1.1{LAST}"), FrontError::Host);
    check(&format!("GET /#a HTTP/1.1\r\nHost: a{LAST}"), FrontError::Fragment);
    check(&format!("GET /?a#b HTTP/1.1\r\nHost: a{LAST}"), FrontError::Fragment);
    check(&format!("GET  / HTTP/1.1\r\nHost: a{LAST}"), FrontError::RequestLine);
    check(&format!("GET /a b HTTP/1.1\r\nHost: a{LAST}"), FrontError::RequestLine);
    check(&format!("GET /\ta HTTP/1.1\r\nHost: a{LAST}"), FrontError::RequestLine);
    check(&format!("GET / HTTP/2.0\r\nHost: a{LAST}"), FrontError::RequestLine);
    check(&format!("GET /\r\nHost: a{LAST}"), FrontError::RequestLine);
    check(&with(&"X: a\r\n".repeat(120)), FrontError::TooManyFields);
    check(&with(&format!("X: {}", "a".repeat(33_000))), FrontError::HeadTooLarge);
    let long = "a".repeat(17_000);
    check(&format!("GET /{long} HTTP/1.1\r\nHost: a{LAST}"), FrontError::TargetTooLong);
}

fn request(method: &str, target: &str, fields: &[(&'static str, &str)]) -> RequestHeader {
    let mut request = RequestHeader::build(method, target.as_bytes(), None).unwrap();
    for (name, value) in fields {
        request.append_header(*name, HeaderValue::from_str(value).unwrap()).unwrap();
    }
    request
}

const NOBODY: Connection<'_> = Connection {
    peer: None,
    is_tls: false,
    certificate: None,
    server_name: None,
    trusted_proxies: &[],
};

fn read(method: &str, target: &str, fields: &[(&'static str, &str)]) -> Result<Head, FrontError> {
    Head::read(None, &request(method, target, fields), NOBODY)
}

/// S52.
#[test]
fn a_request_has_one_host() {
    let head = |host: &str| read("GET", "/a?b=c", &[("host", host)]);
    let check = |host: &str, folded: &str, authority: &str| {
        let head = head(host).unwrap();
        assert_eq!((head.host(), head.origin.authority.as_str()), (folded, authority), "{host}");
    };
    check("Photos.Example", "photos.example", "photos.example");
    check("photos.example.:8443", "photos.example", "photos.example:8443");
    check("photos.example:80", "photos.example", "photos.example");
    check("photos.example:443", "photos.example", "photos.example:443");
    check("photos.example:08080", "photos.example", "photos.example:8080");
    check("[::1]:8080", "[::1]", "[::1]:8080");
    for host in ["", "a/b", "u@a", "a:b", "a b", "a,b"] {
        assert_eq!(head(host).unwrap_err(), FrontError::Host, "{host}");
    }
    assert_eq!(read("GET", "/", &[]).unwrap_err(), FrontError::Host);
    let twice = [("host", "a"), ("host", "a")];
    assert_eq!(read("GET", "/", &twice).unwrap_err(), FrontError::Host);
}

#[test]
fn targets_are_paths() {
    let target =
        |target: &str| read("GET", target, &[("host", "a")]).map(|head| head.target().to_owned());
    assert_eq!(target("/a%20b?c=d").as_deref(), Ok("/a%20b?c=d"));
    assert_eq!(target("http://a/b?c").as_deref(), Ok("/b?c"));
    for odd in ["*", "a", "?a", "ftp://a/b", "//a/b"] {
        let got = target(odd);
        assert!(
            matches!(got.as_deref(), Err(FrontError::TargetForm) | Ok("//a/b")),
            "{odd}: {got:?}"
        );
    }
}

#[test]
fn some_methods_are_not_served() {
    for method in ["TRACE", "CONNECT"] {
        assert_eq!(read(method, "/", &[("host", "a")]).unwrap_err(), FrontError::Method);
    }
    let raw = format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1{LAST}");
    let head = Head::read(Some(raw.as_bytes()), &request("GET", "/", &[("host", "a")]), NOBODY);
    assert_eq!(head.unwrap_err(), FrontError::Body);
}

/// S56, and `Connection: X-Real-Ip` of class B.
#[test]
fn connection_names_no_protected_header() {
    let connection = |value: &str| read("GET", "/", &[("host", "a"), ("connection", value)]).err();
    for value in [
        "X-Vestibule-Grant",
        "close, x_vestibule_grant",
        "keep-alive,X-Forwarded-For",
        "cookie",
        "AUTHORIZATION",
        "Host",
        "x-real-ip",
        "range",
        "remote_user",
    ] {
        assert_eq!(connection(value), Some(FrontError::Connection), "{value}");
    }
    for value in ["close", "Keep-Alive", "", "upgrade, HTTP2-Settings", "TE", "x-custom"] {
        assert_eq!(connection(value), None, "{value}");
    }
    let websocket = [("host", "a"), ("connection", "a, Upgrade"), ("upgrade", "WebSocket")];
    assert_eq!(read("GET", "/", &websocket).unwrap().upgrade, Some(Upgrade::WebSocket));
    assert_eq!(read("POST", "/", &websocket).unwrap_err(), FrontError::Upgrade);
    for odd in [
        &[("host", "a"), ("upgrade", "websocket")][..],
        &[("host", "a"), ("connection", "close"), ("upgrade", "websocket")],
        &[("host", "a"), ("connection", "upgrade"), ("upgrade", "h2c, websocket")],
        &[
            ("host", "a"),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("upgrade", "websocket"),
        ],
    ] {
        assert_eq!(read("GET", "/", odd).unwrap_err(), FrontError::Upgrade, "{odd:?}");
    }
    let other = [("host", "a"), ("connection", "upgrade"), ("upgrade", "h2c")];
    assert_eq!(read("GET", "/", &other).unwrap().upgrade, None);
    let twice = [("host", "a"), ("authorization", "Basic x"), ("authorization", "Bearer y")];
    assert_eq!(read("GET", "/", &twice).unwrap_err(), FrontError::Authorization);
}

#[test]
fn clients_are_told_apart() {
    let kind = |method: &str, fields: &[(&'static str, &str)]| {
        let fields: Vec<_> = [("host", "a")].into_iter().chain(fields.iter().copied()).collect();
        read(method, "/", &fields).unwrap().client
    };
    let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    assert_eq!(kind("GET", &[html]), ClientKind::Navigation);
    assert_eq!(kind("GET", &[html, ("sec-fetch-mode", "navigate")]), ClientKind::Navigation);
    assert_eq!(kind("GET", &[html, ("sec-fetch-mode", "cors")]), ClientKind::Fetch);
    assert_eq!(
        kind("GET", &[("accept", "image/*"), ("sec-fetch-mode", "no-cors")]),
        ClientKind::Fetch
    );
    assert_eq!(kind("POST", &[html]), ClientKind::Program);
    assert_eq!(kind("GET", &[("accept", "*/*")]), ClientKind::Program);
    assert_eq!(kind("GET", &[]), ClientKind::Program);
}

proptest! {
    /// No bytes make the check panic, and no accepted head has a line that another parser ends
    /// elsewhere.
    #[test]
    fn any_bytes_are_judged(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
        if raw::check(&raw).is_ok() {
            prop_assert!(!raw.contains(&0));
            let bare = raw.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
            prop_assert!(!bare);
        }
    }
}

/// S80: a connection that was made for one host asks for no other.
#[test]
fn a_connection_is_for_the_host_that_it_was_made_for() {
    let proxies: [IpNet; 1] = ["10.0.0.0/8".parse().unwrap()];
    let read = |server_name, peer: [u8; 4]| {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        request.append_header(header::HOST, "Photos.Example.:8443").unwrap();
        let peer = Some(peer.into());
        let connection = Connection {
            peer,
            is_tls: true,
            certificate: None,
            server_name,
            trusted_proxies: &proxies,
        };
        Head::read(None, &request, connection).map(|_| ())
    };
    let stranger = [192, 0, 2, 7];
    assert_eq!(read(Some("photos.example"), stranger), Ok(()));
    assert_eq!(read(Some("PHOTOS.example"), stranger), Ok(()));
    assert_eq!(read(None, stranger), Ok(()));
    for other in ["other.example", "a.photos.example", "photos.example.evil.example", ""] {
        assert_eq!(read(Some(other), stranger), Err(FrontError::ServerName), "{other}");
    }
    // a proxy names the gateway, and its clients their host
    assert_eq!(read(Some("gateway.internal"), [10, 0, 0, 1]), Ok(()));
}
