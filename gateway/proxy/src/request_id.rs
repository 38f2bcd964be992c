//! [`RequestId`]: 128 bits that name one request in logs and headers.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// Names one request. Unique, not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u128);

/// Random numbers of this process: the upper half of every id, and what the lower is mixed with.
static PROCESS: LazyLock<(u64, u64)> = LazyLock::new(|| {
    let random = || RandomState::new().build_hasher().finish();
    (random(), random())
});

impl RequestId {
    /// One that no other request has.
    #[must_use]
    pub fn fresh() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (upper, key) = *PROCESS;
        let lower = mix(COUNT.fetch_add(1, Ordering::Relaxed) ^ key);
        Self(u128::from(upper) << 64 | u128::from(lower))
    }

    /// The value of the header `X-Request-Id`.
    pub(crate) fn header_value(self) -> HeaderValue {
        let text = self.text();
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }

    fn text(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        std::array::from_fn(|index| {
            let nibble = (self.0 >> (124 - 4 * index)) & 0xf;
            DIGITS.get(usize::try_from(nibble).unwrap_or_default()).copied().unwrap_or(b'0')
        })
    }
}

/// A permutation of 64 bits (the last step of `SplitMix64`), so that neighbours look unlike.
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_written_the_same_everywhere() {
        let ids: HashSet<RequestId> = (0..10_000).map(|_| RequestId::fresh()).collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids.into_iter().take(100) {
            assert_eq!(id.header_value().to_str().unwrap(), id.to_string());
        }
        assert_eq!(RequestId(0xa).text(), *b"0000000000000000000000000000000a");
    }
}
