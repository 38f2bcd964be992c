//! [`Series`]: the files of one audit log, the oldest first.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::AuditError;

/// How long to wait for another process that writes.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// How often to look.
const LOCK_RETRY: Duration = Duration::from_millis(2);

/// The files of one audit log.
///
/// `audit.jsonl` is written; those before it are called
/// `audit-<number of the last record>-<time>.jsonl`.
#[derive(Debug, Clone)]
pub struct Series {
    file: PathBuf,
}

/// A file that is no longer written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Old {
    /// The number of its last record.
    pub(super) last: u64,
    pub(super) path: PathBuf,
}

impl Old {
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Series {
    /// The series whose present file this is.
    #[must_use]
    pub const fn of(file: PathBuf) -> Self {
        Self { file }
    }

    /// The file that is written now; it need not be there.
    #[must_use]
    pub fn present(&self) -> &Path {
        &self.file
    }

    /// The files that are there, the oldest first.
    ///
    /// # Errors
    /// If their directory can't be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, AuditError> {
        let mut files: Vec<_> = self.old()?.into_iter().map(|old| old.path).collect();
        if self.file.exists() {
            files.push(self.file.clone());
        }
        Ok(files)
    }

    /// Keeps others from writing until the answer is dropped. None where nobody has written yet, or
    /// may be kept from it by whoever asks.
    pub(super) fn hold(&self) -> Result<Option<File>, AuditError> {
        let path = self.beside("lock");
        let nobody = [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied];
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if nobody.contains(&error.kind()) => return Ok(None),
            Err(error) => return Err(AuditError::file(&path)(error)),
        };
        wait(&self.file, || file.try_lock_shared())?;
        Ok(Some(file))
    }

    /// What the present file is called when it becomes an old one.
    pub(super) fn old_path(&self, last: u64, time: &str) -> PathBuf {
        let (stem, extension) = self.name();
        let time: String = time.chars().filter(char::is_ascii_alphanumeric).collect();
        self.file.with_file_name(format!("{stem}-{last:012}-{time}{extension}"))
    }

    /// A file beside the present one.
    pub(super) fn beside(&self, what: &str) -> PathBuf {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        self.file.with_file_name(format!("{name}.{what}"))
    }

    /// The old files, the oldest first.
    pub(super) fn old(&self) -> Result<Vec<Old>, AuditError> {
        let folder = self.folder();
        let failed = AuditError::file(&folder);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let paths = paths.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut old: Vec<_> = paths
            .into_iter()
            .filter_map(|path| {
                let last = self.last_of(path.file_name()?.to_str()?)?;
                Some(Old { last, path })
            })
            .collect();
        old.sort();
        Ok(old)
    }

    /// The number in an old file's name.
    pub(super) fn last_of(&self, name: &str) -> Option<u64> {
        let (stem, extension) = self.name();
        let rest = name.strip_prefix(stem.as_str())?.strip_prefix('-')?;
        let (number, _) = rest.strip_suffix(extension.as_str())?.split_once('-')?;
        number.parse().ok()
    }

    pub(super) fn folder(&self) -> PathBuf {
        match self.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// The name without what follows the last dot, and the rest.
    fn name(&self) -> (String, String) {
        let text = |part: Option<&std::ffi::OsStr>| {
            part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let extension = text(self.file.extension());
        let dot = if extension.is_empty() { "" } else { "." };
        (text(self.file.file_stem()), format!("{dot}{extension}"))
    }
}

/// Tries to lock until it works, for a while.
pub(super) fn wait(
    log: &Path,
    try_lock: impl Fn() -> Result<(), TryLockError>,
) -> Result<(), AuditError> {
    let attempts = LOCK_PATIENCE.as_millis() / LOCK_RETRY.as_millis();
    for _ in 0..attempts {
        match try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_RETRY),
            Err(TryLockError::Error(error)) => return Err(AuditError::file(log)(error)),
        }
    }
    Err(AuditError::Held { path: log.to_owned() })
}
