//! Sessions: found by token, ended by every way there is.

use std::time::Duration;

use super::*;
use crate::engines::on_both;
use crate::{AccountState, NewAccount};

on_both! {
    a_session_is_found_by_its_token_with_its_account,
    a_disabled_account_has_no_session,
    sessions_end_one_by_one_and_together,
    a_touch_never_moves_back_and_expiry_takes_the_right_ones,
    a_sites_session_lives_and_ends_with_its_parent,
    the_oldest_end_beyond_a_limit,
    a_certificate_binds_a_session_and_those_born_of_it,
}

const NOW: UnixTime = UnixTime::from_seconds(1_000);

async fn account(store: &Store, name: &str) -> AccountId {
    let name = UserName::parse(name).unwrap();
    let new = NewAccount::new(name, AccountRole::parse("user").unwrap());
    store.accounts().add(new.with_display_name("Somebody"), NOW).await.unwrap().id
}

fn new(account: AccountId, token: u8) -> NewSession {
    NewSession {
        token: TokenHash::from_bytes([token; 32]),
        account,
        revision: 0,
        audience: Audience::Portal,
        provider: None,
        second_factor: false,
        proved: Some(NOW),
        created: NOW,
        expires: UnixTime::from_seconds(5_000),
        client: "2001:db8::1".parse().unwrap(),
        user_agent: format!("Browser\r\n{}", "é".repeat(300)),
        client_certificate: None,
    }
}

async fn a_session_is_found_by_its_token_with_its_account(store: Store) {
    let jane = account(&store, "jane").await;
    let id = store.sessions().insert(&new(jane, 7)).await.unwrap();
    let row = store.sessions().find(&TokenHash::from_bytes([7; 32])).await.unwrap().unwrap();
    assert_eq!((row.id, row.account, row.user.as_str()), (id, jane, "jane"));
    assert_eq!((row.display_name.as_str(), row.role.as_str()), ("Somebody", "user"));
    assert_eq!(row.client, "2001:db8::1".parse::<IpAddr>().unwrap());
    assert_eq!(row.user_agent.chars().count(), MAX_USER_AGENT);
    assert!(row.user_agent.starts_with("Browseré"), "control characters go");
    assert_eq!(store.sessions().find(&TokenHash::from_bytes([8; 32])).await.unwrap(), None);
}

async fn a_disabled_account_has_no_session(store: Store) {
    let jane = account(&store, "jane").await;
    store.accounts().set_state(jane, AccountState::Disabled, NOW).await.unwrap();
    let session = NewSession { revision: 1, ..new(jane, 1) };
    assert!(matches!(store.sessions().insert(&session).await, Err(StoreError::NoSuchAccount)));
}

async fn sessions_end_one_by_one_and_together(store: Store) {
    let (jane, mark) = (account(&store, "jane").await, account(&store, "mark").await);
    let sessions = store.sessions();
    let mut ids = Vec::new();
    for token in 1..=4 {
        ids.push(sessions.insert(&new(jane, token)).await.unwrap());
    }
    let marks = sessions.insert(&new(mark, 9)).await.unwrap();
    let before = store.meta().changes().await.unwrap();
    assert!(!sessions.delete_one(jane, marks).await.unwrap(), "only one's own");
    assert!(sessions.delete_one(jane, ids[0]).await.unwrap());
    assert!(!sessions.delete_one(jane, ids[0]).await.unwrap());
    assert_eq!(sessions.delete_of_account(jane, Some(ids[2])).await.unwrap(), 2);
    let after = store.meta().changes().await.unwrap();
    assert_eq!(after, before + 2, "other gateways notice what ended, and nothing else");
    assert_eq!(sessions.of_account(jane).await.unwrap().len(), 1);
    assert_eq!(sessions.delete_of_account(jane, None).await.unwrap(), 1);
    assert_eq!(sessions.of_account(mark).await.unwrap().len(), 1);
}

async fn a_touch_never_moves_back_and_expiry_takes_the_right_ones(store: Store) {
    let jane = account(&store, "jane").await;
    let sessions = store.sessions();
    let used = sessions.insert(&new(jane, 1)).await.unwrap();
    sessions.insert(&new(jane, 2)).await.unwrap();
    let later = NOW.plus(Duration::from_secs(50));
    sessions.touch(&[(used, later)]).await.unwrap();
    sessions.touch(&[(used, NOW)]).await.unwrap();
    let rows = sessions.of_account(jane).await.unwrap();
    assert_eq!((rows[0].id, rows[0].last_seen), (used, later), "the last used first");

    assert_eq!(sessions.delete_expired(later, NOW).await.unwrap(), 1);
    assert_eq!(sessions.of_account(jane).await.unwrap()[0].id, used);
    let end = UnixTime::from_seconds(5_000);
    assert_eq!(sessions.delete_expired(end, NOW).await.unwrap(), 1);
}

fn site_session(parent: SessionId, token: u8) -> SiteSession {
    SiteSession {
        token: TokenHash::from_bytes([token; 32]),
        parent,
        site: SiteId::parse("family").unwrap(),
        reason: "a grant".to_owned(),
        created: NOW,
        client: "2001:db8::2".parse().unwrap(),
    }
}

async fn a_sites_session_lives_and_ends_with_its_parent(store: Store) {
    let jane = account(&store, "jane").await;
    let sessions = store.sessions();
    let parent = sessions.insert(&new(jane, 1)).await.unwrap();
    let other = sessions.insert(&new(jane, 2)).await.unwrap();
    let at_site = sessions.insert_at_site(&site_session(parent, 3)).await.unwrap();
    let row = sessions.find(&TokenHash::from_bytes([3; 32])).await.unwrap().unwrap();
    assert_eq!((row.id, row.account, row.parent), (at_site, jane, Some(parent)));
    assert_eq!(row.audience, Audience::Site(SiteId::parse("family").unwrap()));
    assert_eq!((row.reason.as_str(), row.expires), ("a grant", UnixTime::from_seconds(5_000)));
    let born_of_it = sessions.insert_at_site(&site_session(at_site, 4)).await;
    assert!(matches!(born_of_it, Err(StoreError::NoSuchSession)), "only the portal's have any");

    // its use keeps the parent alive
    let later = NOW.plus(Duration::from_secs(50));
    sessions.touch(&[(at_site, later)]).await.unwrap();
    sessions.delete_expired(later, NOW).await.unwrap();
    let ids: Vec<_> = sessions.of_account(jane).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(ids, [at_site, parent], "the other was not used");
    assert!(!sessions.delete_one(jane, other).await.unwrap());

    // ending all others spares what was born of the one that stays
    sessions.delete_of_account(jane, Some(parent)).await.unwrap();
    assert_eq!(sessions.of_account(jane).await.unwrap().len(), 2);
    assert!(sessions.delete_one(jane, parent).await.unwrap());
    assert_eq!(sessions.of_account(jane).await.unwrap(), []);
    let orphan = sessions.insert_at_site(&site_session(parent, 5)).await;
    assert!(matches!(orphan, Err(StoreError::NoSuchSession)));
}

/// S7: the sessions of the portal are counted, and take those born of them with them.
async fn the_oldest_end_beyond_a_limit(store: Store) {
    let (jane, mark) = (account(&store, "jane").await, account(&store, "mark").await);
    let sessions = store.sessions();
    let mut ids = Vec::new();
    for token in 1..=4 {
        ids.push(sessions.insert(&new(jane, token)).await.unwrap());
    }
    sessions.insert(&new(mark, 9)).await.unwrap();
    let born = SiteSession {
        token: TokenHash::from_bytes([20; 32]),
        parent: ids[1],
        site: SiteId::parse("photos").unwrap(),
        reason: String::new(),
        created: NOW,
        client: "2001:db8::1".parse().unwrap(),
    };
    sessions.insert_at_site(&born).await.unwrap();
    assert_eq!(sessions.delete_beyond(jane, 4).await.unwrap(), 0);
    let before = store.meta().changes().await.unwrap();
    assert_eq!(sessions.delete_beyond(jane, 2).await.unwrap(), 2);
    assert!(store.meta().changes().await.unwrap() > before, "other gateways hear of it");
    let mut left: Vec<_> =
        sessions.of_account(jane).await.unwrap().into_iter().map(|row| row.id).collect();
    left.sort_unstable();
    assert_eq!(left, ids[2..]);
    assert_eq!(sessions.of_account(mark).await.unwrap().len(), 1);
}

/// S32.
async fn a_certificate_binds_a_session_and_those_born_of_it(store: Store) {
    let jane = account(&store, "jane").await;
    let sessions = store.sessions();
    let hash = CertificateHash::from_bytes([0xab; 32]);
    let bound = NewSession { client_certificate: Some(hash), ..new(jane, 1) };
    let bound = sessions.insert(&bound).await.unwrap();
    let free = sessions.insert(&new(jane, 2)).await.unwrap();
    sessions.insert_at_site(&site_session(bound, 3)).await.unwrap();
    sessions.insert_at_site(&site_session(free, 4)).await.unwrap();
    for (token, certificate) in [(1, Some(hash)), (2, None), (3, Some(hash)), (4, None)] {
        let row = sessions.find(&TokenHash::from_bytes([token; 32])).await.unwrap().unwrap();
        assert_eq!(row.client_certificate, certificate, "{token}");
    }
    let ends = format!("{hash:?}");
    assert!(ends.starts_with("CertificateHash(abab") && ends.ends_with("ab)"), "{ends}");
}
