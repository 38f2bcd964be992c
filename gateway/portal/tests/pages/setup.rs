//! The first administrator. S18.

use http::{StatusCode, header};
use vestibule_identity::RequestOrigin;
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::NewAccount;

use crate::browser::{Browser, PASSWORD, Page};

const PATH: &str = "/_vestibule/setup";

async fn send(browser: &mut Browser, code: &str, [name, password, again]: [&str; 3]) -> Page {
    let token = browser.get(PATH).await.token().to_owned();
    let fields = [
        ("form_token", &*token),
        ("code", code),
        ("name", name),
        ("password", password),
        ("again", again),
    ];
    browser.post(PATH, &fields).await
}

#[tokio::test]
async fn the_code_makes_the_first_administrator_and_the_page_is_gone() {
    let mut browser = Browser::empty().await;
    let code = browser.identity.invite_first().await.unwrap().unwrap();
    let code = code.expose().as_str();
    for (code, fields, status, message) in [
        (code, ["ada", PASSWORD, "different"], 422, "The two passwords differ."),
        (code, ["ada", "short", "short"], 422, "The password is too short"),
        (code, ["", PASSWORD, PASSWORD], 422, "be a user name"),
        ("planted-code", ["ada", PASSWORD, PASSWORD], 403, "The code is wrong"),
    ] {
        let page = send(&mut browser, code, fields).await;
        assert_eq!(page.status.as_u16(), status, "{message}");
        assert!(page.body.contains(message), "{message}: {}", page.body);
        assert!(page.body.contains("role=\"alert\""));
        assert!(!page.body.contains("planted-code") && !page.body.contains(PASSWORD));
    }
    let answer = send(&mut browser, code, ["ada", PASSWORD, PASSWORD]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, Some("/_vestibule/")));
    let account = browser.get("/_vestibule/account").await;
    assert!(account.body.contains("cluster_admin"), "{}", account.body);
    let mut other = browser.another();
    assert_eq!(other.get(PATH).await.status, StatusCode::NOT_FOUND);
    let page = other.post(PATH, &[("code", code), ("name", "eve")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert_eq!(other.sign_in("ada").await.location(), Some("/_vestibule/"));
}

#[tokio::test]
async fn wrong_codes_are_limited() {
    let mut browser = Browser::empty().await;
    browser.identity.invite_first().await.unwrap();
    for _ in 0..10 {
        let page = send(&mut browser, "x", ["ada", PASSWORD, PASSWORD]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
    let page = send(&mut browser, "x", ["ada", PASSWORD, PASSWORD]).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.headers[header::RETRY_AFTER], "60");
}

#[tokio::test]
async fn the_form_of_another_browser_is_worth_nothing() {
    let mut browser = Browser::empty().await;
    let code = browser.identity.invite_first().await.unwrap().unwrap();
    let token = browser.another().get(PATH).await.token().to_owned();
    browser.get(PATH).await;
    let fields = [
        ("form_token", &*token),
        ("code", code.expose()),
        ("name", "ada"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let page = browser.post(PATH, &fields).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("open for too long"), "{}", page.body);
    assert!(browser.identity.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn where_there_is_an_account_there_is_no_page() {
    let mut browser = Browser::new().await;
    assert_eq!(browser.get(PATH).await.status, StatusCode::NOT_FOUND);
    let mut browser = Browser::empty().await;
    assert_eq!(browser.get(PATH).await.status, StatusCode::OK);
    let jane = NewAccount::new(UserName::parse("jane").unwrap(), AccountRole::default());
    browser.identity.add_user(jane, None).await.unwrap();
    assert_eq!(browser.get(PATH).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn over_a_plain_connection_there_is_no_form() {
    let mut browser = Browser::empty().await;
    browser.origin = RequestOrigin::new(false, "photos.example.com", [192, 0, 2, 1].into());
    let page = browser.get(PATH).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("https://") && !page.body.contains("<form"));
}
