//! Links from their making to each of their ends.

use std::sync::Arc;
use std::time::Duration;

use vestibule_schema::AccountRole;
use vestibule_store::{NewAccount, Store};

use super::*;
use crate::clock::ManualClock;
use crate::{Audience, Credentials, Settings};

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Fixture {
    identity: Identity,
    clock: Arc<ManualClock>,
    origin: RequestOrigin,
}

async fn fixture() -> Fixture {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_000_000)));
    let store = Store::open_in_memory().await.unwrap();
    let identity = Identity::open(store, Settings::for_tests(clock.clone())).await.unwrap();
    let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 1].into());
    let fixture = Fixture { identity, clock, origin };
    fixture.add("olga").await;
    fixture
}

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn site() -> SiteId {
    SiteId::parse("family").unwrap()
}

fn order() -> ShareOrder<'static> {
    ShareOrder {
        site: site(),
        path: GalleryPath::from_decoded("/a/").unwrap(),
        role: RoleName::visitor(),
        maker: name("olga"),
        label: "for Ann",
        password: None,
        expires: None,
        uses: None,
    }
}

/// The cookie's name and value, as a browser sends them back.
fn sent(cookie: &str) -> String {
    cookie.split(';').next().unwrap().to_owned()
}

impl Fixture {
    async fn add(&self, user: &str) {
        let account = NewAccount::new(name(user), AccountRole::default());
        self.identity.add_user(account, None).await.unwrap();
    }

    async fn open(&self, token: &str, cookies: &[&str]) -> Result<OpenedShare, OpenShareError> {
        self.with_password(token, "", cookies).await
    }

    async fn with_password(
        &self,
        token: &str,
        password: &str,
        cookies: &[&str],
    ) -> Result<OpenedShare, OpenShareError> {
        let password: Secret<String> = password.into();
        let attempt = ShareAttempt { token, password: &password, cookies, who: None };
        self.identity.open_share(&self.origin, &attempt).await
    }

    /// The shares that a browser with these cookies holds.
    async fn held(&self, cookies: &[&str]) -> Vec<ShareId> {
        self.held_at(&site(), cookies).await
    }

    async fn held_at(&self, site: &SiteId, cookies: &[&str]) -> Vec<ShareId> {
        let credentials = Credentials { cookies, ..Credentials::default() };
        let audience = Audience::Site(site.clone());
        let who = self.identity.authenticate(&self.origin, &audience, &credentials).await.unwrap();
        let principal =
            self.identity.with_shares((&self.origin, site), cookies, &who).await.unwrap();
        let shares = principal.as_ref().map(Principal::shares).unwrap_or_default();
        shares.iter().map(|share| share.id).collect()
    }

    async fn opened(&self, token: &Secret<String>) -> String {
        let opened = self.open(token.expose(), &[]).await.unwrap();
        sent(opened.cookie.unwrap().as_str())
    }
}

fn is_gone<T>(result: &Result<T, OpenShareError>) -> bool {
    matches!(result, Err(OpenShareError::NotThere))
}

#[tokio::test]
async fn who_opens_a_link_holds_it_at_its_site() {
    let fixture = fixture().await;
    let made = fixture.identity.make_share(&order()).await.unwrap();
    assert_eq!(format!("{made:?}").matches(made.token.expose().as_str()).count(), 0);
    let face = fixture.identity.look_at_share(made.token.expose()).await.unwrap().unwrap();
    assert_eq!((face.label.as_str(), face.asks_password), ("for Ann", false));
    assert!(fixture.held(&[]).await.is_empty());
    let cookie = fixture.opened(&made.token).await;
    assert!(cookie.starts_with("__Host-vestibule.family.share="), "{cookie}");
    assert!(!cookie.contains(made.token.expose().as_str()), "a token of its own");
    assert_eq!(fixture.held(&[&cookie]).await, [made.id]);
    assert_eq!(fixture.held(&[&cookie]).await, [made.id], "remembered");
    // the cookie of another site is another cookie, and its token another site's
    let other = SiteId::parse("other").unwrap();
    let stolen = cookie.replace("family", "other");
    assert!(fixture.held_at(&other, &[&cookie]).await.is_empty());
    assert!(fixture.held_at(&other, &[&stolen]).await.is_empty());
}

/// A link's preview, and every other look at it, uses nothing up.
#[tokio::test]
async fn looking_uses_nothing_up() {
    let fixture = fixture().await;
    let made = fixture.identity.make_share(&ShareOrder { uses: Some(1), ..order() }).await.unwrap();
    for _ in 0..5 {
        assert!(fixture.identity.look_at_share(made.token.expose()).await.unwrap().is_some());
    }
    let cookie = fixture.opened(&made.token).await;
    assert_eq!(fixture.identity.look_at_share(made.token.expose()).await.unwrap(), None);
    assert!(is_gone(&fixture.open(made.token.expose(), &[]).await));
    assert_eq!(fixture.held(&[&cookie]).await, [made.id], "who opened it keeps it");
}

#[tokio::test]
async fn one_browser_holds_several() {
    let fixture = fixture().await;
    let one = fixture.identity.make_share(&order()).await.unwrap();
    let other = fixture.identity.make_share(&order()).await.unwrap();
    let cookie = fixture.opened(&one.token).await;
    assert_eq!(fixture.held(&[&cookie]).await, [one.id]);
    let opened = fixture.open(other.token.expose(), &[&cookie]).await.unwrap();
    assert_eq!(sent(opened.cookie.unwrap().as_str()), cookie, "the same browser");
    assert_eq!(fixture.held(&[&cookie]).await, [one.id, other.id]);
    fixture.identity.revoke_share(one.id).await.unwrap();
    assert_eq!(fixture.held(&[&cookie]).await, [other.id], "each ends by itself");
}

/// S6. Each end is in force for the next request of whoever opened the link.
#[tokio::test]
async fn whatever_ends_a_link_ends_it_for_who_opened_it() {
    let fixture = fixture().await;
    let expires = Some(fixture.identity.now().plus(DAY));
    let make = || ShareOrder { expires, ..order() };
    let made = fixture.identity.make_share(&make()).await.unwrap();
    let cookie = fixture.opened(&made.token).await;
    assert_eq!(fixture.held(&[&cookie]).await.len(), 1);
    assert!(fixture.identity.revoke_share(made.id).await.unwrap());
    assert!(fixture.held(&[&cookie]).await.is_empty());
    assert!(is_gone(&fixture.open(made.token.expose(), &[]).await));

    let made = fixture.identity.make_share(&make()).await.unwrap();
    let cookie = fixture.opened(&made.token).await;
    assert_eq!(fixture.held(&[&cookie]).await.len(), 1);
    fixture.clock.advance(DAY);
    assert!(fixture.held(&[&cookie]).await.is_empty());
    assert!(is_gone(&fixture.open(made.token.expose(), &[]).await));
    assert_eq!(fixture.identity.look_at_share(made.token.expose()).await.unwrap(), None);

    let made = fixture.identity.make_share(&order()).await.unwrap();
    let cookie = fixture.opened(&made.token).await;
    assert_eq!(fixture.held(&[&cookie]).await.len(), 1);
    fixture.identity.set_state(&name("olga"), AccountState::Disabled).await.unwrap();
    assert!(fixture.held(&[&cookie]).await.is_empty(), "its maker may not sign in");
    assert!(is_gone(&fixture.open(made.token.expose(), &[]).await));
    fixture.identity.set_state(&name("olga"), AccountState::Enabled).await.unwrap();
    assert_eq!(fixture.held(&[&cookie]).await.len(), 1);
    fixture.identity.remove_user(&name("olga")).await.unwrap();
    assert!(fixture.held(&[&cookie]).await.is_empty(), "its maker is gone");
}

/// A change that another process makes is in force after the next round of upkeep.
#[tokio::test]
async fn a_link_that_another_process_revokes_ends_here() {
    let fixture = fixture().await;
    let made = fixture.identity.make_share(&order()).await.unwrap();
    let cookie = fixture.opened(&made.token).await;
    assert_eq!(fixture.held(&[&cookie]).await.len(), 1);
    fixture.identity.store().shares().remove(made.id).await.unwrap();
    fixture.identity.maintain().await.unwrap();
    assert!(fixture.held(&[&cookie]).await.is_empty());
}

#[tokio::test]
async fn who_is_signed_in_keeps_it_with_the_account() {
    let fixture = fixture().await;
    fixture.add("gina").await;
    let gina = fixture.identity.user(&name("gina")).await.unwrap();
    let facts = UserFacts {
        name: gina.name.clone(),
        account_role: gina.role.clone(),
        groups: std::collections::BTreeSet::new(),
    };
    let means = crate::credentials::Means::Session {
        id: vestibule_store::SessionId::from_number(1),
        parent: None,
    };
    let signed_in = SignedIn::new(facts, gina.id, means, fixture.identity.now().plus(DAY));
    let who = Authentication::SignedIn(Arc::new(signed_in.clone()));
    let held = async || {
        let at = (&fixture.origin, &site());
        let principal = fixture.identity.with_shares(at, &[], &who).await.unwrap();
        principal.map_or(0, |principal| principal.shares().len())
    };
    assert_eq!(held().await, 0);
    let made = fixture.identity.make_share(&ShareOrder { uses: Some(1), ..order() }).await.unwrap();
    let password: Secret<String> = "".into();
    let attempt = ShareAttempt {
        token: made.token.expose(),
        password: &password,
        cookies: &[],
        who: Some(&signed_in),
    };
    let opened = fixture.identity.open_share(&fixture.origin, &attempt).await.unwrap();
    assert!(opened.cookie.is_none());
    assert_eq!(held().await, 1, "what was known before is forgotten");
    fixture.identity.revoke_share(made.id).await.unwrap();
    assert_eq!(held().await, 0);
}

/// A link without a password is opened by anybody: nobody fills the store by that, nor makes the
/// gateway forget what it knows of others.
#[tokio::test]
async fn openings_are_limited_and_disturb_nobody() {
    let fixture = fixture().await;
    let made = fixture.identity.make_share(&order()).await.unwrap();
    let before = fixture.identity.cache.before_read();
    for _ in 0..60 {
        fixture.opened(&made.token).await;
    }
    assert_eq!(fixture.identity.cache.before_read(), before);
    let more = fixture.open(made.token.expose(), &[]).await;
    assert!(matches!(more, Err(OpenShareError::TooMany { .. })), "{more:?}");
    let elsewhere = RequestOrigin { client: [192, 0, 2, 99].into(), ..fixture.origin.clone() };
    let none: Secret<String> = "".into();
    let attempt =
        ShareAttempt { token: made.token.expose(), password: &none, cookies: &[], who: None };
    fixture.identity.open_share(&elsewhere, &attempt).await.unwrap();
    fixture.clock.advance(Duration::from_secs(10));
    fixture.opened(&made.token).await;
}

/// Wrong passwords are limited for the link, whoever tries, and use nothing up.
#[tokio::test]
async fn wrong_passwords_are_limited() {
    let fixture = fixture().await;
    let password: Secret<String> = "hunter22".into();
    let order = ShareOrder { password: Some(&password), uses: Some(1), ..order() };
    let made = fixture.identity.make_share(&order).await.unwrap();
    let face = fixture.identity.look_at_share(made.token.expose()).await.unwrap().unwrap();
    assert!(face.asks_password);
    for attempt in 0..10u8 {
        let from = RequestOrigin { client: [192, 0, 2, attempt].into(), ..fixture.origin.clone() };
        let wrong: Secret<String> = "wrong".into();
        let attempt =
            ShareAttempt { token: made.token.expose(), password: &wrong, cookies: &[], who: None };
        let answer = fixture.identity.open_share(&from, &attempt).await;
        assert!(matches!(answer, Err(OpenShareError::WrongPassword)));
    }
    let right = fixture.with_password(made.token.expose(), "hunter22", &[]).await;
    assert!(matches!(right, Err(OpenShareError::TooMany { .. })));
    fixture.clock.advance(Duration::from_secs(60));
    assert!(fixture.with_password(made.token.expose(), "hunter22", &[]).await.is_ok());
}

#[tokio::test]
async fn what_can_not_be_a_link_is_not_made() {
    let fixture = fixture().await;
    let empty: Secret<String> = "".into();
    let cases = [
        ShareOrder { maker: name("nobody"), ..order() },
        ShareOrder { password: Some(&empty), ..order() },
        ShareOrder { expires: Some(fixture.identity.now()), ..order() },
        ShareOrder { uses: Some(0), ..order() },
        ShareOrder { label: "two\nlines", ..order() },
    ];
    for case in &cases {
        assert!(fixture.identity.make_share(case).await.is_err(), "{case:?}");
    }
    assert!(is_gone(&fixture.open("nothing", &[]).await));
    let unknown = token::random().unwrap();
    assert!(is_gone(&fixture.open(unknown.expose(), &[]).await));
}
