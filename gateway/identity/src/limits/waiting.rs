//! Those who wait because attempts are under way that may turn out well.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many may wait for one key, and for all together.
const OF_ONE: usize = 64;
const OF_ALL: usize = 1024;

/// Who waits, by key.
#[derive(Debug)]
pub(super) struct Waiting<K>(Mutex<Waiters<K>>);

#[derive(Debug)]
struct Waiters<K> {
    by_key: HashMap<K, (usize, Arc<Notify>)>,
    all: usize,
}

impl<K> Default for Waiting<K> {
    fn default() -> Self {
        Self(Mutex::new(Waiters { by_key: HashMap::new(), all: 0 }))
    }
}

impl<K: Hash + Eq + Clone> Waiting<K> {
    /// Waits with those of a key; none if too many do already.
    pub(super) fn join(&self, key: &K) -> Option<Waiter<'_, K>> {
        let mut waiters = self.lock();
        let room = waiters.all < OF_ALL;
        let (count, woken) = waiters.by_key.entry(key.clone()).or_default();
        if !room || *count >= OF_ONE {
            if *count == 0 {
                waiters.by_key.remove(key);
            }
            return None;
        }
        *count += 1;
        let woken = Arc::clone(woken);
        waiters.all += 1;
        Some(Waiter { waiting: self, key: key.clone(), woken })
    }

    /// Tells those who wait for a key that something is over.
    pub(super) fn tell(&self, key: &K) {
        let woken = self.lock().by_key.get(key).map(|(_, woken)| Arc::clone(woken));
        if let Some(woken) = woken {
            woken.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiters<K>> {
        // no code that holds the lock can panic half-way through a change
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits.
pub(super) struct Waiter<'w, K: Hash + Eq + Clone> {
    waiting: &'w Waiting<K>,
    key: K,
    pub(super) woken: Arc<Notify>,
}

impl<K: Hash + Eq + Clone> Drop for Waiter<'_, K> {
    fn drop(&mut self) {
        let mut waiters = self.waiting.lock();
        waiters.all = waiters.all.saturating_sub(1);
        if let Some((count, _)) = waiters.by_key.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                waiters.by_key.remove(&self.key);
            }
        }
    }
}
