//! [`Watch`]: wakes when another process changed something.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::Store;
use crate::postgres::{CHANNEL, PostgresUrl};

/// How long it waits before it connects anew.
const RETRY: Duration = Duration::from_millis(500);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection is trusted on which nothing comes: it may be dead and not know it.
const RENEW: Duration = Duration::from_secs(300);

/// Wakes when a process changed something in a PostgreSQL store; see [`Store::watch`]. Whoever
/// keeps anything of the store looks at the counter of changes from time to time all the same.
#[derive(Debug)]
pub struct Watch {
    woken: Arc<Notify>,
    listening: Option<JoinHandle<()>>,
}

impl Store {
    /// Begins to listen for changes, until the watch is dropped. On SQLite nothing is heard.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let woken = Arc::new(Notify::new());
        let listening = self.postgres().map(|url| {
            let (url, woken) = (url.clone(), Arc::clone(&woken));
            tokio::spawn(async move { listen(&url, &woken).await })
        });
        Watch { woken, listening }
    }
}

impl Watch {
    /// Waits until something changed, perhaps by this process itself, or may have changed
    /// unheard. What happens between two calls is not missed, and wakes once.
    pub async fn changed(&self) {
        self.woken.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

/// Listens for ever. The database may go and come back meanwhile.
async fn listen(url: &PostgresUrl, woken: &Notify) {
    loop {
        // whoever looks at the store sees and says why it can't be reached
        let _ = listen_once(url, woken).await;
        tokio::time::sleep(RETRY).await;
    }
}

/// Listens as long as the connection holds.
async fn listen_once(url: &PostgresUrl, woken: &Notify) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT_TIMEOUT);
    let pool = pool.connect_lazy_with(url.listen_options()?);
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, async {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    });
    let Ok(connected) = connected.await else { return Ok(()) };
    let mut listener = connected?;
    // nothing was heard until now
    woken.notify_one();
    while let Ok(Some(_)) =
        tokio::time::timeout(RENEW, listener.try_recv()).await.unwrap_or(Ok(None))
    {
        woken.notify_one();
    }
    Ok(())
}
