//! Share links, and who opened them.

use sqlx::any::AnyRow;
use vestibule_schema::{AccountRole, GalleryPath, IdError, RoleName, ShareId, SiteId, UserName};

use crate::accounts::{AccountId, PasswordHash};
use crate::error::unavailable;
use crate::open::commit_change;
use crate::row::Reader;
use crate::sessions::TokenHash;
use crate::transaction::Tx;
use crate::{Store, StoreError, UnixTime};

/// The share links of a store; see [`Store::shares`].
#[derive(Debug)]
pub struct Shares<'s>(&'s Store);

/// A share link to be made.
#[derive(Debug, Clone)]
pub struct NewShare {
    /// The hash of its token.
    pub token: TokenHash,
    /// The site.
    pub site: SiteId,
    /// The folder or image.
    pub path: GalleryPath,
    /// The role that it gives.
    pub role: RoleName,
    /// Whose right it stands on.
    pub maker: AccountId,
    /// What people call it; may be empty.
    pub label: String,
    /// The hash of its password, if it has one.
    pub password: Option<PasswordHash>,
    /// When it is made.
    pub created: UnixTime,
    /// When it ends, if ever.
    pub expires: Option<UnixTime>,
    /// How often it can be opened, if that is limited.
    pub uses: Option<u32>,
}

/// A share link as it is kept, with what is needed of its maker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShareRow {
    /// Its public number.
    pub id: ShareId,
    /// The site.
    pub site: SiteId,
    /// The folder or image.
    pub path: GalleryPath,
    /// The role that it gives.
    pub role: RoleName,
    /// Whose right it stands on.
    pub maker: AccountId,
    /// The maker's name.
    pub maker_name: UserName,
    /// The maker's account role.
    pub maker_role: AccountRole,
    /// What people call it; may be empty.
    pub label: String,
    /// The hash of its password, if it has one.
    pub password: Option<PasswordHash>,
    /// When it was made.
    pub created: UnixTime,
    /// When it ends, if ever.
    pub expires: Option<UnixTime>,
    /// How often it can still be opened, if that is limited.
    pub uses_left: Option<u32>,
    /// How often it was opened.
    pub opened: u32,
}

impl ShareRow {
    /// Whether its time is not over.
    #[must_use]
    pub fn is_current(&self, now: UnixTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// Who opens a share link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// A browser in which nobody is signed in, by the hash of a token of its own.
    Browser(TokenHash),
    /// An account.
    Account(AccountId),
}

impl Opener {
    fn columns(&self) -> (Option<&[u8]>, Option<i64>) {
        match self {
            Self::Browser(token) => (Some(token.bytes().as_slice()), None),
            Self::Account(account) => (None, Some(account.number())),
        }
    }
}

/// The columns of shares whose makers are accounts that may sign in, and what follows.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT shares.*, accounts.name AS maker_name, accounts.account_role AS maker_role \
             FROM shares JOIN accounts ON accounts.id = shares.maker AND accounts.disabled = 0 ",
            $rest
        )
    };
}

impl Store {
    /// Share links.
    #[must_use]
    pub fn shares(&self) -> Shares<'_> {
        Shares(self)
    }
}

impl Shares<'_> {
    /// Keeps a share link of an enabled account.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], also for an account that is disabled.
    pub async fn insert(&self, share: &NewShare) -> Result<ShareId, StoreError> {
        let row = sqlx::query(
            "INSERT INTO shares (token_hash, site, path, role, maker, label, password_hash, \
             created, expires, uses_left) \
             SELECT $1, $2, $3, $4, id, $5, $6, $7, $8, $9 FROM accounts \
             WHERE id = $10 AND disabled = 0 RETURNING id",
        )
        .bind(share.token.bytes().as_slice())
        .bind(share.site.as_str())
        .bind(share.path.as_str())
        .bind(share.role.as_str())
        .bind(&share.label)
        .bind(share.password.as_ref().map(PasswordHash::as_phc))
        .bind(share.created.seconds())
        .bind(share.expires.map(UnixTime::seconds))
        .bind(share.uses.map(i64::from))
        .bind(share.maker.number())
        .fetch_optional(&self.0.pool)
        .await
        .map_err(unavailable)?;
        let row = row.ok_or(StoreError::NoSuchAccount)?;
        Ok(ShareId::from_number(Reader { table: "shares", row: &row }.raw("id")?))
    }

    /// The share link of a token. Whether its time is over is the caller's to judge.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn find(&self, token: &TokenHash) -> Result<Option<ShareRow>, StoreError> {
        let row = sqlx::query(select!("WHERE shares.token_hash = $1"))
            .bind(token.bytes().as_slice())
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(read).transpose()
    }

    /// The share links of a site, or of all, by number. Those of disabled accounts stand for
    /// nothing and are left out.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn list(&self, site: Option<&SiteId>) -> Result<Vec<ShareRow>, StoreError> {
        let rows = sqlx::query(select!(
            "WHERE shares.site = coalesce($1, shares.site) ORDER BY shares.id"
        ))
        .bind(site.map(SiteId::as_str))
        .fetch_all(&self.0.pool)
        .await
        .map_err(unavailable)?;
        rows.iter().map(read).collect()
    }

    /// Revokes a share link: whoever opened it has nothing of it any more. Says whether there was
    /// one.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn remove(&self, id: ShareId) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query("DELETE FROM shares WHERE id = $1")
            .bind(id.number())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        commit_change(tx).await?;
        Ok(true)
    }

    /// Opens a share link: notes who did, and counts it. Of several at once no more succeed than
    /// there are openings left; who opened it before opens it again for nothing. Says whether it
    /// was opened.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn open(
        &self,
        id: ShareId,
        opener: &Opener,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        if !self.note(&mut tx, id, opener, now).await? {
            return is_current(&mut tx, id, now).await;
        }
        let done = sqlx::query(
            "UPDATE shares SET opened = opened + 1, uses_left = uses_left - 1 \
             WHERE id = $1 AND coalesce(uses_left, 1) > 0 AND coalesce(expires, $2 + 1) > $2",
        )
        .bind(id.number())
        .bind(now.seconds())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            // dropped, the transaction is rolled back, and with it the note
            return Ok(false);
        }
        if self.is_known(&mut tx, id, opener).await? {
            // what other processes know of who opens it is not true any more: a browser keeps its
            // token from one link to the next
            commit_change(tx).await?;
        } else {
            // of a token that was made just now nobody knows anything
            tx.commit().await.map_err(unavailable)?;
        }
        Ok(true)
    }

    /// Whether somebody may have asked before what an opener opened: an account may be anybody's, a
    /// browser's token is new with its first link.
    async fn is_known(
        &self,
        tx: &mut Tx,
        id: ShareId,
        opener: &Opener,
    ) -> Result<bool, StoreError> {
        let Opener::Browser(token) = opener else { return Ok(true) };
        let row = sqlx::query(
            "SELECT share FROM share_openings WHERE token_hash = $1 AND share <> $2 LIMIT 1",
        )
        .bind(token.bytes().as_slice())
        .bind(id.number())
        .fetch_optional(&mut **tx)
        .await
        .map_err(unavailable)?;
        Ok(row.is_some())
    }

    /// Notes an opener; not twice.
    async fn note(
        &self,
        tx: &mut Tx,
        id: ShareId,
        opener: &Opener,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let (token, account) = opener.columns();
        let done = sqlx::query(
            "INSERT INTO share_openings (share, token_hash, account, opened) \
             SELECT id, $1, $2, $3 FROM shares WHERE id = $4 ON CONFLICT DO NOTHING",
        )
        .bind(token)
        .bind(account)
        .bind(now.seconds())
        .bind(id.number())
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() > 0)
    }

    /// The share links that somebody opened, by number. Whether their time is over is the caller's
    /// to judge.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn opened_by(&self, opener: &Opener) -> Result<Vec<ShareRow>, StoreError> {
        let query = match opener {
            Opener::Browser(token) => sqlx::query(select!(
                "JOIN share_openings ON share_openings.share = shares.id \
                 WHERE share_openings.token_hash = $1 ORDER BY shares.id"
            ))
            .bind(token.bytes().as_slice()),
            Opener::Account(account) => sqlx::query(select!(
                "JOIN share_openings ON share_openings.share = shares.id \
                 WHERE share_openings.account = $1 ORDER BY shares.id"
            ))
            .bind(account.number()),
        };
        let rows = query.fetch_all(&self.0.pool).await.map_err(unavailable)?;
        rows.iter().map(read).collect()
    }

    /// Deletes the share links whose end has come.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn delete_expired(&self, now: UnixTime) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM shares WHERE expires <= $1")
            .bind(now.seconds())
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

/// Whether a share link is there and its time not over.
async fn is_current(tx: &mut Tx, id: ShareId, now: UnixTime) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT id FROM shares WHERE id = $1 AND coalesce(expires, $2 + 1) > $2")
        .bind(id.number())
        .bind(now.seconds())
        .fetch_optional(&mut **tx)
        .await
        .map_err(unavailable)?;
    Ok(row.is_some())
}

/// A role's name, `visitor` included.
fn role(text: &str) -> Result<RoleName, IdError> {
    let visitor = RoleName::visitor();
    if text == visitor.as_str() { Ok(visitor) } else { RoleName::parse(text) }
}

fn read(row: &AnyRow) -> Result<ShareRow, StoreError> {
    let row = Reader { table: "shares", row };
    let count = |column, number: i64| u32::try_from(number).map_err(|_| row.corrupt(column));
    let uses_left: Option<i64> = row.raw("uses_left")?;
    let password: Option<String> = row.raw("password_hash")?;
    Ok(ShareRow {
        id: ShareId::from_number(row.raw("id")?),
        site: row.parsed("site", SiteId::parse)?,
        path: row.parsed("path", GalleryPath::from_decoded)?,
        role: row.parsed("role", role)?,
        maker: AccountId::from_number(row.raw("maker")?),
        maker_name: row.parsed("maker_name", UserName::parse)?,
        maker_role: row.parsed("maker_role", AccountRole::parse)?,
        label: row.raw("label")?,
        password: password.map(PasswordHash::from_phc),
        created: row.time("created")?,
        expires: row.raw::<Option<i64>>("expires")?.map(UnixTime::from_seconds),
        uses_left: uses_left.map(|left| count("uses_left", left)).transpose()?,
        opened: count("opened", row.raw("opened")?)?,
    })
}

#[cfg(test)]
mod tests;
