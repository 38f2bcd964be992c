//! One's own account, and signing out.

use http::StatusCode;

use crate::browser::{Browser, PASSWORD, Page, post_request};

#[tokio::test]
async fn a_form_from_another_site_changes_nothing() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    let token = browser.get("/_vestibule/sign-out").await.token().to_owned();
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "http://photos.example.com"),
    ] {
        let mut request = post_request("/_vestibule/sign-out", &[("form_token", &token)]);
        request.headers_mut().insert(name, value.parse().unwrap());
        let page = browser.send(request).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{name}: {value}");
        assert!(browser.is_signed_in().await);
    }
    let mut request = post_request("/_vestibule/sign-out", &[("form_token", &token)]);
    request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    request.headers_mut().insert("origin", "null".parse().unwrap());
    assert_eq!(browser.send(request).await.location(), Some("/"));
}

/// S5: a replayed cookie is nothing, and is cleared.
#[tokio::test]
async fn signing_out_is_for_good() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    let old = browser.cookies.clone();
    let page = browser.get("/_vestibule/sign-out").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(browser.is_signed_in().await, "looking at the page does nothing");
    let fields = [("form_token", page.token())];
    let answer = browser.post("/_vestibule/sign-out", &fields).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, Some("/")));
    assert!(browser.cookies.is_empty());
    browser.cookies = old;
    let page = browser.get("/_vestibule/account").await;
    assert_eq!(page.location(), Some("/_vestibule/sign-in?return=/_vestibule/account"));
    assert!(browser.cookies.is_empty(), "CVE-2026-34454: the cookie is cleared");
    let answer = browser.post("/_vestibule/sign-out", &[]).await;
    assert_eq!(answer.location(), Some("/"), "twice does no harm");
}

#[tokio::test]
async fn one_ends_ones_own_sessions_and_nobody_elses() {
    let mut here = Browser::new().await;
    let (mut there, mut third, mut mark) = (here.another(), here.another(), here.another());
    for browser in [&mut here, &mut there, &mut third] {
        browser.sign_in("jane").await;
    }
    mark.sign_in("<b>mark</b>").await;
    let page = here.get("/_vestibule/account").await;
    assert_eq!(page.body.matches("name=\"session\"").count(), 3);
    assert_eq!(page.body.matches("this one").count(), 1);
    let token = page.token().to_owned();
    let id_of = |page: &Page| {
        // the session of whoever looks is marked
        let upto = page.body.split("this one").nth(1).unwrap();
        let start = upto.find("name=\"session\" value=\"").unwrap() + 22;
        upto[start..].split('"').next().unwrap().to_owned()
    };
    let marks = id_of(&mark.get("/_vestibule/account").await);
    let end = "/_vestibule/account/sessions/end";
    here.post(end, &[("form_token", &token), ("session", &marks)]).await;
    assert!(mark.is_signed_in().await, "not by a stranger");
    let theres = id_of(&there.get("/_vestibule/account").await);
    let theirs_token = mark.get("/_vestibule/account").await.token().to_owned();
    let page = here.post(end, &[("form_token", &theirs_token), ("session", &theres)]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(there.is_signed_in().await, "not with another's form");
    let page = here.post(end, &[("form_token", &token), ("session", &theres)]).await;
    assert_eq!(page.location(), Some("/_vestibule/account?done=session"));
    assert!(!there.is_signed_in().await);
    here.post("/_vestibule/account/sessions/end-others", &[("form_token", &token)]).await;
    assert!(!third.is_signed_in().await);
    assert!(here.is_signed_in().await);
    let page = here.post(end, &[("form_token", &token), ("session", "x")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn changing_the_password_needs_the_old_one_and_two_equal_new_ones() {
    let mut browser = Browser::new().await;
    let mut other = browser.another();
    browser.sign_in("jane").await;
    other.sign_in("jane").await;
    let new = "another horse entirely";
    for (old, new, again, status, message) in [
        ("wrong", new, new, 403, "Your current password is not right."),
        (PASSWORD, new, "different", 422, "The two new passwords differ."),
        (PASSWORD, "short", "short", 422, "The password is too short"),
        (PASSWORD, "password1", "password1", 422, "one of the most common"),
        (PASSWORD, new, new, 303, ""),
    ] {
        let token = browser.get("/_vestibule/account").await.token().to_owned();
        let fields = [("form_token", &*token), ("old", old), ("new", new), ("again", again)];
        let page = browser.post("/_vestibule/account/password", &fields).await;
        assert_eq!(page.status.as_u16(), status, "{message}");
        assert!(page.body.contains(message), "{message}: {}", page.body);
    }
    assert!(browser.is_signed_in().await, "with a new token");
    assert!(!other.is_signed_in().await);
}
