//! [`Store`]: opening it, and its transactions.

mod as_it_is;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, AssertSqlSafe, Connection as _, Executor as _, SqlSafeStr as _};

use crate::error::{Cause, unavailable};
use crate::limited::{Begin, Pool};
use crate::postgres::PostgresUrl;
use crate::transaction::Tx;
use crate::{StoreError, dialect, postgres};

/// How long a statement waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long opening waits for another process that opens the same store.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it looks.
const LOCK_RETRY: Duration = Duration::from_millis(10);
/// Readers run beside each other and beside the one writer.
const CONNECTIONS: u32 = 4;

/// What each connection is told before it is used. Readers run beside the writer, what is committed
/// is on disk, and what refers to a row that goes, goes. The time is [`BUSY_TIMEOUT`].
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/// SQLite takes the write lock where it is told that somebody is going to write.
const SQLITE_BEGIN: Begin = Begin { begin: "BEGIN IMMEDIATE", lock: None };

/// Applied in this order; an applied one is never edited. Written in SQLite's words, of which
/// [`dialect`] lists those that may be used.
const MIGRATIONS: [(i64, &str, &str); 17] = [
    (1, "accounts", include_str!("../migrations/0001_accounts.sql")),
    (2, "sessions", include_str!("../migrations/0002_sessions.sql")),
    (3, "grants", include_str!("../migrations/0003_grants.sql")),
    (4, "group mappings", include_str!("../migrations/0004_group_mappings.sql")),
    (5, "meta", include_str!("../migrations/0005_meta.sql")),
    (6, "identities", include_str!("../migrations/0006_identities.sql")),
    (7, "site sessions", include_str!("../migrations/0007_site_sessions.sql")),
    (8, "tickets", include_str!("../migrations/0008_tickets.sql")),
    (9, "second factors", include_str!("../migrations/0009_second_factors.sql")),
    (10, "nodes", include_str!("../migrations/0010_nodes.sql")),
    (11, "shares", include_str!("../migrations/0011_shares.sql")),
    (12, "app passwords", include_str!("../migrations/0012_app_passwords.sql")),
    (13, "signing keys", include_str!("../migrations/0013_signing_keys.sql")),
    (14, "provider sessions", include_str!("../migrations/0014_provider_sessions.sql")),
    (15, "session certificates", include_str!("../migrations/0015_session_certificates.sql")),
    (16, "passkeys", include_str!("../migrations/0016_passkeys.sql")),
    (17, "session proof", include_str!("../migrations/0017_session_proof.sql")),
];

/// The accounts, sessions, grants and group mappings of one cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: Pool,
    engine: Engine,
    place: Arc<str>,
}

/// The database that holds a store.
#[derive(Debug, Clone)]
enum Engine {
    Sqlite,
    Postgres(PostgresUrl),
}

impl Store {
    /// Opens the store in this file, and makes it (mode 0600) and its directory (mode 0700) if
    /// they aren't there. Brings an older store to this version.
    ///
    /// # Errors
    /// [`StoreError::NotWritable`], [`StoreError::Open`] or [`StoreError::Migrate`], each with the
    /// path.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        // held until the store is as this version wants it: two processes may start at once
        let _lock = lock(prepare(path)?, path).await?;
        let pool = AnyPoolOptions::new().max_connections(CONNECTIONS);
        Self::open_sqlite(pool, &url(path)?, path).await
    }

    /// Opens the store in this PostgreSQL database, which several gateways share. Brings an empty
    /// or older one to this version, once however many gateways start.
    ///
    /// # Errors
    /// [`StoreError::Open`] or [`StoreError::Migrate`], with the address but without what is
    /// secret in it.
    pub async fn open_postgres(url: &PostgresUrl) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let place: Arc<str> = url.to_string().into();
        let cannot = |error: sqlx::Error| cannot_open(&place, error);
        let options = url.options().map_err(cannot)?;
        let migrated = tokio::time::timeout(postgres::OPEN_TIMEOUT, async {
            let mut connection =
                postgres::connect_for_migrations(&options).await.map_err(cannot)?;
            let migrations = migrations(dialect::for_postgres);
            let failed = |cause| StoreError::Migrate { store: place.to_string(), source: cause };
            let migrator = Migrator::with_migrations(migrations.map_err(failed)?);
            let done = migrator.run(&mut connection).await;
            done.map_err(|error| failed(Cause(Box::new(error))))?;
            connection.close().await.map_err(cannot)
        });
        migrated.await.unwrap_or_else(|_| {
            let seconds = postgres::OPEN_TIMEOUT.as_secs();
            let cause = Cause(format!("it has not answered for {seconds} s").into());
            Err(StoreError::Open { store: place.to_string(), source: cause })
        })?;
        let pool = postgres::pool().connect_with(options).await.map_err(cannot)?;
        Ok(Self { pool: Pool::new(pool), engine: Engine::Postgres(url.clone()), place })
    }

    /// An empty store that goes with the last clone of it. For tests.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_in_memory() -> Result<Self, StoreError> {
        // one connection that stays: each connection would have a database of its own
        let pool = AnyPoolOptions::new()
            .min_connections(1)
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None);
        Self::open_sqlite(pool, "sqlite::memory:", Path::new(":memory:")).await
    }

    /// The file, or the database's address without what is secret in it.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether it answers, and in time.
    pub async fn answers_within(&self, limit: Duration) -> bool {
        let meta = self.meta();
        matches!(tokio::time::timeout(limit, meta.changes()).await, Ok(Ok(_)))
    }

    /// Ends every connection, after what runs. Whoever asks afterwards gets
    /// [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn open_sqlite(pool: AnyPoolOptions, url: &str, path: &Path) -> Result<Self, StoreError> {
        let (pool, place) = Self::connect_sqlite(pool, url, path).await?;
        let failed = |cause| StoreError::Migrate { store: place.to_string(), source: cause };
        let as_written = |sql: &str| Ok(sql.to_owned());
        let migrator = Migrator::with_migrations(migrations(as_written).map_err(failed)?);
        migrator.run(&pool).await.map_err(|error| failed(Cause(Box::new(error))))?;
        Ok(Self { pool: Pool::new(pool), engine: Engine::Sqlite, place })
    }

    async fn connect_sqlite(
        pool: AnyPoolOptions,
        url: &str,
        path: &Path,
    ) -> Result<(AnyPool, Arc<str>), StoreError> {
        sqlx::any::install_default_drivers();
        let place: Arc<str> = path.to_string_lossy().into();
        let cannot = |error: sqlx::Error| cannot_open(&place, error);
        let options: AnyConnectOptions = url.parse().map_err(cannot)?;
        // a connection to a file is not lost on the way: a test of it would be one more errand to
        // the connection's thread, before each statement
        let pool = pool.acquire_timeout(BUSY_TIMEOUT).test_before_acquire(false);
        let pool = pool.after_connect(|connection, _| {
            Box::pin(async move { connection.execute(PRAGMAS).await.map(drop) })
        });
        let pool = pool.connect_with(options).await.map_err(cannot)?;
        Ok((pool, place))
    }

    /// The address, if the store is in PostgreSQL.
    pub(crate) const fn postgres(&self) -> Option<&PostgresUrl> {
        match &self.engine {
            Engine::Sqlite => None,
            Engine::Postgres(url) => Some(url),
        }
    }

    /// Begins a transaction that holds the write lock from its first statement, so that what it
    /// reads stays true until it is committed.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        let with = match self.engine {
            Engine::Sqlite => SQLITE_BEGIN,
            Engine::Postgres(_) => postgres::BEGIN,
        };
        self.pool.begin(with).await.map_err(unavailable)
    }
}

/// Commits a change of accounts, grants, group mappings or of who is signed in; moves the counter
/// with it, and tells whoever listens.
pub(crate) async fn commit_change(mut tx: Tx) -> Result<(), StoreError> {
    sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'changes'")
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
    if tx.tells_others() {
        tx.execute(postgres::NOTIFY).await.map_err(unavailable)?;
    }
    tx.commit().await.map_err(unavailable)
}

/// The migrations in a database's words. They are known again by how they are written, not by how
/// they are said.
fn migrations(said: impl Fn(&str) -> Result<String, Cause>) -> Result<Vec<Migration>, Cause> {
    let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        let kind = MigrationType::Simple;
        let mut migration = Migration::new(version, name.into(), kind, sql.into_sql_str(), false);
        migration.sql = AssertSqlSafe(said(sql)?).into_sql_str();
        Ok(migration)
    };
    MIGRATIONS.into_iter().map(migration).collect()
}

fn cannot_open(place: &str, error: sqlx::Error) -> StoreError {
    StoreError::Open { store: place.to_owned(), source: Cause(Box::new(error)) }
}

/// The file as the database reads it; it is there already.
fn url(path: &Path) -> Result<String, StoreError> {
    let text = path.to_str().ok_or_else(|| StoreError::Open {
        store: path.to_string_lossy().into_owned(),
        source: Cause("the path is not UTF-8".into()),
    })?;
    Ok(format!("sqlite://{}?mode=rw", utf8_percent_encode(text, NON_ALPHANUMERIC)))
}

/// Makes the directory and the file, so that the database is never readable for others: SQLite
/// gives its side files the mode of the database. The answer is a file beside it, to be locked;
/// that it can be made shows that the directory is writable, which SQLite needs too.
fn prepare(path: &Path) -> Result<fs::File, StoreError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let not_writable =
        |source: io::Error| StoreError::NotWritable { path: PathBuf::from(directory), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(not_writable)?;
    let file = open_private(path).map_err(not_writable)?;
    let mode = file.metadata().map_err(not_writable)?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(not_writable)?;
    }
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    open_private(Path::new(&lock)).map_err(not_writable)
}

fn open_private(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Waits until no other process opens the store. The system drops the lock of a process that
/// ended, however it ended.
async fn lock(file: fs::File, path: &Path) -> Result<fs::File, StoreError> {
    let attempts = LOCK_TIMEOUT.as_millis() / LOCK_RETRY.as_millis();
    for _ in 0..attempts {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => tokio::time::sleep(LOCK_RETRY).await,
            Err(fs::TryLockError::Error(source)) => {
                return Err(StoreError::Open {
                    store: path.to_string_lossy().into_owned(),
                    source: Cause(Box::new(source)),
                });
            }
        }
    }
    Err(StoreError::Open {
        store: path.to_string_lossy().into_owned(),
        source: Cause(Box::new(StillHeld)),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("another process has been opening it for {} s", LOCK_TIMEOUT.as_secs())]
struct StillHeld;
