use vestibule_schema::{Action, PathError};

use super::*;
use crate::ask::{Kind, Span};

fn classify(method: &str, url: &str) -> Classified {
    let map = RouteMap::built_in("vestibule").unwrap();
    let (path, query) =
        url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    map.classify(method, path, query, &Sizes::default())
}

fn ask(url: &str) -> Ask {
    match classify("GET", url) {
        Classified::Ask(ask) => ask,
        other => panic!("{url}: {other:?}"),
    }
}

/// S53, and class A of `security.md`: nothing that two readers could read differently.
#[test]
fn odd_paths_are_bad_requests() {
    let check = |path: &str, expected: PathError| {
        let got = classify("GET", path);
        assert_eq!(got, Classified::BadRequest(BadTarget::Path(expected)), "{path}");
    };
    check("/browse/a%2fb/", PathError::EncodedSlash);
    check("/browse/a%2Fb/", PathError::EncodedSlash);
    check("/browse/a%5cb/", PathError::Backslash);
    check("/browse/a\\b/", PathError::Backslash);
    check("/browse/../zip/", PathError::DotSegment);
    check("/browse/%2e%2e/zip/", PathError::DotSegment);
    check("/browse/.%2E/zip/", PathError::DotSegment);
    check("/browse/./a/", PathError::DotSegment);
    check("/browse//a/", PathError::EmptySegment);
    check("//browse/a/", PathError::EmptySegment);
    check("/browse/a/%00", PathError::Control);
    check("/browse/a%0d%0ab/", PathError::Control);
    check("/browse/%c0%ae%c0%ae/", PathError::NotUtf8);
    check("/browse/%252e%252e/", PathError::DoubleEncoding);
    check("/browse/a;b/", PathError::RawDelimiter);
    check("/browse/a#b/", PathError::RawDelimiter);
    check("/browse/%", PathError::BadPercent);
    check("browse/a/", PathError::NotAbsolute);
    check("*", PathError::NotAbsolute);
    check("", PathError::NotAbsolute);
}

#[test]
fn no_route_no_passage() {
    for url in [
        "/healthz",
        "/readyz",
        "/browsing/a/",
        "/Browse/a/",
        "/image/",
        "/image/a/?size=large",
        "/image",
        "/api/",
        "/api/folders.json",
        "/assets/",
        "/assets/gallery.css/",
        "/assets/GALLERY.CSS",
        "/assets/a/gallery.css",
        "/tiles/a.jpg.dzi",
        "/zip/a/?versions=1",
        "/browse/a/?SORT=name",
        "/browse/a/?sort=size",
        "/browse/a/?sort=",
        "/browse/a/?sort",
    ] {
        assert_eq!(classify("GET", url), Classified::Unclassified, "{url}");
    }
}

#[test]
fn methods_are_named_per_route() {
    for method in ["POST", "PUT", "DELETE", "PROPFIND", "TRACE", "CONNECT", "get", "Get", ""] {
        let got = classify(method, "/image/a.jpg?size=original");
        assert_eq!(got, Classified::MethodNotAllowed { allow: Arc::from("GET, HEAD") }, "{method}");
        assert_eq!(classify(method, "/nothing"), Classified::Unclassified, "{method}");
    }
    assert_eq!(classify("HEAD", "/zip/a/"), classify("GET", "/zip/a/"));
}

#[test]
fn what_is_never_shown_is_reserved_on_every_method() {
    for url in [
        "/image/a/_folder.md?size=original",
        "/image/a/_FOLDER.md?size=original",
        "/image/.htaccess?size=original",
        "/image/a/.git/config?size=original",
        "/image/a.jpg.xmp",
        "/raw/a.TOML",
        "/view/notes.md",
        "/browse/__versions/a.jpg/",
        "/zip/__versions",
        "/api/folders/.hidden/",
        "/image/%5F%5Fversions/a.jpg?size=large",
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            assert_eq!(classify(method, url), Classified::Reserved, "{method} {url}");
        }
    }
}

/// What is written differently but reads the same is judged and forwarded the same.
#[test]
fn equal_requests_are_forwarded_equal() {
    let canonical = ask("/image/a%20b/%C3%A9.jpg?download=1&size=large");
    for url in [
        "/image/a%20b/%c3%a9.jpg?size=large&download=1",
        "/im%61ge/%61%20b/é.jpg?download=1&size=large",
        "/image/a%20b/%C3%A9%2Ejpg?&size=%6carge&&download=%31&",
    ] {
        assert_eq!(ask(url), canonical, "{url}");
    }
    assert_eq!(canonical.forward.path(), "/image/a%20b/%C3%A9.jpg");
    assert_eq!(canonical.forward.query(), Some("download=1&size=large"));
    assert_eq!(ask("/").forward.query(), None);
}

#[test]
fn a_route_says_kind_and_span() {
    assert_eq!((ask("/").kind, ask("/").span), (Kind::Page, Span::Listing));
    assert_eq!((ask("/zip/a").kind, ask("/zip/a").span), (Kind::Zip, Span::Tree));
    let image = ask("/image/a.jpg?size=gallery");
    assert_eq!(
        (image.kind, image.span, image.wanted.first),
        (Kind::Media, Span::One, Action::View)
    );
    let asset = ask("/assets/gallery.css");
    assert_eq!((asset.kind, asset.path.is_root()), (Kind::Asset, true));
}

/// Whatever is asked, reading what is forwarded gives what was judged.
#[test]
fn the_forwarded_path_is_the_judged_path() {
    let odd =
        ["a b", "ü", "📷", "100%", "a;b", "a?b", "a#b", "a&b=c", "a+b", "'\"<>", "a...", "-", "~"];
    for first in odd {
        for second in odd {
            let path = GalleryPath::from_decoded(&format!("/{first}/{second}.jpg")).unwrap();
            let got = ask(&format!("/view{}", path.encoded()));
            assert_eq!(got.path, path);
            let read = GalleryPath::from_encoded(got.forward.path()).unwrap();
            assert_eq!(read.as_str(), format!("/view{path}"));
            assert!(got.forward.as_str().bytes().all(|b| b.is_ascii_graphic() && b != b'#'));
        }
    }
}
