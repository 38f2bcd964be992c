//! How often sign-in may fail: per account and per client address, ten at once and then one a
//! minute (requirement S13). And how often an address may do what costs a stranger nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vestibule_store::UnixTime;

use crate::origin::counted;

/// How many there may be at once, and after how long one more is free.
#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: u32,
    refill: Duration,
}

/// Attempts that may fail.
const FAILURES: Rate = Rate { burst: 10, refill: Duration::from_secs(60) };
/// What costs the store something, and a stranger nothing.
const COSTS: Rate = Rate { burst: 60, refill: Duration::from_secs(1) };
/// What the store keeps for a stranger for long.
const OPENINGS: Rate = Rate { burst: 60, refill: Duration::from_secs(10) };
/// Accounts and addresses remembered, each.
const CAPACITY: usize = 65_536;

/// The attempts of every account and client address.
#[derive(Debug)]
pub(crate) struct SignInLimits {
    clients: Buckets<IpAddr>,
    accounts: Buckets<String>,
    /// Addresses from which nodes show join tokens and credentials.
    nodes: Buckets<IpAddr>,
    /// Addresses from which share links are opened.
    openings: Buckets<IpAddr>,
    /// Addresses from which sign-ins at providers begin.
    departures: Buckets<IpAddr>,
}

impl Default for SignInLimits {
    fn default() -> Self {
        Self {
            clients: Buckets::new(CAPACITY, FAILURES),
            accounts: Buckets::new(CAPACITY, FAILURES),
            nodes: Buckets::new(CAPACITY, FAILURES),
            openings: Buckets::new(CAPACITY, OPENINGS),
            departures: Buckets::new(CAPACITY, COSTS),
        }
    }
}

/// No attempt is free; how long until one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) retry_after: Duration,
}

impl SignInLimits {
    /// Takes an attempt from a client address.
    pub(crate) fn take_client(&self, client: IpAddr, now: UnixTime) -> Result<(), TooMany> {
        self.clients.take(counted(client), now)
    }

    /// Takes an attempt from an account, by its folded name, whether it exists or not.
    pub(crate) fn take_account(&self, folded: &str, now: UnixTime) -> Result<(), TooMany> {
        self.accounts.take(folded.to_owned(), now)
    }

    /// Takes an attempt of a node from its address.
    pub(crate) fn take_node(&self, client: IpAddr, now: UnixTime) -> Result<(), TooMany> {
        self.nodes.take(counted(client), now)
    }

    /// Takes the opening of a share link from a client address.
    pub(crate) fn take_opening(&self, client: IpAddr, now: UnixTime) -> Result<(), TooMany> {
        self.openings.take(counted(client), now)
    }

    /// Takes the beginning of a sign-in at a provider from a client address.
    pub(crate) fn take_departure(&self, client: IpAddr, now: UnixTime) -> Result<(), TooMany> {
        self.departures.take(counted(client), now)
    }

    /// Gives an attempt back that did not fail.
    pub(crate) fn give_back_node(&self, client: IpAddr) {
        self.nodes.give_back(&counted(client));
    }

    /// Gives an attempt back that did not fail.
    pub(crate) fn give_back_client(&self, client: IpAddr) {
        self.clients.give_back(&counted(client));
    }

    /// Gives an attempt back that did not fail.
    pub(crate) fn give_back_account(&self, folded: &str) {
        self.accounts.give_back(&folded.to_owned());
    }
}

/// A bounded number of token buckets.
#[derive(Debug)]
struct Buckets<K> {
    by_key: Mutex<HashMap<K, Bucket>>,
    capacity: usize,
    rate: Rate,
}

/// Attempts used, which come back one by one.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    used: u32,
    /// When the refilling of the first used attempt began.
    since: UnixTime,
}

impl Bucket {
    /// The bucket as it stands now.
    fn refilled(self, refill: Duration, now: UnixTime) -> Self {
        if now < self.since {
            // the clock was set back: it refills from now on, and nothing is free by that
            return Self { used: self.used, since: now };
        }
        let waited = now.since(self.since).as_secs();
        let back = u32::try_from(waited / refill.as_secs().max(1)).unwrap_or(u32::MAX);
        if back >= self.used {
            return Self { used: 0, since: now };
        }
        let since = self.since.plus(refill * back);
        Self { used: self.used - back, since }
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(capacity: usize, rate: Rate) -> Self {
        Self { by_key: Mutex::default(), capacity, rate }
    }

    fn take(&self, key: K, now: UnixTime) -> Result<(), TooMany> {
        let mut buckets = self.lock();
        if buckets.len() >= self.capacity && !buckets.contains_key(&key) {
            make_room(&mut buckets, self.rate.refill, now);
        }
        let bucket = buckets.entry(key).or_insert(Bucket { used: 0, since: now });
        *bucket = bucket.refilled(self.rate.refill, now);
        if bucket.used >= self.rate.burst {
            let waited = now.since(bucket.since);
            return Err(TooMany { retry_after: self.rate.refill.saturating_sub(waited) });
        }
        bucket.used += 1;
        Ok(())
    }

    fn give_back(&self, key: &K) {
        let mut buckets = self.lock();
        if let Some(bucket) = buckets.get_mut(key) {
            bucket.used = bucket.used.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Bucket>> {
        // no code that holds the lock can panic half-way through a change
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops the buckets that are full again; if none is, the quarter that was least used, so that
/// whoever fills the memory with fresh addresses does not free those that are being held back.
fn make_room<K: Hash + Eq + Clone>(
    buckets: &mut HashMap<K, Bucket>,
    refill: Duration,
    now: UnixTime,
) {
    let before = buckets.len();
    buckets.retain(|_, bucket| bucket.refilled(refill, now).used > 0);
    if buckets.len() < before {
        return;
    }
    let mut keys: Vec<_> = buckets.iter().map(|(key, b)| (b.used, b.since, key.clone())).collect();
    keys.sort_unstable_by_key(|(used, since, _)| (*used, *since));
    for (_, _, key) in keys.into_iter().take(before / 4 + 1) {
        buckets.remove(&key);
    }
}

#[cfg(test)]
mod tests;
