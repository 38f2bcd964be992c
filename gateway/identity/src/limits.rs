//! How often sign-in may fail: per account and per client address, ten at once and then one a
//! minute (requirement S13). And how often an address may do what costs a stranger nothing.
//!
//! An attempt counts from its beginning, so that those made at once can't outrun the count, until it
//! has turned out well. While attempts that are under way hold others back, these have not failed:
//! they wait, or come back soon.

mod waiting;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vestibule_store::UnixTime;

use crate::origin::counted;
use waiting::Waiting;

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
    /// Whether some of those that count are under way, and may yet turn out well.
    pub(crate) may_pass: bool,
}

/// An attempt that is under way. Dropped, it has failed: so does whoever panics or is given up.
#[must_use = "what is dropped at once has failed"]
pub(crate) struct UnderWay<'l, K: Hash + Eq + Clone> {
    buckets: &'l Buckets<K>,
    key: K,
    failed: bool,
}

impl<K: Hash + Eq + Clone> UnderWay<'_, K> {
    /// It ended, and did not fail, whatever else became of it.
    pub(crate) fn forgive(mut self) {
        self.failed = false;
    }

    /// It ended, and failed or did not.
    pub(crate) fn end(mut self, failed: bool) {
        self.failed = failed;
    }
}

impl<K: Hash + Eq + Clone> Drop for UnderWay<'_, K> {
    fn drop(&mut self) {
        self.buckets.end(&self.key, self.failed);
    }
}

impl SignInLimits {
    /// Begins an attempt from a client address, and waits for so long while others from there that are
    /// under way hold it back.
    pub(crate) async fn begin_of_client(
        &self,
        client: IpAddr,
        now: impl Fn() -> UnixTime,
        wait: Duration,
    ) -> Result<UnderWay<'_, IpAddr>, TooMany> {
        self.clients.begin_within(counted(client), now, wait).await
    }

    /// Begins an attempt at an account, by its folded name, whether it exists or not.
    pub(crate) fn begin_at_account(
        &self,
        folded: &str,
        now: UnixTime,
    ) -> Result<UnderWay<'_, String>, TooMany> {
        self.accounts.begin(folded.to_owned(), now)
    }

    /// Begins an attempt at what is counted as accounts are, and waits for so long while others that
    /// are under way hold it back.
    pub(crate) async fn begin_within(
        &self,
        key: &str,
        now: impl Fn() -> UnixTime,
        wait: Duration,
    ) -> Result<UnderWay<'_, String>, TooMany> {
        self.accounts.begin_within(key.to_owned(), now, wait).await
    }

    /// Counts an attempt of a client address that failed.
    pub(crate) fn count_client(&self, client: IpAddr, now: UnixTime) -> Result<(), TooMany> {
        self.clients.count(counted(client), now)
    }

    /// Counts an attempt at an account that failed.
    pub(crate) fn count_account(&self, folded: &str, now: UnixTime) -> Result<(), TooMany> {
        self.accounts.count(folded.to_owned(), now)
    }

    /// Counts an attempt of a node from its address.
    pub(crate) fn count_node(&self, client: IpAddr, now: UnixTime) -> Result<(), TooMany> {
        self.nodes.count(counted(client), now)
    }

    /// Counts the opening of a share link from a client address.
    pub(crate) fn count_opening(&self, client: IpAddr, now: UnixTime) -> Result<(), TooMany> {
        self.openings.count(counted(client), now)
    }

    /// Counts the beginning of a sign-in at a provider from a client address.
    pub(crate) fn count_departure(&self, client: IpAddr, now: UnixTime) -> Result<(), TooMany> {
        self.departures.count(counted(client), now)
    }

    /// Takes an attempt of a node back that did not fail.
    pub(crate) fn forgive_node(&self, client: IpAddr) {
        self.nodes.forgive(&counted(client));
    }
}

/// A bounded number of token buckets.
#[derive(Debug)]
struct Buckets<K> {
    by_key: Mutex<HashMap<K, Bucket>>,
    waiting: Waiting<K>,
    capacity: usize,
    rate: Rate,
}

/// Attempts used, which come back one by one.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    used: u32,
    /// How many of them have not ended.
    under_way: u32,
    /// When the refilling of the first used attempt began.
    since: UnixTime,
}

impl Bucket {
    /// The bucket as it stands now.
    fn refilled(self, refill: Duration, now: UnixTime) -> Self {
        if now < self.since {
            // the clock was set back: it refills from now on, and nothing is free by that
            return Self { since: now, ..self };
        }
        let waited = now.since(self.since).as_secs();
        let back = u32::try_from(waited / refill.as_secs().max(1)).unwrap_or(u32::MAX);
        if back >= self.used {
            return Self { used: 0, under_way: 0, since: now };
        }
        let (used, since) = (self.used - back, self.since.plus(refill * back));
        Self { used, under_way: self.under_way.min(used), since }
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(capacity: usize, rate: Rate) -> Self {
        Self { by_key: Mutex::default(), waiting: Waiting::default(), capacity, rate }
    }

    /// Begins an attempt.
    fn begin(&self, key: K, now: UnixTime) -> Result<UnderWay<'_, K>, TooMany> {
        self.take(key.clone(), now, 1)?;
        Ok(UnderWay { buckets: self, key, failed: true })
    }

    /// The same, and waits while attempts that are under way hold it back.
    async fn begin_within(
        &self,
        key: K,
        now: impl Fn() -> UnixTime,
        wait: Duration,
    ) -> Result<UnderWay<'_, K>, TooMany> {
        let held = match self.begin(key.clone(), now()) {
            Err(held) if held.may_pass => held,
            other => return other,
        };
        let waiter = self.waiting.join(&key).ok_or(held)?;
        let begun = async {
            loop {
                // made before the look, so that nothing is missed that is over after it
                let over = waiter.woken.notified();
                match self.begin(key.clone(), now()) {
                    Err(held) if held.may_pass => over.await,
                    other => return other,
                }
            }
        };
        tokio::time::timeout(wait, begun).await.unwrap_or(Err(held))
    }

    /// Counts what is over already.
    fn count(&self, key: K, now: UnixTime) -> Result<(), TooMany> {
        self.take(key, now, 0)
    }

    /// Ends an attempt, and tells those who wait for it.
    fn end(&self, key: &K, failed: bool) {
        if let Some(bucket) = self.lock().get_mut(key) {
            bucket.under_way = bucket.under_way.saturating_sub(1);
            if !failed {
                bucket.used = bucket.used.saturating_sub(1);
            }
        }
        self.waiting.tell(key);
    }

    /// Takes back what was counted.
    fn forgive(&self, key: &K) {
        if let Some(bucket) = self.lock().get_mut(key) {
            bucket.used = bucket.used.saturating_sub(1);
        }
    }

    fn take(&self, key: K, now: UnixTime, under_way: u32) -> Result<(), TooMany> {
        let mut buckets = self.lock();
        if buckets.len() >= self.capacity && !buckets.contains_key(&key) {
            make_room(&mut buckets, self.rate.refill, now);
        }
        let bucket = buckets.entry(key).or_insert(Bucket { used: 0, under_way: 0, since: now });
        *bucket = bucket.refilled(self.rate.refill, now);
        if bucket.used >= self.rate.burst {
            let waited = now.since(bucket.since);
            let retry_after = self.rate.refill.saturating_sub(waited);
            return Err(TooMany { retry_after, may_pass: bucket.under_way > 0 });
        }
        bucket.used += 1;
        bucket.under_way += under_way;
        Ok(())
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
