//! Renditions: from the file to a smaller picture, at most once, and a bounded number at a time.

mod cache;
mod decode;
mod encode;
mod failures;
mod gate;
mod preview;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use ring::digest::{Context, SHA256};
use vestibule_schema::GalleryPath;

use crate::config::Limits;
use crate::library::Opened;
use crate::media::{Format, Kind};
use crate::refusal::Refusal;
use cache::DiskCache;
use gate::Gate;

pub(crate) use failures::Failures;
pub(crate) use preview::largest as largest_preview;

/// Part of every key: a change of how pictures are made makes them anew.
const VERSION: &str = "1";
/// How long a picture that could not be decoded is not tried again.
const FAILED: Duration = Duration::from_secs(60);

/// The digest that names a rendition.
pub(crate) type Key = [u8; 32];

/// What is to be made.
#[derive(Debug)]
pub(crate) struct Job {
    /// The file.
    pub(crate) opened: Opened,
    /// Where it is in the gallery.
    pub(crate) path: GalleryPath,
    /// What it is by its name.
    pub(crate) kind: Kind,
    /// The most pixels on the long side.
    pub(crate) pixels: u32,
    /// The format of the rendition.
    pub(crate) format: Format,
}

/// Makes renditions.
#[derive(Debug)]
pub(crate) struct Renderer {
    limits: Limits,
    cache: Arc<DiskCache>,
    gate: Gate,
    failed: Cache<Key, Refusal>,
    failures: Failures,
}

impl Job {
    /// What names the rendition: two that could differ have different keys.
    pub(crate) fn key(&self) -> Key {
        let mut context = Context::new(&SHA256);
        context.update(VERSION.as_bytes());
        context.update(&self.opened.ident.to_bytes());
        context.update(&self.pixels.to_le_bytes());
        context.update(self.format.extension().as_bytes());
        context.update(self.path.as_str().as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        key
    }
}

impl Renderer {
    /// A renderer with its cache in a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// If the folder can't be made or read.
    pub(crate) fn new(limits: Limits, dir: &Path, bytes: u64) -> std::io::Result<Self> {
        Ok(Self {
            cache: Arc::new(DiskCache::open(dir, bytes)?),
            gate: Gate::new(limits.decode_concurrency, limits.queue),
            failed: Cache::builder().max_capacity(10_000).time_to_live(FAILED).build(),
            failures: Failures::new(),
            limits,
        })
    }

    /// The files that could not be decoded, as they become known.
    pub(crate) fn failures(&self) -> Failures {
        self.failures.clone()
    }

    /// The rendition: from the cache, or made now.
    ///
    /// # Errors
    /// If the picture can't be decoded, is too large, or too many others wait.
    pub(crate) async fn rendition(&self, job: Job) -> Result<Bytes, Refusal> {
        if job.kind == Kind::Undecodable {
            return Err(Refusal::Unsupported("pictures of this format can't be shown here"));
        }
        let key = job.key();
        if let Some(bytes) = self.cached(key, job.format).await {
            return Ok(bytes);
        }
        if let Some(refusal) = self.failed.get(&key) {
            return Err(refusal);
        }
        let made = tokio::time::timeout(self.limits.time, self.make(key, job));
        made.await.unwrap_or(Err(Refusal::Busy))
    }

    async fn make(&self, key: Key, job: Job) -> Result<Bytes, Refusal> {
        let turn = self.gate.enter(key).await?;
        if let Some(bytes) = self.cached(key, job.format).await {
            return Ok(bytes);
        }
        // a request that waited for this very picture learns from the failure
        if let Some(refusal) = self.failed.get(&key) {
            return Err(refusal);
        }
        let permit = turn.begin().await?;
        let (limits, cache) = (self.limits.clone(), Arc::clone(&self.cache));
        let (format, file) = (job.format, (job.opened.ident, job.kind));
        // the turn moves into the work: who gives up waiting does not make room before it ends
        let work = tokio::task::spawn_blocking(move || {
            let result = render(&job, &limits);
            if let Ok(bytes) = &result {
                cache.store(key, format, bytes);
            }
            drop(permit);
            result
        });
        let result = work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a picture's decoder failed");
            Err(Refusal::Internal)
        });
        match result {
            // a file that could not be read may be there again in a moment
            Err(Refusal::Unreadable) | Ok(_) => {}
            Err(refusal) => {
                self.failures.note(file, refusal);
                self.failed.insert(key, refusal);
            }
        }
        result
    }

    async fn cached(&self, key: Key, format: Format) -> Option<Bytes> {
        let cache = Arc::clone(&self.cache);
        tokio::task::spawn_blocking(move || cache.load(key, format)).await.ok().flatten()
    }
}

/// The pipeline. Blocks.
fn render(job: &Job, limits: &Limits) -> Result<Bytes, Refusal> {
    let decoded = decode::decode(&job.opened, job.kind, job.pixels, limits)?;
    let scaled = decoded.scaled(job.pixels)?.upright();
    encode::encode(scaled, job.format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;

    #[tokio::test]
    async fn what_is_in_the_cache_passes_a_full_queue() {
        let dir = tempfile::tempdir().unwrap();
        let picture = image::RgbImage::from_pixel(40, 30, image::Rgb([9, 99, 199]));
        picture.save(dir.path().join("a.png")).unwrap();
        let library = Library::new(dir.path().to_owned());
        let job = |pixels| {
            let path = GalleryPath::from_decoded("/a.png").unwrap();
            let opened = library.open().unwrap().image(&path).unwrap();
            Job { opened, path, kind: Kind::Png, pixels, format: Format::Jpeg }
        };
        let limits = Limits { decode_concurrency: 1, queue: 0, ..Limits::default() };
        let cache = tempfile::tempdir().unwrap();
        let renderer = Renderer::new(limits, cache.path(), 1 << 20).unwrap();
        let made = renderer.rendition(job(20)).await.unwrap();
        let _all = renderer.gate.enter([7; 32]).await.unwrap();
        assert_eq!(renderer.rendition(job(20)).await.unwrap(), made);
        assert_eq!(renderer.rendition(job(10)).await.err(), Some(Refusal::Busy));
    }
}
