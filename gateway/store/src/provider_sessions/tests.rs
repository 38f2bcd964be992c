//! Kept beside a session, found by what a provider says, leased by one.

use vestibule_schema::{AccountRole, UserName};

use super::*;
use crate::NewAccount;

const NOW: UnixTime = UnixTime::from_seconds(1_000);
const LATER: UnixTime = UnixTime::from_seconds(1_300);

async fn account(store: &Store, name: &str) -> AccountId {
    let new = NewAccount::new(UserName::parse(name).unwrap(), AccountRole::default());
    store.accounts().add(new, NOW).await.unwrap().id
}

async fn session(store: &Store, account: AccountId, token: u8) -> SessionId {
    let row = sqlx::query(
        "INSERT INTO sessions \
         (token_hash, account, audience, created, last_seen, expires, client, user_agent) \
         VALUES ($1, $2, 'portal', 1000, 1000, 9000, '192.0.2.1', '') RETURNING id",
    )
    .bind([token; 32].as_slice())
    .bind(account.number())
    .fetch_one(&store.pool)
    .await
    .unwrap();
    let row = Reader { table: "sessions", row: &row };
    SessionId::from_number(row.raw("id").unwrap())
}

fn kept(session: SessionId, subject: &str, name: Option<&str>) -> ProviderSession {
    ProviderSession {
        session,
        provider: ProviderId::parse("office").unwrap(),
        subject: Subject { issuer: "https://id.example".into(), id: subject.into() },
        name: name.map(str::to_owned),
        sealed: vec![1, 2, 3],
        renewed: NOW,
    }
}

#[tokio::test]
async fn what_is_kept_goes_with_the_session() {
    let store = Store::open_in_memory().await.unwrap();
    let jane = account(&store, "jane").await;
    let id = session(&store, jane, 1).await;
    let first = kept(id, "1", Some("s1"));
    store.provider_sessions().put(&first).await.unwrap();
    assert_eq!(store.provider_sessions().find(id).await.unwrap(), Some(first));
    let next = ProviderSession { sealed: vec![4], renewed: LATER, ..kept(id, "1", None) };
    store.provider_sessions().put(&next).await.unwrap();
    assert_eq!(store.provider_sessions().find(id).await.unwrap(), Some(next.clone()));
    store.sessions().delete_one(jane, id).await.unwrap();
    assert_eq!(store.provider_sessions().find(id).await.unwrap(), None);
    store.provider_sessions().put(&next).await.unwrap();
    assert_eq!(store.provider_sessions().find(id).await.unwrap(), None, "it has ended");
}

/// S28.
#[tokio::test]
async fn a_provider_ends_what_it_names_and_nothing_else() {
    let store = Store::open_in_memory().await.unwrap();
    let (jane, mia) = (account(&store, "jane").await, account(&store, "mia").await);
    let mut ids = Vec::new();
    for (token, (account, subject, name)) in
        [(jane, "1", Some("s1")), (jane, "1", Some("s2")), (mia, "2", Some("s3")), (mia, "2", None)]
            .into_iter()
            .enumerate()
    {
        let id = session(&store, account, u8::try_from(token).unwrap()).await;
        store.provider_sessions().put(&kept(id, subject, name)).await.unwrap();
        ids.push(id);
    }
    let found = async |issuer: &str, subject: Option<&str>, name: Option<&str>| {
        let found = store.provider_sessions().born_of(issuer, subject, name).await.unwrap();
        let mut found: Vec<_> = found.into_iter().map(|(_, session)| session).collect();
        found.sort();
        found
    };
    let issuer = "https://id.example";
    assert_eq!(found(issuer, Some("1"), None).await, ids[..2]);
    assert_eq!(found(issuer, Some("1"), Some("s2")).await, ids[1..2]);
    assert_eq!(found(issuer, None, Some("s3")).await, ids[2..3]);
    assert_eq!(found(issuer, Some("2"), Some("s1")).await, []);
    assert_eq!(found(issuer, None, None).await, []);
    assert_eq!(found("https://evil.example", Some("1"), None).await, []);
}

/// S26: of several nodes one asks the provider.
#[tokio::test]
async fn one_gets_the_lease() {
    let store = Store::open_in_memory().await.unwrap();
    let jane = account(&store, "jane").await;
    let id = session(&store, jane, 1).await;
    let sessions = store.provider_sessions();
    sessions.put(&kept(id, "1", None)).await.unwrap();
    let provider = ProviderId::parse("office").unwrap();
    let due = async |now| sessions.due(&provider, (NOW, now), 10).await.unwrap();
    assert_eq!(due(NOW).await, [id]);
    assert!(sessions.lease(id, NOW, LATER).await.unwrap());
    assert!(!sessions.lease(id, NOW, LATER).await.unwrap());
    assert_eq!(due(NOW).await, []);
    assert_eq!(due(LATER).await, [id], "whoever had it has gone");
    assert!(sessions.lease(id, LATER, UnixTime::from_seconds(1_600)).await.unwrap());
    sessions.put(&ProviderSession { renewed: LATER, ..kept(id, "1", None) }).await.unwrap();
    assert_eq!(due(LATER).await, [], "it was renewed");
    assert!(sessions.lease(id, LATER, LATER).await.unwrap(), "and the lease is over by that");
}
