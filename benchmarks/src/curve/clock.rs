//! Two clocks: the time that passed, and the processor time of this thread.

use std::fs;
use std::time::{Duration, Instant};

/// What some work took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Took {
    pub(super) wall: Duration,
    /// Of the calling thread alone.
    pub(super) processor: Duration,
}

impl Took {
    /// Nanoseconds that passed for each of so many.
    pub(super) fn wall_each(self, count: u32) -> f64 {
        self.wall.as_secs_f64() * 1e9 / f64::from(count.max(1))
    }

    /// Nanoseconds of the processor for each of so many.
    pub(super) fn processor_each(self, count: u32) -> f64 {
        self.processor.as_secs_f64() * 1e9 / f64::from(count.max(1))
    }
}

/// Does some work under both clocks.
pub(super) fn time<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let before = on_processor();
    let started = Instant::now();
    let done = work();
    let wall = started.elapsed();
    let processor = on_processor().saturating_sub(before);
    (done, Took { wall, processor })
}

/// The processor time of this thread so far, as the scheduler accounts it: in nanoseconds, but
/// brought up to date only when the thread gives way.
fn on_processor() -> Duration {
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_run() {
        let mut sum = 0_u64;
        let (_, took) = time(|| {
            let started = Instant::now();
            while started.elapsed() < Duration::from_millis(5) {
                sum = std::hint::black_box(sum + 1);
            }
        });
        assert!(took.wall >= Duration::from_millis(5), "{took:?}");
        // other processes may have had their share, but not all of it
        assert!(took.processor > Duration::ZERO && took.processor <= took.wall * 2, "{took:?}");
        assert!(took.wall_each(1000) >= 5_000.0, "{took:?}");
    }
}
