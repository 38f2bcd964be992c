//! [`Clock`]: what time it is, or what a test says.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use vestibule_store::UnixTime;

/// Where the time comes from. Read on every request: it must be cheap.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time.
    fn now(&self) -> UnixTime;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(jiff::Timestamp::now().as_second())
    }
}

/// A clock that stands until it is moved. For tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at this moment.
    #[must_use]
    pub const fn at(time: UnixTime) -> Self {
        Self(AtomicI64::new(time.seconds()))
    }

    /// Sets the clock, also back.
    pub fn set(&self, time: UnixTime) {
        self.0.store(time.seconds(), Ordering::SeqCst);
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0.store(self.now().plus(by).seconds(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.0.load(Ordering::SeqCst))
    }
}
