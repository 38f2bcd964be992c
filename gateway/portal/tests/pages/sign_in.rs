//! Signing in.

use std::time::Duration;

use http::{StatusCode, header};
use vestibule_identity::RequestOrigin;

use crate::browser::{Browser, PASSWORD, Page};

/// A script of some other page of the domain may have set one.
#[tokio::test]
async fn a_cookie_that_is_no_text_locks_nobody_out() {
    let mut browser = Browser::new().await;
    browser.cookies.push(("odd".to_owned(), "é".to_owned()));
    assert_eq!(browser.sign_in("jane").await.status, StatusCode::SEE_OTHER);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn somebody_signs_in_and_goes_where_they_came_from() {
    let mut browser = Browser::new().await;
    let page = browser.get("/_vestibule/sign-in?return=/clients/a%2520b/%3Fpage%3D2").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("value=\"/clients/a%20b/?page=2\""), "{}", page.body);
    let fields = [
        ("form_token", page.token()),
        ("name", "Jane"),
        ("password", PASSWORD),
        ("return", "/clients/a%20b/?page=2"),
    ];
    let answer = browser.post("/_vestibule/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), Some("/clients/a%20b/?page=2"));
    let account = browser.get("/_vestibule/account").await;
    assert_eq!(account.status, StatusCode::OK);
    assert!(account.body.contains("<bdi>jane</bdi>"));
    let names: Vec<_> = browser.cookies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["__Host-vestibule"], "the cookie of the form is gone");
}

/// S27, class F: whatever the form says, nobody is sent to another host.
#[tokio::test]
async fn sign_in_sends_nobody_away() {
    let first = Browser::new().await;
    for target in ["//evil.example", "/\\evil.example", "https://evil.example", "/%09/evil.example"]
    {
        let mut browser = first.another();
        let query: String = target.bytes().map(|b| format!("%{b:02X}")).collect();
        let page = browser.get(&format!("/_vestibule/sign-in?return={query}")).await;
        assert!(!page.body.contains("evil.example"), "{target}");
        let token = page.token().to_owned();
        let fields =
            [("form_token", &*token), ("name", "jane"), ("password", PASSWORD), ("return", target)];
        let answer = browser.post("/_vestibule/sign-in", &fields).await;
        assert_eq!(answer.location(), Some("/"), "{target}");
    }
    let mut browser = first.another();
    let page = browser.get("/_vestibule/sign-in?return=/a/&return=//evil.example").await;
    assert!(!page.body.contains("name=\"return\""), "neither of two");
}

/// S12: one page for whatever is wrong.
/// A text without what stands once between these.
fn without(text: &str, before: &str, after: &str) -> String {
    let (head, rest) = text.split_once(before).expect(before);
    let (_, tail) = rest.split_once(after).expect(after);
    format!("{head}{before}{after}{tail}")
}

#[tokio::test]
async fn a_wrong_password_shows_the_page_again_with_the_name() {
    let first = Browser::new().await;
    let mut bodies = Vec::new();
    for name in ["jane", "nobody"] {
        let mut browser = first.another();
        let token = browser.get("/_vestibule/sign-in").await.token().to_owned();
        let fields = [
            ("form_token", &*token),
            ("name", name),
            ("password", "planted-password"),
            ("return", "/a/"),
        ];
        let page = browser.post("/_vestibule/sign-in", &fields).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(!page.headers.contains_key(header::WWW_AUTHENTICATE));
        assert!(page.body.contains("The user name or the password is wrong."));
        assert!(page.body.contains(&format!("value=\"{name}\"")));
        assert!(page.body.contains("value=\"/a/\""));
        assert!(!page.body.contains("planted-password"));
        let body = page.body.replace(page.token(), "").replace(name, "");
        // what a browser with a passkey is asked is new each time
        let body = without(&body, "&#34;challenge&#34;:&#34;", "&#34;");
        bodies.push(without(&body, "name=\"question\" value=\"", "\""));
        assert!(!browser.is_signed_in().await);
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn too_many_failures_say_when_to_come_back() {
    let mut browser = Browser::new().await;
    let token = browser.get("/_vestibule/sign-in").await.token().to_owned();
    let fields = [("form_token", &*token), ("name", "jane"), ("password", "x")];
    for _ in 0..10 {
        let page = browser.post("/_vestibule/sign-in", &fields).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
    let page = browser.post("/_vestibule/sign-in", &fields).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.headers[header::RETRY_AFTER], "60");
    browser.clock.advance(Duration::from_secs(60));
    let fields = [("form_token", &*token), ("name", "jane"), ("password", PASSWORD)];
    let page = browser.post("/_vestibule/sign-in", &fields).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}

/// S8.
#[tokio::test]
async fn a_sign_in_form_of_another_browser_is_worth_nothing() {
    let mut mine = Browser::new().await;
    let mut theirs = mine.another();
    let theirs_token = theirs.get("/_vestibule/sign-in").await.token().to_owned();
    mine.get("/_vestibule/sign-in").await;
    for token in [theirs_token.as_str(), "", "x", &"A".repeat(43)] {
        let fields = [("form_token", token), ("name", "jane"), ("password", PASSWORD)];
        let page = mine.post("/_vestibule/sign-in", &fields).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.body.contains("open for too long"), "{}", page.body);
        assert!(!mine.is_signed_in().await);
        // and the page that comes back works
        assert!(!page.token().is_empty());
    }
    mine.cookies.clear();
    let fields = [("form_token", &*theirs_token), ("name", "jane"), ("password", PASSWORD)];
    let page = mine.post("/_vestibule/sign-in", &fields).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "without the cookie");
    // two tabs: the token of the first still counts after the second was opened
    let first = theirs.get("/_vestibule/sign-in").await.token().to_owned();
    assert_eq!(theirs.get("/_vestibule/sign-in").await.token(), first);
}

#[tokio::test]
async fn the_sign_in_page_clears_a_worthless_cookie_and_a_sign_in_does_not() {
    let mut browser = Browser::new().await;
    browser.cookies.push(("__Host-vestibule".into(), "A".repeat(43)));
    let page = browser.get("/_vestibule/sign-in").await;
    let cleared = |page: &Page| {
        let mut cookies = page.headers.get_all(header::SET_COOKIE).iter();
        cookies.any(|cookie| cookie.to_str().unwrap().starts_with("__Host-vestibule=;"))
    };
    assert!(cleared(&page));
    browser.cookies.push(("__Host-vestibule".into(), "A".repeat(43)));
    let fields = [("form_token", page.token()), ("name", "jane"), ("password", PASSWORD)];
    let answer = browser.post("/_vestibule/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(!cleared(&answer));
    assert!(browser.is_signed_in().await);
}

/// S3: who signs in again has one session, with a new token.
#[tokio::test]
async fn signing_in_again_ends_the_session_before() {
    let mut browser = Browser::new().await;
    let token = browser.get("/_vestibule/sign-in").await.token().to_owned();
    let form_cookie = browser.cookies.clone();
    browser.sign_in("jane").await;
    let page = browser.get("/_vestibule/sign-in?return=/a/").await;
    assert!(page.body.contains("You are signed in"));
    assert!(page.body.contains("href=\"/a/\""));
    let before = browser.cookies.clone();
    browser.cookies.extend(form_cookie);
    let fields = [("form_token", &*token), ("name", "<b>mark</b>"), ("password", PASSWORD)];
    browser.post("/_vestibule/sign-in", &fields).await;
    let page = browser.get("/_vestibule/account").await;
    assert!(page.body.contains("&#60;b&#62;mark"), "escaped: {}", page.body);
    assert!(!page.body.contains("<b>mark"));
    browser.cookies = before;
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn over_a_plain_connection_there_is_no_form() {
    let mut browser = Browser::new().await;
    browser.origin = RequestOrigin::new(false, "photos.example.com", [192, 0, 2, 1].into());
    let page = browser.get("/_vestibule/sign-in").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("https://") && !page.body.contains("<form"));
    assert!(!page.headers.contains_key(header::SET_COOKIE));
    let page = browser.post("/_vestibule/sign-in", &[("name", "jane")]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);

    browser.origin = RequestOrigin::new(false, "localhost:8080", [127, 0, 0, 1].into());
    browser.sign_in("jane").await;
    assert!(browser.is_signed_in().await);
    assert_eq!(browser.cookies[0].0, "vestibule");
}
