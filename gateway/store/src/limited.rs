//! A pool whose statements end in time, however long the database takes: one that hangs, or a
//! network that swallows everything, must not hold a request.

use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, Either, Error, Execute, Executor, SqlStr};

use crate::transaction::{Patience, Tx};

/// How long a statement may take. The database's own limit is shorter and tells more.
pub(crate) const STATEMENT_LIMIT: Duration = Duration::from_secs(7);

/// PostgreSQL's word that a statement can't go on as it was prepared: another gateway, of a later
/// version, gave the table a column.
const PLAN_CHANGED: &str = "0A000";

/// Connections, each used for one statement or one transaction.
#[derive(Debug, Clone)]
pub(crate) struct Pool(AnyPool);

impl Pool {
    pub(crate) const fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    /// Begins a transaction with these statements.
    pub(crate) async fn begin(&self, with: Begin) -> Result<Tx, Error> {
        let Some(lock) = with.lock else {
            return Ok(Tx::new(self.0.begin_with(with.begin).await?, Patience::TheDatabases));
        };
        within(async {
            let mut tx = self.0.begin_with(with.begin).await?;
            tx.execute(lock).await?;
            Ok(Tx::new(tx, Patience::Limited))
        })
        .await
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) begin: &'static str,
    /// What takes the write lock, where beginning does not.
    pub(crate) lock: Option<&'static str>,
}

type Step = Either<AnyQueryResult, AnyRow>;

impl<'p> Executor<'p> for &Pool {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let pool = self.0.clone();
        let all = async move {
            let mut connection = pool.acquire().await?;
            let rows = within((&mut *connection).fetch_many(query).try_collect::<Vec<_>>()).await;
            part_if_broken(&mut connection, rows)
        };
        stream::once(all)
            .map_ok(|steps| stream::iter(steps.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let pool = self.0.clone();
        Box::pin(async move {
            let mut connection = pool.acquire().await?;
            let row = within((&mut *connection).fetch_optional(query)).await;
            part_if_broken(&mut connection, row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'p: 'e,
    {
        let pool = self.0.clone();
        Box::pin(async move { within(pool.prepare_with(sql, parameters)).await })
    }
}

/// What comes in time, or an error.
pub(crate) async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(STATEMENT_LIMIT, work).await.unwrap_or_else(|_| {
        let seconds = STATEMENT_LIMIT.as_secs();
        let message = format!("the database has not answered for {seconds} s");
        Err(Error::Io(io::Error::new(io::ErrorKind::TimedOut, message)))
    })
}

/// Parts with a connection that is of no more use.
fn part_if_broken<T>(
    connection: &mut PoolConnection<Any>,
    result: Result<T, Error>,
) -> Result<T, Error> {
    if let Err(error) = &result {
        let code = error.as_database_error().and_then(|error| error.code());
        if matches!(error, Error::Io(_)) || code.as_deref() == Some(PLAN_CHANGED) {
            connection.close_on_drop();
        }
    }
    result
}
