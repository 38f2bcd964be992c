//! Second factors: what is used once, and what a change ends.

use vestibule_schema::{AccountRole, UserName};

use super::*;
use crate::engines::on_both;
use crate::{Audience, NewAccount, NewSession, TokenHash};

on_both! {
    what_was_kept_is_what_is_found,
    a_step_is_used_once_and_none_before_it,
    of_many_who_show_one_code_one_gets_in,
    a_recovery_code_is_used_once,
    new_recovery_codes_replace_the_old_ones,
    a_change_overtakes_who_is_signing_in,
    a_reset_ends_the_sessions,
    a_reset_ends_app_passwords_with_the_factor_alone,
    what_goes_with_the_account_goes_with_it,
}

const NOW: UnixTime = UnixTime::from_seconds(1_000);

async fn account(store: &Store, name: &str) -> Account {
    let account = NewAccount::new(UserName::parse(name).unwrap(), AccountRole::default());
    store.accounts().add(account, NOW).await.unwrap()
}

fn code(number: u8) -> RecoveryCodeHash {
    RecoveryCodeHash::from_bytes([number; 32])
}

fn factor(account: &Account) -> NewSecondFactor {
    NewSecondFactor {
        account: account.id,
        revision: account.revision,
        sealed: vec![1, 2, 3],
        step: 100,
        recovery_codes: (0..10).map(code).collect(),
    }
}

/// An account whose second factor is on.
async fn with_factor(store: &Store, name: &str) -> Account {
    let account = account(store, name).await;
    store.second_factors().add(&factor(&account), NOW).await.unwrap().unwrap()
}

async fn session(store: &Store, account: &Account) -> Result<crate::SessionId, StoreError> {
    let session = NewSession {
        token: TokenHash::from_bytes([u8::try_from(account.id.number()).unwrap(); 32]),
        account: account.id,
        revision: account.revision,
        audience: Audience::Portal,
        provider: None,
        second_factor: true,
        proved: Some(NOW),
        created: NOW,
        expires: UnixTime::from_seconds(9_000),
        client: [192, 0, 2, 1].into(),
        user_agent: String::new(),
        client_certificate: None,
    };
    store.sessions().insert(&session).await
}

async fn what_was_kept_is_what_is_found(store: Store) {
    let jane = account(&store, "jane").await;
    let factors = store.second_factors();
    assert_eq!(factors.find(jane.id).await.unwrap(), None);
    let before = store.meta().changes().await.unwrap();
    let changed = factors.add(&factor(&jane), NOW).await.unwrap().unwrap();
    assert_eq!(changed.revision, jane.revision + 1);
    assert!(store.meta().changes().await.unwrap() > before, "other gateways hear of it");
    let found = factors.find(jane.id).await.unwrap().unwrap();
    assert_eq!((found.sealed, found.last_step, found.wrong), (vec![1, 2, 3], 100, 0));
    assert_eq!((found.recovery_codes, found.created), (10, NOW));
    assert_eq!(factors.add(&factor(&changed), NOW).await.unwrap(), None, "it is on already");
}

/// S15: single use.
async fn a_step_is_used_once_and_none_before_it(store: Store) {
    let jane = with_factor(&store, "jane").await;
    let factors = store.second_factors();
    for (step, is_good) in [(100, false), (99, false), (101, true), (101, false), (100, false)] {
        assert_eq!(factors.use_step(jane.id, step).await.unwrap(), is_good, "{step}");
    }
    factors.count_wrong(jane.id).await.unwrap();
    factors.count_wrong(jane.id).await.unwrap();
    assert_eq!(factors.find(jane.id).await.unwrap().unwrap().wrong, 2);
    assert!(!factors.use_step(jane.id, 101).await.unwrap());
    assert_eq!(factors.find(jane.id).await.unwrap().unwrap().wrong, 2);
    assert!(factors.use_step(jane.id, 103).await.unwrap());
    assert_eq!(factors.find(jane.id).await.unwrap().unwrap().wrong, 0);
    let mark = account(&store, "mark").await;
    assert!(!factors.use_step(mark.id, 104).await.unwrap(), "who has none");
}

async fn of_many_who_show_one_code_one_gets_in(store: Store) {
    let jane = with_factor(&store, "jane").await;
    for step in 101..105 {
        let both = [0; 2].map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.second_factors().use_step(jane.id, step).await })
        });
        let mut good = 0;
        for one in both {
            good += usize::from(one.await.unwrap().unwrap());
        }
        assert_eq!(good, 1);
    }
}

/// S15: one use.
async fn a_recovery_code_is_used_once(store: Store) {
    let (jane, mark) = (with_factor(&store, "jane").await, with_factor(&store, "mark").await);
    let factors = store.second_factors();
    factors.count_wrong(jane.id).await.unwrap();
    assert_eq!(factors.use_recovery_code(jane.id, &code(77)).await.unwrap(), None);
    assert_eq!(factors.use_recovery_code(jane.id, &code(3)).await.unwrap(), Some(9));
    assert_eq!(factors.use_recovery_code(jane.id, &code(3)).await.unwrap(), None);
    assert_eq!(factors.use_recovery_code(jane.id, &code(4)).await.unwrap(), Some(8));
    let found = factors.find(jane.id).await.unwrap().unwrap();
    assert_eq!((found.recovery_codes, found.wrong), (8, 0));
    assert_eq!(factors.use_recovery_code(mark.id, &code(3)).await.unwrap(), Some(9));
}

async fn new_recovery_codes_replace_the_old_ones(store: Store) {
    let jane = with_factor(&store, "jane").await;
    let factors = store.second_factors();
    assert!(factors.replace_recovery_codes(jane.id, &[code(50), code(51)]).await.unwrap());
    assert_eq!(factors.use_recovery_code(jane.id, &code(3)).await.unwrap(), None);
    assert_eq!(factors.use_recovery_code(jane.id, &code(50)).await.unwrap(), Some(1));
    let mark = account(&store, "mark").await;
    assert!(!factors.replace_recovery_codes(mark.id, &[code(60)]).await.unwrap());
}

/// Whose password was compared before the factor was on does not get in without it.
async fn a_change_overtakes_who_is_signing_in(store: Store) {
    let before = account(&store, "jane").await;
    let factors = store.second_factors();
    let on = factors.add(&factor(&before), NOW).await.unwrap().unwrap();
    assert!(matches!(session(&store, &before).await, Err(StoreError::NoSuchAccount)));
    session(&store, &on).await.unwrap();
    let late = factors.add(&factor(&before), NOW).await;
    assert!(matches!(late, Err(StoreError::NoSuchAccount)), "{late:?}");
    let off = factors.remove(on.id, NOW).await.unwrap().unwrap();
    assert_eq!(off.revision, on.revision + 1);
    assert_eq!(factors.find(on.id).await.unwrap(), None);
    assert_eq!(factors.remove(on.id, NOW).await.unwrap(), None);
    assert_eq!(store.sessions().of_account(on.id).await.unwrap().len(), 1, "they go on");
    // with codes of before, nothing is left behind
    let again = factors.add(&factor(&off), NOW).await.unwrap().unwrap();
    assert_eq!(factors.find(again.id).await.unwrap().unwrap().recovery_codes, 10);
}

async fn a_reset_ends_the_sessions(store: Store) {
    let (jane, mark) = (with_factor(&store, "jane").await, with_factor(&store, "mark").await);
    session(&store, &jane).await.unwrap();
    session(&store, &mark).await.unwrap();
    let factors = store.second_factors();
    let before = store.meta().changes().await.unwrap();
    assert!(factors.reset(jane.id, NOW).await.unwrap());
    assert!(store.meta().changes().await.unwrap() > before);
    assert_eq!(store.sessions().of_account(jane.id).await.unwrap(), []);
    assert_eq!(factors.find(jane.id).await.unwrap(), None);
    assert!(!factors.reset(jane.id, NOW).await.unwrap(), "there is none");
    assert_eq!(store.sessions().of_account(mark.id).await.unwrap().len(), 1);
    assert!(factors.find(mark.id).await.unwrap().is_some());
}

/// Whoever has no second factor loses nothing by a reset, and whoever has loses all at once.
async fn a_reset_ends_app_passwords_with_the_factor_alone(store: Store) {
    let (jane, bare) = (with_factor(&store, "jane").await, account(&store, "bare").await);
    for account in [&jane, &bare] {
        let app = crate::NewAppPassword {
            hash: TokenHash::from_bytes([u8::try_from(account.id.number()).unwrap(); 32]),
            account: account.id,
            name: "phone".into(),
            bounds: crate::AppBounds { scope: crate::AppScope::All, site: None, folder: None },
            created: NOW,
            expires: None,
        };
        store.app_passwords().insert(&app, 9).await.unwrap();
    }
    let before = store.meta().changes().await.unwrap();
    assert!(store.second_factors().reset(jane.id, NOW).await.unwrap());
    assert_eq!(store.meta().changes().await.unwrap(), before + 1, "one change");
    assert!(!store.second_factors().reset(bare.id, NOW).await.unwrap());
    assert_eq!(store.app_passwords().of_account(jane.id).await.unwrap().len(), 0);
    assert_eq!(store.app_passwords().of_account(bare.id).await.unwrap().len(), 1);
}

async fn what_goes_with_the_account_goes_with_it(store: Store) {
    let jane = with_factor(&store, "jane").await;
    store.accounts().remove(jane.id).await.unwrap();
    let factors = store.second_factors();
    assert_eq!(factors.find(jane.id).await.unwrap(), None);
    assert_eq!(factors.use_recovery_code(jane.id, &code(1)).await.unwrap(), None);
}
