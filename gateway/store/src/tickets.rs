//! What may be used once.

use std::fmt;

use sqlx::Row;

use crate::error::unavailable;
use crate::{Store, StoreError, UnixTime};

/// The tickets of a store; see [`Store::tickets`].
#[derive(Debug)]
pub struct Tickets<'s>(&'s Store);

/// The SHA-256 of a ticket's token, or of what may not come twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketKey([u8; 32]);

impl TicketKey {
    /// The key of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey(***)")
    }
}

impl Store {
    /// What may be used once.
    #[must_use]
    pub fn tickets(&self) -> Tickets<'_> {
        Tickets(self)
    }
}

impl Tickets<'_> {
    /// Keeps a ticket until it is used or its time is over. Says whether its key is new: of two
    /// that come at once, one is.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn put(
        &self,
        key: &TicketKey,
        purpose: &str,
        payload: &str,
        expires: UnixTime,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query(
            "INSERT INTO tickets (key_hash, purpose, payload, expires) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(key.0.as_slice())
        .bind(purpose)
        .bind(payload)
        .bind(expires.seconds())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        Ok(done.rows_affected() > 0)
    }

    /// Uses a ticket up: of several that try, one gets what it holds. None if there is no such
    /// ticket for this purpose, or its time is over.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn take(
        &self,
        key: &TicketKey,
        purpose: &str,
        now: UnixTime,
    ) -> Result<Option<String>, StoreError> {
        let mut tx = self.0.begin().await?;
        let row = sqlx::query(
            "DELETE FROM tickets WHERE key_hash = $1 AND purpose = $2 RETURNING payload, expires",
        )
        .bind(key.0.as_slice())
        .bind(purpose)
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        let Some(row) = row else { return Ok(None) };
        let corrupt = |_| StoreError::Corrupt { table: "tickets", column: "payload" };
        let expires: i64 = row.try_get("expires").map_err(corrupt)?;
        let payload: String = row.try_get("payload").map_err(corrupt)?;
        Ok((now < UnixTime::from_seconds(expires)).then_some(payload))
    }

    /// Whether a ticket is kept, which is left as it is.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn is_kept(&self, key: &TicketKey, purpose: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 AS one FROM tickets WHERE key_hash = $1 AND purpose = $2")
            .bind(key.0.as_slice())
            .bind(purpose)
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(row.is_some())
    }

    /// Deletes every ticket for a purpose.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn delete_all(&self, purpose: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM tickets WHERE purpose = $1")
            .bind(purpose)
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    /// Deletes the tickets whose time is over.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn delete_expired(&self, now: UnixTime) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM tickets WHERE expires <= $1")
            .bind(now.seconds())
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::on_both;

    on_both! {
        a_ticket_is_used_once_and_in_its_time,
        what_is_over_is_swept,
        a_purpose_is_over,
    }

    const NOW: UnixTime = UnixTime::from_seconds(1_000);
    const SOON: UnixTime = UnixTime::from_seconds(1_060);

    /// S20: a state, a nonce, a code: once.
    async fn a_ticket_is_used_once_and_in_its_time(store: Store) {
        let tickets = store.tickets();
        let key = TicketKey::from_bytes([1; 32]);
        assert!(tickets.put(&key, "entry", "jane", SOON).await.unwrap());
        assert!(!tickets.put(&key, "entry", "mia", SOON).await.unwrap(), "the first stays");
        assert!(tickets.is_kept(&key, "entry").await.unwrap());
        assert!(!tickets.is_kept(&key, "other").await.unwrap());
        assert_eq!(tickets.take(&key, "other", NOW).await.unwrap(), None);
        assert_eq!(tickets.take(&key, "entry", NOW).await.unwrap().as_deref(), Some("jane"));
        assert_eq!(tickets.take(&key, "entry", NOW).await.unwrap(), None);
        assert!(tickets.put(&key, "entry", "late", SOON).await.unwrap());
        assert_eq!(tickets.take(&key, "entry", SOON).await.unwrap(), None);
    }

    async fn what_is_over_is_swept(store: Store) {
        let tickets = store.tickets();
        for (number, expires) in [(1, NOW), (2, SOON)] {
            let key = TicketKey::from_bytes([number; 32]);
            tickets.put(&key, "entry", "", expires).await.unwrap();
        }
        tickets.delete_expired(NOW).await.unwrap();
        assert!(tickets.put(&TicketKey::from_bytes([1; 32]), "entry", "", SOON).await.unwrap());
        assert!(!tickets.put(&TicketKey::from_bytes([2; 32]), "entry", "", SOON).await.unwrap());
    }

    async fn a_purpose_is_over(store: Store) {
        let tickets = store.tickets();
        for (number, purpose) in [(1, "first"), (2, "first"), (3, "entry")] {
            tickets.put(&TicketKey::from_bytes([number; 32]), purpose, "x", SOON).await.unwrap();
        }
        tickets.delete_all("first").await.unwrap();
        for (number, purpose, is_there) in
            [(1, "first", false), (2, "first", false), (3, "entry", true)]
        {
            let key = TicketKey::from_bytes([number; 32]);
            let taken = tickets.take(&key, purpose, NOW).await.unwrap();
            assert_eq!(taken.is_some(), is_there, "{number}");
        }
    }
}
