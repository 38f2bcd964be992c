//! App passwords that were good a moment ago, and wrong ones that were counted.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ring::hmac;
use vestibule_schema::SiteId;
use vestibule_store::{Key, TokenHash, UnixTime};

use crate::SignedIn;
use crate::sessions::cache::BeforeRead;

/// How long one is believed without asking the store again.
const BELIEVED: Duration = Duration::from_secs(60);
/// How long the same wrong one is not counted again: a program that was not told of the new one
/// guesses nothing.
const NOT_AGAIN: Duration = Duration::from_secs(3600);
/// App passwords remembered, and wrong ones.
const CAPACITY: usize = 16_384;

/// One that was good when the store was asked.
#[derive(Debug, Clone)]
pub(crate) struct Good {
    pub(crate) who: Arc<SignedIn>,
    /// The folded name that goes with it.
    pub(crate) name: Arc<str>,
    /// At which site it is good; none: at all.
    pub(crate) site: Option<SiteId>,
    /// From where it was shown: from elsewhere it is asked for anew, so that this is written down.
    pub(crate) client: IpAddr,
    /// When the store said so.
    pub(crate) read: UnixTime,
}

/// A wrong one, with the name that it was shown with.
#[derive(Debug, Clone, Copy)]
struct Guess {
    at: UnixTime,
    /// The count of ends at which the store knew none such, whoever asks and where; none if it may
    /// be right elsewhere or soon.
    nobodys: Option<BeforeRead>,
}

/// Bounded maps by the keyed hash.
// INVARIANT: what is good here is of one count of ends (`SessionCache`), as with share links:
// whatever ends an app password, an account or a group moves the count after the store knows.
pub(crate) struct AppPasswordCache {
    key: hmac::Key,
    good: RwLock<HashMap<TokenHash, (BeforeRead, Good)>>,
    wrong: Mutex<HashMap<TokenHash, Guess>>,
}

impl fmt::Debug for AppPasswordCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppPasswordCache")
    }
}

impl AppPasswordCache {
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.bytes()),
            good: RwLock::default(),
            wrong: Mutex::default(),
        }
    }

    /// The keyed hash under which one is kept.
    pub(crate) fn hash(&self, canonical: &crate::Secret<String>) -> TokenHash {
        let mut bytes = [0; 32];
        let tag = hmac::sign(&self.key, canonical.expose().as_bytes());
        bytes.copy_from_slice(tag.as_ref());
        TokenHash::from_bytes(bytes)
    }

    /// One that was good, if nothing ended since and that was not long ago.
    pub(crate) fn find(&self, hash: &TokenHash, at: (BeforeRead, UnixTime)) -> Option<Good> {
        let good = self.good.read().unwrap_or_else(PoisonError::into_inner);
        let (of, found) = good.get(hash)?;
        (*of == at.0 && at.1 <= found.read.plus(BELIEVED)).then(|| found.clone())
    }

    /// Keeps one that is good.
    pub(crate) fn fill(&self, hash: TokenHash, good: Good, before: BeforeRead) {
        let mut map = self.good.write().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= CAPACITY {
            map.retain(|_, (of, kept)| *of == before && kept.read.plus(BELIEVED) >= good.read);
        }
        if map.len() >= CAPACITY {
            map.clear();
        }
        map.insert(hash, (before, good));
    }

    /// Whether the store knew none such a while ago, and nothing has changed since: it need not be
    /// asked again.
    pub(crate) fn is_nobodys(&self, guess: &TokenHash, (of, now): (BeforeRead, UnixTime)) -> bool {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let known = wrong.get(guess).filter(|known| now < known.at.plus(NOT_AGAIN));
        known.is_some_and(|known| known.nobodys == Some(of))
    }

    /// Notes a wrong one, and at which count of ends it was nobody's. Says whether it is news: the
    /// same one again is no further guess.
    pub(crate) fn is_new_guess(
        &self,
        hash: TokenHash,
        nobodys: Option<BeforeRead>,
        now: UnixTime,
    ) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= CAPACITY {
            wrong.retain(|_, guess| now < guess.at.plus(NOT_AGAIN));
        }
        if wrong.len() >= CAPACITY {
            wrong.clear();
        }
        let before = wrong.insert(hash, Guess { at: now, nobodys });
        before.is_none_or(|before| now >= before.at.plus(NOT_AGAIN))
    }
}
