//! Accounts from outside: found by subject, made where that is allowed, never linked by a name.

use std::sync::Arc;

use vestibule_store::{MappedGroup, NewSecondFactor, Store};

use super::*;
use crate::clock::ManualClock;
use crate::{Attempt, SecondFactorError, Secret, Settings, UnixTime};

fn provider(name: &str) -> ProviderId {
    ProviderId::parse(name).unwrap()
}

fn groups(names: &[&str]) -> ProviderGroups {
    ProviderGroups::Known(names.iter().map(|name| MappedGroup::parse(name).unwrap()).collect())
}

fn open() -> Registration {
    Registration { auto_register: true, ..Registration::default() }
}

fn alice() -> ExternalUser {
    ExternalUser {
        provider: provider("idp"),
        subject: Subject { issuer: "https://idp.example".to_owned(), id: "a-1".to_owned() },
        user_name: Some("alice".to_owned()),
        display_name: Some("Alice Ä.".to_owned()),
        verified_email: Some("alice@example.com".to_owned()),
        groups: groups(&["Press"]),
        second_factor: false,
        signed_in: None,
    }
}

async fn identity(providers: &[(&str, Registration)]) -> Identity {
    let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1_000_000)));
    let mut settings = Settings::for_tests(clock);
    settings.providers =
        providers.iter().map(|(name, rules)| (provider(name), rules.clone())).collect();
    Identity::open(Store::open_in_memory().await.unwrap(), settings).await.unwrap()
}

/// S85: whoever comes from a provider showed that it is them when it says so, not when they came.
#[tokio::test]
async fn a_provider_says_how_long_ago_somebody_showed_who_they_are() {
    let identity = identity(&[("idp", open())]).await;
    let now = identity.now();
    let quarter = i64::from(15 * 60);
    for (said, is_fresh) in [
        (None, false),
        (Some(UnixTime::from_seconds(now.seconds() - quarter - 1)), false),
        (Some(UnixTime::from_seconds(now.seconds() - quarter)), true),
        (Some(now), true),
        // a clock that goes ahead makes nobody fresh for longer
        (Some(UnixTime::from_seconds(now.seconds() + 86_400)), true),
    ] {
        let user = ExternalUser { signed_in: said, ..alice() };
        let session = arrive(&identity, &user).await.unwrap();
        assert_eq!(identity.is_fresh(&session.signed_in).await.unwrap(), is_fresh, "{said:?}");
        let all = identity.sessions(session.signed_in.account).await.unwrap();
        let own = all.iter().find(|one| Some(one.id) == session.signed_in.session()).unwrap();
        assert_eq!(own.proved, said.map(|said| said.min(now)));
    }
}

async fn arrive(identity: &Identity, user: &ExternalUser) -> Result<NewSession, SignInError> {
    let origin = RequestOrigin::new(true, "id.example.com", [192, 0, 2, 1].into());
    identity.sign_in_external(&origin, user, "test").await
}

fn groups_of(session: &NewSession) -> Vec<String> {
    let user = session.signed_in.principal.as_user().unwrap();
    user.groups.iter().map(|group| group.as_str().to_owned()).collect()
}

#[tokio::test]
async fn the_first_sign_in_makes_the_account_and_the_second_finds_it() {
    let identity = identity(&[("idp", open())]).await;
    let first = arrive(&identity, &alice()).await.unwrap();
    assert_eq!(first.signed_in.name.as_str(), "alice@idp", "names are the provider's own");
    assert_eq!(first.signed_in.display_name, "Alice Ä.");
    assert_eq!(groups_of(&first), ["idp\u{1f}press", "press"]);
    // S23: another name and address, the same person
    let renamed = ExternalUser {
        user_name: Some("alicia".to_owned()),
        verified_email: None,
        groups: groups(&["family"]),
        ..alice()
    };
    let second = arrive(&identity, &renamed).await.unwrap();
    assert_eq!(second.signed_in.account, first.signed_in.account);
    assert_eq!(groups_of(&second), ["family", "idp\u{1f}family"]);
    // the same name, another person
    let mut other = alice();
    other.subject.id = "a-2".to_owned();
    assert!(matches!(arrive(&identity, &other).await, Err(SignInError::NotRegistered)));
    let lifetime = second.signed_in.expires.since(identity.now());
    assert_eq!(lifetime.as_secs(), 24 * 3600, "on a provider's word for a day");
}

#[tokio::test]
async fn accounts_are_made_only_where_that_is_allowed() {
    let press: BTreeSet<_> = [GroupId::parse("PRESS").unwrap()].into();
    let example: BTreeSet<_> = ["example.com".to_owned()].into();
    let by_group = Registration { allow_groups: press, ..open() };
    let by_domain = Registration { allow_email_domains: example, ..open() };
    let with = |change: fn(&mut ExternalUser)| {
        let mut user = alice();
        change(&mut user);
        user
    };
    for (rules, user, expected) in [
        (Registration::default(), alice(), false),
        (open(), alice(), true),
        (by_group.clone(), alice(), true),
        (by_group.clone(), with(|u| u.groups = groups(&["presse"])), false),
        (by_group.clone(), with(|u| u.groups = ProviderGroups::Unsaid), false),
        (by_group, with(|u| u.groups = ProviderGroups::Unknown), false),
        (by_domain.clone(), with(|u| u.verified_email = Some("a@EXAMPLE.com".into())), true),
        (by_domain.clone(), with(|u| u.verified_email = None), false),
        (by_domain.clone(), with(|u| u.verified_email = Some("a@sub.example.com".into())), false),
        // CVE-2026-40574: whose domain is that?
        (
            by_domain.clone(),
            with(|u| u.verified_email = Some("a@evil.test@example.com".into())),
            false,
        ),
        (by_domain.clone(), with(|u| u.verified_email = Some("@example.com".into())), false),
        (by_domain, with(|u| u.verified_email = Some("a@example.com.".into())), false),
        (open(), with(|u| u.user_name = None), false),
        (open(), with(|u| u.user_name = Some("  ".into())), false),
        (open(), with(|u| u.user_name = Some("a\nb".into())), false),
    ] {
        let identity = identity(&[("idp", rules)]).await;
        let result = arrive(&identity, &user).await;
        assert_eq!(result.is_ok(), expected, "{user:?} {result:?}");
        let accounts = identity.store().accounts().list().await.unwrap();
        assert_eq!(accounts.len(), usize::from(expected));
    }
}

/// A name that a local account has is nobody else's, whatever a provider says.
#[tokio::test]
async fn a_local_account_is_never_taken_over() {
    let trusting = Registration { trust_names: true, ..open() };
    let identity = identity(&[("idp", trusting)]).await;
    let local = NewAccount::new(UserName::parse("Alice").unwrap(), AccountRole::default());
    identity.add_user(local, None).await.unwrap();
    assert!(matches!(arrive(&identity, &alice()).await, Err(SignInError::NotRegistered)));
    assert_eq!(identity.store().accounts().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_disabled_account_stays_out() {
    let identity = identity(&[("idp", open())]).await;
    let session = arrive(&identity, &alice()).await.unwrap();
    identity.set_state(&session.signed_in.name, AccountState::Disabled).await.unwrap();
    assert!(matches!(arrive(&identity, &alice()).await, Err(SignInError::Refused)));
}

/// S30: with two providers, each group is its provider's own.
#[tokio::test]
async fn one_provider_can_not_speak_for_another() {
    let identity = identity(&[("idp", open()), ("other", open())]).await;
    let at_idp = arrive(&identity, &alice()).await.unwrap();
    assert_eq!(groups_of(&at_idp), ["idp\u{1f}press"]);
    let mut elsewhere = alice();
    elsewhere.provider = provider("other");
    elsewhere.subject.issuer = "https://other.example".to_owned();
    let at_other = arrive(&identity, &elsewhere).await.unwrap();
    assert_ne!(at_other.signed_in.account, at_idp.signed_in.account);
    assert_eq!(groups_of(&at_other), ["other\u{1f}press"]);
}

/// S30, complaint 15: groups that are held back are not groups that nobody has.
#[tokio::test]
async fn unknown_groups_admit_nobody() {
    let identity = identity(&[("idp", open())]).await;
    let user = ExternalUser { groups: ProviderGroups::Unknown, ..alice() };
    let session = arrive(&identity, &user).await.unwrap();
    assert_eq!(groups_of(&session), [""; 0]);
}

/// Whoever belongs to a provider proves themselves there: a local password counts only where the
/// provider's table says so, and not because the provider was taken out of the configuration.
#[tokio::test]
async fn a_local_password_counts_beside_a_provider_only_where_that_is_said() {
    let falling_back = Registration { local_fallback: true, ..open() };
    for (rules, expected) in [(open(), false), (falling_back, true)] {
        let mut identity = identity(&[("idp", rules)]).await;
        let session = arrive(&identity, &alice()).await.unwrap();
        let password: Secret<String> = "correct horse battery".into();
        identity.set_password(&session.signed_in.name, &password).await.unwrap();
        let origin = RequestOrigin::new(true, "id.example.com", [192, 0, 2, 1].into());
        let attempt = Attempt { name: "alice@idp", password: &password, user_agent: "test" };
        let result = identity.sign_in(&origin, &attempt).await;
        assert_eq!(result.is_ok(), expected, "{result:?}");
        identity.settings.providers.clear();
        let result = identity.sign_in(&origin, &attempt).await;
        assert!(matches!(result, Err(SignInError::Refused)), "{result:?}");
    }
}

/// A provider asks for what it wants itself; a local password beside it needs the code.
#[tokio::test]
async fn a_second_factor_is_asked_of_passwords_alone() {
    let rules = Registration { local_fallback: true, ..open() };
    let identity = identity(&[("idp", rules)]).await;
    let session = arrive(&identity, &alice()).await.unwrap();
    let password: Secret<String> = "correct horse battery".into();
    let who = &session.signed_in;
    identity.set_password(&who.name, &password).await.unwrap();
    let origin = RequestOrigin::new(true, "id.example.com", [192, 0, 2, 1].into());
    let refused = identity.begin_second_factor(&origin, who, &password).await;
    assert!(matches!(refused, Err(SecondFactorError::AtProvider)), "{refused:?}");

    let attempt = Attempt { name: "alice@idp", password: &password, user_agent: "test" };
    let step = identity.sign_in(&origin, &attempt).await.unwrap().session().unwrap();
    assert!(identity.begin_second_factor(&origin, &step.signed_in, &password).await.is_ok());
    let account = identity.user(&who.name).await.unwrap();
    let factor = NewSecondFactor {
        account: account.id,
        revision: account.revision,
        sealed: Vec::new(),
        step: 0,
        recovery_codes: Vec::new(),
    };
    identity.store().second_factors().add(&factor, identity.now()).await.unwrap().unwrap();
    let step = identity.sign_in(&origin, &attempt).await.unwrap();
    assert!(step.session().is_none(), "a code is needed");
    let there = arrive(&identity, &alice()).await.unwrap();
    assert!(!there.signed_in.second_factor, "the provider did not say so");
    let said = ExternalUser { second_factor: true, ..alice() };
    assert!(arrive(&identity, &said).await.unwrap().signed_in.second_factor);
}

/// What a provider says is a word of the command that the log names, whatever is in it.
#[test]
fn the_command_that_adopts_is_one_command() {
    let mut user = alice();
    user.subject.id = "x'; rm -rf ~ #".to_owned();
    let taken = UserName::parse("-alice o'hara").unwrap();
    assert_eq!(
        adoption(&taken, &user),
        r"vestibule users mod --provider=idp --subject='x'\''; rm -rf ~ #' -- '-alice o'\''hara'"
    );
}
