//! [`AuditLog`]: one for the process. Requests never wait for a disk, changes and sign-ins do.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::actor::{Actor, Entry};
use super::error::AuditError;
use super::event::Event;
use super::journal::{AuditSettings, Durability, Journal};
use super::line::Timed;

/// Entries that may wait to be written.
const QUEUE: usize = 4096;
/// How many are written at a time.
const BATCH: usize = 256;
/// How long somebody waits for a place in the queue, before their record counts as lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often writing is tried again after it failed.
const RETRY: Duration = Duration::from_millis(500);

/// What tells the time: the store reads no clock.
type Now = fn() -> SystemTime;

/// Where events are written down. Cheap to clone.
#[derive(Clone, Default)]
pub struct AuditLog(Option<Arc<Inner>>);

struct Inner {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Job>,
}

struct Shared {
    journal: Mutex<Journal>,
    now: Now,
    failing: AtomicBool,
    failures: AtomicU64,
    lost: AtomicU64,
}

enum Job {
    Write(Timed),
    Flush(oneshot::Sender<()>),
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "AuditLog" } else { "AuditLog(off)" })
    }
}

impl AuditLog {
    /// A log that keeps nothing. For tests, and for what is no gateway.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// The log in these files, which can be written: what a crash left is set in order.
    ///
    /// # Errors
    /// If they can't be written, or their last line is no record.
    pub fn open(settings: AuditSettings, now: Now) -> Result<Self, AuditError> {
        let shared = Arc::new(Shared {
            journal: Mutex::new(Journal::new(settings)),
            now,
            failing: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        shared.lock().check(&shared.time())?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let writer = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("vestibule-audit".into())
            .spawn(move || writer.write_queued(jobs))
            .map_err(|_| AuditError::Thread)?;
        Ok(Self(Some(Arc::new(Inner { shared, queue }))))
    }

    /// Writes something down soon. Waits only while the queue is full; what can't be taken even
    /// then is counted, and the log says how much it was.
    pub async fn note(&self, entry: Entry) {
        let Some(inner) = &self.0 else { return };
        let job = Job::Write(inner.shared.timed(entry));
        let Err(mpsc::error::TrySendError::Full(job)) = inner.queue.try_send(job) else { return };
        let sent = tokio::time::timeout(PATIENCE, inner.queue.send(job)).await;
        if !matches!(sent, Ok(Ok(()))) {
            inner.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes something down soon, for who can wait for nothing at all: neither for a place in the
    /// queue nor for whoever writes. What finds no place is counted, as in [`Self::note`].
    pub fn note_now(&self, entry: Entry) {
        let Some(inner) = &self.0 else { return };
        if inner.queue.try_send(Job::Write(inner.shared.timed(entry))).is_err() {
            inner.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes something down, and returns when it is on disk.
    ///
    /// # Errors
    /// If it can't be written; then it must not be acknowledged.
    pub async fn record(&self, entry: Entry) -> Result<(), AuditError> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let shared = Arc::clone(&inner.shared);
        let timed = shared.timed(entry);
        let written = tokio::task::spawn_blocking(move || shared.write_now(&timed));
        written.await.unwrap_or(Err(AuditError::Thread))
    }

    /// The same for who may block: the thread waits for the disk.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn record_blocking(&self, entry: Entry) -> Result<(), AuditError> {
        let Some(inner) = &self.0 else { return Ok(()) };
        inner.shared.write_now(&inner.shared.timed(entry))
    }

    /// Whether records can be written, asked before something is done that must be recorded. That
    /// there is room is found out by taking it; that all is well again, only a record proves.
    ///
    /// # Errors
    /// If they can't.
    pub fn check(&self) -> Result<(), AuditError> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let time = inner.shared.time();
        let checked = inner.shared.lock().check(&time);
        if checked.is_err() { inner.shared.heed(checked) } else { Ok(()) }
    }

    /// Whether records can be written, as far as is known; asks again only after a failure.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_failing() || self.check().is_ok()
    }

    /// Begins a new file, and returns what the old one is called now; `None` if it is empty.
    ///
    /// # Errors
    /// If that can't be done.
    pub fn rotate(&self) -> Result<Option<String>, AuditError> {
        let Some(inner) = &self.0 else { return Ok(None) };
        let time = inner.shared.time();
        inner.shared.lock().rotate(&time)
    }

    /// Whether the last attempt to write failed, and nothing has been written since.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.shared.failing.load(Ordering::Relaxed))
    }

    /// How often writing has failed since the process began.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.as_ref().map_or(0, |inner| inner.shared.failures.load(Ordering::Relaxed))
    }

    /// Waits until everything that waits is written, at the end of the process; not for long, if
    /// it can't be.
    pub async fn flush(&self) {
        let Some(inner) = &self.0 else { return };
        let (done, wait) = oneshot::channel();
        let flush = async {
            if inner.queue.send(Job::Flush(done)).await.is_ok() {
                let _ = wait.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, flush).await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Journal> {
        // what a panic left is found in the file, which is what counts
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In UTC, to the millisecond.
    fn time(&self) -> String {
        jiff::Timestamp::try_from((self.now)()).map(|time| format!("{time:.3}")).unwrap_or_default()
    }

    fn timed(&self, entry: Entry) -> Timed {
        Timed { time: self.time(), entry }
    }

    fn write_now(&self, timed: &Timed) -> Result<(), AuditError> {
        self.append(std::slice::from_ref(timed), Durability::Disk)
    }

    /// Appends, and tells before that what was lost.
    fn append(&self, entries: &[Timed], durability: Durability) -> Result<(), AuditError> {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let time = self.time();
        let written = if lost == 0 {
            self.lock().append(&time, entries, durability)
        } else {
            let told = self.timed(Entry::new(Actor::Gateway, Event::Lost { count: lost }));
            let all: Vec<_> = std::iter::once(told).chain(entries.iter().cloned()).collect();
            self.lock().append(&time, &all, durability)
        };
        if written.is_err() {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        self.heed(written)
    }

    /// Says in the log of errors, once, that writing fails, and that it does no longer.
    fn heed(&self, written: Result<(), AuditError>) -> Result<(), AuditError> {
        match &written {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the audit log is written again");
                }
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let cause = std::error::Error::source(error).map(tracing::field::display);
                    tracing::error!(
                        %error,
                        cause,
                        "the audit log can't be written: until it can, nobody signs in and \
                         nothing is changed"
                    );
                }
            }
        }
        written
    }

    /// Writes what is queued until the last sender is gone.
    fn write_queued(&self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(BATCH);
        while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
            let mut entries = Vec::with_capacity(batch.len());
            let mut flushed = Vec::new();
            for job in batch.drain(..) {
                match job {
                    Job::Write(timed) => entries.push(timed),
                    Job::Flush(done) => flushed.push(done),
                }
            }
            while !entries.is_empty() && self.append(&entries, Durability::System).is_err() {
                if jobs.is_closed() {
                    return;
                }
                std::thread::park_timeout(RETRY);
            }
            for done in flushed {
                // who waited may have given up
                let _ = done.send(());
            }
        }
    }
}
