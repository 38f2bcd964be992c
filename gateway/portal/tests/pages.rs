//! The pages as a browser meets them, by way of the router alone.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::string_slice,
    reason = "a test binary: its helpers may fail the test"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use vestibule_identity::{
    Authentication, Credentials, FailedCredential, Identity, ManualClock, RequestOrigin, Settings,
    UnixTime,
};
use vestibule_policies::Principal;
use vestibule_portal::{PAGE_HEADERS, Portal, SiteCard, Sites, router};
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{NewAccount, Store};

const PASSWORD: &str = "correct horse battery";

#[derive(Debug, Default)]
struct Fixed(Vec<SiteCard>, Option<String>);

impl Sites for Fixed {
    fn open_to(&self, principal: &Principal) -> Vec<SiteCard> {
        if principal.is_signed_in() { self.0.clone() } else { Vec::new() }
    }

    fn contact(&self) -> Option<String> {
        self.1.clone()
    }
}

/// A gateway and one browser that keeps cookies.
struct Browser {
    identity: Arc<Identity>,
    clock: Arc<ManualClock>,
    router: axum::Router,
    origin: RequestOrigin,
    cookies: Vec<(String, String)>,
}

struct Page {
    status: StatusCode,
    headers: http::HeaderMap,
    body: String,
}

impl Page {
    fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION).map(|value| value.to_str().unwrap())
    }

    fn token(&self) -> &str {
        let mark = "name=\"form_token\" value=\"";
        let start = self.body.find(mark).expect("a form with a token") + mark.len();
        self.body[start..].split('"').next().unwrap()
    }
}

impl Browser {
    async fn new() -> Self {
        Self::with(Fixed::default()).await
    }

    async fn with(sites: Fixed) -> Self {
        let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_700_000_000)));
        let store = Store::open_in_memory().await.unwrap();
        let settings = Settings::for_tests(clock.clone());
        let identity = Arc::new(Identity::open(store, settings).await.unwrap());
        for name in ["jane", "<b>mark</b>"] {
            let role = AccountRole::parse("user").unwrap();
            let account = NewAccount::new(UserName::parse(name).unwrap(), role);
            identity.add_user(account, Some(&PASSWORD.into())).await.unwrap();
        }
        let portal = Portal::open(identity.clone(), Arc::new(sites)).await.unwrap();
        let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 1].into());
        Self { identity, clock, router: router(portal), origin, cookies: Vec::new() }
    }

    /// Another browser at the same gateway.
    fn another(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            clock: self.clock.clone(),
            router: self.router.clone(),
            origin: self.origin.clone(),
            cookies: Vec::new(),
        }
    }

    fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join("; ")
    }

    async fn send(&mut self, mut request: Request<Body>) -> Page {
        let cookies = self.cookie_header();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.parse().unwrap());
        }
        let credentials = Credentials { cookies: &[&cookies], authorization: None };
        let who = self.identity.authenticate(&self.origin, &credentials).await.unwrap();
        request.extensions_mut().insert(self.origin.clone());
        request.extensions_mut().insert(who);
        let page = read(self.router.clone().oneshot(request).await.unwrap()).await;
        for cookie in page.headers.get_all(header::SET_COOKIE) {
            let (pair, rest) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !rest.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        page
    }

    async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send(post_request(path, fields)).await
    }

    async fn sign_in(&mut self, name: &str) -> Page {
        let token = self.get("/_vestibule/sign-in").await.token().to_owned();
        let fields = [("form_token", &*token), ("name", name), ("password", PASSWORD)];
        self.post("/_vestibule/sign-in", &fields).await
    }

    async fn is_signed_in(&mut self) -> bool {
        self.get("/_vestibule/account").await.status == StatusCode::OK
    }
}

fn post_request(path: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut body = String::new();
    for (name, value) in fields {
        let encoded: String =
            value.bytes().map(|b| format!("%{b:02X}")).collect::<Vec<_>>().concat();
        body.push_str(&format!("{name}={encoded}&"));
    }
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap()
}

async fn read(response: Response) -> Page {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Page { status: parts.status, headers: parts.headers, body }
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
        bodies.push(page.body.replace(page.token(), "").replace(name, ""));
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

#[tokio::test]
async fn the_chooser_shows_what_is_open() {
    let card = |name: &str, url: &str| SiteCard { name: name.into(), url: url.into() };
    let two = vec![card("Family & friends", "/i/family/"), card("Work", "https://w.example/")];
    let mut browser = Browser::with(Fixed(two, None)).await;
    let page = browser.get("/_vestibule/").await;
    assert_eq!(page.location(), Some("/_vestibule/sign-in?return=/_vestibule/"));
    assert_eq!(browser.sign_in("jane").await.location(), Some("/_vestibule/"));
    let page = browser.get("/_vestibule/").await;
    assert!(page.body.contains("Family &#38; friends"), "{}", page.body);
    assert!(page.body.contains("href=\"https://w.example/\""));

    let none = Fixed(Vec::new(), Some("Ada, ada@example.com".into()));
    let mut browser = Browser::with(none).await;
    browser.sign_in("jane").await;
    let page = browser.get("/_vestibule/").await;
    assert!(page.body.contains("No gallery yet") && page.body.contains("Ada, ada@example.com"));
}

#[tokio::test]
async fn who_has_one_site_goes_straight_there_if_it_is_here() {
    for (url, expected) in [
        ("/i/family/", "/i/family/"),
        ("https://photos.example.com/", "/"),
        ("https://other.example/", "/_vestibule/"),
        ("https://photos.example.com.evil.example/", "/_vestibule/"),
        ("//other.example/", "/"),
    ] {
        let card = SiteCard { name: "One".into(), url: url.into() };
        let mut browser = Browser::with(Fixed(vec![card], None)).await;
        assert_eq!(browser.sign_in("jane").await.location(), Some(expected), "{url}");
    }
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
        "/_vestibule/assets/portal.css",
        "/_vestibule/assets/arch.svg",
        "/_vestibule/assets/nothing",
        "/_vestibule/healthz",
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

#[tokio::test]
async fn every_field_has_a_label_and_says_what_completes_it() {
    let mut browser = Browser::new().await;
    let sign_in = browser.get("/_vestibule/sign-in").await.body;
    browser.sign_in("jane").await;
    let account = browser.get("/_vestibule/account").await.body;
    for body in [sign_in, account] {
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
        assert!(seen >= 2);
    }
}

/// Fails closed: what the front forgot is an error, not an anonymous visitor.
#[tokio::test]
async fn without_the_fronts_word_nothing_is_shown() {
    let browser = Browser::new().await;
    let ask = |origin: bool, who: Option<Authentication>| {
        let mut request = Request::get("/_vestibule/sign-in").body(Body::empty()).unwrap();
        if origin {
            request.extensions_mut().insert(browser.origin.clone());
        }
        if let Some(who) = who {
            request.extensions_mut().insert(who);
        }
        let router = browser.router.clone();
        async move { router.oneshot(request).await.unwrap().status().as_u16() }
    };
    let anonymous = || Some(Authentication::Anonymous { clear_cookie: false });
    assert_eq!(ask(false, None).await, 500);
    assert_eq!(ask(true, None).await, 500);
    assert_eq!(ask(false, anonymous()).await, 500);
    assert_eq!(ask(true, anonymous()).await, 200);
    assert_eq!(ask(true, Some(Authentication::Failed(FailedCredential::Basic))).await, 401);
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
async fn health_follows_the_store() {
    let mut browser = Browser::new().await;
    assert_eq!(browser.get("/_vestibule/healthz").await.body, "ok\n");
    browser.identity.store().close().await;
    let mut anonymous = browser.another();
    let page = anonymous.get("/_vestibule/healthz").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
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
