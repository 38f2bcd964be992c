//! Accounts: names, the last administrator, and what a change ends.

use vestibule_schema::{AccountRole, RoleName, SiteId, UserName};

use super::*;
use crate::engines::on_both;
use crate::{Access, GrantFilter, NewSession, TokenHash};

on_both! {
    an_account_comes_back_as_it_went,
    names_that_fold_alike_are_one_user,
    the_last_enabled_administrator_stays,
    an_administrator_who_can_not_sign_in_is_none,
    two_administrators_removed_at_once_leave_one,
    of_two_first_accounts_one_is_made,
    a_change_ends_the_sessions,
    anothers_password_ends_what_else_lets_somebody_in,
    a_stronger_hash_ends_nothing_and_replaces_only_its_own,
    a_new_user_of_an_old_name_inherits_nothing,
    what_does_not_exist_is_not_found,
    a_change_is_whole_and_can_be_tried,
}

const NOW: UnixTime = UnixTime::from_seconds(1_000);

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn admin() -> AccountRole {
    AccountRole::parse(AccountRole::CLUSTER_ADMIN).unwrap()
}

async fn add(store: &Store, user: &str, role: &str) -> Account {
    let role = AccountRole::parse(role).unwrap();
    let new = NewAccount::new(name(user), role).with_password(PasswordHash::from_phc("x".into()));
    store.accounts().add(new, NOW).await.unwrap()
}

/// As somebody changes their own password.
const fn own(hash: &PasswordHash) -> (&PasswordHash, EndsWithPassword) {
    (hash, EndsWithPassword::Nothing)
}

async fn session(store: &Store, account: &Account) -> Result<crate::SessionId, StoreError> {
    let session = NewSession {
        token: TokenHash::from_bytes([u8::try_from(account.id.number()).unwrap(); 32]),
        account: account.id,
        revision: account.revision,
        audience: crate::Audience::Portal,
        provider: None,
        second_factor: false,
        proved: Some(NOW),
        created: NOW,
        expires: UnixTime::from_seconds(9_000),
        client: [192, 0, 2, 1].into(),
        user_agent: "a browser".into(),
        client_certificate: None,
    };
    store.sessions().insert(&session).await
}

async fn an_account_comes_back_as_it_went(store: Store) {
    let hash = PasswordHash::from_phc("$argon2id$planted".into());
    let new = NewAccount::new(name("Jane 📷"), AccountRole::parse("user").unwrap())
        .with_display_name("Jane \"O'Hara\"")
        .with_password(hash.clone());
    let added = store.accounts().add(new, NOW).await.unwrap();
    let found = store.accounts().find(&name("Jane 📷")).await.unwrap().unwrap();
    assert_eq!(found, added);
    assert_eq!(found.name.as_str(), "Jane 📷");
    assert_eq!(found.display_name, "Jane \"O'Hara\"");
    assert_eq!(found.password_hash, Some(hash));
    assert_eq!((found.created, found.changed, found.state), (NOW, NOW, AccountState::Enabled));
    assert_eq!(store.accounts().by_id(added.id).await.unwrap(), Some(added));
}

/// S14: one user, however the name is written.
async fn names_that_fold_alike_are_one_user(store: Store) {
    for (taken, wanted) in [
        ("jane", "Jane"),
        ("Straße", "STRASSE"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("éva", "E\u{301}VA"),
        ("ﬁona", "fiona"),
        ("Kelvin", "\u{212a}elvin"),
    ] {
        let account = add(&store, taken, "").await;
        let again = NewAccount::new(name(wanted), AccountRole::default());
        let error = store.accounts().add(again, NOW).await.unwrap_err();
        assert!(error.is_conflict(), "{taken} {wanted}");
        assert_eq!(error.to_string(), format!("the user name `{}` exists already", account.name));
        let found = store.accounts().find(&name(wanted)).await.unwrap().unwrap();
        assert_eq!(found.name, account.name, "{wanted} meets the stored name");
    }
    add(&store, "jane2", "").await;
}

async fn the_last_enabled_administrator_stays(store: Store) {
    let accounts = store.accounts();
    let root = add(&store, "root", "cluster_admin").await;
    let spare = add(&store, "spare", "cluster_admin").await;
    accounts.set_state(spare.id, AccountState::Disabled, NOW).await.unwrap();

    let is_last = |result: Result<(), StoreError>| matches!(result, Err(StoreError::LastAdministrator { user }) if user == name("root"));
    assert!(is_last(accounts.remove(root.id).await));
    assert!(is_last(accounts.set_state(root.id, AccountState::Disabled, NOW).await));
    assert!(is_last(accounts.set_role(root.id, &AccountRole::default(), NOW).await));
    accounts.set_role(root.id, &admin(), NOW).await.unwrap();

    accounts.set_state(spare.id, AccountState::Enabled, NOW).await.unwrap();
    accounts.remove(root.id).await.unwrap();
    assert!(matches!(accounts.remove(spare.id).await, Err(StoreError::LastAdministrator { .. })));
}

/// Whoever has neither password nor passkey nor identity can't manage the cluster for others.
async fn an_administrator_who_can_not_sign_in_is_none(store: Store) {
    let accounts = store.accounts();
    let root = add(&store, "root", "cluster_admin").await;
    let bare = accounts.add(NewAccount::new(name("bare"), admin()), NOW).await.unwrap();
    let refused = accounts.remove(root.id).await;
    assert!(matches!(refused, Err(StoreError::LastAdministrator { .. })), "{refused:?}");
    let adopt = crate::NewIdentity {
        provider: vestibule_schema::ProviderId::parse("office").unwrap(),
        subject: crate::Subject { issuer: "ldap:office".into(), id: "7f3a".into() },
        groups: crate::ProviderGroups::Unsaid,
    };
    let adopted = AccountChange { adopt: Some(adopt), ..AccountChange::default() };
    accounts.modify(bare.id, &adopted, NOW, Keep::Yes).await.unwrap();
    accounts.remove(root.id).await.unwrap();
}

async fn two_administrators_removed_at_once_leave_one(store: Store) {
    for round in 0..8 {
        let a = add(&store, &format!("a{round}"), "cluster_admin").await;
        let b = add(&store, &format!("b{round}"), "cluster_admin").await;
        let accounts = store.accounts();
        let (one, two) = tokio::join!(accounts.remove(a.id), accounts.remove(b.id));
        assert_eq!(one.is_ok() as u8 + two.is_ok() as u8, if round == 0 { 1 } else { 2 });
    }
    let left = store.accounts().list().await.unwrap();
    assert_eq!(left.iter().filter(|account| account.role.is_cluster_admin()).count(), 1);
}

/// S18: whatever each of them was told, one makes the first account.
async fn of_two_first_accounts_one_is_made(store: Store) {
    assert!(!store.accounts().any().await.unwrap());
    let accounts = store.accounts();
    let first = |user| accounts.add_first(NewAccount::new(name(user), admin()), NOW);
    let (one, two) = tokio::join!(first("one"), first("two"));
    let made: Vec<_> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(accounts.list().await.unwrap(), made);
    assert!(accounts.any().await.unwrap());
    assert_eq!(first("three").await.unwrap(), None);
}

/// S6: every change of privilege ends the account's sessions, and of nobody else.
async fn a_change_ends_the_sessions(store: Store) {
    let accounts = store.accounts();
    let other = add(&store, "other", "").await;
    session(&store, &other).await.unwrap();
    let hash = PasswordHash::from_phc("x".into());

    for change in ["password", "role", "state", "removal"] {
        let jane = add(&store, &format!("jane-{change}"), "").await;
        session(&store, &jane).await.unwrap();
        match change {
            "password" => drop(accounts.set_password(jane.id, own(&hash), NOW).await.unwrap()),
            "role" => accounts.set_role(jane.id, &admin(), NOW).await.unwrap(),
            "state" => accounts.set_state(jane.id, AccountState::Disabled, NOW).await.unwrap(),
            _ => accounts.remove(jane.id).await.unwrap(),
        }
        assert_eq!(store.sessions().of_account(jane.id).await.unwrap(), [], "{change}");
        // whoever proved who they are before the change comes too late
        assert!(matches!(session(&store, &jane).await, Err(StoreError::NoSuchAccount)), "{change}");
    }
    assert_eq!(store.sessions().of_account(other.id).await.unwrap().len(), 1);
}

/// An app password and a passkey of an account.
async fn credentials(store: &Store, account: &Account) {
    let number = u8::try_from(account.id.number()).unwrap();
    let bounds = crate::AppBounds { scope: crate::AppScope::All, site: None, folder: None };
    let app = crate::NewAppPassword {
        hash: TokenHash::from_bytes([number; 32]),
        account: account.id,
        name: "phone".into(),
        bounds,
        created: NOW,
        expires: None,
    };
    store.app_passwords().insert(&app, 9).await.unwrap();
    let passkey = crate::NewPasskey {
        account: account.id,
        revision: account.revision,
        credential: vec![number; 32],
        host: "photos.example.com".into(),
        fixed: vec![1],
        moving: vec![2],
        name: "key".into(),
        created: NOW,
    };
    store.passkeys().insert(&passkey, 9).await.unwrap().unwrap();
}

/// One's own change of password leaves them; with another's, all goes in one change.
async fn anothers_password_ends_what_else_lets_somebody_in(store: Store) {
    let hash = PasswordHash::from_phc("y".into());
    for (user, ends, left) in
        [("a", EndsWithPassword::Nothing, 1), ("b", EndsWithPassword::OtherCredentials, 0)]
    {
        let account = add(&store, user, "").await;
        credentials(&store, &account).await;
        let before = store.meta().changes().await.unwrap();
        store.accounts().set_password(account.id, (&hash, ends), NOW).await.unwrap();
        assert_eq!(store.meta().changes().await.unwrap(), before + 1, "one change");
        let apps = store.app_passwords().of_account(account.id).await.unwrap();
        let keys = store.passkeys().of_account(account.id).await.unwrap();
        assert_eq!((apps.len(), keys.len()), (left, left), "{ends:?}");
    }
}

async fn a_stronger_hash_ends_nothing_and_replaces_only_its_own(store: Store) {
    let [weak, strong, other] =
        ["weak", "strong", "other"].map(|phc| PasswordHash::from_phc(phc.into()));
    let new = NewAccount::new(name("jane"), AccountRole::default()).with_password(weak.clone());
    let jane = store.accounts().add(new, NOW).await.unwrap();
    session(&store, &jane).await.unwrap();
    let before = store.meta().changes().await.unwrap();
    store.accounts().strengthen_password(jane.id, &weak, &strong).await.unwrap();
    store.accounts().strengthen_password(jane.id, &weak, &other).await.unwrap();
    let found = store.accounts().by_id(jane.id).await.unwrap().unwrap();
    assert_eq!(found.password_hash, Some(strong));
    assert_eq!(found.revision, jane.revision);
    assert_eq!(store.meta().changes().await.unwrap(), before);
    assert_eq!(store.sessions().of_account(jane.id).await.unwrap().len(), 1);
}

async fn a_new_user_of_an_old_name_inherits_nothing(store: Store) {
    let site = SiteId::parse("family").unwrap();
    let first = add(&store, "jane", "").await;
    let access = Access::role(RoleName::parse("viewer").unwrap());
    store.grants().grant(&site, &name("jane"), &access, NOW).await.unwrap();
    store.accounts().remove(first.id).await.unwrap();
    let second = add(&store, "jane", "").await;
    assert_ne!(first.id, second.id);
    assert_eq!(store.grants().list(&GrantFilter::default()).await.unwrap(), []);
}

async fn what_does_not_exist_is_not_found(store: Store) {
    let nobody = AccountId::from_number(77);
    let hash = PasswordHash::from_phc("x".into());
    let accounts = store.accounts();
    assert!(accounts.remove(nobody).await.unwrap_err().is_not_found());
    assert!(accounts.set_password(nobody, own(&hash), NOW).await.unwrap_err().is_not_found());
    assert!(accounts.set_role(nobody, &admin(), NOW).await.unwrap_err().is_not_found());
    assert_eq!(accounts.by_id(nobody).await.unwrap(), None);
    assert_eq!(store.meta().changes().await.unwrap(), 0, "nothing changed");
}

async fn a_change_is_whole_and_can_be_tried(store: Store) {
    let ada = add(&store, "ada", AccountRole::CLUSTER_ADMIN).await;
    let jane = add(&store, "jane", "").await;
    session(&store, &jane).await.unwrap();
    let change = AccountChange {
        role: Some(AccountRole::parse("viewer").unwrap()),
        display_name: Some("Jane Doe".into()),
        state: None,
        adopt: None,
    };
    let accounts = store.accounts();
    let changes = store.meta().changes().await.unwrap();
    let tried = accounts.modify(jane.id, &change, NOW, Keep::No).await.unwrap();
    assert_eq!(tried.display_name, "Jane Doe");
    assert_eq!(accounts.by_id(jane.id).await.unwrap(), Some(jane.clone()));
    assert_eq!(store.meta().changes().await.unwrap(), changes);
    assert_eq!(store.sessions().of_account(jane.id).await.unwrap().len(), 1);
    let done = accounts.modify(jane.id, &change, NOW, Keep::Yes).await.unwrap();
    assert_eq!((done.role.as_str(), done.revision), ("viewer", jane.revision + 1));
    assert_eq!(store.sessions().of_account(jane.id).await.unwrap(), []);
    // another name for people is no privilege
    session(&store, &done).await.unwrap();
    let renamed = AccountChange { display_name: Some(String::new()), ..AccountChange::default() };
    let done = accounts.modify(jane.id, &renamed, NOW, Keep::Yes).await.unwrap();
    assert_eq!(done.display_name, "jane");
    assert_eq!(store.sessions().of_account(jane.id).await.unwrap().len(), 1);
    let off = AccountChange { state: Some(AccountState::Disabled), ..AccountChange::default() };
    for keep in [Keep::No, Keep::Yes] {
        for refused in [&change, &off] {
            let error = accounts.modify(ada.id, refused, NOW, keep).await.unwrap_err();
            assert!(matches!(error, StoreError::LastAdministrator { .. }), "{error}");
        }
    }
    assert!(accounts.rehearse_removal(ada.id).await.unwrap_err().is_conflict());
    accounts.rehearse_removal(jane.id).await.unwrap();
}
