//! One's own account, and signing out.

use http::StatusCode;

use crate::browser::{Browser, Fixed, PASSWORD, Page, post_request};

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

/// S77: what others may be shown from a cache holds no cookie, that of somebody's ended session
/// neither.
#[tokio::test]
async fn what_may_be_kept_sets_no_cookie() {
    let mut browser = Browser::new().await;
    browser.cookies.push(("__Host-vestibule".to_owned(), "expired".to_owned()));
    let asset = browser.get("/_vestibule/assets/portal.css").await;
    assert_eq!(asset.headers["cache-control"], "public, max-age=3600");
    assert!(!asset.headers.contains_key("set-cookie"));
    let page = browser.get("/_vestibule/sign-in").await;
    let cleared = page
        .headers
        .get_all("set-cookie")
        .iter()
        .any(|value| value.to_str().unwrap().starts_with("__Host-vestibule=; Max-Age=0"));
    assert!(cleared, "the next page clears it");
}

#[tokio::test]
async fn an_error_of_the_password_stands_by_its_form() {
    let mut browser = Browser::new().await;
    browser.sign_in("jane").await;
    let token = browser.get("/_vestibule/account").await.token().to_owned();
    let fields =
        [("form_token", &*token), ("old", PASSWORD), ("new", "one of two"), ("again", "x")];
    let page = browser.post("/_vestibule/account/password", &fields).await;
    let (_, section) = page.body.split_once("id=\"change\"").unwrap();
    assert!(section.contains("role=\"alert\" id=\"error\">The two new passwords differ."));
    assert!(section.contains("aria-describedby=\"rules error\""), "{section}");
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

/// Nobody types it all again because of a wrong password, and the error is told at its field.
#[tokio::test]
async fn a_form_for_an_app_password_keeps_what_was_typed() {
    const PAGE: &str = "/_vestibule/account/app-passwords";
    let mut browser = Browser::with(Fixed::sites(&[("family", "/i/family/")])).await;
    browser.sign_in("jane").await;
    let token = browser.get(PAGE).await.token().to_owned();
    let ask = |folder: &'static str, password: &'static str| {
        let more = [("site", "family"), ("folder", folder), ("days", "90"), ("password", password)];
        [
            [("form_token", token.clone()), ("name", "my <phone>".to_owned())].to_vec(),
            more.map(|(name, value)| (name, value.to_owned())).to_vec(),
            vec![("scope", "read".to_owned())],
        ]
        .concat()
    };
    for (folder, password, wrong) in
        [("a/b", "planted wrong", "password"), ("a/../b", PASSWORD, "folder")]
    {
        let fields = ask(folder, password);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = browser.post(PAGE, &fields).await.body;
        for kept in [
            "value=\"my &#60;phone&#62;\"",
            "value=\"read\" checked",
            "value=\"family\" selected",
            "value=\"90\" selected",
            &format!("value=\"{folder}\""),
        ] {
            assert!(page.contains(kept), "{kept}: {page}");
        }
        assert!(!page.contains("planted wrong"));
        assert_eq!(page.matches("aria-describedby=\"error").count(), 1, "{page}");
        let input = page.split(&format!("<input id=\"{wrong}\"")).nth(1).unwrap();
        assert!(input.split('>').next().unwrap().contains("aria-describedby=\"error"), "{wrong}");
    }
    let fields = ask("a/b", PASSWORD);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = browser.post(PAGE, &fields).await.body;
    assert!(page.contains("<h2 id=\"made\">") && page.contains("<p role=\"status\">"));
    assert!(!page.contains("value=\"a/b\""), "the next one is another");
}

/// S17: told once, to whoever asked; listed, and revoked by its owner alone.
#[tokio::test]
async fn an_app_password_is_told_once() {
    const PAGE: &str = "/_vestibule/account/app-passwords";
    let mut browser = Browser::with(Fixed::sites(&[("family", "/i/family/")])).await;
    browser.sign_in("jane").await;
    let page = browser.get(PAGE).await;
    assert!(page.body.contains("None yet.") && page.body.contains("<option value=\"family\">"));
    let token = page.token().to_owned();
    let make = |more: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            ("form_token", token.clone()),
            ("name", "<i>Jürgens</i> 📷".to_owned()),
            ("password", PASSWORD.to_owned()),
        ];
        fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        fields
    };
    let bound = make(&[("scope", "read"), ("site", "family"), ("folder", "a/b"), ("days", "30")]);
    let bound: Vec<_> = bound.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let made = browser.post(PAGE, &bound).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.headers["cache-control"], "no-store");
    let text = made.body.split("<code class=\"told\">").nth(1).unwrap();
    let text = text.split('<').next().unwrap().to_owned();
    assert!(!made.body.contains("<i>"), "escaped");
    let list = browser.get(PAGE).await;
    assert!(!list.body.contains(&text), "not again");
    assert!(list.body.contains("looks and fetches · family, /a/b/"));
    assert!(list.body.contains("never used") && list.body.contains("good until"));
    for wrong in [
        &[("scope", "everything")][..],
        &[("scope", "all"), ("folder", "/a/")],
        &[("scope", "all"), ("site", "family"), ("folder", "a/../b")],
        &[("scope", "all"), ("days", "31")],
        &[("scope", "all"), ("site", "no site!")],
    ] {
        let fields = make(wrong);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = browser.post(PAGE, &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        assert!(page.body.contains("role=\"alert\""), "{wrong:?}");
    }
    let mut mark = browser.another();
    mark.sign_in("<b>mark</b>").await;
    let theirs = mark.get(PAGE).await;
    assert!(theirs.body.contains("None yet."));
    let theirs = theirs.token().to_owned();
    let revoke = "/_vestibule/account/app-passwords/revoke";
    mark.post(revoke, &[("form_token", &theirs), ("app_password", "1")]).await;
    assert!(!browser.get(PAGE).await.body.contains("None yet."), "not by a stranger");
    browser.post(revoke, &[("form_token", &token), ("app_password", "1")]).await;
    assert!(browser.get(PAGE).await.body.contains("None yet."));
}
