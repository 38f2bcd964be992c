//! [`UnixTime`]: how every table writes a moment.

use std::fmt;
use std::time::Duration;

/// Whole seconds since 1970, UTC. The store reads no clock: callers say what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The moment so many seconds after 1970 began.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Reads a moment as RFC 3339 writes it, to the second.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Self(moment.as_second()))
    }

    /// Seconds since 1970 began.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This moment and a while.
    #[must_use]
    pub fn plus(self, while_: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(while_.as_secs()).unwrap_or(i64::MAX)))
    }

    /// The time since an earlier moment; zero if that lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// As RFC 3339 writes it: `2026-11-22T02:07:21Z`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} s", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_never_wraps() {
        let late = UnixTime::from_seconds(i64::MAX);
        assert_eq!(late.plus(Duration::from_secs(1)), late);
        assert_eq!(UnixTime::from_seconds(5).since(UnixTime::from_seconds(9)), Duration::ZERO);
        assert_eq!(UnixTime::from_seconds(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(UnixTime::parse("1970-01-01T01:00:00+01:00").unwrap().seconds(), 0);
        assert!(UnixTime::parse("tomorrow").is_err());
    }
}
