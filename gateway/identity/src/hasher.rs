//! Hashing passwords, on a bounded number of threads with a bounded queue.
//!
//! What computes gives way to everybody else and so may be stopped at any moment, for long. It
//! takes no lock, then: memory and results change hands on threads that don't give way. And its
//! 46 MiB stay mapped while others wait, for the system gives and takes memory under a lock, too.

mod memory;
mod yielding;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD;
use tokio::sync::{OnceCell, Semaphore};
use vestibule_store::PasswordHash;

use crate::Secret;
use memory::{Memories, Memory};

/// Bytes of a salt, and of what comes out.
const SALT: usize = 16;
const OUTPUT: usize = 32;
/// Who has waited so long gives way to nobody: the queue alone, be it full, is shorter.
const PATIENCE: Duration = Duration::from_secs(3);

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
    memories: Arc<Memories>,
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
            memories: Arc::default(),
            dummy: OnceCell::new(),
            comparisons: AtomicU64::new(0),
        }
    }

    /// Makes the hash of a password.
    pub(crate) async fn hash(&self, password: &Secret<String>) -> Result<PasswordHash, HashError> {
        let (password, cost) = (password.clone(), self.cost);
        self.run(move |memory| make(cost, &password, memory)).await?
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
        let verdict = self.run(move |memory| compare((cost, &password, &hash), memory)).await??;
        self.comparisons.fetch_add(1, Ordering::Relaxed);
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    /// Whether nobody else may wait at this moment.
    pub(crate) fn is_full(&self) -> bool {
        self.inside.load(Ordering::SeqCst) >= self.capacity
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

    /// Runs work on a thread that gives way to all others, when a lane is free: a storm of sign-ins
    /// does not make those wait who are signed in.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let asked = Instant::now();
        let place = Place::take(&self.inside, self.capacity).ok_or(HashError::Busy)?;
        let lanes = Arc::clone(&self.lanes);
        let permit = lanes.acquire_owned().await.map_err(|_| HashError::Failed)?;
        let memories = Arc::clone(&self.memories);
        // goes on when the caller has gone, and holds its lane and its place so long
        let done = tokio::task::spawn_blocking(move || {
            let mut memory = memories.take();
            let done = if asked.elapsed() < PATIENCE {
                yielding::run(|| work(&mut memory))
            } else {
                // whoever keeps the processors busy keeps nobody from signing in
                Some(work(&mut memory))
            };
            memories.give_back(memory);
            drop(permit);
            if place.leave() == Left::Empty {
                memories.clear();
            }
            done
        });
        done.await.ok().flatten().ok_or(HashError::Failed)
    }
}

/// What is left when somebody goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Others,
    Empty,
}

/// A place among those who hash or wait; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(inside: &Arc<AtomicUsize>, capacity: usize) -> Option<Self> {
        let place = Self(Arc::clone(inside));
        (inside.fetch_add(1, Ordering::SeqCst) < capacity).then_some(place)
    }

    /// Gives the place back, and says whether anybody is left.
    fn leave(self) -> Left {
        let inside = Arc::clone(&self.0);
        drop(self);
        if inside.load(Ordering::SeqCst) == 0 { Left::Empty } else { Left::Others }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A hash of no password: its output is drawn. To compare with it costs what any other costs; to
/// compute one would keep its 46 MiB from the start of an idle gateway.
fn nobodys(cost: HashCost) -> Result<PasswordHash, HashError> {
    let mut output = [0u8; OUTPUT];
    getrandom::fill(&mut output).map_err(|_| HashError::Failed)?;
    written(cost, &new_salt()?, &output)
}

fn make(
    cost: HashCost,
    password: &Secret<String>,
    memory: &mut Memory,
) -> Result<PasswordHash, HashError> {
    let salt = new_salt()?;
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None);
    let params = params.map_err(|_| HashError::Failed)?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0u8; OUTPUT];
    fill((&argon, password), &salt, (&mut output, memory))?;
    written(cost, &salt, &output)
}

fn new_salt() -> Result<[u8; SALT], HashError> {
    let mut salt = [0u8; SALT];
    getrandom::fill(&mut salt).map_err(|_| HashError::Failed)?;
    Ok(salt)
}

/// A hash as it is kept: the PHC string format.
fn written(
    cost: HashCost,
    salt: &[u8; SALT],
    output: &[u8; OUTPUT],
) -> Result<PasswordHash, HashError> {
    let HashCost { memory_kib, passes, lanes } = cost;
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    let text = format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}");
    // as it would be read again
    phc::PasswordHash::new(&text).map_err(|_| HashError::Failed)?;
    Ok(PasswordHash::from_phc(text))
}

/// Computes what argon2 makes of a password.
fn fill(
    (argon, password): (&Argon2<'_>, &Secret<String>),
    salt: &[u8],
    (output, memory): (&mut [u8], &mut Memory),
) -> Result<(), HashError> {
    let blocks = memory.blocks(argon.params().block_count());
    argon
        .hash_password_into_with_memory(password.expose().as_bytes(), salt, output, blocks)
        .map_err(|_| HashError::Failed)
}

fn compare(
    (cost, password, hash): (HashCost, &Secret<String>, &PasswordHash),
    memory: &mut Memory,
) -> Result<Verdict, HashError> {
    let parsed = phc::PasswordHash::new(hash.as_phc()).map_err(|_| HashError::Failed)?;
    let (Some(salt), Some(wanted)) = (&parsed.salt, &parsed.hash) else {
        return Err(HashError::Failed);
    };
    // the comparison takes its parameters from the hash
    let params = Params::try_from(&parsed).map_err(|_| HashError::Failed)?;
    let algorithm = Algorithm::new(parsed.algorithm.as_str()).map_err(|_| HashError::Failed)?;
    let version = parsed.version.map_or(Ok(Version::default()), Version::try_from);
    let version = version.map_err(|_| HashError::Failed)?;
    let had =
        HashCost { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() };
    let argon = Argon2::new(algorithm, version, params);
    let mut output = vec![0u8; wanted.as_bytes().len()];
    fill((&argon, password), salt.as_ref(), (&mut output, memory))?;
    // `Output` compares in constant time
    if phc::Output::new(&output).map_err(|_| HashError::Failed)? != *wanted {
        return Ok(Verdict::Wrong);
    }
    if algorithm == Algorithm::Argon2id && !had.is_below(cost) {
        return Ok(Verdict::Right);
    }
    make(cost, password, memory).map(Verdict::RightRehashed)
}
