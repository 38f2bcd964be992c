//! The keys that sign assertions, shared by every gateway on one store.

use std::fmt;

use sqlx::any::AnyRow;

use crate::error::unavailable;
use crate::row::Reader;
use crate::{Store, StoreError, UnixTime};

/// The signing keys of a store; see [`Store::signing_keys`].
#[derive(Debug)]
pub struct SigningKeys<'s>(&'s Store);

/// A signing key as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Its public name.
    pub kid: String,
    /// The public half.
    pub public_key: [u8; 32],
    /// The private half, encrypted; this crate can't read it.
    pub sealed: Vec<u8>,
    /// Since when it is published.
    pub created: UnixTime,
    /// Since when it signs.
    pub signs_from: UnixTime,
}

impl fmt::Debug for SigningKeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeyRow")
            .field("kid", &self.kid)
            .field("created", &self.created)
            .field("signs_from", &self.signs_from)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// The keys that sign assertions.
    #[must_use]
    pub fn signing_keys(&self) -> SigningKeys<'_> {
        SigningKeys(self)
    }
}

impl SigningKeys<'_> {
    /// All of them, the one that signs last at the end.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn all(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM signing_keys ORDER BY signs_from, kid")
            .fetch_all(&self.0.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(read).collect()
    }

    /// Keeps a key, if no other was made since its maker looked: `newest` is the latest beginning
    /// that was known then. Of several gateways that rotate at once, one does.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn add(
        &self,
        key: &SigningKeyRow,
        newest: Option<UnixTime>,
    ) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        sqlx::query(
            "INSERT INTO signing_keys (kid, public_key, sealed, created, signs_from) \
             SELECT $1, $2, $3, $4, $5 \
             WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE signs_from > $6)",
        )
        .bind(&key.kid)
        .bind(key.public_key.as_slice())
        .bind(key.sealed.as_slice())
        .bind(key.created.seconds())
        .bind(key.signs_from.seconds())
        .bind(newest.map_or(i64::MIN, UnixTime::seconds))
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    /// Deletes a key that nothing needs any more.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn delete(&self, kid: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM signing_keys WHERE kid = $1")
            .bind(kid)
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

fn read(row: &AnyRow) -> Result<SigningKeyRow, StoreError> {
    let row = Reader { table: "signing_keys", row };
    let public_key: &[u8] = row.raw("public_key")?;
    let sealed: &[u8] = row.raw("sealed")?;
    Ok(SigningKeyRow {
        kid: row.raw("kid")?,
        public_key: public_key.try_into().map_err(|_| row.corrupt("public_key"))?,
        sealed: sealed.to_vec(),
        created: row.time("created")?,
        signs_from: row.time("signs_from")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::on_both;

    on_both! {
        of_two_that_rotate_at_once_one_does,
    }

    fn key(kid: &str, signs_from: i64) -> SigningKeyRow {
        SigningKeyRow {
            kid: kid.to_owned(),
            public_key: [7; 32],
            sealed: vec![1, 2, 3],
            created: UnixTime::from_seconds(0),
            signs_from: UnixTime::from_seconds(signs_from),
        }
    }

    async fn of_two_that_rotate_at_once_one_does(store: Store) {
        let keys = store.signing_keys();
        keys.add(&key("a", 10), None).await.unwrap();
        keys.add(&key("b", 10), None).await.unwrap();
        assert_eq!(keys.all().await.unwrap(), [key("a", 10)]);
        let known = Some(UnixTime::from_seconds(10));
        keys.add(&key("c", 20), known).await.unwrap();
        keys.add(&key("d", 20), known).await.unwrap();
        assert_eq!(keys.all().await.unwrap(), [key("a", 10), key("c", 20)]);
        keys.delete("a").await.unwrap();
        assert_eq!(keys.all().await.unwrap(), [key("c", 20)]);
    }

    #[test]
    fn the_sealed_key_is_not_shown() {
        assert!(!format!("{:?}", key("a", 10)).contains("sealed"));
    }
}
