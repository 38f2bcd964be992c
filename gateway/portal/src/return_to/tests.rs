//! What is followed, and a list of what never is.

use super::*;

fn check(text: &str, expected: &str) {
    assert_eq!(ReturnTo::parse(text).as_str(), expected, "{text:?}");
}

#[test]
fn paths_of_this_host_are_followed() {
    check("/", "/");
    check("/clients/smith/", "/clients/smith/");
    check("/a%20b.jpg?size=large&download=1", "/a%20b.jpg?size=large&download=1");
    check("/%C3%A9t%c3%a9/", "/%C3%A9t%C3%A9/");
    check("/a@2x.jpg", "/a%402x.jpg");
    check("/i/family/?q=https%3A%2F%2Fexample.com", "/i/family/?q=https%3A%2F%2Fexample.com");
    check("/_vestibule/account", "/_vestibule/account");
}

/// What must all become `/`; each was an open redirect somewhere.
const PAYLOADS: &[&str] = &[
    "",
    "evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example/%2e%2e",
    "//evil.example/",
    "//evil.example%2f..",
    "/\\evil.example",
    "/\\/evil.example",
    "/\\\\evil.example",
    "\\\\evil.example",
    "\\/\\/evil.example",
    "\\/evil.example",
    "\\evil.example",
    "/%5cevil.example",
    "/%5Cevil.example",
    "/%5c%5cevil.example",
    "/%2fevil.example",
    "/%2F%2Fevil.example",
    "/%252fevil.example",
    "/%255cevil.example",
    "/\tevil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/%09/evil.example",
    "/%09evil.example",
    "/%0a/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/a\r\nLocation: https://evil.example",
    "/a?b\r\nSet-Cookie: x=y",
    "/a?b%0d%0aSet-Cookie:%20x=y",
    "/ /evil.example",
    " //evil.example",
    " /evil",
    "/\u{0}/evil.example",
    "/%00/evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "http://photos.example.com@evil.example/",
    "//photos.example.com@evil.example/",
    "//photos.example.com:pass@evil.example",
    "https://photos.example.com.evil.example/",
    "javascript:alert(1)",
    "java%0ascript:alert(1)",
    "data:text/html,x",
    "/./evil.example",
    "/../evil.example",
    "/a/../../evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/%2e%2e//evil.example",
    "/;@evil.example",
    "/;//evil.example",
    "/a#//evil.example",
    "?//evil.example",
    "#//evil.example",
    "/\u{FF0F}evil.example",
    "\u{FF0F}\u{FF0F}evil.example",
    "/%EF%BC%8Fevil.example",
    "/%E2%81%84evil.example",
    "/%EF%BC%BCevil.example",
    "/\u{2215}evil.example",
    "//evil\u{3002}example",
    "/\u{FEFF}/evil.example",
    "/%c0%afevil.example",
    "/%",
    "/%zz",
    "/a?%",
    "/<script>",
    "/\"onmouseover=alert(1)",
    "/[::1]",
    "//[::ffff:192.0.2.1]/",
    "/_vestibule/sign-in",
    "/_vestibule/sign-out",
    "/_vestibule/sign-in?return=/",
];

/// S27; class F of `security.md`.
#[test]
fn nothing_leads_to_another_host() {
    for payload in PAYLOADS {
        check(payload, "/");
    }
    check(&format!("/{}", "a/".repeat(3_000)), "/");
}

#[test]
fn a_target_is_a_fixed_point() {
    for text in ["/a%20b.jpg?x=1", "/é/", "/a%402x.jpg", "//x"] {
        let once = ReturnTo::parse(text);
        assert_eq!(ReturnTo::parse(once.as_str()), once);
    }
}
