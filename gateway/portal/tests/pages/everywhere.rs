//! What holds for every page, and the chooser.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode, header};
use tower::ServiceExt;
use vestibule_identity::{Authentication, FailedCredential};
use vestibule_portal::{PAGE_HEADERS, Portal};

use crate::browser::{Browser, Fixed, PASSWORD, post_request};
use crate::second_factor;

#[tokio::test]
async fn the_chooser_shows_what_is_open() {
    let sites = [("family", "/i/family/"), ("work", "https://w.example"), ("closed", "/i/c/")];
    let mut browser = Browser::with(Fixed::sites(&sites)).await;
    let page = browser.get("/_vestibule/").await;
    assert_eq!(page.location(), Some("/_vestibule/sign-in?return=/_vestibule/"));
    assert_eq!(browser.sign_in("jane").await.location(), Some("/_vestibule/"));
    let page = browser.get("/_vestibule/").await;
    assert!(page.body.contains("&#60;family&#62;"), "{}", page.body);
    assert!(page.body.contains("href=\"/_vestibule/enter?site=work\""));
    assert!(!page.body.contains("closed"), "{}", page.body);

    let none = Fixed { contact: Some("Ada, ada@example.com".into()), ..Fixed::default() };
    let mut browser = Browser::with(none).await;
    browser.sign_in("jane").await;
    let page = browser.get("/_vestibule/").await;
    assert!(page.body.contains("No gallery yet") && page.body.contains("Ada, ada@example.com"));
}

/// S29, S81: on pages, redirections, assets and refusals alike.
#[tokio::test]
async fn every_answer_has_its_headers_and_no_script() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    for path in [
        "/_vestibule/",
        "/_vestibule/sign-in",
        "/_vestibule/sign-out",
        "/_vestibule/account",
        "/_vestibule/account/second-factor",
        "/_vestibule/account/passkeys",
        "/_vestibule/sign-in/code",
        "/_vestibule/setup",
        "/_vestibule/assets/portal.css",
        "/_vestibule/assets/arch.svg",
        "/_vestibule/assets/nothing",
        "/_vestibule/healthz",
        "/_vestibule/readyz",
        "/_vestibule/nothing",
        "/elsewhere",
    ] {
        let page = browser.get(path).await;
        for (name, value) in PAGE_HEADERS {
            let is_asset = path.contains("/assets/") && page.status == StatusCode::OK;
            if !(is_asset && name == "cache-control") {
                assert_eq!(page.headers[name], value, "{path} {name}");
            }
        }
        for banned in ["<script", " style=", "<style", " onclick", "javascript:", "http://"] {
            let body = page.body.replace("http://www.w3.org/2000/svg", "");
            assert!(!body.contains(banned), "{path} {banned}");
        }
    }
}

/// The pages of a second factor that have fields: before it is on, while it is, and at sign-in.
async fn second_factor_pages(browser: &mut Browser) -> (String, String, String) {
    let enrolment = second_factor::begin(browser, PASSWORD).await.body;
    second_factor::turn_on(browser).await;
    let change = browser.get("/_vestibule/account/second-factor").await.body;
    let code = second_factor::first_step(&mut browser.another(), "/a/").await.body;
    (enrolment, change, code)
}

#[tokio::test]
async fn every_field_has_a_label_and_says_what_completes_it() {
    let mut browser = Browser::new().await;
    let sign_in = browser.get("/_vestibule/sign-in").await.body;
    let setup = Browser::empty().await.get("/_vestibule/setup").await.body;
    browser.sign_in("jane").await;
    let account = browser.get("/_vestibule/account").await.body;
    let (enrolment, change, code) = second_factor_pages(&mut browser).await;
    for body in [sign_in, setup, account, enrolment, change, code] {
        assert!(body.starts_with("<!doctype html>\n<html lang=\"en\">"));
        let mut seen = 0;
        for input in body.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            if input.contains("hidden") {
                continue;
            }
            seen += 1;
            let id = input.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
            assert!(body.contains(&format!("<label for=\"{id}\"")), "{id}");
            assert!(input.contains("autocomplete=\""), "{id}");
        }
        assert!(seen >= 1);
    }
}

/// Fails closed: what the front forgot is an error, not an anonymous visitor.
#[tokio::test]
async fn without_the_fronts_word_nothing_is_shown() {
    let browser = Browser::new().await;
    let ask = |origin: bool, audience: bool, who: Option<Authentication>| {
        let mut request = Request::get("/_vestibule/sign-in").body(Body::empty()).unwrap();
        if origin {
            request.extensions_mut().insert(browser.origin.clone());
        }
        if audience {
            request.extensions_mut().insert(browser.audience.clone());
        }
        if let Some(who) = who {
            request.extensions_mut().insert(who);
        }
        let router = browser.router.clone();
        async move { router.oneshot(request).await.unwrap().status().as_u16() }
    };
    let anonymous = || Some(Authentication::Anonymous { clear_cookie: false });
    assert_eq!(ask(false, false, None).await, 500);
    assert_eq!(ask(true, true, None).await, 500);
    assert_eq!(ask(false, true, anonymous()).await, 500);
    assert_eq!(ask(true, false, anonymous()).await, 500);
    assert_eq!(ask(true, true, anonymous()).await, 200);
    assert_eq!(ask(true, true, Some(Authentication::Failed(FailedCredential::Basic))).await, 401);
}

#[tokio::test]
async fn odd_forms_are_refused() {
    let mut browser = Browser::new().await;
    let path = "/_vestibule/sign-in";
    let page = browser.post(path, &[("name", "a"), ("name", "b")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "a field twice");
    let mut request = post_request(path, &[]);
    request.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(browser.send(request).await.status, StatusCode::BAD_REQUEST);
    let page = browser.post(path, &[("password", &"x".repeat(20_000))]).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    let request = Request::put(path).body(Body::empty()).unwrap();
    assert_eq!(browser.send(request).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn readiness_follows_the_store() {
    let mut browser = Browser::new().await;
    assert_eq!(browser.get("/_vestibule/healthz").await.body, "ok\n");
    assert_eq!(browser.get("/_vestibule/readyz").await.body, "ready\n");
    browser.identity.store().close().await;
    let mut anonymous = browser.another();
    let page = anonymous.get("/_vestibule/readyz").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.body, "the store can't be reached\n");
    assert_eq!(anonymous.get("/_vestibule/healthz").await.body, "ok\n", "it lives all the same");
    let token = anonymous.get("/_vestibule/sign-in").await.token().to_owned();
    let fields = [("form_token", &*token), ("name", "jane"), ("password", PASSWORD)];
    let page = anonymous.post("/_vestibule/sign-in", &fields).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "nobody new gets in");
    assert!(page.headers.contains_key(header::RETRY_AFTER));
}

/// S84.
#[tokio::test]
async fn the_forms_key_is_not_shown() {
    let browser = Browser::new().await;
    let portal = Portal::open(browser.identity.clone(), Arc::new(Fixed::default())).await.unwrap();
    let key = browser.identity.key("portal-forms").await.unwrap();
    let shown = format!("{portal:?}");
    assert!(shown.contains("FormTokens(***)"));
    assert!(!shown.contains(&format!("{:?}", key.bytes())));
}
