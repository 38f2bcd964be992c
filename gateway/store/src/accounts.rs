//! Who can sign in.

mod modify;

use std::fmt;

use sqlx::any::AnyRow;
use unicode_normalization::UnicodeNormalization;
use vestibule_schema::{AccountRole, UserName};

use crate::error::unavailable;
use crate::open::commit_change;
use crate::row::Reader;
use crate::transaction::Tx;
use crate::{Store, StoreError, UnixTime};
use crate::{app_passwords, passkeys};

pub use modify::{AccountChange, Keep};

/// The accounts of a store; see [`Store::accounts`].
#[derive(Debug)]
pub struct Accounts<'s>(&'s Store);

/// An account for as long as the store lives: a removed account's is never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(i64);

impl AccountId {
    /// The account of this number.
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

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A hashed password, as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash in this PHC string. The store reads nothing from it.
    #[must_use]
    pub const fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// Whether an account may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It may.
    Enabled,
    /// It may not, and holds no session.
    Disabled,
}

/// What ends with an account's old password, beside its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndsWithPassword {
    /// Nothing: its owner has changed it, who revokes the rest as they like.
    Nothing,
    /// Its app passwords and passkeys: somebody else may have known the old one.
    OtherCredentials,
}

/// An account as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Its identifier.
    pub id: AccountId,
    /// The canonical name, as first written.
    pub name: UserName,
    /// The name for people; the user name, if nobody gave another.
    pub display_name: String,
    /// An address that a provider has verified; empty if none did.
    pub email: String,
    /// The role of the account itself.
    pub role: AccountRole,
    /// The hash of the local password; without one nobody signs in by password.
    pub password_hash: Option<PasswordHash>,
    /// Whether it may sign in.
    pub state: AccountState,
    /// Moves with every change of password, role or state: a session begins only if nothing moved
    /// since the password was compared.
    pub revision: i64,
    /// When it was made.
    pub created: UnixTime,
    /// When somebody last changed it.
    pub changed: UnixTime,
}

/// An account to be made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewAccount {
    /// The name.
    pub name: UserName,
    /// The name for people; empty for the user name.
    pub display_name: String,
    /// An address that a provider has verified; empty for none.
    pub email: String,
    /// The role of the account itself.
    pub role: AccountRole,
    /// The hash of the local password.
    pub password_hash: Option<PasswordHash>,
}

impl NewAccount {
    /// An account without password, shown by its user name.
    #[must_use]
    pub const fn new(name: UserName, role: AccountRole) -> Self {
        Self { name, display_name: String::new(), email: String::new(), role, password_hash: None }
    }

    /// The account with this name for people.
    #[must_use]
    pub fn with_display_name(mut self, display_name: impl Into<String>) -> Self {
        self.display_name = display_name.into();
        self
    }

    /// The account with an address that a provider has verified.
    #[must_use]
    pub fn with_email(mut self, email: impl Into<String>) -> Self {
        self.email = email.into();
        self
    }

    /// The account with a local password.
    #[must_use]
    pub fn with_password(mut self, hash: PasswordHash) -> Self {
        self.password_hash = Some(hash);
        self
    }
}

/// The form under which a name is looked up: two names of one form are one user.
///
/// Compatibility forms are unified, then upper and lower case, so that `Straße` and `STRASSE`
/// are one.
#[must_use]
pub fn folded(name: &UserName) -> String {
    let upper = name.as_str().nfkc().collect::<String>().to_uppercase();
    upper.to_lowercase().nfkc().collect()
}

impl Store {
    /// Who can sign in.
    #[must_use]
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts(self)
    }
}

impl Accounts<'_> {
    /// Makes an account.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`], also by a name that differs in case only.
    pub async fn add(&self, account: NewAccount, now: UnixTime) -> Result<Account, StoreError> {
        let mut tx = self.0.begin().await?;
        let added = insert(&mut tx, account, now).await?;
        commit_change(tx).await?;
        Ok(added)
    }

    /// Makes the very first account. None if there is one: of several that try at once, one makes
    /// it.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn add_first(
        &self,
        account: NewAccount,
        now: UnixTime,
    ) -> Result<Option<Account>, StoreError> {
        // INVARIANT: the transaction holds the write lock from its first statement
        let mut tx = self.0.begin().await?;
        let any = sqlx::query("SELECT id FROM accounts LIMIT 1")
            .fetch_optional(&mut *tx)
            .await
            .map_err(unavailable)?;
        if any.is_some() {
            return Ok(None);
        }
        let added = insert(&mut tx, account, now).await?;
        commit_change(tx).await?;
        Ok(Some(added))
    }

    /// Whether there is any account.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn any(&self) -> Result<bool, StoreError> {
        let any = sqlx::query("SELECT id FROM accounts LIMIT 1")
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(any.is_some())
    }

    /// The account of a name, whatever its case.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn find(&self, name: &UserName) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query("SELECT * FROM accounts WHERE folded = $1")
            .bind(folded(name))
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(read).transpose()
    }

    /// The account of an identifier.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn by_id(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query("SELECT * FROM accounts WHERE id = $1")
            .bind(id.number())
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(read).transpose()
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn list(&self) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query("SELECT * FROM accounts ORDER BY folded")
            .fetch_all(&self.0.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(read).collect()
    }

    /// Gives an account another password, and ends all its sessions, with what else is to end.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`].
    pub async fn set_password(
        &self,
        id: AccountId,
        (hash, ends): (&PasswordHash, EndsWithPassword),
        now: UnixTime,
    ) -> Result<Account, StoreError> {
        let mut tx = self.0.begin().await?;
        sqlx::query(
            "UPDATE accounts SET password_hash = $1, changed = $2, revision = revision + 1 \
             WHERE id = $3",
        )
        .bind(hash.as_phc())
        .bind(now.seconds())
        .bind(id.number())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        let account = existing(&mut tx, id).await?;
        end_sessions(&mut tx, id).await?;
        match ends {
            EndsWithPassword::Nothing => {}
            EndsWithPassword::OtherCredentials => end_credentials(&mut tx, id).await?,
        }
        commit_change(tx).await?;
        Ok(account)
    }

    /// Takes over the address that a provider has verified now, or that there is none any more.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn set_email(&self, id: AccountId, email: &str) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query("UPDATE accounts SET email = $1 WHERE id = $2 AND email <> $1")
            .bind(email)
            .bind(id.number())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        if done.rows_affected() > 0 { commit_change(tx).await } else { Ok(()) }
    }

    /// Replaces a password's hash by a stronger one of the same password; does nothing if the
    /// password was changed meanwhile.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn strengthen_password(
        &self,
        id: AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET password_hash = $1 WHERE id = $2 AND password_hash = $3")
            .bind(new.as_phc())
            .bind(id.number())
            .bind(old.as_phc())
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    /// Gives an account another role. Its sessions are ended: a privilege changed.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], [`StoreError::LastAdministrator`].
    pub async fn set_role(
        &self,
        id: AccountId,
        role: &AccountRole,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        let account = existing(&mut tx, id).await?;
        if !role.is_cluster_admin() {
            spare_last_administrator(&mut tx, &account).await?;
        }
        sqlx::query("UPDATE accounts SET account_role = $1, changed = $2, revision = revision + 1 WHERE id = $3")
            .bind(role.as_str())
            .bind(now.seconds())
            .bind(id.number())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        end_sessions(&mut tx, id).await?;
        commit_change(tx).await
    }

    /// Lets an account sign in, or no longer; the latter ends all its sessions,
    /// app passwords and passkeys.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], [`StoreError::LastAdministrator`].
    pub async fn set_state(
        &self,
        id: AccountId,
        state: AccountState,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        let account = existing(&mut tx, id).await?;
        let disabled = state == AccountState::Disabled;
        if disabled {
            spare_last_administrator(&mut tx, &account).await?;
            end_sessions(&mut tx, id).await?;
            end_credentials(&mut tx, id).await?;
        }
        sqlx::query(
            "UPDATE accounts SET disabled = $1, changed = $2, revision = revision + 1 WHERE id = $3",
        )
        .bind(i64::from(disabled))
        .bind(now.seconds())
        .bind(id.number())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        commit_change(tx).await
    }

    /// Removes an account with its sessions and grants.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], [`StoreError::LastAdministrator`].
    pub async fn remove(&self, id: AccountId) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        let account = existing(&mut tx, id).await?;
        spare_last_administrator(&mut tx, &account).await?;
        sqlx::query("DELETE FROM accounts WHERE id = $1")
            .bind(id.number())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        commit_change(tx).await
    }
}

/// Makes an account, inside a transaction.
pub(crate) async fn insert(
    tx: &mut Tx,
    account: NewAccount,
    now: UnixTime,
) -> Result<Account, StoreError> {
    if let Some(existing) = by_name(tx, &account.name).await? {
        return Err(StoreError::NameTaken { taken: existing.name });
    }
    let display = match account.display_name.as_str() {
        "" => account.name.as_str(),
        display => display,
    };
    sqlx::query(
        "INSERT INTO accounts \
         (name, folded, display_name, account_role, password_hash, email, created, changed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(account.name.as_str())
    .bind(folded(&account.name))
    .bind(display)
    .bind(account.role.as_str())
    .bind(account.password_hash.as_ref().map(PasswordHash::as_phc))
    .bind(&account.email)
    .bind(now.seconds())
    .bind(now.seconds())
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    by_name(tx, &account.name).await?.ok_or(StoreError::NoSuchAccount)
}

/// The account of a name, inside a transaction.
pub(crate) async fn by_name(tx: &mut Tx, name: &UserName) -> Result<Option<Account>, StoreError> {
    let row = sqlx::query("SELECT * FROM accounts WHERE folded = $1")
        .bind(folded(name))
        .fetch_optional(&mut **tx)
        .await
        .map_err(unavailable)?;
    row.as_ref().map(read).transpose()
}

pub(crate) async fn existing(tx: &mut Tx, id: AccountId) -> Result<Account, StoreError> {
    let row = sqlx::query("SELECT * FROM accounts WHERE id = $1")
        .bind(id.number())
        .fetch_optional(&mut **tx)
        .await
        .map_err(unavailable)?;
    row.as_ref().map(read).transpose()?.ok_or(StoreError::NoSuchAccount)
}

/// Refuses if nobody could manage the cluster without this account. Who can't sign in, by nothing
/// that this store knows, manages nothing.
// INVARIANT: runs in the transaction that changes the account, which holds the write lock.
async fn spare_last_administrator(tx: &mut Tx, account: &Account) -> Result<(), StoreError> {
    if !account.role.is_cluster_admin() || account.state == AccountState::Disabled {
        return Ok(());
    }
    let other = sqlx::query(
        "SELECT id FROM accounts WHERE account_role = $1 AND disabled = 0 AND id <> $2 \
         AND (password_hash IS NOT NULL \
         OR EXISTS (SELECT 1 FROM passkeys WHERE passkeys.account = accounts.id) \
         OR EXISTS (SELECT 1 FROM identities WHERE identities.account = accounts.id)) LIMIT 1",
    )
    .bind(AccountRole::CLUSTER_ADMIN)
    .bind(account.id.number())
    .fetch_optional(&mut **tx)
    .await
    .map_err(unavailable)?;
    match other {
        Some(_) => Ok(()),
        None => Err(StoreError::LastAdministrator { user: account.name.clone() }),
    }
}

/// Ends all sessions of an account, inside a transaction.
pub(crate) async fn end_sessions(tx: &mut Tx, id: AccountId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE account = $1")
        .bind(id.number())
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// Removes an account's app passwords and passkeys, inside a transaction.
pub(crate) async fn end_credentials(tx: &mut Tx, id: AccountId) -> Result<(), StoreError> {
    app_passwords::end_of_account(tx, id).await?;
    passkeys::end_of_account(tx, id).await
}

pub(crate) fn read(row: &AnyRow) -> Result<Account, StoreError> {
    let row = Reader { table: "accounts", row };
    Ok(Account {
        id: AccountId(row.raw("id")?),
        name: row.parsed("name", UserName::parse)?,
        display_name: row.raw("display_name")?,
        email: row.raw("email")?,
        role: row.parsed("account_role", AccountRole::parse)?,
        password_hash: row.raw::<Option<String>>("password_hash")?.map(PasswordHash::from_phc),
        state: if row.raw::<i64>("disabled")? != 0 {
            AccountState::Disabled
        } else {
            AccountState::Enabled
        },
        revision: row.raw("revision")?,
        created: row.time("created")?,
        changed: row.time("changed")?,
    })
}

#[cfg(test)]
mod tests;
