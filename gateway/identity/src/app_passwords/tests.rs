//! App passwords from their making to each of their ends (requirement S17).

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vestibule_schema::{AccountRole, SiteId, UserName};
use vestibule_store::{AccountState, AppScope, Audience, NewAccount, Store};

use super::*;
use crate::clock::ManualClock;
use crate::credentials::{Authentication, Credentials, FailedCredential};
use crate::sign_in::{Attempt, SignInError};
use crate::{HashCost, Settings};

const PASSWORD: &str = "correct horse battery";

struct Fixture {
    identity: Identity,
    clock: Arc<ManualClock>,
    origin: RequestOrigin,
}

async fn fixture() -> Fixture {
    with(|settings| settings).await
}

async fn with(adjust: impl FnOnce(Settings) -> Settings) -> Fixture {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_000_000)));
    let store = Store::open_in_memory().await.unwrap();
    let settings = adjust(Settings::for_tests(clock.clone()));
    let identity = Identity::open(store, settings).await.unwrap();
    let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 1].into());
    for name in ["jane", "fred"] {
        let account = NewAccount::new(UserName::parse(name).unwrap(), AccountRole::default());
        identity.add_user(account, Some(&PASSWORD.into())).await.unwrap();
    }
    Fixture { identity, clock, origin }
}

fn site(name: &str) -> SiteId {
    SiteId::parse(name).unwrap()
}

fn bounds(scope: AppScope) -> AppBounds {
    AppBounds { scope, site: None, folder: None }
}

/// The password of everybody here, and no code.
static SECRETS: LazyLock<[Secret<String>; 3]> =
    LazyLock::new(|| [PASSWORD.into(), "".into(), "not the password".into()]);

fn order(bounds: AppBounds) -> AppPasswordOrder<'static> {
    let [password, code, _] = &*SECRETS;
    let proof = OwnersProof { password, code, user_agent: "test" };
    AppPasswordOrder { name: "the phone", bounds, expires: None, proof }
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

impl Fixture {
    async fn session(&self, user: &str) -> Result<Arc<SignedIn>, SignInError> {
        let password = PASSWORD.into();
        let attempt = Attempt { name: user, password: &password, user_agent: "test" };
        let step = self.identity.sign_in(&self.origin, &attempt).await?;
        Ok(step.session().unwrap().signed_in)
    }

    async fn made(&self, user: &str) -> (AppPasswordId, String) {
        let who = self.session(user).await.unwrap();
        let order = order(bounds(AppScope::All));
        let made = self.identity.make_app_password(&self.origin, &who, order).await.unwrap();
        (made.id, made.text.expose().clone())
    }

    async fn shown_at(&self, audience: &Audience, header: &str) -> Authentication {
        let credentials = Credentials {
            authorization: Some(header),
            takes_app_passwords: true,
            ..Credentials::default()
        };
        self.identity.authenticate(&self.origin, audience, &credentials).await.unwrap()
    }

    async fn shown(&self, header: &str) -> Authentication {
        self.shown_at(&Audience::Site(site("family")), header).await
    }

    async fn is_good(&self, name: &str, password: &str) -> bool {
        matches!(self.shown(&basic(name, password)).await, Authentication::SignedIn(_))
    }
}

fn is_wrong(who: &Authentication) -> bool {
    matches!(who, Authentication::Failed(FailedCredential::Basic))
}

fn is_held(who: &Authentication) -> bool {
    matches!(who, Authentication::Failed(FailedCredential::Held { .. }))
}

#[tokio::test]
async fn a_program_that_shows_one_is_its_owner() {
    let f = fixture().await;
    let (id, text) = f.made("jane").await;
    let Authentication::SignedIn(who) = f.shown(&basic("jane", &text)).await else { panic!() };
    assert_eq!((who.name.as_str(), who.session(), who.root_session()), ("jane", None, None));
    assert_eq!(who.app_password().unwrap(), (id, &bounds(AppScope::All)));
    assert!(!who.second_factor, "S31: it is none");
    // RFC 7617: the name in any case, the password as people copy it
    assert!(f.is_good("JANE", &text.to_uppercase().replace('-', "")).await);
    assert!(matches!(
        f.shown(&basic("jane", &text).replace("Basic", "bASIC ")).await,
        Authentication::SignedIn(_)
    ));
    let all = f.identity.app_passwords(who.account).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].last_used, all[0].last_client),
        (Some(f.identity.now()), Some(f.origin.client))
    );
}

/// S17: the account's own password is none, nor is an app password the account's.
#[tokio::test]
async fn it_is_no_password_of_the_account_and_the_other_way_round() {
    let f = fixture().await;
    let (_, text) = f.made("jane").await;
    assert!(!f.is_good("jane", PASSWORD).await);
    let password = text.as_str().into();
    let attempt = Attempt { name: "jane", password: &password, user_agent: "test" };
    let signed_in = f.identity.sign_in(&f.origin, &attempt).await;
    assert!(matches!(signed_in, Err(SignInError::Refused)));
}

/// S17: not at the portal, not where a site does without, not over a wire that others read.
#[tokio::test]
async fn it_is_good_at_sites_alone() {
    let f = fixture().await;
    let (_, text) = f.made("jane").await;
    let header = basic("jane", &text);
    assert!(is_wrong(&f.shown_at(&Audience::Portal, &header).await));
    let family = Audience::Site(site("family"));
    let credentials = Credentials { authorization: Some(&header), ..Credentials::default() };
    let who = f.identity.authenticate(&f.origin, &family, &credentials).await.unwrap();
    assert!(is_wrong(&who));
    let exposed = RequestOrigin::new(false, "photos.example.com", [192, 0, 2, 1].into());
    let credentials = Credentials { takes_app_passwords: true, ..credentials };
    let who = f.identity.authenticate(&exposed, &family, &credentials).await.unwrap();
    assert!(is_wrong(&who));
    let off = with(|mut settings| {
        settings.app_passwords = false;
        settings
    });
    let off = off.await;
    let who = off.session("jane").await.unwrap();
    let made = off.identity.make_app_password(&off.origin, &who, order(bounds(AppScope::All)));
    assert!(matches!(made.await, Err(MakeAppPasswordError::NotHere)));
    assert!(is_wrong(&off.shown(&header).await));
}

/// CVE-2026-71326: what is remembered of one name and site says nothing of another.
#[tokio::test]
async fn it_goes_with_its_name_and_its_site() {
    let f = fixture().await;
    let jane = f.session("jane").await.unwrap();
    let here = AppBounds { site: Some(site("family")), ..bounds(AppScope::Read) };
    let made = f.identity.make_app_password(&f.origin, &jane, order(here)).await.unwrap();
    let text = made.text.expose();
    assert!(f.is_good("jane", text).await);
    for name in ["fred", "jan", "", "nobody"] {
        assert!(!f.is_good(name, text).await, "{name}");
    }
    let work = Audience::Site(site("work"));
    assert!(is_wrong(&f.shown_at(&work, &basic("jane", text)).await));
    assert!(f.is_good("jane", text).await, "still good where it is good");
}

#[tokio::test]
async fn what_is_no_basic_header_is_wrong() {
    let f = fixture().await;
    let (_, text) = f.made("jane").await;
    for header in [
        String::new(),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        format!("Basic {}", STANDARD.encode("jane")),
        format!("Basic {}", STANDARD.encode(b"jane:\xff")),
        format!("Bearer {text}"),
        format!("Digest username=\"jane\", response=\"{text}\""),
        format!("Basic {} x", STANDARD.encode(format!("jane:{text}"))),
    ] {
        let who = f.shown(&header).await;
        assert!(matches!(who, Authentication::Failed(_)), "{header}");
    }
}

/// S6 and S17: each of its ends is in force for the next request.
#[tokio::test]
async fn what_ends_it_is_in_force_at_once() {
    let f = fixture().await;
    let jane = f.session("jane").await.unwrap();
    let (id, text) = f.made("jane").await;
    assert!(f.is_good("jane", &text).await);
    let fred = f.session("fred").await.unwrap();
    assert!(!f.identity.revoke_own_app_password(&f.origin, &fred, id).await.unwrap());
    assert!(f.is_good("jane", &text).await, "nobody else's to revoke");
    assert!(f.identity.revoke_own_app_password(&f.origin, &jane, id).await.unwrap());
    assert!(!f.is_good("jane", &text).await);

    let (_, text) = f.made("jane").await;
    assert!(f.is_good("jane", &text).await);
    f.identity.set_state(&jane.name, AccountState::Disabled).await.unwrap();
    assert!(!f.is_good("jane", &text).await, "disabled");
    f.identity.set_state(&jane.name, AccountState::Enabled).await.unwrap();
    assert!(!f.is_good("jane", &text).await, "for good");
    let (_, text) = f.made("jane").await;
    assert!(f.is_good("jane", &text).await);
    assert_eq!(f.identity.revoke_app_passwords(jane.account, None).await.unwrap(), 1);
    assert!(!f.is_good("jane", &text).await);
    // signing out ends sessions, not the phone
    let (_, text) = f.made("fred").await;
    f.identity.end_all_sessions(fred.account).await.unwrap();
    assert!(f.is_good("fred", &text).await);
    f.identity.remove_user(&fred.name).await.unwrap();
    assert!(!f.is_good("fred", &text).await, "removed");
}

#[tokio::test]
async fn its_time_ends_it_while_it_is_remembered() {
    let f = fixture().await;
    let jane = f.session("jane").await.unwrap();
    let expires = Some(f.identity.now().plus(Duration::from_secs(30)));
    let order = AppPasswordOrder { expires, ..order(bounds(AppScope::All)) };
    let made = f.identity.make_app_password(&f.origin, &jane, order).await.unwrap();
    assert!(f.is_good("jane", made.text.expose()).await);
    f.clock.advance(Duration::from_secs(30));
    assert!(!f.is_good("jane", made.text.expose()).await);
    assert_eq!(f.identity.app_passwords(jane.account).await.unwrap(), []);
}

/// Another gateway revoked it, and this one has heard nothing: for 60 s at the most.
#[tokio::test]
async fn nothing_is_believed_for_longer_than_a_minute() {
    let f = fixture().await;
    let (id, text) = f.made("jane").await;
    let jane = f.session("jane").await.unwrap();
    assert!(f.is_good("jane", &text).await);
    f.identity.store().app_passwords().remove(jane.account, Some(id)).await.unwrap();
    f.clock.advance(Duration::from_secs(60));
    assert!(f.is_good("jane", &text).await);
    f.clock.advance(Duration::from_secs(1));
    assert!(!f.is_good("jane", &text).await);
}

/// S13: wrong ones count against the account and the address, together with the form; the right one
/// is no guess, and a program that goes on with an old one guesses nothing.
#[tokio::test]
async fn wrong_ones_are_counted_once_and_with_the_form() {
    let f = fixture().await;
    let (_, text) = f.made("jane").await;
    for _ in 0..50 {
        assert!(is_wrong(&f.shown(&basic("jane", "the same old password")).await));
    }
    for number in 0..9 {
        assert!(is_wrong(&f.shown(&basic("jane", &format!("guess {number}"))).await));
    }
    assert!(is_held(&f.shown(&basic("jane", "one more")).await));
    let password = "wrong too".into();
    let attempt = Attempt { name: "jane", password: &password, user_agent: "test" };
    let elsewhere = RequestOrigin::new(true, "photos.example.com", [198, 51, 100, 7].into());
    let form = f.identity.sign_in(&elsewhere, &attempt).await;
    assert!(matches!(form, Err(SignInError::TooMany { .. })), "one counter for the account");
    assert!(f.is_good("jane", &text).await, "140 bits are not guessed");
    f.clock.advance(Duration::from_secs(60));
    assert!(is_wrong(&f.shown(&basic("jane", "a minute later")).await));
    assert!(is_held(&f.shown(&basic("jane", "and again")).await));
}

#[tokio::test]
async fn what_can_not_be_one_is_not_made() {
    let f = fixture().await;
    let jane = f.session("jane").await.unwrap();
    let make = async |order| f.identity.make_app_password(&f.origin, &jane, order).await;
    let long = "x".repeat(101);
    for name in ["", "   ", "a\nb", &long] {
        let made = make(AppPasswordOrder { name, ..order(bounds(AppScope::All)) }).await;
        assert!(matches!(made, Err(MakeAppPasswordError::BadName)), "{name:?}");
    }
    let over = AppPasswordOrder { expires: Some(f.identity.now()), ..order(bounds(AppScope::All)) };
    assert!(matches!(make(over).await, Err(MakeAppPasswordError::Over)));
    let folder = vestibule_schema::GalleryPath::from_decoded("/a/").unwrap();
    let nowhere = AppBounds { folder: Some(folder), ..bounds(AppScope::All) };
    let made = make(order(nowhere)).await;
    assert!(matches!(made, Err(MakeAppPasswordError::FolderWithoutSite)));
    // S17: who asks by an app password makes none, and revokes none
    let (id, text) = f.made("jane").await;
    let Authentication::SignedIn(app) = f.shown(&basic("jane", &text)).await else { panic!() };
    let made = f.identity.make_app_password(&f.origin, &app, order(bounds(AppScope::All))).await;
    assert!(matches!(made, Err(MakeAppPasswordError::NotHere)));
    assert!(!f.identity.revoke_own_app_password(&f.origin, &app, id).await.unwrap());
}

/// A browser that was left open makes nothing that outlives it; what ends the trouble ends them.
#[tokio::test]
async fn it_takes_the_owner_to_make_one_and_recovery_ends_it() {
    let f = fixture().await;
    let jane = f.session("jane").await.unwrap();
    let [password, code, wrong] = &*SECRETS;
    let proof = OwnersProof { password: wrong, code, user_agent: "test" };
    let order = AppPasswordOrder { proof, ..order(bounds(AppScope::All)) };
    let made = f.identity.make_app_password(&f.origin, &jane, order).await;
    assert!(matches!(made, Err(MakeAppPasswordError::Proof(_))), "{made:?}");

    let (_, text) = f.made("jane").await;
    let change = |ends_app_passwords| crate::PasswordChange {
        old: password,
        new: password,
        ends_app_passwords,
        ends_passkeys: false,
        user_agent: "test",
    };
    let session = f.identity.change_password(&f.origin, &jane, &change(false)).await.unwrap();
    assert!(f.is_good("jane", &text).await, "as they like");
    f.identity.change_password(&f.origin, &session.signed_in, &change(true)).await.unwrap();
    assert!(!f.is_good("jane", &text).await);
    let (_, text) = f.made("jane").await;
    f.identity.set_password(&jane.name, password).await.unwrap();
    assert!(!f.is_good("jane", &text).await, "an administrator's word is for the worst case");
}

/// S82: whoever shows it from elsewhere is written down, however often its owner shows it.
#[tokio::test]
async fn another_address_is_noted_at_once() {
    let f = fixture().await;
    let (_, text) = f.made("jane").await;
    assert!(f.is_good("jane", &text).await);
    let jane = f.identity.user(&UserName::parse("jane").unwrap()).await.unwrap().id;
    let thief = Fixture {
        origin: RequestOrigin::new(true, "photos.example.com", [198, 51, 100, 7].into()),
        ..f
    };
    assert!(thief.is_good("jane", &text).await);
    let all = thief.identity.app_passwords(jane).await.unwrap();
    assert_eq!(all[0].last_client, Some(thief.origin.client));
}

/// S17: what is kept is no password, and no hash of one that anybody could compute.
#[tokio::test]
async fn nothing_of_it_is_kept_or_shown() {
    let f = with(|mut settings| {
        settings.hash_cost = HashCost::CHEAPEST;
        settings
    });
    let f = f.await;
    let who = f.session("jane").await.unwrap();
    let made = f.identity.make_app_password(&f.origin, &who, order(bounds(AppScope::All))).await;
    let made = made.unwrap();
    assert!(!format!("{made:?}").contains(made.text.expose().as_str()));
    let other = fixture().await;
    let canonical = text::canonical(made.text.expose()).unwrap();
    let (here, there) = (&f.identity.app_passwords, &other.identity.app_passwords);
    assert_ne!(here.hash(&canonical), there.hash(&canonical), "each store has a key of its own");
}

/// S13: what the store did not know a moment ago it is not asked for again, until something changes.
#[tokio::test]
async fn the_same_wrong_one_is_answered_from_memory() {
    let f = fixture().await;
    let wrong = basic("jane", "0000-0000-0000-0000-0000-0000-0000");
    assert!(is_wrong(&f.shown(&wrong).await));
    f.identity.invalidate_all();
    assert!(is_wrong(&f.shown(&wrong).await), "asked for again");
    f.identity.store().close().await;
    assert!(is_wrong(&f.shown(&wrong).await), "not asked for");
}
