//! Join tokens: by one of them a new node registers itself.

use sqlx::any::AnyRow;

use crate::error::unavailable;
use crate::row::Reader;
use crate::sessions::TokenHash;
use crate::transaction::Tx;
use crate::{Store, StoreError, UnixTime};

/// The join tokens of a store; see [`Store::join_tokens`].
#[derive(Debug)]
pub struct JoinTokens<'s>(&'s Store);

/// A join token as it is kept: without itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinToken {
    /// Its public number.
    pub id: i64,
    /// What people call it; may be empty.
    pub label: String,
    /// When it was made.
    pub created: UnixTime,
    /// When it ends.
    pub expires: UnixTime,
    /// How many nodes it still admits, if that is limited.
    pub uses_left: Option<u32>,
    /// How many it admitted.
    pub used: u32,
}

/// A join token to be made.
#[derive(Debug, Clone)]
pub struct NewJoinToken {
    /// Its hash.
    pub token: TokenHash,
    /// What people call it; may be empty.
    pub label: String,
    /// When it ends.
    pub expires: UnixTime,
    /// How many nodes it admits, if that is limited.
    pub uses: Option<u32>,
}

impl Store {
    /// Join tokens.
    #[must_use]
    pub fn join_tokens(&self) -> JoinTokens<'_> {
        JoinTokens(self)
    }
}

impl JoinTokens<'_> {
    /// Keeps a join token.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn add(&self, token: &NewJoinToken, now: UnixTime) -> Result<JoinToken, StoreError> {
        let row = sqlx::query(
            "INSERT INTO join_tokens (token_hash, label, created, expires, uses_left) \
             VALUES ($1, $2, $3, $4, $5) RETURNING *",
        )
        .bind(token.token.bytes().as_slice())
        .bind(&token.label)
        .bind(now.seconds())
        .bind(token.expires.seconds())
        .bind(token.uses.map(i64::from))
        .fetch_one(&self.0.pool)
        .await
        .map_err(unavailable)?;
        read(&row)
    }

    /// Every join token, by number; also those that are over or used up.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn list(&self) -> Result<Vec<JoinToken>, StoreError> {
        let rows = sqlx::query("SELECT * FROM join_tokens ORDER BY id")
            .fetch_all(&self.0.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(read).collect()
    }

    /// Whether a token admits somebody at this moment; it is not used up by that.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn admits(&self, token: &TokenHash, now: UnixTime) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT 1 AS one FROM join_tokens \
             WHERE token_hash = $1 AND expires > $2 AND coalesce(uses_left, 1) > 0",
        )
        .bind(token.bytes().as_slice())
        .bind(now.seconds())
        .fetch_optional(&self.0.pool)
        .await
        .map_err(unavailable)?;
        Ok(row.is_some())
    }

    /// Removes a join token. Says whether there was one.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn remove(&self, id: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM join_tokens WHERE id = $1")
            .bind(id)
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected() > 0)
    }
}

/// Uses a token up by one, inside the transaction that it is for.
pub(crate) async fn take(tx: &mut Tx, token: &TokenHash, now: UnixTime) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE join_tokens SET used = used + 1, uses_left = uses_left - 1 \
         WHERE token_hash = $1 AND expires > $2 AND coalesce(uses_left, 1) > 0",
    )
    .bind(token.bytes().as_slice())
    .bind(now.seconds())
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    if done.rows_affected() == 0 { Err(StoreError::NoSuchToken) } else { Ok(()) }
}

fn read(row: &AnyRow) -> Result<JoinToken, StoreError> {
    let row = Reader { table: "join_tokens", row };
    let number = |column, value: i64| u32::try_from(value).map_err(|_| row.corrupt(column));
    let uses_left: Option<i64> = row.raw("uses_left")?;
    Ok(JoinToken {
        id: row.raw("id")?,
        label: row.raw("label")?,
        created: row.time("created")?,
        expires: row.time("expires")?,
        uses_left: uses_left.map(|left| number("uses_left", left)).transpose()?,
        used: number("used", row.raw("used")?)?,
    })
}
