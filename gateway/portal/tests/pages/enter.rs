//! From the portal to the sites: a code that is good once, for a minute, in one browser.

use std::time::Duration;

use http::StatusCode;
use vestibule_identity::{Audience, RequestOrigin};
use vestibule_schema::SiteId;

use crate::browser::{Browser, Fixed, PASSWORD, Page};

const PORTAL: &str = "https://photos.example.com";

/// Two sites with hosts of their own, one below a path of the portal's host, one that is closed.
async fn browser() -> Browser {
    let sites = [
        ("family", "https://family.example"),
        ("work", "https://work.example"),
        ("trips", "/i/trips/"),
        ("closed", "https://closed.example"),
    ];
    let fixed = Fixed { portal: Some(PORTAL.to_owned()), ..Fixed::sites(&sites) };
    Browser::with(fixed).await
}

/// The same person's browser at the host of a site. It has a jar of its own, as browsers do.
fn at(browser: &Browser, site: &str) -> Browser {
    let mut there = browser.another();
    there.origin = RequestOrigin::new(true, &format!("{site}.example"), [192, 0, 2, 1].into());
    there.audience = Audience::Site(SiteId::parse(site).unwrap());
    there
}

fn path_of<'p>(page: &'p Page, origin: &str) -> &'p str {
    let location = page.location().unwrap_or_else(|| panic!("{} {}", page.status, page.body));
    location.strip_prefix(origin).unwrap_or_else(|| panic!("{location} is not at {origin}"))
}

fn is_at_site(browser: &Browser, site: &str) -> bool {
    browser.cookies.iter().any(|(name, _)| *name == format!("__Host-vestibule.{site}"))
}

/// From the site's host to the portal and back, signing in on the way.
async fn enter(portal: &mut Browser, there: &mut Browser, back: &str) -> Page {
    let site = there.origin.ascii_origin();
    let out = there.get(&format!("/_vestibule/sign-in?return={back}")).await;
    let mut page = portal.get(path_of(&out, PORTAL)).await;
    if page.location().is_some_and(|to| to.starts_with("/_vestibule/sign-in")) {
        let form = portal.get(page.location().unwrap()).await;
        let mark = "name=\"return\" value=\"";
        let start = form.body.find(mark).unwrap() + mark.len();
        let back = form.body[start..].split('"').next().unwrap().replace("&#38;", "&");
        let token = form.token().to_owned();
        let fields =
            [("form_token", &*token), ("name", "jane"), ("password", PASSWORD), ("return", &*back)];
        page = portal.post("/_vestibule/sign-in", &fields).await;
        page = portal.get(page.location().unwrap()).await;
    }
    there.get(path_of(&page, &site)).await
}

#[tokio::test]
async fn somebody_signs_in_once_and_enters_several_sites() {
    let mut portal = browser().await;
    let mut family = at(&portal, "family");
    let page = enter(&mut portal, &mut family, "/clients/a%2520b/").await;
    assert_eq!(page.location(), Some("/clients/a%20b/"));
    assert!(is_at_site(&family, "family"));
    assert!(!family.cookies.iter().any(|(name, _)| name == "__Host-vestibule"));
    // the second site asks for nothing
    let mut work = at(&portal, "work");
    let out = work.get("/_vestibule/sign-in?return=/").await;
    let page = portal.get(path_of(&out, PORTAL)).await;
    let page = work.get(path_of(&page, "https://work.example")).await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, Some("/")));
    assert!(is_at_site(&work, "work"));
    // and what the portal's page lists is one sign-in with what was born of it
    let account = portal.get("/_vestibule/account").await;
    assert!(account.body.contains("family") && account.body.contains("work"), "{}", account.body);
    assert!(account.body.contains("viewer, by a grant"), "the reason is shown: {}", account.body);
}

#[tokio::test]
async fn a_site_below_a_path_has_a_session_of_its_own_too() {
    let mut portal = browser().await;
    let form = portal.get("/_vestibule/sign-in?return=/i/trips/a/").await;
    let token = form.token().to_owned();
    let fields = [
        ("form_token", &*token),
        ("name", "jane"),
        ("password", PASSWORD),
        ("return", "/i/trips/a/"),
    ];
    let page = portal.post("/_vestibule/sign-in", &fields).await;
    let to = page.location().unwrap().to_owned();
    assert!(to.starts_with("/_vestibule/arrive?code="), "{to}");
    let page = portal.get(&to).await;
    assert_eq!(page.location(), Some("/i/trips/a/"));
    let names: Vec<_> = portal.cookies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["__Host-vestibule", "__Host-vestibule.trips"]);
    // S3: who enters again has one session there, not two
    let sessions = async |portal: &mut Browser| {
        portal.get("/_vestibule/account").await.body.matches("trips").count()
    };
    let before = (sessions(&mut portal).await, portal.cookies[1].1.clone());
    let page = portal.get("/_vestibule/enter?site=trips&return=/i/trips/").await;
    let to = page.location().unwrap().to_owned();
    portal.get(&to).await;
    let after = (sessions(&mut portal).await, portal.cookies[1].1.clone());
    assert!(before.0 > 0 && before.0 == after.0, "{before:?} {after:?}");
    assert_ne!(before.1, after.1, "another token");
}

/// A form's answer leads to another origin by a page, and a cookie that was worth nothing does not
/// take the new one with it.
#[tokio::test]
async fn a_form_leads_to_another_origin_by_a_page() {
    let sites = [("family", "https://family.example")];
    let fixed = Fixed { portal: Some(PORTAL.to_owned()), ..Fixed::sites(&sites) };
    let mut portal = Browser::with(fixed).await;
    portal.cookies.push(("__Host-vestibule".into(), "A".repeat(43)));
    let token = portal.get("/_vestibule/sign-in").await.token().to_owned();
    portal.cookies.push(("__Host-vestibule".into(), "A".repeat(43)));
    let fields = [("form_token", &*token), ("name", "jane"), ("password", PASSWORD)];
    let page = portal.post("/_vestibule/sign-in", &fields).await;
    assert_eq!((page.status, page.location()), (StatusCode::OK, None), "no redirection");
    let there = "https://family.example/_vestibule/sign-in?return=%2F";
    assert!(page.body.contains(&format!("content=\"0; url={there}\"")), "{}", page.body);
    assert!(portal.is_signed_in().await);
}

/// The code is used up by whoever shows it first, and is nothing in another browser.
#[tokio::test]
async fn a_code_is_good_once_for_a_minute_in_one_browser() {
    let mut portal = browser().await;
    portal.sign_in("jane").await;
    let code = async |portal: &mut Browser, there: &mut Browser| {
        let out = there.get("/_vestibule/sign-in?return=/a/").await;
        let page = portal.get(path_of(&out, PORTAL)).await;
        path_of(&page, &there.origin.ascii_origin()).to_owned()
    };
    let mut family = at(&portal, "family");
    let first = code(&mut portal, &mut family).await;
    let form_cookie = family.cookies.clone();
    assert_eq!(family.get(&first).await.location(), Some("/a/"));
    family.cookies = form_cookie;
    let again = family.get(&first).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "once");
    assert!(!is_at_site(&family, "family"));

    let stolen = code(&mut portal, &mut family).await;
    let mut thief = at(&portal, "family");
    thief.get("/_vestibule/sign-in").await;
    assert_eq!(thief.get(&stolen).await.status, StatusCode::FORBIDDEN, "another browser");
    assert_eq!(family.get(&stolen).await.status, StatusCode::FORBIDDEN, "and then nobody's");

    portal.clock.advance(Duration::from_secs(30));
    let late = code(&mut portal, &mut family).await;
    portal.clock.advance(Duration::from_secs(60));
    assert_eq!(family.get(&late).await.status, StatusCode::FORBIDDEN, "a minute");

    let elsewhere = code(&mut portal, &mut family).await;
    let mut work = at(&portal, "work");
    work.cookies.clone_from(&family.cookies);
    assert_eq!(work.get(&elsewhere).await.status, StatusCode::FORBIDDEN, "another site");
    for nonsense in ["", "x", &"A".repeat(43), &"A".repeat(5_000)] {
        let page = family.get(&format!("/_vestibule/arrive?code={nonsense}")).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
    let page = family.get("/_vestibule/arrive?code=a&code=b").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "S25");
}

/// S27: nobody is led to a host that is not the site's, whatever the address says.
#[tokio::test]
async fn the_way_back_is_one_of_the_sites_own_hosts() {
    let mut portal = browser().await;
    portal.sign_in("jane").await;
    for target in [
        "https://evil.example",
        "https://family.example.evil.example",
        "https://family.example:8443",
        "https://family.example@evil.example",
        "http://family.example",
        "https://work.example",
        "//family.example",
        "javascript:alert(1)",
        "",
    ] {
        let at: String = target.bytes().map(|b| format!("%{b:02X}")).collect();
        let page = portal.get(&format!("/_vestibule/enter?site=family&at={at}&to=m")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{target}");
        assert_eq!(page.location(), None);
    }
    for (back, expected) in
        [("%2F%2Fevil.example", "/"), ("%2F%5Cevil.example", "/"), ("/a/", "/a/")]
    {
        let mut family = at(&portal, "family");
        let page = enter(&mut portal, &mut family, back).await;
        assert_eq!(page.location(), Some(expected), "{back}");
        portal.clock.advance(Duration::from_secs(60));
    }
    for query in ["", "site=", "site=a/b", "site=family&site=work", "site=family&at=x"] {
        let page = portal.get(&format!("/_vestibule/enter?{query}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

/// S78: a site that is closed to somebody looks like one that is not there.
#[tokio::test]
async fn a_closed_site_and_none_look_the_same() {
    let mut portal = browser().await;
    portal.sign_in("jane").await;
    let closed = portal.get("/_vestibule/enter?site=closed").await;
    let none = portal.get("/_vestibule/enter?site=nothing").await;
    assert_eq!((closed.status, none.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    assert_eq!(closed.body, none.body);
    assert!(closed.body.contains("No access"));
}

/// Complaint 11: a browser that keeps no cookie at the site is told so, not sent round for ever.
#[tokio::test]
async fn a_circle_is_broken_by_a_page_that_says_why() {
    let mut portal = browser().await;
    portal.sign_in("jane").await;
    let mut ends = Vec::new();
    for _ in 0..5 {
        let mut forgetful = at(&portal, "family");
        let out = forgetful.get("/_vestibule/sign-in?return=/a/").await;
        let page = portal.get(path_of(&out, PORTAL)).await;
        ends.push(page.status);
        if page.status == StatusCode::OK {
            assert!(page.body.contains("does not keep its cookie"), "{}", page.body);
            assert!(page.body.contains("href=\"https://family.example/a/\""));
        }
    }
    assert_eq!(ends.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{ends:?}");
}

#[tokio::test]
async fn signing_out_at_the_site_ends_all_of_it() {
    let mut portal = browser().await;
    let (mut family, mut work) = (at(&portal, "family"), at(&portal, "work"));
    enter(&mut portal, &mut family, "/").await;
    enter(&mut portal, &mut work, "/").await;
    let token = family.get("/_vestibule/sign-out").await.token().to_owned();
    let page = family.post("/_vestibule/sign-out", &[("form_token", &token)]).await;
    assert_eq!(page.location(), Some("/"));
    assert!(!is_at_site(&family, "family"), "the cookie is gone");
    assert!(!portal.is_signed_in().await);
    let page = work.get("/_vestibule/sign-out").await;
    assert!(page.body.contains("You are not signed in"), "{}", page.body);
}

#[tokio::test]
async fn a_sites_host_shows_few_pages_of_its_own() {
    let portal = browser().await;
    let mut family = at(&portal, "family");
    for path in ["/_vestibule/", "/_vestibule/account", "/_vestibule/enter", "/_vestibule/nothing"]
    {
        let page = family.get(path).await;
        assert_eq!(page.location(), Some(&*format!("{PORTAL}{path}")), "{path}");
    }
    let page = family.post("/_vestibule/account/password", &[("old", "x")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let page = family.post("/_vestibule/sign-in", &[("name", "jane")]).await;
    assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "passwords are the portal's");
    assert_eq!(family.get("/_vestibule/assets/portal.css").await.status, StatusCode::OK);
}
