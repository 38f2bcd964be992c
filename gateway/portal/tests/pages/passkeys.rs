//! The pages of passkeys, as far as they go without an authenticator. `tests/e2e/pages.rs` goes the
//! whole way, in a browser that plays one.

use http::StatusCode;

use crate::browser::{Browser, PASSWORD, Page};

const SCRIPT: &str = "script-src https://photos.example.com/_vestibule/assets/passkey.js";

fn policy(page: &Page) -> &str {
    page.headers.get("content-security-policy").unwrap().to_str().unwrap()
}

/// Sends a form, with the token that stands on a page.
async fn send(browser: &mut Browser, page: &Page, path: &str, fields: &[(&str, &str)]) -> Page {
    let with_token = [&[("form_token", page.token())], fields].concat();
    browser.post(path, &with_token).await
}

/// S81: a page runs that very file, where it has something to do, and nothing else.
#[tokio::test]
async fn the_script_of_passkeys_is_the_only_one() {
    let mut browser = Browser::new().await;
    let page = browser.get("/_vestibule/sign-in").await;
    let (rest, script) = policy(&page).rsplit_once("; ").unwrap();
    assert_eq!(script, SCRIPT);
    assert!(rest.starts_with("default-src 'none'; ") && !rest.contains("script"), "{rest}");
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(page.body.contains("<script src=\"/_vestibule/assets/passkey.js\" defer></script>"));
    // the options of a question are text in an attribute
    assert!(page.body.contains("data-options=\"{&#34;"), "{}", page.body);
    let script = browser.get("/_vestibule/assets/passkey.js").await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    for banned in ["eval(", "innerHTML", "document.write", "http://", "https://"] {
        assert!(!script.body.contains(banned), "{banned}");
    }
    browser.sign_in("jane").await;
    let page = browser.get("/_vestibule/account/passkeys").await;
    assert!(!policy(&page).contains("script") && !page.body.contains("<script"));
}

#[tokio::test]
async fn one_is_begun_with_the_password() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    let path = "/_vestibule/account/passkeys";
    let list = browser.get(path).await;
    assert!(list.body.contains("None yet"), "{}", list.body);
    let name = "<b>Jürgens</b> \"Telefon\"";
    let wrong = send(&mut browser, &list, path, &[("name", name), ("password", "wrong")]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(wrong.body.contains("Your password is not right."), "{}", wrong.body);
    assert!(!wrong.body.contains("<b>"), "{}", wrong.body);
    let page = send(&mut browser, &list, path, &[("name", name), ("password", PASSWORD)]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(policy(&page).ends_with(SCRIPT), "{}", policy(&page));
    assert!(page.body.contains("data-passkey=\"make\"") && !page.body.contains("<b>"));
    let confirm = "/_vestibule/account/passkeys/confirm";
    let nonsense = [("ticket", "nonsense"), ("answer", "{}")];
    let page = send(&mut browser, &list, confirm, &nonsense).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.body.contains("please begin again"), "{}", page.body);
}

/// S16: what is no answer is refused, and says no more than that.
#[tokio::test]
async fn an_answer_that_is_none_signs_nobody_in() {
    let mut browser = Browser::new().await;
    let first = browser.get("/_vestibule/sign-in").await;
    let question = first.body.split("name=\"question\" value=\"").nth(1).unwrap();
    let question = question.split('"').next().unwrap().to_owned();
    let path = "/_vestibule/sign-in/passkey";
    for answer in ["", "{}", "null", "\u{0}"] {
        let fields = [("question", question.as_str()), ("answer", answer)];
        let page = send(&mut browser, &first, path, &fields).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{answer}");
        assert!(page.body.contains("This passkey is not good here"), "{}", page.body);
    }
    let fields = [("question", "nonsense"), ("answer", "{}")];
    let page = send(&mut browser, &first, path, &fields).await;
    assert!(page.body.contains("This took too long"), "{}", page.body);
}
