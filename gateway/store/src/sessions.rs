//! Who is signed in.

use std::fmt;
use std::net::IpAddr;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use vestibule_schema::{AccountRole, IdError, ProviderId, SiteId, UserName};

use crate::accounts::AccountId;
use crate::error::unavailable;
use crate::open::commit_change;
use crate::row::Reader;
use crate::{Store, StoreError, UnixTime};

mod certificate;

pub use certificate::CertificateHash;

/// How much of a browser's self-description is kept, in characters.
pub const MAX_USER_AGENT: usize = 200;

/// How many uses are written by one statement.
const TOUCHED_AT_ONCE: usize = 256;

/// The sessions of a store; see [`Store::sessions`].
#[derive(Debug)]
pub struct Sessions<'s>(&'s Store);

/// A session's public name: what a list shows, and what ending it names. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(i64);

impl SessionId {
    /// The session of this number.
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

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a session is worth something: nowhere else is it anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// At the gateway's own pages.
    Portal,
    /// At one site.
    Site(SiteId),
}

impl Audience {
    /// The column's text. No site is called so: `@` stands in no name.
    const PORTAL: &str = "@portal";

    pub(crate) fn column(&self) -> &str {
        match self {
            Self::Portal => Self::PORTAL,
            Self::Site(site) => site.as_str(),
        }
    }

    fn parse(text: &str) -> Result<Self, IdError> {
        match text {
            Self::PORTAL => Ok(Self::Portal),
            site => SiteId::parse(site).map(Self::Site),
        }
    }
}

/// The SHA-256 of a session's token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of these bytes.
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

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(***)")
    }
}

/// A session to be made.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The hash of its token.
    pub token: TokenHash,
    /// Whose it is.
    pub account: AccountId,
    /// The account's revision when its owner proved who they are.
    pub revision: i64,
    /// Where it is worth something.
    pub audience: Audience,
    /// The provider by which its owner proved who they are; none for a local password.
    pub provider: Option<ProviderId>,
    /// Whether its owner showed a second factor.
    pub second_factor: bool,
    /// When its owner proved who they are; none if nobody says.
    pub proved: Option<UnixTime>,
    /// When it is made.
    pub created: UnixTime,
    /// When it ends, used or not.
    pub expires: UnixTime,
    /// The client's address.
    pub client: IpAddr,
    /// What the browser calls itself; cut at [`MAX_USER_AGENT`] characters.
    pub user_agent: String,
    /// The client certificate that it is bound to, with those born of it; none: any connection.
    pub client_certificate: Option<CertificateHash>,
}

/// A session at a site, to be made of one at the portal, with its owner and its end.
#[derive(Debug, Clone)]
pub struct SiteSession {
    /// The hash of its token.
    pub token: TokenHash,
    /// The session at the portal.
    pub parent: SessionId,
    /// The site.
    pub site: SiteId,
    /// How its owner was admitted, in words.
    pub reason: String,
    /// When it is made.
    pub created: UnixTime,
    /// The client's address.
    pub client: IpAddr,
}

/// A session as it is kept, with what is needed of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRow {
    /// Its public name.
    pub id: SessionId,
    /// The hash of its token.
    pub token: TokenHash,
    /// Where it is worth something.
    pub audience: Audience,
    /// The session at the portal that it was born of; none for one of the portal.
    pub parent: Option<SessionId>,
    /// The provider by which its owner proved who they are; none for a local password.
    pub provider: Option<ProviderId>,
    /// Whether its owner showed a second factor.
    pub second_factor: bool,
    /// When its owner proved who they are; none if nobody says, and for one at a site.
    pub proved: Option<UnixTime>,
    /// How its owner was admitted to the site, in words.
    pub reason: String,
    /// When it was made.
    pub created: UnixTime,
    /// When it was last used, to the minute or so.
    pub last_seen: UnixTime,
    /// When it ends, used or not.
    pub expires: UnixTime,
    /// The client's address at sign-in.
    pub client: IpAddr,
    /// What the browser called itself at sign-in.
    pub user_agent: String,
    /// The client certificate that it is bound to; none: any connection.
    pub client_certificate: Option<CertificateHash>,
    /// Whose it is.
    pub account: AccountId,
    /// The account's name.
    pub user: UserName,
    /// The account's name for people.
    pub display_name: String,
    /// An address of theirs that a provider has verified; empty if none did.
    pub email: String,
    /// The account's own role.
    pub role: AccountRole,
}

impl Store {
    /// Who is signed in.
    #[must_use]
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }
}

impl Sessions<'_> {
    /// Keeps a session of an enabled account that nobody changed meanwhile.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], also for an account that was disabled or changed.
    pub async fn insert(&self, session: &NewSession) -> Result<SessionId, StoreError> {
        let user_agent: String =
            session.user_agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect();
        let mut tx = self.0.begin().await?;
        let row = sqlx::query(
            "INSERT INTO sessions \
             (token_hash, account, audience, created, last_seen, expires, client, user_agent, \
              provider, second_factor, client_certificate, proved) \
             SELECT $1, id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM accounts \
             WHERE id = $12 AND revision = $13 AND disabled = 0 \
             RETURNING id",
        )
        .bind(session.token.bytes().as_slice())
        .bind(session.audience.column())
        .bind(session.created.seconds())
        .bind(session.created.seconds())
        .bind(session.expires.seconds())
        .bind(session.client.to_string())
        .bind(user_agent)
        .bind(session.provider.as_ref().map_or("", ProviderId::as_str))
        .bind(i64::from(session.second_factor))
        .bind(session.client_certificate.as_ref().map(|hash| hash.bytes().as_slice()))
        .bind(session.proved.map_or(0, UnixTime::seconds))
        .bind(session.account.number())
        .bind(session.revision)
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        let Some(row) = row else { return Err(StoreError::NoSuchAccount) };
        let id = Reader { table: "sessions", row: &row }.raw("id")?;
        tx.commit().await.map_err(unavailable)?;
        Ok(SessionId(id))
    }

    /// Keeps a session at a site, born of one at the portal that has not ended.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSession`], also of an account that was disabled.
    pub async fn insert_at_site(&self, session: &SiteSession) -> Result<SessionId, StoreError> {
        let mut tx = self.0.begin().await?;
        let row = sqlx::query(
            "INSERT INTO sessions \
             (token_hash, account, audience, created, last_seen, expires, client, user_agent, \
              provider, second_factor, client_certificate, parent, reason) \
             SELECT $1, parent.account, $2, $3, $4, parent.expires, $5, parent.user_agent, \
              parent.provider, parent.second_factor, parent.client_certificate, parent.id, $6 \
             FROM sessions AS parent JOIN accounts ON accounts.id = parent.account \
             WHERE parent.id = $7 AND parent.audience = $8 AND parent.expires > $9 \
             AND accounts.disabled = 0 \
             RETURNING id",
        )
        .bind(session.token.bytes().as_slice())
        .bind(session.site.as_str())
        .bind(session.created.seconds())
        .bind(session.created.seconds())
        .bind(session.client.to_string())
        .bind(&session.reason)
        .bind(session.parent.number())
        .bind(Audience::PORTAL)
        .bind(session.created.seconds())
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        let Some(row) = row else { return Err(StoreError::NoSuchSession) };
        let id = Reader { table: "sessions", row: &row }.raw("id")?;
        tx.commit().await.map_err(unavailable)?;
        Ok(SessionId(id))
    }

    /// The session of a token, if its account is enabled. Whether its time is over is the
    /// caller's to judge.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn find(&self, token: &TokenHash) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query(
            "SELECT sessions.*, accounts.name, accounts.display_name, accounts.email, accounts.account_role \
             FROM sessions JOIN accounts ON accounts.id = sessions.account \
             WHERE sessions.token_hash = $1 AND accounts.disabled = 0",
        )
        .bind(token.bytes().as_slice())
        .fetch_optional(&self.0.pool)
        .await
        .map_err(unavailable)?;
        row.as_ref().map(read).transpose()
    }

    /// The sessions of an account, the last used first.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn of_account(&self, account: AccountId) -> Result<Vec<SessionRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT sessions.*, accounts.name, accounts.display_name, accounts.email, accounts.account_role \
             FROM sessions JOIN accounts ON accounts.id = sessions.account \
             WHERE sessions.account = $1 ORDER BY sessions.last_seen DESC, sessions.id DESC",
        )
        .bind(account.number())
        .fetch_all(&self.0.pool)
        .await
        .map_err(unavailable)?;
        rows.iter().map(read).collect()
    }

    /// Notes that sessions were used, and with one at a site that which it was born of. Never moves
    /// a time back.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn touch(&self, seen: &[(SessionId, UnixTime)]) -> Result<(), StoreError> {
        for some in seen.chunks(TOUCHED_AT_ONCE) {
            self.touch_some(some).await?;
        }
        Ok(())
    }

    async fn touch_some(&self, seen: &[(SessionId, UnixTime)]) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        let pairs: Vec<_> =
            (0..seen.len()).map(|n| format!("(${}, ${})", 2 * n + 1, 2 * n + 2)).collect();
        let own = format!(
            "UPDATE sessions SET last_seen = seen.column2 FROM (VALUES {}) AS seen \
             WHERE sessions.id = seen.column1 AND sessions.last_seen < seen.column2",
            pairs.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(own));
        for (id, time) in seen {
            query = query.bind(id.number()).bind(time.seconds());
        }
        query.execute(&mut *tx).await.map_err(unavailable)?;
        let places: Vec<_> = (1..=seen.len()).map(|n| format!("${n}")).collect();
        let parents = format!(
            "UPDATE sessions SET last_seen = born.seen FROM \
             (SELECT parent, max(last_seen) AS seen FROM sessions \
              WHERE parent IN (SELECT parent FROM sessions WHERE id IN ({})) GROUP BY parent) AS born \
             WHERE sessions.id = born.parent AND sessions.last_seen < born.seen",
            places.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(parents));
        for (id, _) in seen {
            query = query.bind(id.number());
        }
        query.execute(&mut *tx).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    /// Ends one session of an account, and those born of it. Says whether there was one.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn delete_one(&self, account: AccountId, id: SessionId) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query("DELETE FROM sessions WHERE account = $1 AND id = $2")
            .bind(account.number())
            .bind(id.number())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        let ended = done.rows_affected() > 0;
        if ended {
            commit_change(tx).await?;
        }
        Ok(ended)
    }

    /// Ends the sessions of an account but one with those born of it, or all. Says how many.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn delete_of_account(
        &self,
        account: AccountId,
        except: Option<SessionId>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query(
            "DELETE FROM sessions WHERE account = $1 AND id <> $2 AND coalesce(parent, -2) <> $2",
        )
        .bind(account.number())
        .bind(except.map_or(-1, SessionId::number))
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() > 0 {
            commit_change(tx).await?;
        }
        Ok(done.rows_affected())
    }

    /// Ends the oldest sessions of an account at the portal, with those born of them, until it has
    /// no more than so many there. Says how many of the portal ended.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn delete_beyond(&self, account: AccountId, most: u32) -> Result<u64, StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query(
            "DELETE FROM sessions WHERE account = $1 AND audience = $2 AND id NOT IN \
             (SELECT id FROM sessions WHERE account = $1 AND audience = $2 \
              ORDER BY id DESC LIMIT $3)",
        )
        .bind(account.number())
        .bind(Audience::PORTAL)
        .bind(i64::from(most))
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() > 0 {
            commit_change(tx).await?;
        }
        Ok(done.rows_affected())
    }

    /// Deletes the sessions whose end has come, or that nobody used since a moment. Says how many.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn delete_expired(
        &self,
        now: UnixTime,
        unused_since: UnixTime,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM sessions WHERE expires <= $1 OR last_seen <= $2")
            .bind(now.seconds())
            .bind(unused_since.seconds())
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}

fn read(row: &AnyRow) -> Result<SessionRow, StoreError> {
    let row = Reader { table: "sessions", row };
    let token: &[u8] = row.raw("token_hash")?;
    Ok(SessionRow {
        id: SessionId(row.raw("id")?),
        token: TokenHash(token.try_into().map_err(|_| row.corrupt("token_hash"))?),
        audience: row.parsed("audience", Audience::parse)?,
        parent: row.raw::<Option<i64>>("parent")?.map(SessionId),
        provider: row.unless_empty("provider", ProviderId::parse)?,
        second_factor: row.raw::<i64>("second_factor")? != 0,
        proved: Some(row.time("proved")?).filter(|at| at.seconds() > 0),
        reason: row.raw("reason")?,
        created: row.time("created")?,
        last_seen: row.time("last_seen")?,
        expires: row.time("expires")?,
        client: row.parsed("client", str::parse)?,
        user_agent: row.raw("user_agent")?,
        client_certificate: match row.raw::<Option<&[u8]>>("client_certificate")? {
            Some(hash) => {
                let bytes = hash.try_into().map_err(|_| row.corrupt("client_certificate"))?;
                Some(CertificateHash::from_bytes(bytes))
            }
            None => None,
        },
        account: AccountId::from_number(row.raw("account")?),
        user: row.parsed("name", UserName::parse)?,
        display_name: row.raw("display_name")?,
        email: row.raw("email")?,
        role: row.parsed("account_role", AccountRole::parse)?,
    })
}

#[cfg(test)]
mod tests;
