//! Kept, found, used, revoked; and gone with whatever they stand on.

use vestibule_schema::UserName;

use super::*;
use crate::engines::on_both;
use crate::{AccountState, NewAccount};

const NOW: UnixTime = UnixTime::from_seconds(1_000);
const LATER: UnixTime = UnixTime::from_seconds(2_000);
const MOST: u32 = 3;

async fn account(store: &Store, name: &str) -> AccountId {
    let new = NewAccount::new(UserName::parse(name).unwrap(), AccountRole::default());
    store.accounts().add(new, NOW).await.unwrap().id
}

fn hash(number: u8) -> TokenHash {
    TokenHash::from_bytes([number; 32])
}

fn new(account: AccountId, number: u8) -> NewAppPassword {
    NewAppPassword {
        hash: hash(number),
        account,
        name: "Jürgens Handy 📷".into(),
        bounds: AppBounds {
            scope: AppScope::WebDav,
            site: Some(SiteId::parse("family").unwrap()),
            folder: Some(GalleryPath::from_decoded("/2026/summer/").unwrap()),
        },
        created: NOW,
        expires: Some(LATER),
    }
}

async fn what_was_kept_is_what_is_found(store: Store) {
    let jane = account(&store, "jane").await;
    let wanted = new(jane, 1);
    let id = store.app_passwords().insert(&wanted, MOST).await.unwrap();
    let found = store.app_passwords().find(&hash(1)).await.unwrap().unwrap();
    assert_eq!((found.id, found.account, found.user.as_str()), (id, jane, "jane"));
    assert_eq!((&found.name, &found.bounds), (&wanted.name, &wanted.bounds));
    assert_eq!((found.expires, found.last_used, found.last_client), (Some(LATER), None, None));
    assert!(found.is_current(NOW) && !found.is_current(LATER));
    assert_eq!(store.app_passwords().find(&hash(2)).await.unwrap(), None);
    let everywhere = NewAppPassword {
        bounds: AppBounds { scope: AppScope::All, site: None, folder: None },
        expires: None,
        ..new(jane, 2)
    };
    store.app_passwords().insert(&everywhere, MOST).await.unwrap();
    let all = store.app_passwords().of_account(jane).await.unwrap();
    assert_eq!(
        all.iter().map(|row| row.bounds.scope).collect::<Vec<_>>(),
        [AppScope::WebDav, AppScope::All]
    );
    assert!(all[1].is_current(UnixTime::from_seconds(i64::MAX)));
}

async fn an_account_has_so_many_and_no_more(store: Store) {
    let (jane, fred) = (account(&store, "jane").await, account(&store, "fred").await);
    for number in 1..=3 {
        store.app_passwords().insert(&new(jane, number), MOST).await.unwrap();
    }
    let more = store.app_passwords().insert(&new(jane, 4), MOST).await;
    assert!(matches!(more, Err(StoreError::TooMany { most: MOST })), "{more:?}");
    store.app_passwords().insert(&new(fred, 5), MOST).await.unwrap();
}

async fn a_use_is_noted(store: Store) {
    let jane = account(&store, "jane").await;
    let id = store.app_passwords().insert(&new(jane, 1), MOST).await.unwrap();
    let client: IpAddr = "2001:db8::1".parse().unwrap();
    store.app_passwords().touch(id, (NOW, client)).await.unwrap();
    let earlier = UnixTime::from_seconds(1);
    store.app_passwords().touch(id, (earlier, "192.0.2.1".parse().unwrap())).await.unwrap();
    let found = store.app_passwords().find(&hash(1)).await.unwrap().unwrap();
    assert_eq!((found.last_used, found.last_client), (Some(NOW), Some(client)), "the latest");
}

/// S6: with its revocation, its time, or its owner's account.
async fn whatever_ends_it_is_noticed_elsewhere(store: Store) {
    let (jane, fred) = (account(&store, "jane").await, account(&store, "fred").await);
    let id = store.app_passwords().insert(&new(jane, 1), MOST).await.unwrap();
    store.app_passwords().insert(&new(jane, 2), MOST).await.unwrap();
    store.app_passwords().insert(&new(fred, 3), MOST).await.unwrap();
    let before = store.meta().changes().await.unwrap();
    assert_eq!(store.app_passwords().remove(fred, Some(id)).await.unwrap(), 0, "not his");
    assert_eq!(store.meta().changes().await.unwrap(), before);
    assert_eq!(store.app_passwords().remove(jane, Some(id)).await.unwrap(), 1);
    assert!(store.meta().changes().await.unwrap() > before);
    assert_eq!(store.app_passwords().find(&hash(1)).await.unwrap(), None);
    assert_eq!(store.app_passwords().remove(jane, None).await.unwrap(), 1);
    assert_eq!(store.app_passwords().of_account(jane).await.unwrap(), []);
}

/// S6: for good: who is enabled again makes others.
async fn they_end_with_their_owners_account(store: Store) {
    let fred = account(&store, "fred").await;
    store.app_passwords().insert(&new(fred, 3), MOST).await.unwrap();
    store.accounts().set_state(fred, AccountState::Disabled, NOW).await.unwrap();
    assert_eq!(store.app_passwords().find(&hash(3)).await.unwrap(), None, "disabled");
    assert_eq!(store.app_passwords().of_account(fred).await.unwrap(), [], "not only asleep");
    let late = store.app_passwords().insert(&new(fred, 4), MOST).await;
    assert!(matches!(late, Err(StoreError::NoSuchAccount)), "{late:?}");
    store.accounts().set_state(fred, AccountState::Enabled, NOW).await.unwrap();
    store.app_passwords().insert(&new(fred, 4), MOST).await.unwrap();
    store.app_passwords().delete_expired(LATER).await.unwrap();
    assert_eq!(store.app_passwords().of_account(fred).await.unwrap(), []);
    store.app_passwords().insert(&new(fred, 5), MOST).await.unwrap();
    store.accounts().remove(fred).await.unwrap();
    assert_eq!(store.app_passwords().find(&hash(5)).await.unwrap(), None, "removed");
}

on_both!(
    what_was_kept_is_what_is_found,
    an_account_has_so_many_and_no_more,
    a_use_is_noted,
    whatever_ends_it_is_noticed_elsewhere,
    they_end_with_their_owners_account,
);
