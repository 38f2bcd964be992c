//! Hashing passwords, on a bounded number of threads with a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::{OnceCell, Semaphore};
use vestibule_store::PasswordHash;

use crate::Secret;

/// What hashing a password costs: the parameters of argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for HashCost {
    /// 46 MiB and one pass (requirement S10).
    fn default() -> Self {
        Self { memory_kib: 47_104, passes: 1, lanes: 1 }
    }
}

impl HashCost {
    /// The least that argon2id can do. For tests alone: it protects nothing.
    pub const CHEAPEST: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    /// Whether any of these costs lies below the other's.
    const fn is_below(self, other: Self) -> bool {
        self.memory_kib < other.memory_kib || self.passes < other.passes
    }
}

/// Whether a password was the right one.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It was not, or there is none.
    Wrong,
    /// It was.
    Right,
    /// It was, and its hash is weaker than it should be: here is a stronger one.
    RightRehashed(PasswordHash),
}

/// Why a password was not hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HashError {
    /// Too many wait already.
    #[error("too many passwords are being checked")]
    Busy,
    /// The hash can't be made or read.
    #[error("the password can't be hashed")]
    Failed,
}

/// Hashes passwords.
#[derive(Debug)]
pub(crate) struct Hasher {
    cost: HashCost,
    lanes: Arc<Semaphore>,
    /// How many hash or wait.
    inside: Arc<AtomicUsize>,
    capacity: usize,
    /// What is compared for a name that nobody has.
    dummy: OnceCell<PasswordHash>,
    /// How often anything was compared; tests hold that it is as often for unknown names.
    comparisons: AtomicU64,
}

impl Hasher {
    pub(crate) fn new(cost: HashCost, lanes: usize, queue: usize) -> Self {
        Self {
            cost,
            lanes: Arc::new(Semaphore::new(lanes.max(1))),
            inside: Arc::new(AtomicUsize::new(0)),
            capacity: lanes.max(1) + queue,
            dummy: OnceCell::new(),
            comparisons: AtomicU64::new(0),
        }
    }

    /// Makes the hash of a password.
    pub(crate) async fn hash(&self, password: &Secret<String>) -> Result<PasswordHash, HashError> {
        let (password, cost) = (password.clone(), self.cost);
        self.run(move || make(cost, &password)).await?
    }

    /// Makes ready what unknown names are compared with, so that not even the first differs.
    pub(crate) async fn prepare(&self) -> Result<(), HashError> {
        self.dummy().await.map(drop)
    }

    /// Compares a password with a hash. Without a hash the answer is "wrong", at the same cost.
    pub(crate) async fn verify(
        &self,
        password: &Secret<String>,
        hash: Option<&PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let known = hash.is_some();
        let hash = match hash {
            Some(hash) => hash.clone(),
            None => self.dummy().await?.clone(),
        };
        let (password, cost) = (password.clone(), self.cost);
        let verdict = self.run(move || compare(cost, &password, &hash)).await??;
        self.comparisons.fetch_add(1, Ordering::Relaxed);
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    #[cfg(test)]
    pub(crate) fn comparisons(&self) -> u64 {
        self.comparisons.load(Ordering::Relaxed)
    }

    /// Takes every place until the answer is dropped.
    #[cfg(test)]
    pub(crate) fn fill_for_test(&self) -> Vec<impl Sized + use<>> {
        (0..self.capacity).filter_map(|_| Place::take(&self.inside, self.capacity)).collect()
    }

    async fn dummy(&self) -> Result<&PasswordHash, HashError> {
        self.dummy.get_or_try_init(|| async { nobodys(self.cost) }).await
    }

    /// Runs work on a thread of its own, when a lane is free. The system gives such a thread what
    /// others leave: a storm of sign-ins does not make those wait who are signed in.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Place::take(&self.inside, self.capacity).ok_or(HashError::Busy)?;
        let lanes = Arc::clone(&self.lanes);
        let permit = lanes.acquire_owned().await.map_err(|_| HashError::Failed)?;
        let (done, answer) = tokio::sync::oneshot::channel();
        // a thread costs some microseconds, a hash many milliseconds; and what was given way once
        // can't be taken back without a privilege, so no thread of the runtime is used
        let thread = std::thread::Builder::new().name("vestibule-hash".to_owned());
        let started = thread.spawn(move || {
            // both stay with the work, which goes on when the caller has gone
            let _held = (permit, place);
            give_way();
            // an error means that nobody waits any more
            let _ = done.send(work());
        });
        started.map_err(|_| HashError::Failed)?;
        answer.await.map_err(|_| HashError::Failed)
    }
}

/// Lets every other thread go first, at once (`SCHED_IDLE`, sched(7)): the highest niceness alone
/// leaves a thread its slice of some milliseconds, which a picture's answer would wait for. Where
/// the system does not allow that, nothing is lost but it.
fn give_way() {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
}

/// A place among those who hash or wait; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(inside: &Arc<AtomicUsize>, capacity: usize) -> Option<Self> {
        let place = Self(Arc::clone(inside));
        (inside.fetch_add(1, Ordering::SeqCst) < capacity).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn argon(cost: HashCost) -> Result<Argon2<'static>, HashError> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
        .map_err(|_| HashError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A hash of no password: its output is drawn. To compare with it costs what any other costs; to
/// compute one would keep its 46 MiB from the start of an idle gateway.
fn nobodys(cost: HashCost) -> Result<PasswordHash, HashError> {
    let mut salt = [0u8; 16];
    let mut output = [0u8; 32];
    getrandom::fill(&mut salt).map_err(|_| HashError::Failed)?;
    getrandom::fill(&mut output).map_err(|_| HashError::Failed)?;
    let HashCost { memory_kib, passes, lanes } = cost;
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    let text = format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}");
    // as it would be read again
    phc::PasswordHash::new(&text).map_err(|_| HashError::Failed)?;
    Ok(PasswordHash::from_phc(text))
}

fn make(cost: HashCost, password: &Secret<String>) -> Result<PasswordHash, HashError> {
    let hash: phc::PasswordHash =
        argon(cost)?.hash_password(password.expose().as_bytes()).map_err(|_| HashError::Failed)?;
    Ok(PasswordHash::from_phc(hash.to_string()))
}

fn compare(
    cost: HashCost,
    password: &Secret<String>,
    hash: &PasswordHash,
) -> Result<Verdict, HashError> {
    let parsed = phc::PasswordHash::new(hash.as_phc()).map_err(|_| HashError::Failed)?;
    let params = Params::try_from(&parsed).map_err(|_| HashError::Failed)?;
    // the comparison takes its parameters from the hash
    let verified = argon(cost)?.verify_password(password.expose().as_bytes(), &parsed);
    match verified {
        Ok(()) => {}
        Err(argon2::password_hash::Error::PasswordInvalid) => return Ok(Verdict::Wrong),
        Err(_) => return Err(HashError::Failed),
    }
    let had =
        HashCost { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() };
    let is_argon2id = parsed.algorithm.as_str() == Algorithm::Argon2id.as_str();
    if is_argon2id && !had.is_below(cost) {
        return Ok(Verdict::Right);
    }
    make(cost, password).map(Verdict::RightRehashed)
}
