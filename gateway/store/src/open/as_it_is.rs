//! Opening a store that is there, and leaving it as it is: for whoever only looks, beside a gateway
//! of perhaps another version.

use std::path::Path;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyPoolOptions;

use super::{CONNECTIONS, Engine, MIGRATIONS, Store, cannot_open, lock, prepare, url};
use crate::StoreError;
use crate::error::unavailable;
use crate::limited::Pool;
use crate::postgres::{self, PostgresUrl};
use crate::row::Reader;

/// Whether the database keeps a list of the migrations that were applied to it.
const SQLITE_HAS_LIST: &str = "SELECT count(*) AS lists FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
/// The same of PostgreSQL.
const POSTGRES_HAS_LIST: &str = "SELECT count(*) AS lists FROM pg_catalog.pg_class \
    WHERE relname = '_sqlx_migrations' AND pg_catalog.pg_table_is_visible(oid)";

impl Store {
    /// Opens the store in this file if it is there and of this version. `None` if nobody has made
    /// one yet; nothing is made or changed here.
    ///
    /// # Errors
    /// [`StoreError::OtherVersion`], or as [`Store::open`].
    pub async fn open_as_it_is(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        // nobody brings it to another version meanwhile
        let _lock = lock(prepare(path)?, path).await?;
        let pool = AnyPoolOptions::new().max_connections(CONNECTIONS);
        let (pool, place) = Self::connect_sqlite(pool, &url(path)?, path).await?;
        Self { pool: Pool::new(pool), engine: Engine::Sqlite, place }.of_this_version().await
    }

    /// The same of a PostgreSQL database, which must be there.
    ///
    /// # Errors
    /// [`StoreError::OtherVersion`], or as [`Store::open_postgres`].
    pub async fn open_postgres_as_it_is(url: &PostgresUrl) -> Result<Option<Self>, StoreError> {
        sqlx::any::install_default_drivers();
        let place = url.to_string();
        let cannot = |error: sqlx::Error| cannot_open(&place, error);
        let options = url.options().map_err(cannot)?;
        let pool = postgres::pool().connect_with(options).await.map_err(cannot)?;
        let (pool, engine) = (Pool::new(pool), Engine::Postgres(url.clone()));
        Self { pool, engine, place: place.into() }.of_this_version().await
    }

    /// This store, if it is one and of this version.
    async fn of_this_version(self) -> Result<Option<Self>, StoreError> {
        let applied = self.applied().await?;
        if applied.is_empty() {
            return Ok(None);
        }
        if applied.iter().copied().ne(MIGRATIONS.iter().map(|(version, _, _)| *version)) {
            let store = self.place.to_string();
            let known = MIGRATIONS.last().map_or(0, |(version, _, _)| *version);
            let found = applied.last().copied().unwrap_or_default();
            return Err(StoreError::OtherVersion { store, found, known });
        }
        Ok(Some(self))
    }

    /// The migrations that were applied, in order; none if it is no store yet.
    async fn applied(&self) -> Result<Vec<i64>, StoreError> {
        let has_list = match self.engine {
            Engine::Sqlite => SQLITE_HAS_LIST,
            Engine::Postgres(_) => POSTGRES_HAS_LIST,
        };
        let row = sqlx::query(AssertSqlSafe(has_list)).fetch_one(&self.pool).await;
        let row = row.map_err(unavailable)?;
        let lists: i64 = Reader { table: "_sqlx_migrations", row: &row }.raw("lists")?;
        if lists == 0 {
            return Ok(Vec::new());
        }
        let rows =
            sqlx::query("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
                .fetch_all(&self.pool)
                .await
                .map_err(unavailable)?;
        let versions = rows.iter().map(|row| Reader { table: "_sqlx_migrations", row });
        versions.map(|row| row.raw("version")).collect()
    }
}

#[cfg(test)]
mod tests {
    use vestibule_tests::postgres;

    use super::*;
    use crate::engines::{postgresql, sqlite};

    /// Takes the last migration back, as far as it is written down.
    async fn age(store: &Store) {
        let (last, _, _) = MIGRATIONS[MIGRATIONS.len() - 1];
        sqlx::query("DELETE FROM _sqlx_migrations WHERE version = $1")
            .bind(last)
            .execute(&store.pool)
            .await
            .unwrap();
    }

    async fn is_another_version(opened: Result<Option<Store>, StoreError>, store: &Store) {
        let error = opened.unwrap_err();
        assert!(matches!(error, StoreError::OtherVersion { .. }), "{error:?}");
        assert!(error.to_string().contains("vestibule serve"), "{error}");
        assert_eq!(store.applied().await.unwrap().len(), MIGRATIONS.len() - 1, "it is left alone");
    }

    #[tokio::test]
    async fn a_file_is_not_brought_to_another_version() {
        let fresh = sqlite().await;
        let path = std::path::PathBuf::from(fresh.store.place());
        assert!(Store::open_as_it_is(&path).await.unwrap().is_some());
        age(&fresh.store).await;
        is_another_version(Store::open_as_it_is(&path).await, &fresh.store).await;
    }

    #[tokio::test]
    async fn a_database_is_not_brought_to_another_version() {
        let fresh = postgresql().await;
        let url = fresh.store.postgres().unwrap().clone();
        assert!(Store::open_postgres_as_it_is(&url).await.unwrap().is_some());
        age(&fresh.store).await;
        is_another_version(Store::open_postgres_as_it_is(&url).await, &fresh.store).await;
    }

    #[tokio::test]
    async fn where_nobody_has_made_one_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vestibule.db");
        assert!(Store::open_as_it_is(&path).await.unwrap().is_none());
        assert!(!path.exists());
        let url = PostgresUrl::parse(&postgres().await.database()).unwrap();
        assert!(Store::open_postgres_as_it_is(&url).await.unwrap().is_none());
        assert!(Store::open_postgres_as_it_is(&url).await.unwrap().is_none());
    }
}
