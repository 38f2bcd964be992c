//! Second factors, and the recovery codes that stand in for them.

use std::fmt;

use crate::accounts::{Account, AccountId, end_credentials, end_sessions, existing};
use crate::error::unavailable;
use crate::open::commit_change;
use crate::row::Reader;
use crate::transaction::Tx;
use crate::{Store, StoreError, UnixTime};

/// The second factors of a store; see [`Store::second_factors`].
#[derive(Debug)]
pub struct SecondFactors<'s>(&'s Store);

/// The SHA-256 of a recovery code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecoveryCodeHash([u8; 32]);

impl RecoveryCodeHash {
    /// The hash of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for RecoveryCodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCodeHash(***)")
    }
}

/// A second factor to be turned on.
#[derive(Debug, Clone)]
pub struct NewSecondFactor {
    /// Whose.
    pub account: AccountId,
    /// The account's revision when its owner proved who they are.
    pub revision: i64,
    /// Its secret, sealed.
    pub sealed: Vec<u8>,
    /// The step of the code that turns it on, which is used by that.
    pub step: i64,
    /// The hashes of its recovery codes.
    pub recovery_codes: Vec<RecoveryCodeHash>,
}

/// A second factor as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecondFactor {
    /// Its secret, sealed.
    pub sealed: Vec<u8>,
    /// The step of the last code that was used.
    pub last_step: i64,
    /// How many wrong codes came since the last right one.
    pub wrong: u32,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
    /// When it was turned on.
    pub created: UnixTime,
}

impl Store {
    /// Second factors.
    #[must_use]
    pub fn second_factors(&self) -> SecondFactors<'_> {
        SecondFactors(self)
    }
}

impl SecondFactors<'_> {
    /// The second factor of an account, if it is on.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn find(&self, account: AccountId) -> Result<Option<SecondFactor>, StoreError> {
        let row = sqlx::query(
            "SELECT sealed, last_step, wrong, created, (SELECT count(*) FROM recovery_codes \
             WHERE recovery_codes.account = second_factors.account) AS codes \
             FROM second_factors WHERE account = $1",
        )
        .bind(account.number())
        .fetch_optional(&self.0.pool)
        .await
        .map_err(unavailable)?;
        let Some(row) = row else { return Ok(None) };
        let row = Reader { table: "second_factors", row: &row };
        let count =
            |column| u32::try_from(row.raw::<i64>(column)?).map_err(|_| row.corrupt(column));
        Ok(Some(SecondFactor {
            sealed: row.raw::<&[u8]>("sealed")?.to_vec(),
            last_step: row.raw("last_step")?,
            wrong: count("wrong")?,
            recovery_codes: count("codes")?,
            created: row.time("created")?,
        }))
    }

    /// Turns a second factor on. The account's revision moves, so that nobody gets in whose
    /// password was compared before. Its sessions go on. None if it is on already.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], also for an account that was changed meanwhile.
    pub async fn add(
        &self,
        factor: &NewSecondFactor,
        now: UnixTime,
    ) -> Result<Option<Account>, StoreError> {
        let mut tx = self.0.begin().await?;
        if existing(&mut tx, factor.account).await?.revision != factor.revision {
            return Err(StoreError::NoSuchAccount);
        }
        let done = sqlx::query(
            "INSERT INTO second_factors (account, sealed, last_step, created) \
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(factor.account.number())
        .bind(factor.sealed.as_slice())
        .bind(factor.step)
        .bind(now.seconds())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        insert_codes(&mut tx, factor.account, &factor.recovery_codes).await?;
        let account = move_on(&mut tx, factor.account, now).await?;
        commit_change(tx).await?;
        Ok(Some(account))
    }

    /// Uses the code of a step up, and with it every older one. Of several that try at once, one
    /// succeeds.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn use_step(&self, account: AccountId, step: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE second_factors SET last_step = $1, wrong = 0 \
             WHERE account = $2 AND last_step < $1",
        )
        .bind(step)
        .bind(account.number())
        .execute(&self.0.pool)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() > 0)
    }

    /// Uses a recovery code up. How many are left; none if there is no such code.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn use_recovery_code(
        &self,
        account: AccountId,
        code: &RecoveryCodeHash,
    ) -> Result<Option<u32>, StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query("DELETE FROM recovery_codes WHERE account = $1 AND code_hash = $2")
            .bind(account.number())
            .bind(code.0.as_slice())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        sqlx::query("UPDATE second_factors SET wrong = 0 WHERE account = $1")
            .bind(account.number())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        let row = sqlx::query("SELECT count(*) AS codes FROM recovery_codes WHERE account = $1")
            .bind(account.number())
            .fetch_one(&mut *tx)
            .await
            .map_err(unavailable)?;
        let row = Reader { table: "recovery_codes", row: &row };
        let left = u32::try_from(row.raw::<i64>("codes")?).map_err(|_| row.corrupt("codes"))?;
        tx.commit().await.map_err(unavailable)?;
        Ok(Some(left))
    }

    /// Counts a wrong code.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn count_wrong(&self, account: AccountId) -> Result<(), StoreError> {
        sqlx::query("UPDATE second_factors SET wrong = wrong + 1 WHERE account = $1")
            .bind(account.number())
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    /// Replaces all recovery codes by new ones. Says whether the account has a second factor.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn replace_recovery_codes(
        &self,
        account: AccountId,
        codes: &[RecoveryCodeHash],
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let row = sqlx::query("SELECT account FROM second_factors WHERE account = $1")
            .bind(account.number())
            .fetch_optional(&mut *tx)
            .await
            .map_err(unavailable)?;
        if row.is_none() {
            return Ok(false);
        }
        sqlx::query("DELETE FROM recovery_codes WHERE account = $1")
            .bind(account.number())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        insert_codes(&mut tx, account, codes).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(true)
    }

    /// Turns the second factor of an account off. The account's revision moves, its sessions go on.
    /// None if there is none.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`].
    pub async fn remove(
        &self,
        account: AccountId,
        now: UnixTime,
    ) -> Result<Option<Account>, StoreError> {
        let mut tx = self.0.begin().await?;
        if !delete(&mut tx, account).await? {
            return Ok(None);
        }
        let account = move_on(&mut tx, account, now).await?;
        commit_change(tx).await?;
        Ok(Some(account))
    }

    /// The same for somebody who can't do it themselves: all their sessions, app passwords and
    /// passkeys end. Says whether there was one; if not, nothing ends.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`].
    pub async fn reset(&self, account: AccountId, now: UnixTime) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        if !delete(&mut tx, account).await? {
            return Ok(false);
        }
        move_on(&mut tx, account, now).await?;
        end_sessions(&mut tx, account).await?;
        end_credentials(&mut tx, account).await?;
        commit_change(tx).await?;
        Ok(true)
    }
}

/// Removes a second factor, with its recovery codes. Says whether there was one.
async fn delete(tx: &mut Tx, account: AccountId) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM second_factors WHERE account = $1")
        .bind(account.number())
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
    Ok(done.rows_affected() > 0)
}

async fn insert_codes(
    tx: &mut Tx,
    account: AccountId,
    codes: &[RecoveryCodeHash],
) -> Result<(), StoreError> {
    for code in codes {
        sqlx::query("INSERT INTO recovery_codes (account, code_hash) VALUES ($1, $2)")
            .bind(account.number())
            .bind(code.0.as_slice())
            .execute(&mut **tx)
            .await
            .map_err(unavailable)?;
    }
    Ok(())
}

/// Moves an account's revision: whoever proved who they are before comes too late.
async fn move_on(tx: &mut Tx, account: AccountId, now: UnixTime) -> Result<Account, StoreError> {
    sqlx::query("UPDATE accounts SET changed = $1, revision = revision + 1 WHERE id = $2")
        .bind(now.seconds())
        .bind(account.number())
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
    existing(tx, account).await
}

#[cfg(test)]
mod tests;
