use proptest::prelude::*;
use vestibule_adapters::{Classified, RouteMap};
use vestibule_schema::{GalleryPath, Sizes};

use super::*;
use crate::front::Connection;

fn head(fields: &HeaderMap) -> Head {
    let mut request = RequestHeader::build("GET", b"/image/a.jpg?size=large", None).unwrap();
    for (name, value) in fields {
        request.append_header(name.clone(), value.clone()).unwrap();
    }
    let peer = Some([192, 0, 2, 7].into());
    let connection = Connection {
        peer,
        is_tls: true,
        certificate: None,
        server_name: None,
        trusted_proxies: &[],
    };
    Head::read(None, &request, connection).unwrap()
}

fn forwarded(hand_over: HandOver, fields: &[(&str, &str)]) -> RequestHeader {
    let mut incoming = HeaderMap::new();
    incoming.insert(header::HOST, HeaderValue::from_static("Photos.Example."));
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        incoming.append(name, HeaderValue::from_str(value).unwrap());
    }
    let grant = HeaderValue::from_static("v1.true");
    let outgoing = Outgoing {
        target: "/image/a.jpg?size=large",
        hand_over,
        base: "/i/family",
        grant: Some(&grant),
        id: RequestId::fresh(),
    };
    outgoing.request(&incoming, &head(&incoming)).unwrap()
}

/// What an attacker sends in the hope that somebody behind the gateway believes it. S58, and
/// class B of `security.md`.
const SPOOFED: &[&str] = &[
    "X-Vestibule-Grant",
    "x_vestibule_grant",
    "X-Vestibule_Grant",
    "X-VESTIBULE-GRANT",
    "X-Vestibule-Assertion",
    "X_Vestibule_Assertion",
    "X-Vestibule-User",
    "X-Forwarded-User",
    "X_Forwarded_User",
    "x-forwarded_user",
    "X-Forwarded-Groups",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Forwarded-For",
    "X_Forwarded_For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Forwarded-Server",
    "X-Forwarded-Scheme",
    "X-Forwarded-Ssl",
    "X-Forwarded-Client-Cert",
    "Forwarded",
    "Remote-User",
    "REMOTE_USER",
    "Remote-Groups",
    "Remote-Email",
    "Remote-Name",
    "Remote_Addr",
    "X-Remote-User",
    "X_Remote_User",
    "X-Auth-User",
    "X-Auth-Request-User",
    "X-Auth-Request-Groups",
    "X-Auth-Token",
    "X-Authenticated-User",
    "X-WebAuth-User",
    "X-User",
    "X-User-Id",
    "X-Real-IP",
    "X_Real_IP",
    "X-Client-IP",
    "Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Cf-Access-Jwt-Assertion",
    "X-Goog-Authenticated-User-Email",
    "X-Ms-Client-Principal",
    "Tailscale-User-Login",
    "X-Original-URL",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X_HTTP_Method_Override",
    "X-Immich-User-Token",
    "X-Api-Key",
    "X-Request-Id",
    "X-SSL-Client-Verify",
    "SSL-Client-Cert",
    "X-Accel-Redirect",
    "X-Sendfile",
    "Authorization",
    "Proxy-Authorization",
    "Destination",
    "Via",
    "TE",
    "Trailer",
    "Keep-Alive",
    "Proxy-Connection",
    "Expect",
];

#[test]
fn nothing_that_names_a_person_passes() {
    for hand_over in [HandOver::Grant, HandOver::Nothing] {
        let fields: Vec<_> = SPOOFED.iter().map(|name| (*name, "spoofed")).collect();
        let request = forwarded(hand_over, &fields);
        for (name, value) in &request.headers {
            assert_ne!(value, "spoofed", "{name} passed with {hand_over:?}");
        }
    }
}

#[test]
fn the_gateways_word_is_the_only_one() {
    let fields: Vec<_> = SPOOFED.iter().map(|name| (*name, "spoofed")).collect();
    let request = forwarded(HandOver::Grant, &fields);
    let values = |name: &str| {
        let all = request.headers.get_all(name).iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values("x-vestibule-grant"), ["v1.true"]);
    assert_eq!(values("x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(values("x-forwarded-proto"), ["https"]);
    assert_eq!(values("x-forwarded-host"), ["photos.example"]);
    assert_eq!(values("x-forwarded-prefix"), ["/i/family"]);
    assert_eq!(values("host"), ["photos.example"]);
    assert_eq!(values("x-request-id").len(), 1);
}

#[test]
fn what_http_needs_passes() {
    let fields = [
        ("accept", "image/webp"),
        ("range", "bytes=0-99"),
        ("if-none-match", "\"x\""),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("if-range", "\"x\""),
        ("cookie", "a=1; __Host-vestibule=secret; b=2"),
        ("user-agent", "test"),
    ];
    let backend = forwarded(HandOver::Grant, &fields);
    for name in ["accept", "range", "if-none-match", "if-modified-since", "if-range"] {
        assert!(backend.headers.contains_key(name), "{name}");
    }
    assert!(!backend.headers.contains_key("cookie"));
    let foreign = forwarded(HandOver::Nothing, &fields);
    assert_eq!(foreign.headers["cookie"], "a=1; b=2");
    assert_eq!(foreign.headers["user-agent"], "test");
}

#[test]
fn a_grant_may_be_as_long_as_it_gets() {
    let grant = HeaderValue::from_str(&"g".repeat(vestibule_grant::MAX_TOKEN_BYTES)).unwrap();
    let mut incoming = HeaderMap::new();
    incoming.insert(header::HOST, HeaderValue::from_static("a"));
    let outgoing = Outgoing {
        target: "/",
        hand_over: HandOver::Grant,
        base: "",
        grant: Some(&grant),
        id: RequestId::fresh(),
    };
    let request = outgoing.request(&incoming, &head(&incoming)).unwrap();
    assert_eq!(request.headers[GRANT].len(), vestibule_grant::MAX_TOKEN_BYTES);
}

proptest! {
    /// Whatever path is sent: it is refused, or what is forwarded reads as what was judged.
    #[test]
    fn the_forwarded_path_is_the_judged_path(tail in "[a-zA-Z0-9%/._~;?#\\\\ é+&=@:!-]{0,40}") {
        let map = RouteMap::built_in("vestibule").unwrap();
        for start in ["/browse/", "/image/", "/zip/", "/"] {
            let sent = format!("{start}{tail}");
            let query = Some("size=large").filter(|_| start == "/image/");
            let asked = map.classify("GET", &sent, query, &Sizes::default());
            let Classified::Ask(ask) = asked else { continue };
            let outgoing = Outgoing {
                target: ask.forward.as_str(),
                hand_over: HandOver::Grant,
                base: "",
                grant: None,
                id: RequestId::fresh(),
            };
            let mut incoming = HeaderMap::new();
            incoming.insert(header::HOST, HeaderValue::from_static("a"));
            let request = outgoing.request(&incoming, &head(&incoming)).unwrap();
            let path = request.uri.path();
            let read = GalleryPath::from_encoded(path).unwrap();
            if ask.kind != Kind::Asset && path != "/" {
                prop_assert!(read.as_str().ends_with(ask.path.as_str()), "{sent} -> {path}");
            }
            prop_assert_eq!(request.raw_path(), ask.forward.as_str().as_bytes());
        }
    }
}
