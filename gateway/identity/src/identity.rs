//! [`Identity`]: what holds everything together, and its settings.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vestibule_schema::ProviderId;
use vestibule_store::{AuditError, AuditLog, Key, SessionId, Store, StoreError, UnixTime};
use zeroize::Zeroize;

use crate::app_passwords;
use crate::app_passwords::cache::AppPasswordCache;
use crate::clock::{Clock, SystemClock};
use crate::directories::Words;
use crate::external::Registration;
use crate::hasher::{HashCost, Hasher};
use crate::limits::SignInLimits;
use crate::providers::ldap::{LdapError, LdapProvider};
use crate::sessions::cache::SessionCache;
use crate::sessions::misplaced::Misplaced;
use crate::shares::cache::ShareCache;
use crate::signing_keys::SigningKeys;

/// How often at most the last use of a session is written down.
const WRITE_USES_EVERY: Duration = Duration::from_secs(60);

/// How many sessions that were forgotten are remembered to be written down.
const MOST_FORGOTTEN: usize = 65_536;

/// It can't be told who somebody is, and nobody new gets in (503).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The store does not answer.
    #[error("the store did not answer as it should")]
    Store(#[from] StoreError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
    /// A password's hash can't be made or read.
    #[error("a password's hash can't be made or read")]
    Hashing,
    /// Something that was kept for later can't be read.
    #[error("something that was kept for later can't be read")]
    Unreadable,
    /// A directory can't say.
    #[error("a directory can't be asked")]
    Directory(#[from] LdapError),
    /// There is no key that signs, or none that can be read.
    #[error("the keys that sign assertions can't be used")]
    Signing,
    /// What happens can't be written down, so it may not happen.
    #[error("the audit log can't be written")]
    Audit(#[from] AuditError),
}

/// How [`Identity`] behaves. The defaults are the documented ones.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// When a session ends, used or not: 14 days.
    pub session_lifetime: Duration,
    /// When a session ends that nobody uses: 7 days.
    pub session_idle: Duration,
    /// When a session ends that an OpenID provider's word began, used or not: a day.
    pub provider_session_lifetime: Duration,
    /// The identity providers, with what each may do.
    pub providers: BTreeMap<ProviderId, Registration>,
    /// The directories among them, in the order in which they are asked for a name.
    pub directories: Vec<LdapProvider>,
    /// How many sessions of the portal an account has at most; with one more its oldest ends. None:
    /// no limit.
    pub sessions_per_account: Option<u32>,
    /// How long sessions that this process knows go on while the store can't be reached: 60 s.
    pub store_grace: Duration,
    /// Whether a session is bound to the client certificate on whose connection it begins.
    pub bind_to_client_certificate: bool,
    /// Whether programs may show app passwords.
    pub app_passwords: bool,
    /// Whether people may sign in by passkeys.
    pub passkeys: bool,
    /// What hashing a password costs.
    pub hash_cost: HashCost,
    /// How many passwords are hashed at a time, at 46 MiB each: half of the processors.
    pub hash_lanes: usize,
    /// How many more stand in the queue.
    pub hash_queue: usize,
    /// How long one waits for a place in it, and before that for attempts that are under way from the
    /// same address, before one is told to come back: 2 s each.
    pub hash_wait: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where it is written down who signed in, and who did not.
    pub audit: AuditLog,
}

impl Default for Settings {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let lanes = (processors / 2).clamp(1, 8);
        Self {
            session_lifetime: Duration::from_secs(14 * 24 * 3600),
            session_idle: Duration::from_secs(7 * 24 * 3600),
            provider_session_lifetime: Duration::from_secs(24 * 3600),
            providers: BTreeMap::new(),
            directories: Vec::new(),
            sessions_per_account: None,
            store_grace: Duration::from_secs(60),
            bind_to_client_certificate: false,
            app_passwords: true,
            passkeys: true,
            hash_cost: HashCost::default(),
            hash_lanes: lanes,
            hash_queue: 16 * lanes,
            hash_wait: Duration::from_secs(2),
            clock: Arc::new(SystemClock),
            audit: AuditLog::off(),
        }
    }
}

impl Settings {
    /// How long a session goes on that began so.
    pub(crate) fn lifetime(&self, provider: Option<&ProviderId>) -> Duration {
        let is_local = provider.is_none_or(|provider| {
            self.providers.get(provider).is_some_and(|rules| rules.asks_directory)
        });
        if is_local {
            self.session_lifetime
        } else {
            self.session_lifetime.min(self.provider_session_lifetime)
        }
    }

    /// The defaults, but cheap hashes, a queue that nobody waits for, and a clock of one's own. For
    /// tests alone: such hashes protect nothing.
    #[must_use]
    pub fn for_tests(clock: Arc<dyn Clock>) -> Self {
        let (hash_cost, hash_wait) = (HashCost::CHEAPEST, Duration::ZERO);
        Self { hash_cost, hash_wait, clock, ..Self::default() }
    }
}

/// Who a request comes from. One for the process, shared.
pub struct Identity {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) hasher: Hasher,
    pub(crate) limits: SignInLimits,
    pub(crate) cache: SessionCache,
    pub(crate) misplaced: Misplaced,
    pub(crate) share_cache: ShareCache,
    pub(crate) app_passwords: AppPasswordCache,
    pub(crate) signing: SigningKeys,
    /// What directories said of whom they do not vouch for.
    pub(crate) words: Words,
    /// The store's counter of changes when this process last looked.
    seen_changes: AtomicU64,
    /// When that was, in seconds.
    maintained: AtomicI64,
    /// The keys that were read, by name.
    keys: Mutex<BTreeMap<String, Key>>,
    /// Uses of sessions that were forgotten before they were written down.
    forgotten_uses: Mutex<BTreeMap<SessionId, UnixTime>>,
    /// The hour in which sessions were last swept.
    swept: AtomicU64,
    /// Whether there was an account when this process last looked, or ever before.
    pub(crate) has_accounts: AtomicBool,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("store", &self.store.place()).finish_non_exhaustive()
    }
}

impl Identity {
    /// Identity on a store.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn open(store: Store, settings: Settings) -> Result<Self, Unavailable> {
        let seen_changes = AtomicU64::new(store.meta().changes().await?);
        let room = (settings.hash_lanes, settings.hash_queue);
        let hasher = Hasher::new(settings.hash_cost, room, settings.hash_wait);
        hasher.prepare().await.map_err(|_| Unavailable::Hashing)?;
        let app_passwords = AppPasswordCache::new(&random_key(&store, app_passwords::KEY).await?);
        Ok(Self {
            store,
            hasher,
            settings,
            limits: SignInLimits::default(),
            cache: SessionCache::new(),
            misplaced: Misplaced::default(),
            share_cache: ShareCache::default(),
            app_passwords,
            signing: SigningKeys::new(),
            words: Words::default(),
            seen_changes,
            maintained: AtomicI64::new(i64::MIN),
            keys: Mutex::default(),
            forgotten_uses: Mutex::default(),
            swept: AtomicU64::new(0),
            has_accounts: AtomicBool::new(false),
        })
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// What time it is, by the clock of the settings.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.settings.clock.now()
    }

    /// The random key of a name, made at its first use and kept in the store.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn key(&self, name: &str) -> Result<Key, Unavailable> {
        // INVARIANT: a key never changes, so that nobody who only looks at a page costs the store
        // more than once
        let known = self.keys().get(name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let key = random_key(&self.store, name).await?;
        self.keys().insert(name.to_owned(), key.clone());
        Ok(key)
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<String, Key>> {
        // no code that holds the lock can panic half-way through a change
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One round of upkeep, to be run every half second or so: notices what another process
    /// changed, writes down when sessions were last used, once an hour deletes those whose time is
    /// over, and sees to the keys that sign.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn maintain(&self) -> Result<(), Unavailable> {
        self.notice().await?;
        self.keep_up().await
    }

    /// The first half of it, on which others wait: notices what another process changed.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn notice(&self) -> Result<(), Unavailable> {
        let changes = self.store.meta().changes().await?;
        let changed = self.seen_changes.swap(changes, Ordering::SeqCst) != changes;
        if changed {
            // what is forgotten here was used all the same
            let uses = self.cache.unwritten(Duration::ZERO);
            self.invalidate_all();
            let mut forgotten = self.forgotten_uses();
            if forgotten.len() < MOST_FORGOTTEN {
                forgotten.extend(uses);
            }
        }
        // not the latest ever: a clock that was wrong for a moment makes nothing known for a day
        self.maintained.store(self.now().seconds(), Ordering::SeqCst);
        Ok(())
    }

    /// The second half, which may take longer.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn keep_up(&self) -> Result<(), Unavailable> {
        self.write_uses(WRITE_USES_EVERY).await?;
        self.sweep().await?;
        self.refresh_signing_keys().await
    }

    /// Writes down uses that were not written for so long, and those of sessions that were forgotten.
    /// Those of before stay to be written if it fails.
    async fn write_uses(&self, every: Duration) -> Result<(), Unavailable> {
        let mut uses = self.forgotten_uses().clone();
        // what was used again since is the later
        uses.extend(self.cache.unwritten(every));
        let written: Vec<_> = uses.iter().map(|(session, at)| (*session, *at)).collect();
        self.store.sessions().touch(&written).await?;
        self.forgotten_uses().retain(|session, at| uses.get(session).is_none_or(|it| it < at));
        self.cache.written(&written);
        Ok(())
    }

    fn forgotten_uses(&self) -> MutexGuard<'_, BTreeMap<SessionId, UnixTime>> {
        // no code that holds the lock can panic half-way through a change
        self.forgotten_uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down when sessions were last used, however recently: before the process ends.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn flush(&self) -> Result<(), Unavailable> {
        self.write_uses(Duration::ZERO).await
    }

    /// Forgets what is known of every session, so that the next request of each reads the store.
    pub fn invalidate_all(&self) {
        self.cache.forget_all();
    }

    /// When the store last said that nothing changed which this process does not know.
    pub(crate) fn maintained(&self) -> UnixTime {
        UnixTime::from_seconds(self.maintained.load(Ordering::Relaxed))
    }

    async fn sweep(&self) -> Result<(), Unavailable> {
        let now = self.now();
        let hour = u64::try_from(now.seconds()).unwrap_or(0) / 3600;
        if self.swept.swap(hour, Ordering::SeqCst) == hour {
            return Ok(());
        }
        // what is used but not yet written must not look unused
        self.flush().await?;
        let idle = i64::try_from(self.settings.session_idle.as_secs()).unwrap_or(i64::MAX);
        let unused = UnixTime::from_seconds(now.seconds().saturating_sub(idle));
        self.store.sessions().delete_expired(now, unused).await?;
        self.store.shares().delete_expired(now).await?;
        self.store.tickets().delete_expired(now).await?;
        self.store.app_passwords().delete_expired(now).await?;
        Ok(())
    }
}

async fn random_key(store: &Store, name: &str) -> Result<Key, Unavailable> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| Unavailable::Randomness)?;
    let key = store.meta().key(name, Key::from_bytes(bytes)).await?;
    bytes.zeroize();
    Ok(key)
}
