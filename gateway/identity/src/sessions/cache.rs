//! The sessions that this process has seen, so that a signed-in request costs no SQL.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use vestibule_store::{AccountId, Audience, CertificateHash, SessionId, TokenHash, UnixTime};

use crate::SignedIn;
use crate::revocations::Bell;

/// Independent parts, so that sign-ins do not stop the requests of others. A power of two.
const SHARDS: usize = 16;
/// Sessions kept in each part: 16,384 in all, at some 500 bytes.
const SHARD_CAPACITY: usize = 1024;

/// When a session was last used, as the store says, and when it said so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenAndRead {
    pub(crate) last_seen: UnixTime,
    pub(crate) read: UnixTime,
}

/// A session in memory.
#[derive(Debug)]
pub(crate) struct Cached {
    pub(crate) signed_in: Arc<SignedIn>,
    pub(crate) session: SessionId,
    pub(crate) audience: Audience,
    /// The client certificate that it is bound to.
    pub(crate) certificate: Option<CertificateHash>,
    /// When the store said so.
    pub(crate) read: UnixTime,
    last_seen: AtomicI64,
    last_written: AtomicI64,
}

impl Cached {
    pub(crate) fn new(
        signed_in: Arc<SignedIn>,
        (session, audience): (SessionId, Audience),
        times: SeenAndRead,
    ) -> Self {
        let seconds = times.last_seen.seconds();
        Self {
            signed_in,
            session,
            audience,
            certificate: None,
            read: times.read,
            last_seen: AtomicI64::new(seconds),
            last_written: AtomicI64::new(seconds),
        }
    }

    /// The same, bound to a client certificate.
    pub(crate) fn bound_to(mut self, certificate: Option<CertificateHash>) -> Self {
        self.certificate = certificate;
        self
    }

    pub(crate) fn last_seen(&self) -> UnixTime {
        UnixTime::from_seconds(self.last_seen.load(Ordering::Relaxed))
    }

    /// Notes a use; writes to memory at most once a second.
    pub(crate) fn touch(&self, now: UnixTime) {
        if self.last_seen() < now {
            self.last_seen.store(now.seconds(), Ordering::Relaxed);
        }
    }

    /// The last use, if it is to be written: it is so much later than what was written last.
    fn unwritten(&self, every: Duration) -> Option<(SessionId, UnixTime)> {
        let seen = self.last_seen();
        let written = UnixTime::from_seconds(self.last_written.load(Ordering::Relaxed));
        (seen > written && seen.since(written) >= every).then_some((self.session, seen))
    }

    fn written(&self, at: UnixTime) {
        self.last_written.fetch_max(at.seconds(), Ordering::Relaxed);
    }
}

type Shard = HashMap<TokenHash, Arc<Cached>>;

/// A bounded map of sessions by the hash of their token.
// INVARIANT: a session that was ended before a read of the store began is never found here. Who
// ends one first deletes it in the store, then moves `ended`, then removes it here under the
// shard's lock; who fills notes `ended` before the read and compares under the same lock.
#[derive(Debug)]
pub(crate) struct SessionCache {
    shards: [RwLock<Shard>; SHARDS],
    ended: AtomicU64,
    /// Rung when sessions were forgotten here, so that who hears it finds none of them.
    pub(crate) bell: Bell,
}

/// The state of the cache before a read of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BeforeRead(u64);

impl SessionCache {
    pub(crate) fn new() -> Self {
        let shards = std::array::from_fn(|_| RwLock::default());
        Self { shards, ended: AtomicU64::new(0), bell: Bell::new() }
    }

    pub(crate) fn find(&self, token: &TokenHash) -> Option<Arc<Cached>> {
        read(self.shard(token)?).get(token).cloned()
    }

    /// To be called before the store is read for [`SessionCache::fill`].
    pub(crate) fn before_read(&self) -> BeforeRead {
        BeforeRead(self.ended.load(Ordering::SeqCst))
    }

    /// Keeps what was read, unless any session was ended meanwhile.
    pub(crate) fn fill(&self, token: TokenHash, session: Arc<Cached>, before: BeforeRead) {
        let Some(shard) = self.shard(&token) else { return };
        let mut shard = write(shard);
        if self.ended.load(Ordering::SeqCst) != before.0 {
            return;
        }
        if shard.len() >= SHARD_CAPACITY && !shard.contains_key(&token) {
            let oldest = shard.iter().min_by_key(|(_, s)| s.last_seen()).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                shard.remove(&oldest);
            }
        }
        shard.insert(token, session);
    }

    /// Forgets the sessions of an account, which the store has deleted already.
    pub(crate) fn end_of_account(&self, account: AccountId) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            write(shard).retain(|_, session| session.signed_in.account != account);
        }
        self.bell.ring();
    }

    /// Notes that something else ended, or began, of which whoever is signed in has something:
    /// what is known of share links is of one count of ends.
    pub(crate) fn note_an_end(&self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        self.bell.ring();
    }

    /// Forgets every session: the next request of each reads the store.
    pub(crate) fn forget_all(&self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            write(shard).clear();
        }
        self.bell.ring();
    }

    /// The uses that the store does not know yet, of sessions not written for so long.
    pub(crate) fn unwritten(&self, every: Duration) -> Vec<(SessionId, UnixTime)> {
        let in_shard = |shard| {
            read(shard)
                .values()
                .filter_map(|s: &Arc<Cached>| s.unwritten(every))
                .collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(in_shard).collect()
    }

    /// Notes that the store knows these uses.
    pub(crate) fn written(&self, uses: &[(SessionId, UnixTime)]) {
        let uses: HashMap<_, _> = uses.iter().copied().collect();
        for shard in &self.shards {
            for session in read(shard).values() {
                if let Some(at) = uses.get(&session.session) {
                    session.written(*at);
                }
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| read(shard).len()).sum()
    }

    /// The hash is of a random token, so that any of its bytes spreads evenly.
    fn shard(&self, token: &TokenHash) -> Option<&RwLock<Shard>> {
        let [first, ..] = token.bytes();
        self.shards.get(usize::from(*first) % SHARDS)
    }
}

// no code that holds a lock can panic half-way through a change, so a poisoned map is whole

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}
