//! [`Tx`]: a transaction each of whose steps ends in time, its commit included.

use std::ops::{Deref, DerefMut};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{Any, Either, Error, Execute, Executor, SqlStr, Transaction};

use crate::limited::within;

/// A transaction. Dropped, it is rolled back; and so it is when a step was given up.
#[derive(Debug)]
pub(crate) struct Tx(Steps);

/// What runs the statements of a transaction.
#[derive(Debug)]
pub(crate) struct Steps {
    tx: Transaction<'static, Any>,
    patience: Patience,
}

/// How long a step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as the database lets it: SQLite waits for so long and no longer, and must not be
    /// given up half-way.
    TheDatabases,
    /// [`crate::limited::STATEMENT_LIMIT`]: the machine or the network may be gone.
    Limited,
}

impl Patience {
    async fn of<T>(self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match self {
            Self::TheDatabases => work.await,
            Self::Limited => within(work).await,
        }
    }
}

impl Tx {
    pub(crate) const fn new(tx: Transaction<'static, Any>, patience: Patience) -> Self {
        Self(Steps { tx, patience })
    }

    /// Whether others can be told of a change by the database itself.
    pub(crate) const fn tells_others(&self) -> bool {
        matches!(self.0.patience, Patience::Limited)
    }

    /// Whoever is told of an error does not know whether it is done.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.0.patience.of(self.0.tx.commit()).await
    }

    pub(crate) async fn rollback(self) -> Result<(), Error> {
        self.0.patience.of(self.0.tx.rollback()).await
    }
}

impl Deref for Tx {
    type Target = Steps;

    fn deref(&self) -> &Steps {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Steps {
        &mut self.0
    }
}

type Step = Either<AnyQueryResult, AnyRow>;

impl<'c> Executor<'c> for &'c mut Steps {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let all = async move {
            self.patience.of((&mut *self.tx).fetch_many(query).try_collect::<Vec<_>>()).await
        };
        stream::once(all)
            .map_ok(|steps| stream::iter(steps.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move { self.patience.of((&mut *self.tx).fetch_optional(query)).await })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'c: 'e,
    {
        Box::pin(
            async move { self.patience.of((&mut *self.tx).prepare_with(sql, parameters)).await },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vestibule_schema::{AccountRole, UserName};
    use vestibule_tests::{Postgres, eventually};

    use crate::{NewAccount, PostgresUrl, Store, UnixTime};

    /// When a test gives up.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A database that hangs within a transaction holds nobody for ever, and leaves nothing behind.
    #[tokio::test]
    async fn a_transaction_ends_when_the_database_hangs() {
        let server = Postgres::start().await;
        let url = PostgresUrl::parse(&server.database()).unwrap();
        let store = Store::open_postgres(&url).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        sqlx::query("SELECT 1").fetch_one(&mut *tx).await.unwrap();
        server.freeze();
        let asked = async {
            assert!(sqlx::query("SELECT 1").fetch_one(&mut *tx).await.is_err());
            assert!(tx.commit().await.is_err());
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("an end");
        server.thaw();
        let jane = NewAccount::new(UserName::parse("jane").unwrap(), AccountRole::default());
        let now = UnixTime::from_seconds(1_000);
        let added = async || store.accounts().add(jane.clone(), now).await.ok();
        eventually(PATIENCE, "the store answers again", added).await;
    }
}
