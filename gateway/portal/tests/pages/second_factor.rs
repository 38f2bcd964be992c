//! Second factors: setting one up, and signing in with it. S15.

use std::time::Duration;

use http::{StatusCode, header};

use crate::browser::{Browser, PASSWORD, Page};

const OVERVIEW: &str = "/_vestibule/account/second-factor";

/// The code that an authenticator shows some steps from now.
fn code(browser: &Browser, secret: &str, steps: i64) -> String {
    let time = u64::try_from(browser.identity.now().seconds() + 30 * steps).unwrap();
    let secret = totp_rs::Secret::try_from_base32(secret.replace(' ', "")).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
    totp.generate(time).to_string()
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

fn secret(page: &Page) -> String {
    between(&page.body, "<p class=\"secret\"><code>", "</code>").to_owned()
}

pub(crate) async fn begin(browser: &mut Browser, password: &str) -> Page {
    let token = browser.get(OVERVIEW).await.token().to_owned();
    let fields = [("form_token", &*token), ("password", password)];
    browser.post(&format!("{OVERVIEW}/begin"), &fields).await
}

/// Turns it on with the code of the step before; the secret and the recovery codes.
pub(crate) async fn turn_on(browser: &mut Browser) -> (String, Vec<String>) {
    let page = begin(browser, PASSWORD).await;
    let secret = secret(&page);
    let ticket = between(&page.body, "name=\"ticket\" value=\"", "\"").to_owned();
    let first = code(browser, &secret, -1);
    let fields = [("form_token", page.token()), ("ticket", &ticket), ("code", &first)];
    let page = browser.post(&format!("{OVERVIEW}/confirm"), &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let codes = page.body.split("<li><code>").skip(1);
    (secret, codes.map(|rest| rest.split('<').next().unwrap().to_owned()).collect())
}

/// Gives the password; the page that asks for the code.
pub(crate) async fn first_step(browser: &mut Browser, return_to: &str) -> Page {
    let token = browser.get("/_vestibule/sign-in").await.token().to_owned();
    let fields =
        [("form_token", &*token), ("name", "jane"), ("password", PASSWORD), ("return", return_to)];
    let answer = browser.post("/_vestibule/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let to = answer.location().unwrap().to_owned();
    assert!(to.starts_with("/_vestibule/sign-in/code"), "{to}");
    browser.get(&to).await
}

async fn second_step(browser: &mut Browser, page: &Page, code: &str) -> Page {
    let mut fields = vec![("form_token", page.token()), ("code", code)];
    if page.body.contains("name=\"return\"") {
        fields.push(("return", between(&page.body, "name=\"return\" value=\"", "\"")));
    }
    browser.post("/_vestibule/sign-in/code", &fields).await
}

#[tokio::test]
async fn somebody_sets_it_up_and_signs_in_with_it() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    let page = begin(&mut browser, PASSWORD).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    let svg = between(&page.body, "role=\"img\"", "</div>");
    assert!(svg.contains("<svg ") && !svg.contains("<?xml"), "{svg}");
    let secret = secret(&page);
    assert_eq!(secret.split(' ').map(str::len).collect::<Vec<_>>(), [4; 8]);
    let before = browser.cookies.clone();
    let (secret, codes) = turn_on(&mut browser).await;
    assert_eq!(codes.len(), 10);
    assert_ne!(browser.cookies, before, "S3: a new token");
    assert!(browser.get("/_vestibule/account").await.body.contains("10 recovery codes are left"));
    assert!(!browser.get(OVERVIEW).await.body.contains(&codes[0]), "shown once");

    let mut other = browser.another();
    let page = first_step(&mut other, "/clients/a%20b/?page=2").await;
    assert!(page.body.contains("inputmode=\"numeric\" autocomplete=\"one-time-code\""));
    assert!(!other.is_signed_in().await, "a password alone is no session");
    let right = code(&other, &secret, 0);
    let answer = second_step(&mut other, &page, &right).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, Some("/clients/a%20b/?page=2"))
    );
    assert!(other.is_signed_in().await);
    let names: Vec<_> = other.cookies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["__Host-vestibule"], "nothing is left of the steps before");
}

/// S15: one page for whatever is wrong; S13: with the limit of sign-in.
#[tokio::test]
async fn a_wrong_code_shows_the_page_again() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    let (secret, _) = turn_on(&mut browser).await;
    let mut other = browser.another();
    let mut page = first_step(&mut other, "/a/").await;
    let used = code(&other, &secret, -1);
    for wrong in ["planted-wrong-code", &used, "", "abcd-efgh-ijkl-mnop"] {
        page = second_step(&mut other, &page, wrong).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        let error = "<p class=\"notice error\" role=\"alert\" id=\"message\">The code is wrong, or \
                     was used before.</p>";
        assert!(page.body.contains(error), "{}", page.body);
        assert!(page.body.contains("aria-describedby=\"message\""));
        assert!(page.body.contains("value=\"/a/\""), "where to go is kept");
        assert!(!page.body.contains("planted-wrong-code"));
        assert!(!other.is_signed_in().await);
    }
    for _ in 4..10 {
        page = second_step(&mut other, &page, "000000").await;
    }
    let right = code(&other, &secret, 0);
    let limited = second_step(&mut other, &page, &right).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.headers[header::RETRY_AFTER], "60");
    other.clock.advance(Duration::from_secs(60));
    let right = code(&other, &secret, 0);
    let answer = second_step(&mut other, &limited, &right).await;
    assert_eq!(answer.location(), Some("/a/"));
}

#[tokio::test]
async fn a_recovery_code_says_how_many_are_left() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    let (_, codes) = turn_on(&mut browser).await;
    let mut other = browser.another();
    let page = first_step(&mut other, "/a/").await;
    let answer = second_step(&mut other, &page, &codes[0]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("9 are left"), "{}", answer.body);
    assert!(answer.body.contains("href=\"/_vestibule/sign-in?return=%2Fa%2F\""), "{}", answer.body);
    assert!(other.get("/_vestibule/account").await.body.contains("9 recovery codes are left"));
    let mut third = browser.another();
    let page = first_step(&mut third, "/").await;
    assert_eq!(second_step(&mut third, &page, &codes[0]).await.status, StatusCode::FORBIDDEN);
}

/// A wrong code is told at the field that it was typed into.
#[tokio::test]
async fn an_error_stands_at_the_field_of_the_code() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    turn_on(&mut browser).await;
    let mut other = browser.another();
    let page = first_step(&mut other, "/").await;
    assert!(page.body.contains("<details>"), "closed at first");
    let field =
        |page: &Page, id: &str| between(&page.body, &format!("<input id=\"{id}\""), ">").to_owned();
    let fields = [("form_token", page.token()), ("code", "abcd"), ("recovery", "yes")];
    let page = other.post("/_vestibule/sign-in/code", &fields).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("<details open>"), "{}", page.body);
    let is_told = |field: &str| field.contains("autofocus aria-invalid=\"true\"");
    assert!(is_told(&field(&page, "recovery")) && !is_told(&field(&page, "code")));
    let page = second_step(&mut other, &page, "000000").await;
    assert!(page.body.contains("<details>"));
    assert!(is_told(&field(&page, "code")) && !is_told(&field(&page, "recovery")));
}

/// S8: what is not this browser's own is worth nothing.
#[tokio::test]
async fn the_second_step_belongs_to_its_browser() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    let (secret, _) = turn_on(&mut browser).await;
    let mut theirs = browser.another();
    let page = first_step(&mut theirs, "/a/").await;
    let right = code(&theirs, &secret, 0);
    let mut mine = browser.another();
    let nobody = mine.get("/_vestibule/sign-in/code?return=/a/").await;
    assert_eq!(nobody.location(), Some("/_vestibule/sign-in?return=%2Fa%2F"));
    let refused = second_step(&mut mine, &page, &right).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "with another's form");
    let own = mine.get("/_vestibule/sign-in").await;
    let refused = second_step(&mut mine, &own, &right).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "without the password");
    assert!(refused.body.contains("please sign in again"), "{}", refused.body);
    assert!(!mine.is_signed_in().await);
    theirs.clock.advance(Duration::from_secs(300));
    let right = code(&theirs, &secret, 0);
    let late = second_step(&mut theirs, &page, &right).await;
    assert!(late.body.contains("please sign in again"), "{}", late.body);
    assert!(late.body.contains("value=\"/a/\""), "where to go is kept");
    assert!(!theirs.is_signed_in().await);
}

#[tokio::test]
async fn it_is_set_up_with_the_password_and_a_code_alone() {
    let mut browser = Browser::new().await;
    let page = browser.get(OVERVIEW).await;
    assert_eq!(
        page.location(),
        Some("/_vestibule/sign-in?return=/_vestibule/account/second-factor")
    );
    browser.sign_in("jane").await;
    let page = begin(&mut browser, "wrong").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("Your password is not right."));
    assert!(!page.body.contains("class=\"secret\""));
    let page = begin(&mut browser, PASSWORD).await;
    let (secret, ticket) =
        (secret(&page), between(&page.body, "name=\"ticket\" value=\"", "\"").to_owned());
    let path = format!("{OVERVIEW}/confirm");
    let fields = [("form_token", page.token()), ("ticket", &ticket), ("code", "000000")];
    let again = browser.post(&path, &fields).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.body.contains(&secret), "the same secret is shown again");
    for ticket in ["", "x", &"A".repeat(43)] {
        let right = code(&browser, &secret, 0);
        let fields = [("form_token", again.token()), ("ticket", ticket), ("code", &right)];
        assert_eq!(browser.post(&path, &fields).await.status, StatusCode::CONFLICT, "{ticket}");
    }
    assert!(browser.get("/_vestibule/account").await.body.contains("your password alone"));
    let mut other = browser.another();
    assert_eq!(other.sign_in("jane").await.location(), Some("/_vestibule/"), "nothing is on");
}

/// ASVS 7.4.3, S3.
#[tokio::test]
async fn a_change_needs_both_and_ends_the_others_if_asked() {
    let mut browser = Browser::new().await;
    let mut other = browser.another();
    other.sign_in("jane").await;
    browser.sign_in("jane").await;
    let (secret, codes) = turn_on(&mut browser).await;
    assert!(other.is_signed_in().await);
    let path = format!("{OVERVIEW}/change");
    for (password, with, status, message) in [
        ("wrong", codes[0].as_str(), 403, "Your password is not right."),
        (PASSWORD, "000000", 403, "The code is wrong"),
    ] {
        let token = browser.get(OVERVIEW).await.token().to_owned();
        let fields =
            [("form_token", &*token), ("password", password), ("code", with), ("do", "off")];
        let page = browser.post(&path, &fields).await;
        assert_eq!(page.status.as_u16(), status);
        assert!(page.body.contains(message), "{}", page.body);
    }
    let token = browser.get(OVERVIEW).await.token().to_owned();
    let right = code(&browser, &secret, 0);
    let mut fields = vec![("form_token", &*token), ("password", PASSWORD), ("code", &right)];
    fields.extend([("do", "codes"), ("end_others", "yes")]);
    let page = browser.post(&path, &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("worth nothing any more") && !page.body.contains(&codes[0]));
    assert!(!other.is_signed_in().await && browser.is_signed_in().await);
    let new = between(&page.body, "<li><code>", "<").to_owned();
    let token = browser.get(OVERVIEW).await.token().to_owned();
    let fields = [("form_token", &*token), ("password", PASSWORD), ("code", &new), ("do", "off")];
    let answer = browser.post(&path, &fields).await;
    assert_eq!(answer.location(), Some("/_vestibule/account?done=second-factor-off"));
    let page = browser.get("/_vestibule/account?done=second-factor-off").await;
    assert!(page.body.contains("Your second factor is off."));
    assert_eq!(other.sign_in("jane").await.location(), Some("/_vestibule/"));
}
