//! [`Line`]: a client's connection that can be cut from outside, also while nothing moves on it.
//!
//! pingora gives a say in every piece of an answer, but none while it waits for the next one, and
//! none while a client does not take the last. So the serving of the connection itself is let go
//! of: with it go the connection and that to the gallery server. What was being sent stays
//! incomplete, and looks so: a body in chunks lacks its last, any other is short.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::protocols::Stream;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use tokio::sync::Notify;

use crate::server::ShownCertificate;
use crate::service::Enforcement;

/// Nothing runs on the connection that anybody may cut.
const IDLE: u64 = 0;
/// The connection is being cut.
const CUT: u64 = u64::MAX;

tokio::task_local! {
    /// The connection that this task serves.
    static LINE: Arc<Line>;
}

/// The gateway on connections that can be cut.
pub(crate) struct Lines(pub(crate) Arc<HttpProxy<Enforcement>>);

#[async_trait]
impl ServerApp for Lines {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        self.serve(stream, shutdown, None).await
    }

    async fn cleanup(&self) {
        self.0.cleanup().await;
    }
}

impl Lines {
    /// Serves a connection on which the client showed a certificate, or none although it was asked.
    pub(crate) async fn serve(
        &self,
        stream: Stream,
        shutdown: &ShutdownWatch,
        shown: Option<ShownCertificate>,
    ) -> Option<Stream> {
        let server_name = stream.get_ssl().and_then(|tls| tls.server_name()).map(Arc::from);
        let line = Arc::new(Line { shown, server_name, ..Line::default() });
        tokio::select! {
            reused = LINE.scope(Arc::clone(&line), self.0.process_new(stream, shutdown)) => reused,
            () = line.cut.notified() => None,
        }
    }
}

/// Whether what the client of this task's connection showed is still good: a connection goes on for
/// as long as requests come, and certificates end.
pub(crate) fn shows_a_good_certificate() -> bool {
    LINE.try_with(|line| line.shown.as_ref().is_none_or(ShownCertificate::is_good)).unwrap_or(true)
}

/// The host that this task's connection was made for, as a TLS client names it (SNI); none if it
/// names none, as for an address.
pub(crate) fn server_name() -> Option<Arc<str>> {
    LINE.try_with(|line| line.server_name.clone()).ok().flatten()
}

/// A client's connection that can be cut.
#[derive(Debug, Default)]
struct Line {
    /// [`IDLE`], [`CUT`], or the number of the exchange that runs.
    running: AtomicU64,
    /// How many exchanges were watched.
    count: AtomicU64,
    cut: Notify,
    /// What the client showed, where it is asked for a certificate.
    shown: Option<ShownCertificate>,
    /// The host that it was made for.
    server_name: Option<Arc<str>>,
}

/// An exchange's hold of its connection. Requests follow each other on a connection, perhaps of
/// several people behind one proxy: when the exchange is over, this cuts nothing any more.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    line: Arc<Line>,
    exchange: u64,
}

impl Hold {
    /// A hold of the connection that this task serves; none if it can't be cut.
    pub(crate) fn of_this_task() -> Option<Self> {
        Self::of(LINE.try_with(Arc::clone).ok()?)
    }

    fn of(line: Arc<Line>) -> Option<Self> {
        let exchange = line.count.fetch_add(1, Ordering::Relaxed) + 1;
        let free =
            line.running.compare_exchange(IDLE, exchange, Ordering::SeqCst, Ordering::SeqCst);
        free.is_ok().then_some(Self { line, exchange })
    }

    /// Cuts the connection, if the exchange still runs. Says whether it did.
    pub(crate) fn cut(&self) -> bool {
        let is_cut = self.leave_as(CUT);
        if is_cut {
            self.line.cut.notify_one();
        }
        is_cut
    }

    /// Whether the connection was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.line.running.load(Ordering::SeqCst) == CUT
    }

    /// The exchange is over.
    pub(crate) fn release(&self) {
        self.leave_as(IDLE);
    }

    fn leave_as(&self, state: u64) -> bool {
        let running = &self.line.running;
        running.compare_exchange(self.exchange, state, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn what_waits_is_let_go_of() {
        let line = Arc::new(Line::default());
        let hold = LINE.scope(Arc::clone(&line), async { Hold::of_this_task() }).await.unwrap();
        assert!(Hold::of_this_task().is_none(), "outside of any connection");
        assert!(Hold::of(Arc::clone(&line)).is_none(), "one exchange at a time");
        assert!(hold.cut() && hold.is_cut() && !hold.cut());
        tokio::select! {
            () = pending() => {}
            () = line.cut.notified() => {}
        }
        assert!(Hold::of(line).is_none(), "nothing begins on it any more");
    }

    #[test]
    fn an_exchange_that_is_over_cuts_nothing() {
        let line = Arc::new(Line::default());
        let before = Hold::of(Arc::clone(&line)).unwrap();
        before.release();
        let next = Hold::of(line).unwrap();
        assert!(!before.cut() && !next.is_cut());
        assert!(next.cut());
    }
}
