//! The store in PostgreSQL: several gateways on one, and a database that goes and comes back.
#![expect(clippy::unwrap_used, reason = "a test binary: its helpers may fail the test")]

use std::time::Duration;

use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{
    Account, AccountState, Audience, NewAccount, NewSession, PostgresUrl, Store, StoreError,
    TokenHash, UnixTime, Watch,
};
use vestibule_tests::{Postgres, eventually, postgres};

const NOW: UnixTime = UnixTime::from_seconds(1_000);
/// When a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

async fn open(url: &str) -> Result<Store, StoreError> {
    Store::open_postgres(&PostgresUrl::parse(url).unwrap()).await
}

async fn add(store: &Store, name: &str) -> Result<Account, StoreError> {
    let new = NewAccount::new(UserName::parse(name).unwrap(), AccountRole::default());
    store.accounts().add(new, NOW).await
}

async fn woken(watch: &Watch, by: &str) {
    let waited = tokio::time::timeout(PATIENCE, watch.changed()).await;
    assert!(waited.is_ok(), "nothing is heard of {by}");
}

/// Waits until a new watch hears: it begins by saying that nothing was heard until then.
async fn listening(store: &Store) -> Watch {
    let watch = store.watch();
    woken(&watch, "the beginning").await;
    watch
}

#[tokio::test]
async fn gateways_that_start_at_once_share_one_store() {
    let url = postgres().await.database();
    let (one, two, three) = tokio::join!(open(&url), open(&url), open(&url));
    let (one, two, three) = (one.unwrap(), two.unwrap(), three.unwrap());
    add(&one, "jane").await.unwrap();
    assert_eq!(two.meta().changes().await.unwrap(), 1);
    assert!(matches!(add(&three, "JANE").await, Err(StoreError::NameTaken { .. })));
}

#[tokio::test]
async fn many_changes_at_once_are_made_one_after_the_other() {
    let url = postgres().await.database();
    let (one, two) = (open(&url).await.unwrap(), open(&url).await.unwrap());
    let adding: Vec<_> = (0..40)
        .map(|number| {
            let store = if number % 2 == 0 { one.clone() } else { two.clone() };
            tokio::spawn(async move { add(&store, &format!("user{number}")).await })
        })
        .collect();
    for added in adding {
        added.await.unwrap().unwrap();
    }
    assert_eq!(one.meta().changes().await.unwrap(), 40);
    assert_eq!(two.accounts().list().await.unwrap().len(), 40);
}

#[tokio::test]
async fn every_change_wakes_the_other_gateway() {
    let url = postgres().await.database();
    let (one, two) = (open(&url).await.unwrap(), open(&url).await.unwrap());
    let watch = listening(&two).await;
    let jane = add(&one, "jane").await.unwrap();
    woken(&watch, "an account").await;
    let session = NewSession {
        token: TokenHash::from_bytes([7; 32]),
        account: jane.id,
        revision: jane.revision,
        audience: Audience::Portal,
        provider: None,
        second_factor: false,
        proved: Some(NOW),
        created: NOW,
        expires: UnixTime::from_seconds(9_000),
        client: [192, 0, 2, 1].into(),
        user_agent: String::new(),
        client_certificate: None,
    };
    let id = one.sessions().insert(&session).await.unwrap();
    assert!(one.sessions().delete_one(jane.id, id).await.unwrap());
    woken(&watch, "a sign-out").await;
    one.accounts().set_state(jane.id, AccountState::Disabled, NOW).await.unwrap();
    woken(&watch, "an account that was disabled").await;
}

/// Nothing is lost, and nobody has to start anything again.
#[tokio::test]
async fn the_database_goes_and_comes_back() {
    let mut server = Postgres::start().await;
    let store = open(&server.database()).await.unwrap();
    let watch = listening(&store).await;
    add(&store, "jane").await.unwrap();
    woken(&watch, "an account").await;
    server.stop();
    let name = UserName::parse("jane").unwrap();
    let away = store.accounts().find(&name).await;
    assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
    let away = add(&store, "mark").await;
    assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
    server.start_again().await;
    eventually(PATIENCE, "the store is back", async || store.accounts().find(&name).await.ok())
        .await
        .unwrap();
    woken(&watch, "the time when nothing was heard").await;
    add(&store, "mark").await.unwrap();
    woken(&watch, "a change after it").await;
    assert_eq!(store.accounts().list().await.unwrap().len(), 2);
}

/// A database that hangs holds nobody for ever, and what was given up meanwhile leaves nothing
/// behind: no transaction that stays open, in which later changes would be lost.
#[tokio::test]
async fn a_database_that_hangs_is_unavailable() {
    let server = Postgres::start().await;
    let url = server.database();
    let store = open(&url).await.unwrap();
    add(&store, "jane").await.unwrap();
    server.freeze();
    let asking: Vec<_> = (0..12)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let name = UserName::parse("jane").unwrap();
                if number % 2 == 0 {
                    store.accounts().find(&name).await.map(drop)
                } else {
                    add(&store, &format!("user{number}")).await.map(drop)
                }
            })
        })
        .collect();
    for asked in asking {
        let answer = tokio::time::timeout(PATIENCE, asked).await.expect("an end").unwrap();
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    server.thaw();
    for number in 0..20 {
        let name = format!("after{number}");
        let added = async || match add(&store, &name).await {
            Err(StoreError::Unavailable(_)) => None,
            other => Some(other),
        };
        // one that was not answered may have been done
        match eventually(PATIENCE, "the store answers again", added).await {
            Ok(_) | Err(StoreError::NameTaken { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let other = open(&url).await.unwrap();
    let names: Vec<_> = other.accounts().list().await.unwrap();
    let after = names.iter().filter(|account| account.name.as_str().starts_with("after"));
    assert_eq!(after.count(), 20, "what was answered is there for others");
}

/// `sslmode`: only a server that is known by the certificate is spoken to.
#[tokio::test]
async fn a_server_is_verified_where_that_is_asked() {
    let server = postgres().await;
    let url = server.database();
    let trusting = |file: &std::path::Path| {
        let file = url::form_urlencoded::byte_serialize(file.to_str().unwrap().as_bytes());
        format!("{url}?sslmode=verify-full&sslrootcert={}", file.collect::<String>())
    };
    let store = open(&trusting(&server.certificate())).await.unwrap();
    add(&store, "jane").await.unwrap();
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE datname = current_database() AND application_name = 'vestibule' AND ssl";
    let database = url.rsplit_once('/').unwrap().1;
    assert_ne!(server.sql(database, encrypted).trim(), "0");

    let folder = tempfile::tempdir().unwrap();
    let another = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = folder.path().join("another.pem");
    std::fs::write(&file, another.cert.pem()).unwrap();
    let refused = open(&trusting(&file)).await;
    assert!(matches!(refused, Err(StoreError::Open { .. })), "{refused:?}");
    let elsewhere = trusting(&server.certificate()).replace("@localhost", "@127.0.0.1");
    let refused = open(&elsewhere).await;
    assert!(matches!(refused, Err(StoreError::Open { .. })), "another name: {refused:?}");
}

/// S84: whatever can't be opened, what is said holds no secret.
#[tokio::test]
async fn what_can_not_be_opened_is_named_without_the_password() {
    let server = postgres().await;
    let url = server.database();
    let (before, rest) = url.split_once("p%40ss").unwrap();
    let wrong = format!("{before}planted{rest}");
    let nobody = "postgres://gw:planted@localhost:1/vestibule".to_owned();
    let no_database = format!("{}/planted-not", url.rsplit_once('/').unwrap().0);
    for bad in [wrong, nobody] {
        let error = open(&bad).await.unwrap_err();
        assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("postgres://localhost:") && !shown.contains("planted"), "{shown}");
    }
    assert!(matches!(open(&no_database).await, Err(StoreError::Open { .. })));
}

#[tokio::test]
async fn a_store_of_a_later_version_is_left_alone() {
    let server = postgres().await;
    let url = server.database();
    open(&url).await.unwrap().close().await;
    let database = url.rsplit_once('/').unwrap().1;
    server.sql(
        database,
        "INSERT INTO _sqlx_migrations VALUES (9999, 'later', now(), true, '\\x00', 0)",
    );
    let error = open(&url).await.unwrap_err();
    assert!(matches!(error, StoreError::Migrate { .. }), "{error:?}");
}

/// Migrations wait for each other, and a gateway of the version before goes on meanwhile: what it
/// prepared may be of a table that has a column more by now.
#[tokio::test]
async fn a_column_more_is_not_the_end_of_a_gateway() {
    let server = postgres().await;
    let url = server.database();
    let store = open(&url).await.unwrap();
    add(&store, "jane").await.unwrap();
    let name = UserName::parse("jane").unwrap();
    store.accounts().find(&name).await.unwrap();
    let database = url.rsplit_once('/').unwrap().1;
    server.sql(database, "ALTER TABLE accounts ADD COLUMN later TEXT");
    let found = async || store.accounts().find(&name).await.ok();
    assert!(eventually(PATIENCE, "the account is found", found).await.is_some());
}

#[tokio::test]
async fn a_database_that_can_not_hold_every_name_is_refused() {
    let server = postgres().await;
    let url = server.database();
    let database = format!("{}_latin", url.rsplit_once('/').unwrap().1);
    let make =
        format!("CREATE DATABASE {database} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    server.sql("postgres", &make);
    let error = open(&format!("{url}_latin")).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("LATIN1"), "{source}");
}
