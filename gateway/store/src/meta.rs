//! Random keys of the installation, and the counter that tells other processes of a change.

use std::fmt;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error::unavailable;
use crate::{Store, StoreError};

/// The keys and the counter of a store; see [`Store::meta`].
#[derive(Debug)]
pub struct Meta<'s>(&'s Store);

/// 32 secret bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// A key of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

impl Store {
    /// Random keys and the counter of changes.
    #[must_use]
    pub fn meta(&self) -> Meta<'_> {
        Meta(self)
    }
}

impl Meta<'_> {
    /// The key of a name. The first caller's candidate, which must be random, becomes it.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn key(&self, name: &str, candidate: Key) -> Result<Key, StoreError> {
        // it is there but for the first time, and no lock is needed to read it
        let row = sqlx::query("SELECT value FROM keys WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        if let Some(row) = row {
            return read(&row);
        }
        let mut tx = self.0.begin().await?;
        sqlx::query("INSERT INTO keys (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(candidate.bytes().as_slice())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        let row = sqlx::query("SELECT value FROM keys WHERE name = $1")
            .bind(name)
            .fetch_one(&mut *tx)
            .await
            .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        read(&row)
    }

    /// How often accounts, grants or group mappings changed or sessions were ended since the store
    /// was made. Whoever sees it move reads again what it keeps.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn changes(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT value FROM counters WHERE name = 'changes'")
            .fetch_one(&self.0.pool)
            .await
            .map_err(unavailable)?;
        let corrupt = StoreError::Corrupt { table: "counters", column: "value" };
        match row.try_get::<i64, _>("value").map(u64::try_from) {
            Ok(Ok(value)) => Ok(value),
            _ => Err(corrupt),
        }
    }
}

fn read(row: &AnyRow) -> Result<Key, StoreError> {
    match row.try_get::<&[u8], _>("value").map(<[u8; 32]>::try_from) {
        Ok(Ok(bytes)) => Ok(Key(bytes)),
        _ => Err(StoreError::Corrupt { table: "keys", column: "value" }),
    }
}
