//! Opening share links.

use http::{StatusCode, header};
use vestibule_identity::{Audience, Secret, ShareOrder};
use vestibule_schema::{GalleryPath, RoleName, SiteId, UserName};

use crate::browser::{Browser, Fixed};

/// A browser at the host of the site `family`, and the path of a link that somebody made.
async fn with_link(maker: &str, password: Option<&str>) -> (Browser, String) {
    let mut browser =
        Browser::with(Fixed::sites(&[("family", "https://photos.example.com")])).await;
    browser.audience = Audience::Site(SiteId::parse("family").unwrap());
    let password = password.map(Secret::from);
    let order = ShareOrder {
        site: SiteId::parse("family").unwrap(),
        path: GalleryPath::from_decoded("/a/").unwrap(),
        role: RoleName::visitor(),
        maker: UserName::parse(maker).unwrap(),
        label: "<b>for Ann</b>",
        password: password.as_ref(),
        expires: None,
        uses: Some(1),
    };
    let made = browser.identity.make_share(&order).await.unwrap();
    (browser, format!("/_vestibule/s/{}", made.token.expose()))
}

/// S29: nothing of the link's address leaves the page.
#[tokio::test]
async fn a_link_is_looked_at_and_then_opened() {
    let (mut browser, link) = with_link("jane", None).await;
    for _ in 0..3 {
        let page = browser.get(&link).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("&#60;b&#62;for Ann") || page.body.contains("&lt;b&gt;for Ann"));
        assert_eq!(page.headers.get("referrer-policy").unwrap(), "no-referrer");
        assert_eq!(page.headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
    }
    let token = browser.get(&link).await.token().to_owned();
    let opened = browser.post(&link, &[("form_token", &*token)]).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER);
    assert_eq!(opened.location(), Some("/browse/a/"));
    let names: Vec<_> = browser.cookies.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"__Host-vestibule.family.share"), "{names:?}");
    assert_eq!(browser.get(&link).await.status, StatusCode::NOT_FOUND, "used up");
}

#[tokio::test]
async fn a_wrong_password_shows_the_page_again() {
    let (mut browser, link) = with_link("jane", Some("open sesame")).await;
    let token = browser.get(&link).await.token().to_owned();
    let wrong = browser.post(&link, &[("form_token", &*token), ("password", "open")]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(wrong.body.contains("the password is wrong"), "{}", wrong.body);
    for _ in 0..9 {
        browser.post(&link, &[("form_token", &*token), ("password", "open")]).await;
    }
    let right = [("form_token", &*token), ("password", "open sesame")];
    let held_back = browser.post(&link, &right).await;
    assert_eq!(held_back.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(held_back.headers.contains_key(header::RETRY_AFTER));
    browser.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(browser.post(&link, &right).await.status, StatusCode::SEE_OTHER);
}

/// The password would lie open, and the browser would get no cookie.
#[tokio::test]
async fn no_password_is_asked_for_over_a_plain_connection() {
    let (mut browser, link) = with_link("jane", Some("open sesame")).await;
    let token = browser.get(&link).await.token().to_owned();
    browser.origin.secure = false;
    let page = browser.get(&link).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(!page.body.contains("<form"), "{}", page.body);
    let fields = [("form_token", &*token), ("password", "open sesame")];
    let answer = browser.post(&link, &fields).await;
    assert_eq!((answer.status, answer.body), (StatusCode::FORBIDDEN, page.body));
}

/// A form of another page, or of another browser, opens nothing.
#[tokio::test]
async fn only_the_page_of_the_link_opens_it() {
    let (mut browser, link) = with_link("jane", None).await;
    let token = browser.get(&link).await.token().to_owned();
    let mut other = browser.another();
    other.get(&link).await;
    let answer = other.post(&link, &[("form_token", &*token)]).await;
    assert_ne!(answer.status, StatusCode::SEE_OTHER);
    assert_ne!(browser.post(&link, &[]).await.status, StatusCode::SEE_OTHER);
}

/// One that never was, one whose maker lost their right, one of a site that is elsewhere.
#[tokio::test]
async fn what_can_not_be_opened_looks_as_if_it_were_not_there() {
    let (mut browser, link) = with_link("<b>mark</b>", None).await;
    let unknown = format!("/_vestibule/s/{}", "A".repeat(43));
    let expected = browser.get(&unknown).await;
    assert_eq!(expected.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get(&link).await.body, expected.body, "its maker lost their right");
    let (mut browser, link) = with_link("jane", None).await;
    browser.origin.authority = "other.example.com".into();
    assert_eq!(browser.get(&link).await.body, expected.body, "at another host");
}
