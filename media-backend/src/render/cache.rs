//! Renditions on disk, bounded in bytes: those that were not asked for longest go first.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::Key;
use crate::media::Format;

/// The files and the order in which they were last asked for.
#[derive(Debug)]
pub(super) struct DiskCache {
    dir: PathBuf,
    limit: u64,
    temporary: AtomicU64,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    files: HashMap<String, (u64, u64)>,
    order: BTreeMap<u64, String>,
    total: u64,
    clock: u64,
}

impl DiskCache {
    /// Opens the cache in a folder and takes over what is there.
    pub(super) fn open(dir: &Path, limit: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        // whoever owns the folder could put pictures into other people's mouths
        if fs::metadata(dir)?.uid() != rustix::process::geteuid().as_raw() {
            let message = "the folder belongs to another user";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        let mut found = Vec::new();
        for shard in fs::read_dir(dir)? {
            let shard = shard?.path();
            if shard.file_name().is_some_and(|name| name.len() == 2) {
                scan(&shard, &mut found)?;
            }
        }
        found.sort();
        let mut index = Index::default();
        for (_, name, size) in found {
            index.insert(name, size);
        }
        let cache = Self {
            dir: dir.to_owned(),
            limit,
            temporary: AtomicU64::new(0),
            index: Mutex::new(index),
        };
        cache.evict();
        Ok(cache)
    }

    /// A rendition, if it is there.
    pub(super) fn load(&self, key: Key, format: Format) -> Option<Bytes> {
        let name = name(key, format);
        if !self.index().touch(&name) {
            return None;
        }
        match fs::read(self.path(&name)) {
            Ok(bytes) => Some(Bytes::from(bytes)),
            Err(_) => {
                self.index().remove(&name);
                None
            }
        }
    }

    /// Keeps a rendition. That it can't be kept is no reason not to show it.
    pub(super) fn store(&self, key: Key, format: Format, bytes: &[u8]) {
        if bytes.len() as u64 > self.limit {
            return;
        }
        let name = name(key, format);
        match self.write(&name, bytes) {
            Ok(()) => self.index().insert(name, bytes.len() as u64),
            Err(error) => tracing::warn!(%error, "can't keep a rendition in the cache"),
        }
        self.evict();
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        let shard = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(shard)?;
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = shard.join(format!(".{}-{number}.tmp", std::process::id()));
        let written = fs::File::create(&temporary)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            // best effort: the next start removes it otherwise
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn evict(&self) {
        loop {
            let oldest = self.index().take_oldest_above(self.limit);
            let Some(oldest) = oldest else { return };
            if let Err(error) = fs::remove_file(self.path(&oldest)) {
                tracing::warn!(%error, "can't remove a rendition from the cache");
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name.get(..2).unwrap_or_default()).join(name)
    }

    fn index(&self) -> std::sync::MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of one sub-folder with their times; left-over temporary files are removed.
fn scan(shard: &Path, found: &mut Vec<(std::time::SystemTime, String, u64)>) -> io::Result<()> {
    for file in fs::read_dir(shard)? {
        let file = file?;
        let Ok(name) = file.file_name().into_string() else { continue };
        if name.starts_with('.') {
            fs::remove_file(file.path())?;
            continue;
        }
        let meta = file.metadata()?;
        found.push((meta.modified()?, name, meta.len()));
    }
    Ok(())
}

impl Index {
    fn insert(&mut self, name: String, size: u64) {
        self.remove(&name);
        self.clock += 1;
        self.total += size;
        self.order.insert(self.clock, name.clone());
        self.files.insert(name, (size, self.clock));
    }

    fn touch(&mut self, name: &str) -> bool {
        let Some((size, _)) = self.files.get(name).copied() else { return false };
        self.insert(name.to_owned(), size);
        true
    }

    fn remove(&mut self, name: &str) {
        if let Some((size, clock)) = self.files.remove(name) {
            self.total -= size;
            self.order.remove(&clock);
        }
    }

    fn take_oldest_above(&mut self, limit: u64) -> Option<String> {
        if self.total <= limit {
            return None;
        }
        let oldest = self.order.values().next()?.clone();
        self.remove(&oldest);
        Some(oldest)
    }
}

fn name(key: Key, format: Format) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(70);
    for byte in key {
        // writing to a string can't fail
        let _ = write!(name, "{byte:02x}");
    }
    name.push('.');
    name.push_str(format.extension());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_the_rest_outlives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let cache = DiskCache::open(dir.path(), 25).unwrap();
        let load = |cache: &DiskCache, n| cache.load([n; 32], Format::Jpeg).map(|b| b.len());
        cache.store([1; 32], Format::Jpeg, &[0; 10]);
        cache.store([2; 32], Format::Jpeg, &[0; 10]);
        assert_eq!(load(&cache, 1), Some(10));
        cache.store([3; 32], Format::Jpeg, &[0; 10]);
        assert_eq!(load(&cache, 2), None);
        assert_eq!(load(&cache, 1), Some(10));
        cache.store([4; 32], Format::Jpeg, &[0; 26]);
        assert_eq!(load(&cache, 4), None);
        let again = DiskCache::open(dir.path(), 25).unwrap();
        assert_eq!(load(&again, 1), Some(10));
        assert_eq!(load(&again, 3), Some(10));
        assert_eq!(again.load([3; 32], Format::WebP), None);
    }
}
