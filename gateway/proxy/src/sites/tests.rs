use super::*;

fn authority(text: &str) -> Option<(String, Option<u16>)> {
    Authority::split(text).map(|authority| (authority.host.into_owned(), authority.port))
}

/// S52.
#[test]
fn hosts_are_folded() {
    let check = |text: &str, host: &str, port: Option<u16>| {
        assert_eq!(authority(text), Some((host.to_owned(), port)), "{text}");
    };
    check("photos.example.com", "photos.example.com", None);
    check("PHOTOS.Example.com:8443", "photos.example.com", Some(8443));
    check("photos.example.com.", "photos.example.com", None);
    check("photos.example.com.:80", "photos.example.com", Some(80));
    check("127.0.0.1:1", "127.0.0.1", Some(1));
    check("[::1]:8080", "[::1]", Some(8080));
    check("[2001:DB8::1]", "[2001:db8::1]", None);
}

#[test]
fn what_is_no_host_is_none() {
    for text in [
        "",
        ".",
        "..",
        "a..b",
        "a:",
        "a:x",
        "a:80:80",
        "a:65536",
        "a:+80",
        "u@a",
        "a/b",
        "a b",
        "a\\b",
        "a%2eb",
        "a_b",
        "é.example",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[a]",
        "::1",
    ] {
        assert_eq!(authority(text), None, "{text}");
    }
    assert_eq!(authority(&"a".repeat(254)), None);
    assert_eq!(HostName::parse("a:80"), Err(HostNameError));
}

fn table() -> SiteTable {
    SiteTable {
        hosts: HashMap::from([
            ("portal.example".to_owned(), HostEntry::Portal),
            ("photos.example".to_owned(), HostEntry::Site(0)),
        ]),
        paths: vec![("/i/family-trips".to_owned(), 2), ("/i/family".to_owned(), 1)],
        portal: PortalHosts::At(HostName::parse("portal.example").unwrap()),
    }
}

#[test]
fn finds_sites_by_host_and_by_path() {
    let table = table();
    let check = |host: &str, path: &str, expected: Place<'_>| {
        assert_eq!(table.place(host, path), expected, "{host}{path}");
    };
    check("photos.example", "/a/b.jpg", Place::Site(0, "/a/b.jpg"));
    check("photos.example", "/i/family/", Place::Site(0, "/i/family/"));
    check("photos.example", "/_vestibule/sign-in", Place::Own(Some(0)));
    check("portal.example", "/i/family/a", Place::Site(1, "/a"));
    check("portal.example", "/i/family/", Place::Site(1, "/"));
    check("portal.example", "/i/family", Place::AddSlash("/i/family/".into()));
    check("portal.example", "/i/family-trips/a", Place::Site(2, "/a"));
    check("portal.example", "/i/family-x/a", Place::Nothing);
    check("portal.example", "/i/Family/", Place::Nothing);
    check("portal.example", "/i/f%61mily/", Place::Nothing);
    check("portal.example", "/i/none/", Place::Nothing);
    check("portal.example", "/", Place::Home);
    check("portal.example", "/_vestibule", Place::Nothing);
    check("portal.example", "/_vestibule/x", Place::Own(None));
    check("other.example", "/_vestibule/x", Place::UnknownHost);
    check("", "/", Place::UnknownHost);
}

#[test]
fn without_an_address_of_its_own_the_portal_is_everywhere() {
    let mut table = table();
    table.portal = PortalHosts::Every(HostName::parse("portal.example").unwrap());
    assert_eq!(table.place("photos.example", "/_vestibule/sign-in"), Place::Own(None));
    assert_eq!(table.place("other.example", "/_vestibule/sign-in"), Place::UnknownHost);
    assert_eq!(table.site_at("photos.example", "/a/"), Some(0));
    assert_eq!(table.site_at("portal.example", "/i/family/a"), Some(1));
    assert_eq!(table.site_at("portal.example", "/a"), None);
}

#[test]
fn a_mount_has_a_canonical_base() {
    assert_eq!(Mount::at_path("/i/family/").unwrap().base(), "/i/family");
    assert_eq!(Mount::at_path("/i/family").unwrap().base(), "/i/family");
    assert_eq!(Mount::at_path("/i/a b/").unwrap().base(), "/i/a%20b");
    for path in ["/", "i/family/", "/_vestibule/", "/_vestibule/x/", "/i/../x/"] {
        assert!(Mount::at_path(path).is_err(), "{path}");
    }
}
