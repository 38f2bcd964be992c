//! What a session that began at an OpenID provider needs of it later.

use sqlx::any::AnyRow;
use vestibule_schema::ProviderId;

use crate::error::unavailable;
use crate::row::Reader;
use crate::{AccountId, SessionId, Store, StoreError, Subject, UnixTime};

/// The provider sessions of a store; see [`Store::provider_sessions`].
#[derive(Debug)]
pub struct ProviderSessions<'s>(&'s Store);

/// What is kept beside a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSession {
    /// The session.
    pub session: SessionId,
    /// The provider.
    pub provider: ProviderId,
    /// Who they are there.
    pub subject: Subject,
    /// The session there, by which it may be ended; none if the provider gave no name.
    pub name: Option<String>,
    /// The tokens, sealed.
    pub sealed: Vec<u8>,
    /// When they were last renewed.
    pub renewed: UnixTime,
}

impl Store {
    /// What sessions that began at a provider need of it later.
    #[must_use]
    pub fn provider_sessions(&self) -> ProviderSessions<'_> {
        ProviderSessions(self)
    }
}

impl ProviderSessions<'_> {
    /// Keeps what a session needs, in place of what was kept; the lease is over by it. Nothing is
    /// kept of a session that has ended.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn put(&self, kept: &ProviderSession) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO provider_sessions \
             (session, provider, issuer, subject, provider_session, sealed, renewed) \
             SELECT id, $1, $2, $3, $4, $5, $6 FROM sessions WHERE id = $7 \
             ON CONFLICT (session) DO UPDATE SET provider_session = excluded.provider_session, \
             sealed = excluded.sealed, renewed = excluded.renewed, lease = 0",
        )
        .bind(kept.provider.as_str())
        .bind(&kept.subject.issuer)
        .bind(&kept.subject.id)
        .bind(kept.name.as_deref().unwrap_or_default())
        .bind(kept.sealed.as_slice())
        .bind(kept.renewed.seconds())
        .bind(kept.session.number())
        .execute(&self.0.pool)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    /// What is kept beside a session.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn find(&self, session: SessionId) -> Result<Option<ProviderSession>, StoreError> {
        let row = sqlx::query("SELECT * FROM provider_sessions WHERE session = $1")
            .bind(session.number())
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(read).transpose()
    }

    /// The sessions here of somebody at a provider, or of one session there, or both.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn born_of(
        &self,
        issuer: &str,
        subject: Option<&str>,
        name: Option<&str>,
    ) -> Result<Vec<(AccountId, SessionId)>, StoreError> {
        let rows = sqlx::query(
            "SELECT sessions.account, sessions.id FROM provider_sessions \
             JOIN sessions ON sessions.id = provider_sessions.session \
             WHERE provider_sessions.issuer = $1 \
             AND ($2 = '' OR provider_sessions.subject = $2) \
             AND ($3 = '' OR provider_sessions.provider_session = $3) \
             AND ($2 <> '' OR $3 <> '')",
        )
        .bind(issuer)
        .bind(subject.unwrap_or_default())
        .bind(name.unwrap_or_default())
        .fetch_all(&self.0.pool)
        .await
        .map_err(unavailable)?;
        let read = |row: &AnyRow| {
            let row = Reader { table: "sessions", row };
            let session = SessionId::from_number(row.raw("id")?);
            Ok((AccountId::from_number(row.raw("account")?), session))
        };
        rows.iter().map(read).collect()
    }

    /// Sessions of a provider whose tokens are due: at most so many, last those that were tried
    /// in vain; without those that somebody renews right now.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn due(
        &self,
        provider: &ProviderId,
        (before, now): (UnixTime, UnixTime),
        most: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = sqlx::query(
            "SELECT session FROM provider_sessions \
             WHERE provider = $1 AND renewed <= $2 AND lease <= $3 \
             ORDER BY lease, renewed, session LIMIT $4",
        )
        .bind(provider.as_str())
        .bind(before.seconds())
        .bind(now.seconds())
        .bind(i64::from(most))
        .fetch_all(&self.0.pool)
        .await
        .map_err(unavailable)?;
        let read = |row: &AnyRow| {
            let row = Reader { table: "provider_sessions", row };
            Ok(SessionId::from_number(row.raw("session")?))
        };
        rows.iter().map(read).collect()
    }

    /// Takes the lease of a session's tokens until a moment: of several nodes that try, one gets
    /// it (requirement S26).
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn lease(
        &self,
        session: SessionId,
        now: UnixTime,
        until: UnixTime,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE provider_sessions SET lease = $1 WHERE session = $2 AND lease <= $3",
        )
        .bind(until.seconds())
        .bind(session.number())
        .bind(now.seconds())
        .execute(&self.0.pool)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() > 0)
    }
}

fn read(row: &AnyRow) -> Result<ProviderSession, StoreError> {
    let row = Reader { table: "provider_sessions", row };
    let sealed: &[u8] = row.raw("sealed")?;
    let name: String = row.raw("provider_session")?;
    Ok(ProviderSession {
        session: SessionId::from_number(row.raw("session")?),
        provider: row.parsed("provider", ProviderId::parse)?,
        subject: Subject { issuer: row.raw("issuer")?, id: row.raw("subject")? },
        name: Some(name).filter(|name| !name.is_empty()),
        sealed: sealed.to_vec(),
        renewed: row.time("renewed")?,
    })
}

#[cfg(test)]
mod tests;
