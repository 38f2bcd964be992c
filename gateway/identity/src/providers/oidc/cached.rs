//! What a provider says of itself, remembered: read by one at a time, and not too often.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vestibule_store::UnixTime;

use crate::clock::Clock;

/// For how long what was read is good without asking again.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// For how long what was read is better than nothing, when asking again fails.
const USABLE: Duration = Duration::from_secs(60 * 60);

/// How often at most is asked again because something was not in it (requirement S24).
const PAUSE_UNKNOWN: Duration = Duration::from_secs(30);

/// How often at most is asked for what is not there, or no longer fresh.
const PAUSE_STALE: Duration = Duration::from_secs(5);

/// Why to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// What is known is not fresh, or nothing is.
    Stale,
    /// Something should be in it that is not: anybody can bring that about.
    Unknown,
}

/// Something that is read from a provider and kept.
#[derive(Debug)]
pub(super) struct Cached<T> {
    /// Held by whoever is reading; the others wait for what comes of it.
    turn: tokio::sync::Mutex<()>,
    known: Mutex<Known<T>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Known<T> {
    value: Option<(Arc<T>, UnixTime)>,
    /// When it was last asked for, by reason and with whatever success.
    tried_stale: Option<UnixTime>,
    tried_unknown: Option<UnixTime>,
}

impl<T: Send + Sync + 'static> Cached<T> {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let known = Known { value: None, tried_stale: None, tried_unknown: None };
        Self { turn: tokio::sync::Mutex::new(()), known: Mutex::new(known), clock }
    }

    /// What was read, if it is still fresh.
    pub(super) fn fresh(&self) -> Option<Arc<T>> {
        self.younger_than(FRESH)
    }

    /// What was read, fresh or good enough.
    pub(super) fn usable(&self) -> Option<Arc<T>> {
        self.younger_than(USABLE)
    }

    /// Reads it anew; not if somebody did while this one waited, or a moment ago.
    ///
    /// INVARIANT: the try is written down before it is made, so that neither a provider that
    /// fails nor a caller that goes away makes tries more frequent.
    pub(super) async fn renew<E, F>(&self, reason: Reason, read: F) -> Result<(), E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let _turn = self.turn.lock().await;
        if !self.may_try(reason) {
            return Ok(());
        }
        let value = Arc::new(read.await?);
        self.lock().value = Some((value, self.clock.now()));
        Ok(())
    }

    /// Whether it may be asked for now; if so, that is written down.
    fn may_try(&self, reason: Reason) -> bool {
        if reason == Reason::Stale && self.fresh().is_some() {
            return false;
        }
        let now = self.clock.now();
        let mut known = self.lock();
        let (tried, pause) = match reason {
            Reason::Stale => (&mut known.tried_stale, PAUSE_STALE),
            Reason::Unknown => (&mut known.tried_unknown, PAUSE_UNKNOWN),
        };
        // a clock that was set back must not stop everything
        let may = tried.is_none_or(|tried| now < tried || now >= tried.plus(pause));
        if may {
            *tried = Some(now);
        }
        may
    }

    fn younger_than(&self, age: Duration) -> Option<Arc<T>> {
        let now = self.clock.now();
        let known = self.lock();
        let (value, at) = known.value.as_ref()?;
        (now < at.plus(age)).then(|| Arc::clone(value))
    }

    fn lock(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::clock::ManualClock;

    struct Fixture {
        clock: Arc<ManualClock>,
        cached: Cached<usize>,
        reads: AtomicUsize,
    }

    impl Fixture {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(1000)));
            let cached = Cached::new(Arc::clone(&clock) as Arc<dyn Clock>);
            Self { clock, cached, reads: AtomicUsize::new(0) }
        }

        async fn renew(&self, reason: Reason, answer: Result<(), ()>) -> Result<(), ()> {
            let read = async {
                tokio::task::yield_now().await;
                let count = self.reads.fetch_add(1, Ordering::SeqCst);
                answer.map(|()| count)
            };
            self.cached.renew(reason, read).await
        }

        fn reads(&self) -> usize {
            self.reads.load(Ordering::SeqCst)
        }
    }

    /// S24.
    #[tokio::test]
    async fn many_that_miss_something_ask_once() {
        let fixture = Fixture::new();
        let ask = || fixture.renew(Reason::Unknown, Ok(()));
        let _ = tokio::join!(ask(), ask(), ask(), ask());
        assert_eq!(fixture.reads(), 1);
        fixture.clock.advance(Duration::from_secs(29));
        ask().await.unwrap();
        assert_eq!(fixture.reads(), 1);
        fixture.clock.advance(Duration::from_secs(1));
        ask().await.unwrap();
        assert_eq!(fixture.reads(), 2);
    }

    /// S24: the pause holds when the answer is an error, too.
    #[tokio::test]
    async fn many_that_miss_something_ask_once_of_a_provider_that_fails() {
        let fixture = Fixture::new();
        let ask = || fixture.renew(Reason::Unknown, Err(()));
        let _ = tokio::join!(ask(), ask(), ask(), ask());
        let _ = ask().await;
        assert_eq!(fixture.reads(), 1);
    }

    /// S24: nor does a caller that goes away while it reads.
    #[tokio::test]
    async fn a_caller_that_goes_away_makes_tries_no_more_frequent() {
        let fixture = Fixture::new();
        {
            let mut reading = Box::pin(fixture.cached.renew(Reason::Unknown, async {
                std::future::pending::<Result<usize, ()>>().await
            }));
            let waker = std::task::Waker::noop();
            let mut context = std::task::Context::from_waker(waker);
            assert!(reading.as_mut().poll(&mut context).is_pending());
        }
        fixture.renew(Reason::Unknown, Ok(())).await.unwrap();
        assert_eq!(fixture.reads(), 0);
    }

    #[tokio::test]
    async fn what_was_read_is_good_for_a_while_and_better_than_nothing_for_an_hour() {
        let fixture = Fixture::new();
        fixture.renew(Reason::Stale, Ok(())).await.unwrap();
        fixture.renew(Reason::Stale, Ok(())).await.unwrap();
        assert_eq!((fixture.reads(), fixture.cached.fresh().as_deref()), (1, Some(&0)));
        fixture.clock.advance(FRESH);
        assert_eq!(fixture.cached.fresh(), None);
        fixture.renew(Reason::Stale, Err(())).await.unwrap_err();
        assert_eq!(fixture.cached.usable().as_deref(), Some(&0));
        fixture.clock.advance(USABLE);
        assert_eq!(fixture.cached.usable(), None);
    }
}
