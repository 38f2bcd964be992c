//! What openers of share links opened, as the store said since anything last ended.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use vestibule_policies::principal::Share;
use vestibule_store::{AccountId, Opener, TokenHash, UnixTime};

use crate::sessions::cache::BeforeRead;

/// Openers remembered, of each kind. Most accounts opened nothing, which is remembered too.
const CAPACITY: usize = 16_384;

/// A share that somebody opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) share: Arc<Share>,
    pub(crate) expires: Option<UnixTime>,
}

impl Opened {
    /// Whether its time is not over.
    pub(crate) fn is_current(&self, now: UnixTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// What one opener opened.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) opened: Arc<[Opened]>,
    /// When the store said so.
    pub(crate) read: UnixTime,
}

/// Bounded maps of openings.
// INVARIANT: an opening is of one count of ends (`SessionCache`): whatever ends a session, an
// account or a share moves the count after the store knows, and with it everything here is
// forgotten. What was read before the move is kept under the count from before the read.
#[derive(Debug, Default)]
pub(crate) struct ShareCache {
    browsers: RwLock<HashMap<TokenHash, (BeforeRead, Opening)>>,
    accounts: RwLock<HashMap<AccountId, (BeforeRead, Opening)>>,
}

impl ShareCache {
    /// What an opener opened, if nothing ended since it was read.
    pub(crate) fn find(&self, opener: &Opener, now: BeforeRead) -> Option<Opening> {
        let found = match opener {
            Opener::Browser(token) => read(&self.browsers).get(token).cloned(),
            Opener::Account(account) => read(&self.accounts).get(account).cloned(),
        };
        found.filter(|(of, _)| *of == now).map(|(_, opening)| opening)
    }

    /// Keeps what was read. A browser that opened nothing is not worth a place: whoever makes
    /// tokens up shall not fill the memory with them.
    pub(crate) fn fill(&self, opener: Opener, opening: Opening, before: BeforeRead) {
        match opener {
            Opener::Browser(_) if opening.opened.is_empty() => {}
            Opener::Browser(token) => keep(&self.browsers, token, (before, opening)),
            Opener::Account(account) => keep(&self.accounts, account, (before, opening)),
        }
    }

    /// Forgets what is known of an opener, who has just opened something more.
    pub(crate) fn forget(&self, opener: &Opener) {
        match opener {
            Opener::Browser(token) => _ = write(&self.browsers).remove(token),
            Opener::Account(account) => _ = write(&self.accounts).remove(account),
        }
    }
}

fn keep<K: std::hash::Hash + Eq>(
    map: &RwLock<HashMap<K, (BeforeRead, Opening)>>,
    key: K,
    entry: (BeforeRead, Opening),
) {
    let mut map = write(map);
    if map.len() >= CAPACITY {
        map.retain(|_, (of, _)| *of == entry.0);
    }
    if map.len() >= CAPACITY {
        map.clear();
    }
    map.insert(key, entry);
}

// no code that holds a lock can panic half-way through a change, so a poisoned map is whole

fn read<T>(map: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    map.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(map: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    map.write().unwrap_or_else(PoisonError::into_inner)
}
