//! Passkeys: public keys by which people sign in.

use std::fmt;
use std::net::IpAddr;

use sqlx::any::AnyRow;

use crate::accounts::AccountId;
use crate::error::unavailable;
use crate::open::commit_change;
use crate::row::Reader;
use crate::transaction::Tx;
use crate::{Store, StoreError, UnixTime};

/// The passkeys of a store; see [`Store::passkeys`].
#[derive(Debug)]
pub struct Passkeys<'s>(&'s Store);

/// A passkey's public number: what a list shows, and what removing it names. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PasskeyId(i64);

impl PasskeyId {
    /// The passkey of this number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for PasskeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A passkey to be kept.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    /// Whose it is.
    pub account: AccountId,
    /// The account's revision when its owner proved who they are.
    pub revision: i64,
    /// What its authenticator calls it.
    pub credential: Vec<u8>,
    /// The host at which it is good.
    pub host: String,
    /// What never changes of it: its public key above all.
    pub fixed: Vec<u8>,
    /// What changes with each use: its counter above all.
    pub moving: Vec<u8>,
    /// What its owner calls it.
    pub name: String,
    /// When it is made.
    pub created: UnixTime,
}

/// A passkey as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasskeyRow {
    /// Its public number.
    pub id: PasskeyId,
    /// Whose it is.
    pub account: AccountId,
    /// What its authenticator calls it.
    pub credential: Vec<u8>,
    /// The host at which it is good.
    pub host: String,
    /// What never changes of it.
    pub fixed: Vec<u8>,
    /// What changes with each use.
    pub moving: Vec<u8>,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created: UnixTime,
    /// When somebody last signed in by it.
    pub last_used: Option<UnixTime>,
    /// From where.
    pub last_client: Option<IpAddr>,
}

/// That somebody signs in by a passkey.
#[derive(Debug, Clone, Copy)]
pub struct PasskeyUse<'r> {
    /// What changes, as it was found.
    pub before: &'r [u8],
    /// The same, as it is from now on.
    pub after: &'r [u8],
    /// When.
    pub now: UnixTime,
    /// From where.
    pub client: IpAddr,
}

impl Store {
    /// Passkeys.
    #[must_use]
    pub fn passkeys(&self) -> Passkeys<'_> {
        Passkeys(self)
    }
}

impl Passkeys<'_> {
    /// Keeps a passkey of an enabled account, unless the account has as many as it may. None if an
    /// authenticator has shown this one before.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], also for an account that is disabled or was changed
    /// meanwhile; [`StoreError::TooMany`].
    pub async fn insert(
        &self,
        new: &NewPasskey,
        most: u32,
    ) -> Result<Option<PasskeyId>, StoreError> {
        let mut tx = self.0.begin().await?;
        // asked first: from here on the account can't be changed by anybody else
        let row = sqlx::query(
            "UPDATE accounts SET changed = changed \
             WHERE id = $1 AND revision = $2 AND disabled = 0 RETURNING id",
        )
        .bind(new.account.number())
        .bind(new.revision)
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        row.ok_or(StoreError::NoSuchAccount)?;
        let row = sqlx::query("SELECT count(*) AS held FROM passkeys WHERE account = $1")
            .bind(new.account.number())
            .fetch_one(&mut *tx)
            .await
            .map_err(unavailable)?;
        let held: i64 = Reader { table: "passkeys", row: &row }.raw("held")?;
        if held >= i64::from(most) {
            return Err(StoreError::TooMany { most });
        }
        let row = sqlx::query(
            "INSERT INTO passkeys (account, credential, host, fixed, moving, name, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(new.account.number())
        .bind(new.credential.as_slice())
        .bind(&new.host)
        .bind(new.fixed.as_slice())
        .bind(new.moving.as_slice())
        .bind(&new.name)
        .bind(new.created.seconds())
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        let Some(row) = row else { return Ok(None) };
        let id = PasskeyId(Reader { table: "passkeys", row: &row }.raw("id")?);
        tx.commit().await.map_err(unavailable)?;
        Ok(Some(id))
    }

    /// The passkey that an authenticator calls so.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn find(&self, credential: &[u8]) -> Result<Option<PasskeyRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM passkeys WHERE credential = $1")
            .bind(credential)
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(read).transpose()
    }

    /// The passkeys of an account, by number.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn of_account(&self, account: AccountId) -> Result<Vec<PasskeyRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM passkeys WHERE account = $1 ORDER BY id")
            .bind(account.number())
            .fetch_all(&self.0.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(read).collect()
    }

    /// Notes a use. Says whether the passkey was still as it was found: of two uses at once, one
    /// is good.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn note_use(&self, id: PasskeyId, used: &PasskeyUse<'_>) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE passkeys SET moving = $1, last_used = $2, last_client = $3 \
             WHERE id = $4 AND moving = $5",
        )
        .bind(used.after)
        .bind(used.now.seconds())
        .bind(used.client.to_string())
        .bind(id.number())
        .bind(used.before)
        .execute(&self.0.pool)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes one passkey of an account, or all of them. Says how many there were.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn remove(
        &self,
        account: AccountId,
        id: Option<PasskeyId>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query("DELETE FROM passkeys WHERE account = $1 AND id = coalesce($2, id)")
            .bind(account.number())
            .bind(id.map(PasskeyId::number))
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        if done.rows_affected() > 0 {
            commit_change(tx).await?;
        }
        Ok(done.rows_affected())
    }
}

/// Removes all passkeys of an account, inside a transaction.
pub(crate) async fn end_of_account(tx: &mut Tx, account: AccountId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM passkeys WHERE account = $1")
        .bind(account.number())
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<PasskeyRow, StoreError> {
    let row = Reader { table: "passkeys", row };
    let bytes = |column| Ok::<_, StoreError>(row.raw::<&[u8]>(column)?.to_vec());
    let client: Option<String> = row.raw("last_client")?;
    let client = client.map(|text| text.parse()).transpose();
    Ok(PasskeyRow {
        id: PasskeyId(row.raw("id")?),
        account: AccountId::from_number(row.raw("account")?),
        credential: bytes("credential")?,
        host: row.raw("host")?,
        fixed: bytes("fixed")?,
        moving: bytes("moving")?,
        name: row.raw("name")?,
        created: row.time("created")?,
        last_used: row.raw::<Option<i64>>("last_used")?.map(UnixTime::from_seconds),
        last_client: client.map_err(|_| row.corrupt("last_client"))?,
    })
}

#[cfg(test)]
mod tests;
