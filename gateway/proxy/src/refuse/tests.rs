use super::*;

struct Pages;

impl RefusalPages for Pages {
    fn page(&self, refusal: &Refusal) -> String {
        format!("<title>{}</title>", refusal.code())
    }
}

fn value(answer: &Answer, name: &HeaderName) -> Option<String> {
    let found = answer.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.to_str().unwrap().to_owned())
}

#[test]
fn people_get_pages_and_programs_get_json() {
    let refusal = Refusal::Forbidden { missing: Action::DownloadLarge };
    let page = refusal.answer(ClientKind::Navigation, &Pages);
    assert_eq!(page.status, 403);
    assert_eq!(page.body, "<title>forbidden</title>");
    assert_eq!(value(&page, &header::CONTENT_TYPE).unwrap(), "text/html; charset=utf-8");
    for client in [ClientKind::Fetch, ClientKind::Program] {
        let json = refusal.answer(client, &Pages);
        assert_eq!(json.body, "{\"error\":\"forbidden\",\"missing\":\"download_large\"}\n");
        assert_eq!(value(&json, &header::CACHE_CONTROL).unwrap(), "no-store");
    }
}

#[test]
fn signing_in_leads_back() {
    let back = "/i/family/browse/a%20b/?sort=name&x=\"y'z".to_owned();
    let answer = Refusal::SignIn { back }.answer(ClientKind::Navigation, &Pages);
    assert_eq!(answer.status, 303);
    assert_eq!(
        value(&answer, &header::LOCATION).unwrap(),
        "/_vestibule/sign-in?return=%2Fi%2Ffamily%2Fbrowse%2Fa%2520b%2F%3Fsort%3Dname%26x%3D%22y%27z"
    );
    assert!(answer.body.is_empty());
}

#[test]
fn a_challenge_is_a_dialogue_only_for_programs() {
    let challenge = |challenge| {
        let refusal = Refusal::WrongCredential { challenge };
        let answer = refusal.answer(ClientKind::Program, &Pages);
        assert_eq!(answer.status, 401);
        value(&answer, &header::WWW_AUTHENTICATE).unwrap()
    };
    assert!(challenge(Challenge::Basic).starts_with("Basic "));
    assert!(challenge(Challenge::Bearer).starts_with("Bearer "));
}

#[test]
fn every_front_error_has_a_status() {
    let status = |error| Refusal::of_front(error).status().as_u16();
    assert_eq!(status(FrontError::TwoFramings), 400);
    assert_eq!(status(FrontError::TooManyFields), 431);
    assert_eq!(status(FrontError::TargetTooLong), 414);
    assert_eq!(status(FrontError::Method), 405);
    assert_eq!(status(FrontError::Upgrade), 501);
}
