//! Asks of real route maps, and which of them lie within bounds.

use std::sync::Arc;

use http::Method;
use pingora::http::RequestHeader;
use vestibule_adapters::{Asked, Classified, RouteMap};
use vestibule_grant::GrantKey;
use vestibule_schema::{GalleryPath, SiteId, Sizes};

use super::*;
use crate::front::Connection;
use crate::sites::Mount;
use crate::world::SiteState;
use crate::{HostName, Upstreams};

fn runtime(map: RouteMap) -> SiteRuntime {
    SiteRuntime {
        app_passwords: true,
        asserts: false,
        id: SiteId::parse("family").unwrap(),
        mount: Mount::at_hosts(vec![HostName::parse("photos.example").unwrap()]),
        upstreams: Upstreams::resolve(&["http://127.0.0.1:9".to_owned()]).unwrap(),
        adapter: Arc::new(map),
        sizes: Sizes::default(),
        grant_key: Arc::new(GrantKey::from_secret("test", [7; 32])),
        raw_keeps_metadata: false,
        identity_headers: None,
        state: SiteState::Open,
    }
}

fn head(method: &str, headers: &[(&'static str, &str)]) -> Head {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = RequestHeader::build(method, b"/", None).unwrap();
    request.insert_header("host", "photos.example").unwrap();
    for (name, value) in headers {
        request.insert_header(*name, *value).unwrap();
    }
    let connection = Connection {
        peer: None,
        is_tls: true,
        certificate: None,
        server_name: None,
        trusted_proxies: &[],
    };
    Head::read(None, &request, connection).unwrap()
}

struct Case<'a> {
    map: &'a str,
    method: &'a str,
    target: &'a str,
    destination: Option<&'a str>,
    headers: &'a [(&'static str, &'a str)],
}

const CASE: Case<'_> =
    Case { map: "copyparty", method: "GET", target: "/a/x.jpg", destination: None, headers: &[] };

fn admits(bounds: &AppBounds, case: &Case<'_>) -> bool {
    let map = RouteMap::built_in(case.map).unwrap();
    let (path, query) = match case.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (case.target, None),
    };
    let mut asked = Asked::new(case.method, path, query);
    asked.destination = case.destination;
    asked.depth = (case.method == "PROPFIND").then_some("1");
    let ask = match map.classify_all(asked, &Sizes::default()) {
        Classified::Ask(ask) => ask,
        other => panic!("{} {}: {other:?}", case.method, case.target),
    };
    admit(bounds, &runtime(map), (&head(case.method, case.headers), &ask))
}

fn scope(scope: AppScope) -> AppBounds {
    AppBounds { scope, site: None, folder: None }
}

fn within(folder: &str) -> AppBounds {
    AppBounds {
        scope: AppScope::All,
        site: Some(SiteId::parse("family").unwrap()),
        folder: Some(GalleryPath::from_decoded(folder).unwrap()),
    }
}

/// S17: the scope `read` changes nothing.
#[test]
fn who_may_read_writes_nothing() {
    let read = scope(AppScope::Read);
    for (method, target) in [
        ("GET", "/a/x.jpg"),
        ("HEAD", "/a/x.jpg"),
        ("PROPFIND", "/a/"),
        ("OPTIONS", "/a/"),
        ("GET", "/a/?zip"),
    ] {
        assert!(admits(&read, &Case { method, target, ..CASE }), "{method} {target}");
    }
    for (method, target) in [
        ("PUT", "/a/x.jpg"),
        ("DELETE", "/a/x.jpg"),
        ("MKCOL", "/a/b/"),
        ("PROPPATCH", "/a/x.jpg"),
        ("LOCK", "/a/x.jpg"),
        ("UNLOCK", "/a/x.jpg"),
    ] {
        assert!(!admits(&read, &Case { method, target, ..CASE }), "{method} {target}");
        let all = scope(AppScope::All);
        assert!(admits(&all, &Case { method, target, ..CASE }), "{method} {target}");
    }
    for method in ["MOVE", "COPY"] {
        let destination = Some("/a/y.jpg");
        assert!(!admits(&read, &Case { method, destination, ..CASE }), "{method}");
    }
}

/// S17: the scope `webdav` opens no page, and is nothing at a server that does not speak it.
#[test]
fn who_mounts_a_gallery_opens_no_page() {
    let webdav = scope(AppScope::WebDav);
    for (method, target) in
        [("GET", "/a/x.jpg"), ("PUT", "/a/x.jpg"), ("PROPFIND", "/a/"), ("DELETE", "/a/")]
    {
        assert!(admits(&webdav, &Case { method, target, ..CASE }), "{method} {target}");
    }
    let page: &[(&str, &str)] = &[("accept", "text/html,*/*")];
    assert!(!admits(&webdav, &Case { target: "/a/", headers: page, ..CASE }));
    let script: &[(&str, &str)] = &[("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin")];
    assert!(!admits(&webdav, &Case { target: "/a/?ls", headers: script, ..CASE }));
    assert!(!admits(&webdav, &Case { target: "/.cpr/w/util.js", ..CASE }));
    let elsewhere = Case { map: "vestibule", target: "/browse/a/", ..CASE };
    assert!(!admits(&webdav, &elsewhere));
}

#[test]
fn nothing_reaches_out_of_the_folder() {
    let a = within("/a/");
    for (method, target, destination) in [
        ("GET", "/a/x.jpg", None),
        ("GET", "/a/b/c/x.jpg", None),
        ("PROPFIND", "/a/", None),
        ("PROPFIND", "/a", None),
        ("MOVE", "/a/x.jpg", Some("/a/b/x.jpg")),
    ] {
        let case = Case { method, target, destination, ..CASE };
        assert!(admits(&a, &case), "{method} {target}");
    }
    for (method, target, destination) in [
        ("GET", "/", None),
        ("PROPFIND", "/", None),
        ("GET", "/ab/x.jpg", None),
        ("GET", "/A/x.jpg", None),
        ("GET", "/.cpr/w/util.js", None),
        ("MOVE", "/a/x.jpg", Some("/b/x.jpg")),
        ("COPY", "/b/x.jpg", Some("/a/x.jpg")),
        ("COPY", "/a/x.jpg", Some("/x.jpg")),
    ] {
        let case = Case { method, target, destination, ..CASE };
        assert!(!admits(&a, &case), "{method} {target}");
    }
    let other = AppBounds { site: Some(SiteId::parse("work").unwrap()), ..within("/a/") };
    assert!(!admits(&other, &CASE));
}
