//! Kept, found, used once at a time; and gone with whatever they stand on.

use vestibule_schema::{AccountRole, UserName};

use super::*;
use crate::engines::on_both;
use crate::{AccountState, NewAccount};

const NOW: UnixTime = UnixTime::from_seconds(1_000);
const MOST: u32 = 3;

async fn account(store: &Store, name: &str) -> (AccountId, i64) {
    let new = NewAccount::new(UserName::parse(name).unwrap(), AccountRole::default());
    let account = store.accounts().add(new, NOW).await.unwrap();
    (account.id, account.revision)
}

fn new((account, revision): (AccountId, i64), number: u8) -> NewPasskey {
    NewPasskey {
        account,
        revision,
        credential: vec![number; 32],
        host: "photos.example.com".into(),
        fixed: vec![1, number],
        moving: vec![0, number],
        name: "Jürgens Schlüssel 🔑".into(),
        created: NOW,
    }
}

async fn what_was_kept_is_what_is_found(store: Store) {
    let jane = account(&store, "jane").await;
    let wanted = new(jane, 1);
    let id = store.passkeys().insert(&wanted, MOST).await.unwrap().unwrap();
    let found = store.passkeys().find(&wanted.credential).await.unwrap().unwrap();
    assert_eq!((found.id, found.account), (id, jane.0));
    assert_eq!((&found.credential, &found.host), (&wanted.credential, &wanted.host));
    assert_eq!((&found.fixed, &found.moving), (&wanted.fixed, &wanted.moving));
    assert_eq!((&found.name, found.created), (&wanted.name, NOW));
    assert_eq!((found.last_used, found.last_client), (None, None));
    assert_eq!(store.passkeys().find(&[2; 32]).await.unwrap(), None);
    assert_eq!(store.passkeys().of_account(jane.0).await.unwrap(), [found]);
}

async fn one_credential_is_one_accounts(store: Store) {
    let (jane, fred) = (account(&store, "jane").await, account(&store, "fred").await);
    store.passkeys().insert(&new(jane, 1), MOST).await.unwrap().unwrap();
    assert_eq!(store.passkeys().insert(&new(fred, 1), MOST).await.unwrap(), None, "jane's");
    let found = store.passkeys().find(&[1; 32]).await.unwrap().unwrap();
    assert_eq!(found.account, jane.0);
}

async fn an_account_has_so_many_and_no_more(store: Store) {
    let (jane, fred) = (account(&store, "jane").await, account(&store, "fred").await);
    for number in 1..=3 {
        store.passkeys().insert(&new(jane, number), MOST).await.unwrap().unwrap();
    }
    let more = store.passkeys().insert(&new(jane, 4), MOST).await;
    assert!(matches!(more, Err(StoreError::TooMany { most: MOST })), "{more:?}");
    store.passkeys().insert(&new(fred, 5), MOST).await.unwrap().unwrap();
}

/// S16: two uses of one state of the counter are one too many.
async fn of_two_uses_at_once_one_is_good(store: Store) {
    let jane = account(&store, "jane").await;
    let id = store.passkeys().insert(&new(jane, 1), MOST).await.unwrap().unwrap();
    let client: IpAddr = "2001:db8::1".parse().unwrap();
    let used = PasskeyUse { before: &[0, 1], after: &[9, 1], now: NOW, client };
    assert!(store.passkeys().note_use(id, &used).await.unwrap());
    assert!(!store.passkeys().note_use(id, &used).await.unwrap());
    let found = store.passkeys().find(&[1; 32]).await.unwrap().unwrap();
    assert_eq!(
        (found.moving, found.last_used, found.last_client),
        (vec![9, 1], Some(NOW), Some(client))
    );
}

/// S6: gone when it is removed, and with its owner's account.
async fn whatever_ends_it_ends_it_for_good(store: Store) {
    let (jane, fred) = (account(&store, "jane").await, account(&store, "fred").await);
    let id = store.passkeys().insert(&new(jane, 1), MOST).await.unwrap();
    store.passkeys().insert(&new(fred, 2), MOST).await.unwrap();
    assert_eq!(store.passkeys().remove(fred.0, id).await.unwrap(), 0, "not his");
    assert_eq!(store.passkeys().remove(jane.0, id).await.unwrap(), 1);
    assert_eq!(store.passkeys().find(&[1; 32]).await.unwrap(), None);
    store.accounts().set_state(fred.0, AccountState::Disabled, NOW).await.unwrap();
    assert_eq!(store.passkeys().of_account(fred.0).await.unwrap(), [], "not only asleep");
    let late = store.passkeys().insert(&new(fred, 3), MOST).await;
    assert!(matches!(late, Err(StoreError::NoSuchAccount)), "disabled: {late:?}");
    store.accounts().set_state(fred.0, AccountState::Enabled, NOW).await.unwrap();
    let late = store.passkeys().insert(&new(fred, 3), MOST).await;
    assert!(matches!(late, Err(StoreError::NoSuchAccount)), "changed meanwhile: {late:?}");
    let revision = store.accounts().by_id(fred.0).await.unwrap().unwrap().revision;
    store.passkeys().insert(&new((fred.0, revision), 3), MOST).await.unwrap().unwrap();
    store.accounts().remove(fred.0).await.unwrap();
    assert_eq!(store.passkeys().find(&[3; 32]).await.unwrap(), None, "removed");
}

on_both!(
    what_was_kept_is_what_is_found,
    one_credential_is_one_accounts,
    an_account_has_so_many_and_no_more,
    of_two_uses_at_once_one_is_good,
    whatever_ends_it_ends_it_for_good,
);
