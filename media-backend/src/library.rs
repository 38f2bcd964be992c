//! The folder of the file system that holds the pictures.
//!
//! A path resolves only through names exactly as the directories list them, so that a file system
//! that folds case or Unicode forms can't alias a folder's rules away; symbolic links are never
//! followed, and nothing but regular files is opened (requirement S53).

mod access;
mod prose;
mod rules;
mod sidecar;
mod snapshot;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::sync::Cache;
use vestibule_schema::{GalleryPath, PathKind};

pub(crate) use rules::Rules;
pub(crate) use sidecar::Sidecar;
pub(crate) use snapshot::{Entry, Snapshot};

/// How long a directory must have been still before its listing is kept: two changes within one
/// tick of the file system's clock look the same.
const SETTLED: Duration = Duration::from_secs(2);

/// Why something in the library can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    /// There is no such thing, or it is not of a kind that is served.
    #[error("there is no such file or folder")]
    Missing,
    /// The library itself is not there.
    #[error("the library can't be opened")]
    Gone(#[source] io::Error),
    /// It is there but can't be read.
    #[error("the file or folder can't be read")]
    Io(#[source] io::Error),
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ident {
    device: u64,
    inode: u64,
    /// The file's length in bytes.
    pub(crate) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Ident {
    fn of(file: &File) -> io::Result<(Self, std::fs::Metadata)> {
        let meta = file.metadata()?;
        let ident = Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        };
        Ok((ident, meta))
    }

    /// The bytes that stand for the file's state in a digest.
    pub(crate) fn to_bytes(self) -> [u8; 56] {
        let mut bytes = [0; 56];
        let words = [
            self.device,
            self.inode,
            self.size,
            self.modified.0.cast_unsigned(),
            self.modified.1.cast_unsigned(),
            self.changed.0.cast_unsigned(),
            self.changed.1.cast_unsigned(),
        ];
        for (slot, word) in bytes.chunks_exact_mut(8).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// When the file was last written.
    pub(crate) fn modified(&self) -> SystemTime {
        let seconds = Duration::from_secs(self.modified.0.unsigned_abs());
        if self.modified.0 < 0 {
            SystemTime::UNIX_EPOCH - seconds
        } else {
            SystemTime::UNIX_EPOCH + seconds
        }
    }
}

/// An open regular file.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The file.
    pub(crate) file: File,
    /// Its state when it was opened.
    pub(crate) ident: Ident,
}

/// The library.
#[derive(Debug)]
pub(crate) struct Library {
    root: PathBuf,
    snapshots: Cache<GalleryPath, Arc<Snapshot>>,
    rules: Cache<(GalleryPath, Ident), Arc<Rules>>,
    sidecars: Cache<Ident, Arc<Sidecar>>,
}

/// The library's root while it is open: one request sees one.
#[derive(Debug)]
pub(crate) struct Shelf<'a> {
    library: &'a Library,
    root: OwnedFd,
}

impl Library {
    /// The library below a folder, which need not be there yet.
    pub(crate) fn new(root: PathBuf) -> Self {
        let snapshots = Cache::builder()
            .max_capacity(64 * 1024 * 1024)
            .weigher(|_: &GalleryPath, snapshot: &Arc<Snapshot>| snapshot.weight())
            .build();
        let sidecars = Cache::builder()
            .max_capacity(32 * 1024 * 1024)
            .weigher(|_: &Ident, sidecar: &Arc<Sidecar>| sidecar.weight())
            .build();
        Self { root, snapshots, rules: Cache::new(20_000), sidecars }
    }

    /// Opens the library.
    ///
    /// # Errors
    /// [`AccessError::Gone`] if it is not there.
    pub(crate) fn open(&self) -> Result<Shelf<'_>, AccessError> {
        let root = access::open_root(&self.root).map_err(AccessError::Gone)?;
        Ok(Shelf { library: self, root })
    }
}

impl Shelf<'_> {
    /// What a folder holds.
    ///
    /// # Errors
    /// If there is no folder of exactly this path, or it can't be read.
    pub(crate) fn folder(&self, path: &GalleryPath) -> Result<Arc<Snapshot>, AccessError> {
        let mut at = GalleryPath::root();
        let mut snapshot = self.read_folder(&at)?;
        for name in path.segments() {
            if !snapshot.has_folder(name) {
                return Err(AccessError::Missing);
            }
            at = at.join(name, PathKind::Folder).map_err(|_| AccessError::Missing)?;
            snapshot = self.read_folder(&at)?;
        }
        Ok(snapshot)
    }

    /// What a folder holds whose parent has just been seen to list it.
    ///
    /// # Errors
    /// As [`Shelf::folder`].
    pub(crate) fn read_folder(&self, path: &GalleryPath) -> Result<Arc<Snapshot>, AccessError> {
        let directory = access::open_folder(self.root.as_fd(), relative(path)).map_err(classify)?;
        let directory = File::from(directory);
        let (ident, meta) = Ident::of(&directory).map_err(AccessError::Io)?;
        if let Some(known) = self.library.snapshots.get(path).filter(|s| s.is_of(&ident)) {
            return Ok(known);
        }
        let snapshot = Arc::new(Snapshot::read(&directory, ident).map_err(classify)?);
        let still = meta.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if still.is_some_and(|still| still > SETTLED) {
            self.library.snapshots.insert(path.clone(), Arc::clone(&snapshot));
        }
        Ok(snapshot)
    }

    /// What a folder's `_folder.md` says. What can't be read is an error in it.
    pub(crate) fn rules(&self, path: &GalleryPath, snapshot: &Snapshot) -> Arc<Rules> {
        match snapshot.document() {
            snapshot::Document::None => Arc::default(),
            snapshot::Document::Broken => Arc::new(Rules::broken()),
            snapshot::Document::Present => {
                self.read_rules(path).unwrap_or_else(|_| Arc::new(Rules::broken()))
            }
        }
    }

    fn read_rules(&self, path: &GalleryPath) -> Result<Arc<Rules>, AccessError> {
        let name = format!("{}{}", relative(path), snapshot::DOCUMENT);
        let opened = self.open_file(&name)?;
        let key = (path.clone(), opened.ident);
        if let Some(known) = self.library.rules.get(&key) {
            return Ok(known);
        }
        let rules = Arc::new(Rules::read(opened, path).map_err(AccessError::Io)?);
        self.library.rules.insert(key, Arc::clone(&rules));
        Ok(rules)
    }

    /// What the sidecar of a picture says; one that can't be understood says nothing.
    pub(crate) fn sidecar(
        &self,
        folder: &GalleryPath,
        snapshot: &Snapshot,
        entry: &Entry,
    ) -> Arc<Sidecar> {
        let Some(name) = snapshot.sidecar_of(entry) else { return Arc::default() };
        let path = format!("{}{name}", relative(folder));
        let Ok(opened) = self.open_file(&path) else { return Arc::default() };
        let ident = opened.ident;
        self.library.sidecars.get(&ident).unwrap_or_else(|| {
            let sidecar = Sidecar::read(opened).unwrap_or_else(|error| {
                let error: &dyn std::error::Error = &error;
                tracing::debug!(path, error, "ignored a sidecar");
                Sidecar::default()
            });
            let sidecar = Arc::new(sidecar);
            self.library.sidecars.insert(ident, Arc::clone(&sidecar));
            sidecar
        })
    }

    /// Opens an image that its folder has just been seen to list.
    ///
    /// # Errors
    /// If it is gone since, is no regular file any more, or can't be read.
    pub(crate) fn image(&self, path: &GalleryPath) -> Result<Opened, AccessError> {
        self.open_file(relative(path))
    }

    fn open_file(&self, relative: &str) -> Result<Opened, AccessError> {
        let file = access::open_file(self.root.as_fd(), relative).map_err(classify)?;
        let file = File::from(file);
        let (ident, meta) = Ident::of(&file).map_err(AccessError::Io)?;
        if !meta.is_file() {
            return Err(AccessError::Missing);
        }
        Ok(Opened { file, ident })
    }
}

/// The path as seen from the root, without slash in front.
fn relative(path: &GalleryPath) -> &str {
    path.as_str().trim_start_matches('/')
}

/// Tells what is not there (or is a link, or not of the expected kind) from what can't be read.
fn classify(error: io::Error) -> AccessError {
    use rustix::io::Errno;
    match Errno::from_io_error(&error) {
        Some(
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NXIO
            | Errno::ISDIR
            | Errno::NAMETOOLONG,
        ) => AccessError::Missing,
        _ => AccessError::Io(error),
    }
}

#[cfg(test)]
mod tests;
