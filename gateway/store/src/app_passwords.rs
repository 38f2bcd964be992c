//! Passwords of single programs.

use std::fmt;
use std::net::IpAddr;

use sqlx::any::AnyRow;
use vestibule_schema::{AccountRole, GalleryPath, SiteId, UserName};

use crate::accounts::AccountId;
use crate::error::unavailable;
use crate::open::commit_change;
use crate::row::Reader;
use crate::sessions::TokenHash;
use crate::transaction::Tx;
use crate::{Store, StoreError, UnixTime};

/// The app passwords of a store; see [`Store::app_passwords`].
#[derive(Debug)]
pub struct AppPasswords<'s>(&'s Store);

/// An app password's public number: what a list shows, and what revoking it names. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppPasswordId(i64);

impl AppPasswordId {
    /// The app password of this number.
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

impl fmt::Display for AppPasswordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a program may do of what its owner may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AppScope {
    /// Look and fetch; change nothing.
    Read,
    /// What a program does that mounts the gallery as a folder; open no page.
    WebDav,
    /// Whatever its owner may in a gallery.
    All,
}

impl AppScope {
    /// Every scope, the narrowest first.
    pub const EVERY: [Self; 3] = [Self::Read, Self::WebDav, Self::All];

    /// The scope's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::WebDav => "webdav",
            Self::All => "all",
        }
    }
}

/// No scope has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is `read`, `webdav` or `all`")]
pub struct NoScope;

impl std::str::FromStr for AppScope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        Self::EVERY.into_iter().find(|scope| scope.as_str() == text).ok_or(NoScope)
    }
}

impl fmt::Display for AppScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where and for what an app password is good: never for more than its owner may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppBounds {
    /// What may be done.
    pub scope: AppScope,
    /// At which site; none: at all of them.
    pub site: Option<SiteId>,
    /// In which folder of the site; none: in all.
    pub folder: Option<GalleryPath>,
}

/// An app password to be made.
#[derive(Debug, Clone)]
pub struct NewAppPassword {
    /// The keyed hash of it.
    pub hash: TokenHash,
    /// Whose it is.
    pub account: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// Where and for what it is good.
    pub bounds: AppBounds,
    /// When it is made.
    pub created: UnixTime,
    /// When it ends, if ever.
    pub expires: Option<UnixTime>,
}

/// An app password as it is kept, with what is needed of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppPasswordRow {
    /// Its public number.
    pub id: AppPasswordId,
    /// Whose it is.
    pub account: AccountId,
    /// The owner's name.
    pub user: UserName,
    /// The owner's name for people.
    pub display_name: String,
    /// The owner's address, if a provider verified one; else empty.
    pub email: String,
    /// The owner's account role.
    pub role: AccountRole,
    /// What its owner calls it.
    pub name: String,
    /// Where and for what it is good.
    pub bounds: AppBounds,
    /// When it was made.
    pub created: UnixTime,
    /// When it ends, if ever.
    pub expires: Option<UnixTime>,
    /// When it was last used, to the minute or so.
    pub last_used: Option<UnixTime>,
    /// From where it was last used.
    pub last_client: Option<IpAddr>,
}

impl AppPasswordRow {
    /// Whether its time is not over.
    #[must_use]
    pub fn is_current(&self, now: UnixTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// The columns of app passwords with what is needed of their owners, and what follows.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT app_passwords.*, accounts.name AS user_name, accounts.display_name, \
             accounts.email, accounts.account_role FROM app_passwords \
             JOIN accounts ON accounts.id = app_passwords.account ",
            $rest
        )
    };
}

impl Store {
    /// App passwords.
    #[must_use]
    pub fn app_passwords(&self) -> AppPasswords<'_> {
        AppPasswords(self)
    }
}

impl AppPasswords<'_> {
    /// Keeps an app password of an enabled account, unless the account has as many as it may.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], also for an account that is disabled;
    /// [`StoreError::TooMany`].
    pub async fn insert(
        &self,
        new: &NewAppPassword,
        most: u32,
    ) -> Result<AppPasswordId, StoreError> {
        let mut tx = self.0.begin().await?;
        let row = sqlx::query("SELECT count(*) AS held FROM app_passwords WHERE account = $1")
            .bind(new.account.number())
            .fetch_one(&mut *tx)
            .await
            .map_err(unavailable)?;
        let held: i64 = Reader { table: "app_passwords", row: &row }.raw("held")?;
        if held >= i64::from(most) {
            return Err(StoreError::TooMany { most });
        }
        let row = sqlx::query(
            "INSERT INTO app_passwords (hash, account, name, scope, site, folder, created, expires) \
             SELECT $1, id, $2, $3, $4, $5, $6, $7 FROM accounts \
             WHERE id = $8 AND disabled = 0 RETURNING id",
        )
        .bind(new.hash.bytes().as_slice())
        .bind(&new.name)
        .bind(new.bounds.scope.as_str())
        .bind(new.bounds.site.as_ref().map(SiteId::as_str))
        .bind(new.bounds.folder.as_ref().map(GalleryPath::as_str))
        .bind(new.created.seconds())
        .bind(new.expires.map(UnixTime::seconds))
        .bind(new.account.number())
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        let row = row.ok_or(StoreError::NoSuchAccount)?;
        let id = AppPasswordId(Reader { table: "app_passwords", row: &row }.raw("id")?);
        tx.commit().await.map_err(unavailable)?;
        Ok(id)
    }

    /// The app password of a hash, whose owner may sign in. Whether its time is over is the caller's
    /// to judge.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn find(&self, hash: &TokenHash) -> Result<Option<AppPasswordRow>, StoreError> {
        let row = sqlx::query(select!("WHERE app_passwords.hash = $1 AND accounts.disabled = 0"))
            .bind(hash.bytes().as_slice())
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(read).transpose()
    }

    /// The app passwords of an account, by number.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn of_account(&self, account: AccountId) -> Result<Vec<AppPasswordRow>, StoreError> {
        let rows =
            sqlx::query(select!("WHERE app_passwords.account = $1 ORDER BY app_passwords.id"))
                .bind(account.number())
                .fetch_all(&self.0.pool)
                .await
                .map_err(unavailable)?;
        rows.iter().map(read).collect()
    }

    /// Revokes one app password of an account, or all of them. Says how many there were.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn remove(
        &self,
        account: AccountId,
        id: Option<AppPasswordId>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.0.begin().await?;
        let done =
            sqlx::query("DELETE FROM app_passwords WHERE account = $1 AND id = coalesce($2, id)")
                .bind(account.number())
                .bind(id.map(AppPasswordId::number))
                .execute(&mut *tx)
                .await
                .map_err(unavailable)?;
        if done.rows_affected() > 0 {
            commit_change(tx).await?;
        }
        Ok(done.rows_affected())
    }

    /// Notes when and from where an app password was used.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn touch(
        &self,
        id: AppPasswordId,
        (now, client): (UnixTime, IpAddr),
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE app_passwords SET last_used = $1, last_client = $2 \
             WHERE id = $3 AND coalesce(last_used, 0) <= $1",
        )
        .bind(now.seconds())
        .bind(client.to_string())
        .bind(id.number())
        .execute(&self.0.pool)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    /// Deletes the app passwords whose end has come.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn delete_expired(&self, now: UnixTime) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM app_passwords WHERE expires <= $1")
            .bind(now.seconds())
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

/// Revokes all app passwords of an account, inside a transaction.
pub(crate) async fn end_of_account(tx: &mut Tx, account: AccountId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM app_passwords WHERE account = $1")
        .bind(account.number())
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<AppPasswordRow, StoreError> {
    let row = Reader { table: "app_passwords", row };
    let site: Option<String> = row.raw("site")?;
    let folder: Option<String> = row.raw("folder")?;
    let client: Option<String> = row.raw("last_client")?;
    let time = |column| row.raw::<Option<i64>>(column);
    let site = site.map(|text| SiteId::parse(&text)).transpose();
    let folder = folder.map(|text| GalleryPath::from_decoded(&text)).transpose();
    Ok(AppPasswordRow {
        id: AppPasswordId(row.raw("id")?),
        account: AccountId::from_number(row.raw("account")?),
        user: row.parsed("user_name", UserName::parse)?,
        display_name: row.raw("display_name")?,
        email: row.raw("email")?,
        role: row.parsed("account_role", AccountRole::parse)?,
        name: row.raw("name")?,
        bounds: AppBounds {
            scope: row.parsed("scope", str::parse)?,
            site: site.map_err(|_| row.corrupt("site"))?,
            folder: folder.map_err(|_| row.corrupt("folder"))?,
        },
        created: row.time("created")?,
        expires: time("expires")?.map(UnixTime::from_seconds),
        last_used: time("last_used")?.map(UnixTime::from_seconds),
        last_client: client
            .map(|text| text.parse())
            .transpose()
            .map_err(|_| row.corrupt("last_client"))?,
    })
}

#[cfg(test)]
mod tests;
