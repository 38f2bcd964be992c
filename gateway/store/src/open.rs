//! [`Store`]: opening it, and its transactions.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::AnyPool;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, Executor as _, SqlSafeStr, Transaction};

use crate::StoreError;
use crate::error::{Cause, unavailable};

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

/// Applied in this order; an applied one is never edited.
const MIGRATIONS: [(i64, &str, &str); 10] = [
    (1, "accounts", include_str!("../migrations/0001_accounts.sql")),
    (2, "sessions", include_str!("../migrations/0002_sessions.sql")),
    (3, "grants", include_str!("../migrations/0003_grants.sql")),
    (4, "group mappings", include_str!("../migrations/0004_group_mappings.sql")),
    (5, "meta", include_str!("../migrations/0005_meta.sql")),
    (6, "identities", include_str!("../migrations/0006_identities.sql")),
    (7, "site sessions", include_str!("../migrations/0007_site_sessions.sql")),
    (8, "tickets", include_str!("../migrations/0008_tickets.sql")),
    (9, "second factors", include_str!("../migrations/0009_second_factors.sql")),
    (10, "app passwords", include_str!("../migrations/0010_app_passwords.sql")),
];

/// The accounts, sessions, grants and group mappings of one cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: AnyPool,
    path: Arc<Path>,
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
        Self::connect(pool, &url(path)?, path).await
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
        Self::connect(pool, "sqlite::memory:", Path::new(":memory:")).await
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends every connection, after what runs. Whoever asks afterwards gets
    /// [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn connect(pool: AnyPoolOptions, url: &str, path: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let cannot = |source: sqlx::Error| StoreError::Open {
            path: PathBuf::from(path),
            source: Cause(Box::new(source)),
        };
        let options: AnyConnectOptions = url.parse().map_err(cannot)?;
        let pool = pool.acquire_timeout(BUSY_TIMEOUT).after_connect(|connection, _| {
            Box::pin(async move { connection.execute(PRAGMAS).await.map(drop) })
        });
        let pool = pool.connect_with(options).await.map_err(cannot)?;
        let migrator = Migrator::with_migrations(
            MIGRATIONS
                .into_iter()
                .map(|(version, name, sql)| {
                    let kind = MigrationType::Simple;
                    Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
                })
                .collect(),
        );
        migrator.run(&pool).await.map_err(|error| StoreError::Migrate {
            path: PathBuf::from(path),
            source: Cause(Box::new(error)),
        })?;
        Ok(Self { pool, path: Arc::from(path) })
    }

    /// Begins a transaction that holds the write lock from its first statement, so that what it
    /// reads stays true until it is committed.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)
    }
}

/// Commits a change of accounts, grants or group mappings, and moves the counter with it.
pub(crate) async fn commit_change(mut tx: Transaction<'static, Any>) -> Result<(), StoreError> {
    sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'changes'")
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
    tx.commit().await.map_err(unavailable)
}

/// The file as the database reads it; it is there already.
fn url(path: &Path) -> Result<String, StoreError> {
    let text = path.to_str().ok_or_else(|| StoreError::Open {
        path: PathBuf::from(path),
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
                    path: PathBuf::from(path),
                    source: Cause(Box::new(source)),
                });
            }
        }
    }
    Err(StoreError::Open { path: PathBuf::from(path), source: Cause(Box::new(StillHeld)) })
}

#[derive(Debug, thiserror::Error)]
#[error("another process has been opening it for {} s", LOCK_TIMEOUT.as_secs())]
struct StillHeld;
