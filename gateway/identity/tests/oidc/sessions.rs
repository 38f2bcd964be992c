//! What becomes of sessions when the provider is asked again, or says that somebody signed out.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vestibule_identity::providers::oidc::OidcConfig;
use vestibule_identity::{
    AccountId, Attempt, Identity, PasswordChange, ProviderGroups, Registration, RequestOrigin,
    Secret, SessionId, Settings, SignedIn, SignedOutThere,
};
use vestibule_schema::{AccountRole, ProviderId, UserName};
use vestibule_store::audit::AuditSettings;
use vestibule_store::{AuditLog, NewAccount, NewIdentity, Store};

use crate::case::Stage;
use crate::keys::Signing;
use crate::logout;
use crate::provider::{Deviation, NOW, raw};

const PASSWORD: &str = "correct horse battery";

/// Somebody who signed in at the provider.
struct Fixture {
    stage: Stage,
    identity: Identity,
    account: AccountId,
    session: SessionId,
    signed_in: Arc<SignedIn>,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(|_| {}, AuditLog::off()).await
    }

    async fn with(configure: fn(&mut OidcConfig), audit: AuditLog) -> Self {
        let stage = Stage::new(configure).await;
        stage.provider.deviation().claims = json!({ "acr": "gold", "auth_time": NOW });
        let mut settings = Settings::for_tests(Arc::clone(&stage.clock) as _);
        let rules = Registration { local_fallback: true, ..Registration::default() };
        settings.providers = [(ProviderId::parse("office").unwrap(), rules)].into();
        settings.audit = audit;
        let store = Store::open_in_memory().await.unwrap();
        let identity = Identity::open(store, settings).await.unwrap();
        let (account, signed_in) = session_of(&identity, "jane").await;
        let session = signed_in.session().unwrap();
        let arrived = stage.sign_in().await.unwrap();
        let linked = NewIdentity {
            provider: arrived.user.provider.clone(),
            subject: arrived.user.subject.clone(),
            groups: arrived.user.groups.clone(),
        };
        identity.store().identities().adopt(account, &linked, identity.now()).await.unwrap();
        identity.keep_tokens(session, &arrived).await.unwrap();
        stage.provider.deviate(Deviation::default());
        Self { stage, identity, account, session, signed_in }
    }

    async fn renew(&self) -> usize {
        self.identity.renew(&self.stage.client).await.unwrap()
    }

    async fn is_signed_in(&self) -> bool {
        let sessions = self.identity.sessions(self.account).await.unwrap();
        sessions.iter().any(|session| session.id == self.session)
    }

    async fn groups(&self) -> ProviderGroups {
        let linked = self.identity.store().identities().of_account(self.account).await.unwrap();
        linked[0].groups.clone()
    }

    fn five_minutes_later(&self, deviation: Deviation) {
        self.stage.clock.advance(Duration::from_secs(300));
        self.stage.provider.deviate(deviation);
        let mut deviation = self.stage.provider.deviation();
        if deviation.claims.is_null() {
            deviation.claims = json!({});
        }
        deviation.claims["iat"] = json!(NOW + 300);
        deviation.claims["exp"] = json!(NOW + 600);
    }
}

fn origin() -> RequestOrigin {
    RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 7].into())
}

async fn session_of(identity: &Identity, name: &str) -> (AccountId, Arc<SignedIn>) {
    let new = NewAccount::new(UserName::parse(name).unwrap(), AccountRole::default());
    let account = identity.add_user(new, Some(&PASSWORD.into())).await.unwrap().id;
    let password: Secret<String> = PASSWORD.into();
    let attempt = Attempt { name, password: &password, user_agent: "test" };
    let step = identity.sign_in(&origin(), &attempt).await.unwrap();
    (account, step.session().unwrap().signed_in)
}

/// S26, S45: groups are read again while a session goes on.
#[tokio::test]
async fn groups_follow_the_provider() {
    let f = Fixture::new().await;
    assert_eq!(f.renew().await, 0, "it is too early");
    f.five_minutes_later(Deviation {
        claims: json!({ "groups": ["press"] }),
        user_info: json!({ "groups": null }),
        ..Deviation::default()
    });
    assert_eq!(f.renew().await, 1);
    let ProviderGroups::Known(groups) = f.groups().await else { panic!("they are known") };
    let groups: Vec<_> = groups.iter().map(|group| group.typed()).collect();
    assert_eq!(groups, ["press"]);
    assert!(f.is_signed_in().await);
    let (_, tokens) = f.identity.tokens_of(f.session).await.unwrap().unwrap();
    assert_eq!(tokens.refresh_token.unwrap().expose(), "refresh-2", "the new one is kept");
}

/// S26: a provider that says nothing of groups this time takes none away.
#[tokio::test]
async fn silence_about_groups_takes_none_away() {
    let f = Fixture::new().await;
    let before = f.groups().await;
    f.five_minutes_later(Deviation {
        tokens: json!({ "id_token": null }),
        user_info: json!({ "groups": null }),
        ..Deviation::default()
    });
    assert_eq!(f.renew().await, 1);
    assert_eq!(f.groups().await, before);
}

/// S30: silence at a renewal that brings all that a sign-in brings is what it is at a sign-in:
/// a provider that leaves the claim out where there are no groups says so in no other way.
#[tokio::test]
async fn silence_in_a_whole_answer_takes_groups_away() {
    let f = Fixture::new().await;
    f.five_minutes_later(Deviation {
        claims: json!({ "groups": null }),
        user_info: json!({ "groups": null }),
        ..Deviation::default()
    });
    assert_eq!(f.renew().await, 1);
    assert_eq!(f.groups().await, ProviderGroups::Unsaid);
}

/// S26: a refresh token that rotates is used up by being shown. The new one is kept whatever fails
/// after it came.
#[tokio::test]
async fn a_new_refresh_token_is_kept_although_the_rest_failed() {
    for (deviation, what) in [
        (
            Deviation { raw_user_info: raw(503, "text/html", "later"), ..Deviation::default() },
            "userinfo",
        ),
        (Deviation { signing: Signing::Unpublished, ..Deviation::default() }, "an unknown key"),
    ] {
        let f = Fixture::new().await;
        let before = f.groups().await;
        f.five_minutes_later(deviation);
        assert_eq!(f.renew().await, 0, "{what}");
        assert!(f.is_signed_in().await, "{what}");
        assert_eq!(f.groups().await, before, "{what}");
        let asked = f.stage.provider.calls("token");
        assert_eq!(f.renew().await, 0, "{what}");
        assert_eq!(f.stage.provider.calls("token"), asked, "it is left alone for a minute");
        f.stage.clock.advance(Duration::from_secs(60));
        f.stage.provider.deviation().raw_user_info = None;
        f.stage.provider.deviation().signing = Signing::Rs256;
        assert_eq!(f.renew().await, 1, "{what}");
        assert!(f.is_signed_in().await, "{what}");
    }
}

/// OpenID Connect Core 12.2: a renewed token tells nothing of how and when somebody signs in, for
/// nobody does.
#[tokio::test]
async fn a_renewal_is_no_sign_in() {
    fn strict(config: &mut OidcConfig) {
        config.max_age = Some(Duration::ZERO);
        config.required_acr = ["gold".to_owned()].into();
    }
    for claims in [json!({}), json!({ "auth_time": NOW, "acr": "gold" }), json!({ "acr": "tin" })] {
        let f = Fixture::with(strict, AuditLog::off()).await;
        f.five_minutes_later(Deviation { claims: claims.clone(), ..Deviation::default() });
        assert_eq!(f.renew().await, 1, "{claims}");
        assert!(f.is_signed_in().await, "{claims}");
    }
}

/// S28: whoever proves once more who they are goes on in a new session, which the provider ends as
/// it would have ended the one before.
#[tokio::test]
async fn the_provider_ends_the_session_that_took_the_place_of_its_own() {
    let f = Fixture::new().await;
    let change = PasswordChange {
        old: &PASSWORD.into(),
        new: &"another horse entirely".into(),
        ends_app_passwords: false,
        ends_passkeys: false,
        user_agent: "test",
    };
    let next = f.identity.change_password(&origin(), &f.signed_in, &change).await.unwrap();
    let next = next.signed_in.session().unwrap();
    assert_ne!(next, f.session);
    assert!(!f.is_signed_in().await, "the one before is over");
    let (_, tokens) = f.identity.tokens_of(next).await.unwrap().unwrap();
    assert!(tokens.refresh_token.is_some());
    let text = logout::all()[0].token(&f.stage);
    let word = f.stage.client.logout_token(&text).await.unwrap();
    assert_eq!(f.identity.sign_out_there(&word).await.unwrap(), SignedOutThere::Ended(1));
    assert!(f.identity.sessions(f.account).await.unwrap().is_empty());
}

/// S28: a word that can't be obeyed wholly is not taken for heard, and what can end does.
#[tokio::test]
async fn a_word_to_sign_out_is_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    let settings = AuditSettings {
        file: file.clone(),
        max_size: u64::MAX,
        keep: None,
        node: "house".to_owned(),
        process: 7,
    };
    let audit = AuditLog::open(settings, std::time::SystemTime::now).unwrap();
    let f = Fixture::with(|_| {}, audit).await;
    let text = logout::all()[0].token(&f.stage);
    let word = f.stage.client.logout_token(&text).await.unwrap();
    let aside = dir.path().join("aside");
    std::fs::rename(&file, &aside).unwrap();
    std::os::unix::fs::symlink(dir.path(), &file).unwrap();
    assert!(f.identity.sign_out_there(&word).await.is_err(), "it can't be written down");
    assert!(!f.is_signed_in().await, "and has ended all the same");
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(f.identity.sign_out_there(&word).await.unwrap(), SignedOutThere::Ended(0));
    assert_eq!(f.identity.sign_out_there(&word).await.unwrap(), SignedOutThere::Replayed);
}

/// S26: many nodes, one question.
#[tokio::test]
async fn a_session_is_renewed_once_however_many_try() {
    let f = Fixture::new().await;
    f.five_minutes_later(Deviation::default());
    let asked = f.stage.provider.calls("token");
    let (a, b, c) = tokio::join!(f.renew(), f.renew(), f.renew());
    assert_eq!(a + b + c, 1);
    assert_eq!(f.stage.provider.calls("token"), asked + 1);
}

/// S26: `invalid_grant` ends the session.
#[tokio::test]
async fn whoever_the_provider_no_longer_knows_is_signed_out() {
    let f = Fixture::new().await;
    let body = r#"{"error": "invalid_grant"}"#;
    let raw_tokens = raw(400, "application/json", body);
    f.five_minutes_later(Deviation { raw_tokens, ..Deviation::default() });
    assert_eq!(f.renew().await, 0);
    assert!(!f.is_signed_in().await);
}

/// S26: so does an answer that speaks of somebody else.
#[tokio::test]
async fn a_renewal_for_somebody_else_ends_the_session() {
    let f = Fixture::new().await;
    let claims = json!({ "sub": "another" });
    f.five_minutes_later(Deviation { claims, ..Deviation::default() });
    assert_eq!(f.renew().await, 0);
    assert!(!f.is_signed_in().await);
}

/// S26: a network's error does not.
#[tokio::test]
async fn a_provider_in_trouble_changes_nothing() {
    let f = Fixture::new().await;
    let before = f.groups().await;
    let raw_tokens = raw(503, "text/html", "later");
    f.five_minutes_later(Deviation { raw_tokens, ..Deviation::default() });
    let asked = f.stage.provider.calls("token");
    assert_eq!((f.renew().await, f.renew().await), (0, 0));
    assert_eq!(f.stage.provider.calls("token"), asked + 1, "it is left alone for a minute");
    assert!(f.is_signed_in().await);
    assert_eq!(f.groups().await, before);
    f.stage.provider.deviation().raw_tokens = None;
    f.stage.clock.advance(Duration::from_secs(60));
    assert_eq!(f.renew().await, 1);
}

/// S28: the provider's word ends what it names, here and now, and once.
#[tokio::test]
async fn signing_out_at_the_provider_ends_the_session_here() {
    let f = Fixture::new().await;
    let (mia, _) = session_of(&f.identity, "mia").await;
    let text = logout::all()[0].token(&f.stage);
    let word = f.stage.client.logout_token(&text).await.unwrap();
    assert_eq!(f.identity.sign_out_there(&word).await.unwrap(), SignedOutThere::Ended(1));
    assert!(!f.is_signed_in().await);
    assert_eq!(f.identity.sessions(mia).await.unwrap().len(), 1);
    assert_eq!(f.identity.sign_out_there(&word).await.unwrap(), SignedOutThere::Replayed);
}

/// S84: what is kept is sealed, and good for its session alone.
#[tokio::test]
async fn what_is_kept_is_sealed() {
    let f = Fixture::new().await;
    let (kept, tokens) = f.identity.tokens_of(f.session).await.unwrap().unwrap();
    let secret = tokens.refresh_token.unwrap();
    let as_text = String::from_utf8_lossy(&kept.sealed).into_owned();
    assert!(!as_text.contains(secret.expose().as_str()));
    let (_, other) = session_of(&f.identity, "mia").await;
    let other = other.session().unwrap();
    let moved = vestibule_store::ProviderSession { session: other, ..kept };
    f.identity.store().provider_sessions().put(&moved).await.unwrap();
    assert!(f.identity.tokens_of(other).await.unwrap().is_none());
}
