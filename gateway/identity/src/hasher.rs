//! Hashing passwords, on a bounded number of threads with a bounded queue.
//!
//! Who finds the queue full waits for a place in it, but not for long: of the guests of a party all get
//! in, and of a storm, which asks again and again, each asks less often.
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
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use vestibule_store::PasswordHash;

use crate::Secret;
use memory::{Memories, Memory};

/// Bytes of a salt, and of what comes out.
const SALT: usize = 16;
const OUTPUT: usize = 32;
/// Who has waited in the queue for so long gives way to nobody: a full one alone is shorter.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many may wait for a place, for each lane.
const OUTSIDE: usize = 256;

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
    room: Arc<Room>,
    /// How many wait for a place, how many may, and how long.
    outside: AtomicUsize,
    most_outside: usize,
    wait: Duration,
    /// What is compared for a name that nobody has.
    dummy: OnceCell<PasswordHash>,
    /// How often anything was compared; tests hold that it is as often for unknown names.
    comparisons: AtomicU64,
}

impl Hasher {
    /// So many at a time, so many in the queue, and so long for a place in it.
    pub(crate) fn new(cost: HashCost, (lanes, queue): (usize, usize), wait: Duration) -> Self {
        let lanes = lanes.max(1);
        Self {
            cost,
            lanes: Arc::new(Semaphore::new(lanes)),
            room: Arc::new(Room::new(lanes + queue)),
            outside: AtomicUsize::new(0),
            most_outside: OUTSIDE * lanes,
            wait,
            dummy: OnceCell::new(),
            comparisons: AtomicU64::new(0),
        }
    }

    /// Makes the hash of a password.
    pub(crate) async fn hash(&self, password: &Secret<String>) -> Result<PasswordHash, HashError> {
        let place = self.place().await?;
        let (password, cost) = (password.clone(), self.cost);
        self.run(place, move |memory| make(cost, &password, memory)).await?
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
        place: Option<Place>,
    ) -> Result<Verdict, HashError> {
        let place = match place {
            Some(place) => place,
            None => self.place().await?,
        };
        let known = hash.is_some();
        let hash = match hash {
            Some(hash) => hash.clone(),
            None => self.dummy().await?.clone(),
        };
        let (password, cost) = (password.clone(), self.cost);
        let compared = self.run(place, move |memory| compare((cost, &password, &hash), memory));
        let verdict = compared.await??;
        self.comparisons.fetch_add(1, Ordering::Relaxed);
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    /// A place in the queue, at once or within a moment. Who has one may do something else before the
    /// password is hashed, as long as that is short.
    pub(crate) async fn place(&self) -> Result<Place, HashError> {
        let places = &self.room.places;
        if let Ok(held) = Arc::clone(places).try_acquire_owned() {
            return Ok(self.room.place(held));
        }
        let _outside = Outside::join(&self.outside, self.most_outside).ok_or(HashError::Busy)?;
        match tokio::time::timeout(self.wait, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(held)) => Ok(self.room.place(held)),
            Ok(Err(_)) => Err(HashError::Failed),
            Err(_) => Err(HashError::Busy),
        }
    }

    #[cfg(test)]
    pub(crate) fn comparisons(&self) -> u64 {
        self.comparisons.load(Ordering::Relaxed)
    }

    /// Takes every place until the answer is dropped.
    #[cfg(test)]
    pub(crate) fn fill_for_test(&self) -> Vec<impl Sized + use<>> {
        let take = |_| Arc::clone(&self.room.places).try_acquire_owned().ok();
        (0..self.room.capacity).filter_map(take).collect()
    }

    async fn dummy(&self) -> Result<&PasswordHash, HashError> {
        self.dummy.get_or_try_init(|| async { nobodys(self.cost) }).await
    }

    /// Runs work on a thread that gives way to all others, when a lane is free: a storm of sign-ins
    /// does not make those wait who are signed in.
    async fn run<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        self.run_since(Instant::now(), place, work).await
    }

    async fn run_since<T: Send + 'static>(
        &self,
        since: Instant,
        place: Place,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let lanes = Arc::clone(&self.lanes);
        let lane = lanes.acquire_owned().await.map_err(|_| HashError::Failed)?;
        // goes on when the caller has gone, and holds its lane and its place so long
        let done = tokio::task::spawn_blocking(move || {
            let mut memory = place.room.memories.take();
            let done = if since.elapsed() < PATIENCE {
                yielding::run(|| work(&mut memory))
            } else {
                // whoever keeps the processors busy keeps nobody from signing in
                Some(work(&mut memory))
            };
            place.room.memories.give_back(memory);
            drop((lane, place));
            done
        });
        done.await.ok().flatten().ok_or(HashError::Failed)
    }
}

/// Where those are who hash or stand in the queue, and the memory that they hash in.
#[derive(Debug)]
struct Room {
    places: Arc<Semaphore>,
    capacity: usize,
    memories: Memories,
}

impl Room {
    fn new(capacity: usize) -> Self {
        let places = Arc::new(Semaphore::new(capacity));
        Self { places, capacity, memories: Memories::default() }
    }

    fn place(self: &Arc<Self>, held: OwnedSemaphorePermit) -> Place {
        Place { room: Arc::clone(self), held: Some(held) }
    }
}

/// A place among those who hash or stand in the queue; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    held: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    /// Who goes last leaves no memory behind, also who hashed nothing.
    fn drop(&mut self) {
        drop(self.held.take());
        if self.room.places.available_permits() == self.room.capacity {
            self.room.memories.clear();
        }
    }
}

/// Somebody who waits for a place.
struct Outside<'h>(&'h AtomicUsize);

impl<'h> Outside<'h> {
    /// None if too many wait already.
    fn join(waiting: &'h AtomicUsize, most: usize) -> Option<Self> {
        let this = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(this)
    }
}

impl Drop for Outside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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

#[cfg(test)]
mod tests;
