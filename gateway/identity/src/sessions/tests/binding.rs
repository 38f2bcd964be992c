//! Sessions that are bound to a client certificate (requirement S32).

use vestibule_schema::SiteId;
use vestibule_store::audit::AuditSettings;
use vestibule_store::{AuditLog, CertificateHash};

use super::*;
use crate::entry::{Entry, browser_mark};

const HERS: CertificateHash = CertificateHash::from_bytes([1; 32]);
const ANOTHER: CertificateHash = CertificateHash::from_bytes([2; 32]);

async fn binding() -> Fixture {
    let mut f = fixture().await;
    f.identity.settings.bind_to_client_certificate = true;
    f.add("jane").await;
    f
}

impl Fixture {
    /// The same gateway, met on a connection with this certificate.
    fn showing(&mut self, certificate: Option<CertificateHash>) -> &Self {
        self.origin.client_certificate = certificate;
        self
    }
}

#[tokio::test]
async fn a_session_is_nothing_without_its_certificate() {
    let mut f = binding().await;
    let cookie = cookie(&f.showing(Some(HERS)).sign_in("jane").await);
    // neither when the store is asked nor when the session is known
    for _ in 0..2 {
        for wrong in [None, Some(ANOTHER)] {
            assert!(is_cleared(&f.showing(wrong).who(&[&cookie]).await), "{wrong:?}");
            assert!(is_cleared(&f.cached(&[&cookie]).unwrap()), "{wrong:?}: known by now");
        }
        let who = f.showing(Some(HERS)).who(&[&cookie]).await;
        assert_eq!(user_of(&who).as_deref(), Some("jane"));
        assert_eq!(user_of(&f.cached(&[&cookie]).unwrap()).as_deref(), Some("jane"));
    }
}

/// Whoever replays it does not keep it alive either.
#[tokio::test]
async fn what_is_worth_nothing_is_no_use_of_the_session() {
    let mut f = binding().await;
    let cookie = cookie(&f.showing(Some(HERS)).sign_in("jane").await);
    f.who(&[&cookie]).await;
    f.clock.advance(DAY * 6);
    f.identity.invalidate_all();
    f.showing(None).who(&[&cookie]).await;
    f.clock.advance(DAY);
    f.identity.invalidate_all();
    assert!(is_cleared(&f.showing(Some(HERS)).who(&[&cookie]).await));
}

#[tokio::test]
async fn a_session_without_a_certificate_is_bound_to_none() {
    let mut f = binding().await;
    let free = cookie(&f.showing(None).sign_in("jane").await);
    for any in [None, Some(HERS)] {
        assert!(user_of(&f.showing(any).who(&[&free]).await).is_some(), "{any:?}");
    }
    f.identity.settings.bind_to_client_certificate = false;
    let not_asked_for = cookie(&f.showing(Some(HERS)).sign_in("jane").await);
    assert!(user_of(&f.showing(None).who(&[&not_asked_for]).await).is_some());
}

/// What was bound stays so when the configuration no longer binds.
#[tokio::test]
async fn a_binding_outlives_its_setting() {
    let mut f = binding().await;
    let cookie = cookie(&f.showing(Some(HERS)).sign_in("jane").await);
    f.identity.settings.bind_to_client_certificate = false;
    assert!(is_cleared(&f.showing(None).who(&[&cookie]).await));
    assert!(user_of(&f.showing(Some(HERS)).who(&[&cookie]).await).is_some());
}

#[tokio::test]
async fn of_two_cookies_one_of_another_certificate_is_passed_over() {
    let mut f = binding().await;
    f.add("mark").await;
    let hers = cookie(&f.showing(Some(HERS)).sign_in("jane").await);
    let his = cookie(&f.showing(Some(ANOTHER)).sign_in("mark").await);
    for _ in 0..2 {
        let who = f.showing(Some(ANOTHER)).who(&[&hers, &his]).await;
        assert_eq!(user_of(&who).as_deref(), Some("mark"));
    }
}

/// A code for a site is good on a connection with the certificate, and so is the session there.
#[tokio::test]
async fn a_session_at_a_site_is_bound_as_that_at_the_portal() {
    let mut f = binding().await;
    let session = f.showing(Some(HERS)).sign_in("jane").await;
    let site = SiteId::parse("family").unwrap();
    let browser = browser_mark("a browser");
    let entry = Entry { site: &site, back: "/", browser: &browser, reason: "a test" };
    let code = async |f: &Fixture| {
        f.identity.issue_entry(&session.signed_in, &entry).await.unwrap().expose().clone()
    };
    let browsers = ["a browser".to_owned()];
    for wrong in [None, Some(ANOTHER)] {
        let code = code(&f).await;
        let f = f.showing(wrong);
        let arrived = f.identity.redeem_entry(&f.origin, &code, &browsers).await.unwrap();
        assert!(arrived.is_none(), "{wrong:?}");
    }
    let code = code(&f).await;
    f.showing(Some(HERS));
    let arrived = f.identity.redeem_entry(&f.origin, &code, &browsers).await.unwrap().unwrap();
    let cookie = arrived.cookie.as_str().split(';').next().unwrap().to_owned();
    let audience = Audience::Site(site);
    for _ in 0..2 {
        for (certificate, is_good) in [(None, false), (Some(ANOTHER), false), (Some(HERS), true)] {
            let f = f.showing(certificate);
            let credentials = Credentials { cookies: &[&cookie], ..Credentials::default() };
            let who = f.identity.authenticate(&f.origin, &audience, &credentials).await.unwrap();
            assert_eq!(user_of(&who).is_some(), is_good, "{certificate:?}");
        }
    }
    let left = f.identity.sessions(session.signed_in.account).await.unwrap();
    assert_eq!(left.len(), 2, "of the codes that were not good nothing is left");
}

#[tokio::test]
async fn it_is_told_of_once() {
    let mut f = binding().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    let settings = AuditSettings {
        file: file.clone(),
        max_size: u64::MAX,
        keep: None,
        node: "house".to_owned(),
        process: 7,
    };
    f.identity.settings.audit = AuditLog::open(settings, std::time::SystemTime::now).unwrap();
    let cookie = cookie(&f.showing(Some(HERS)).sign_in("jane").await);
    for _ in 0..3 {
        f.showing(None).who(&[&cookie]).await;
        f.identity.invalidate_all();
    }
    f.identity.audit().flush().await;
    let text = std::fs::read_to_string(file).unwrap();
    let told: Vec<_> = text.lines().filter(|line| line.contains("session_misplaced")).collect();
    assert_eq!(told.len(), 1, "{text}");
    assert!(
        told[0].contains("\"account\":\"jane\"") && told[0].contains("\"unknown\""),
        "{told:?}"
    );
}
