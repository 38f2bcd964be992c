//! What the backend is started with.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use vestibule_grant::KeyRing;
use vestibule_schema::{SiteId, Sizes};

/// Everything that the backend needs to know.
#[derive(Debug)]
pub struct Config {
    /// The folder of the file system that holds the pictures.
    pub library: PathBuf,
    /// The folder for renditions, which must be ours; it is made (mode 0700) if it does not exist.
    pub cache_dir: PathBuf,
    /// The most bytes that the renditions may take; the oldest go first.
    pub cache_bytes: u64,
    /// The site whose grants are believed.
    pub site: SiteId,
    /// The keys that sign grants.
    pub keys: KeyRing,
    /// Where to listen.
    pub listen: Listen,
    /// How large the named sizes are.
    pub sizes: Sizes,
    /// What a single request may cost.
    pub limits: Limits,
}

/// Where the backend listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A Unix socket, which only its owner may use (mode 0600). A stale one is replaced.
    Unix(PathBuf),
    /// A loopback address, for tests and for platforms without Unix sockets.
    Tcp(SocketAddr),
}

/// What a single picture may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels that a picture may have to be decoded.
    pub max_pixels: u64,
    /// The most bytes that a file may have to be decoded or redacted.
    pub max_file_bytes: u64,
    /// How many pictures are decoded at once.
    pub decode_concurrency: usize,
    /// How many requests may wait for a decoder before others are turned away (503).
    pub queue: usize,
    /// How many ZIP archives are written at once.
    pub archives: usize,
    /// How long a request waits for its rendition.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self {
            max_pixels: 100_000_000,
            max_file_bytes: 512 * 1024 * 1024,
            decode_concurrency: cores,
            queue: 256,
            archives: 16,
            time: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// A configuration with the default sizes and limits, and 2 GiB for renditions.
    #[must_use]
    pub fn new(
        library: PathBuf,
        cache_dir: PathBuf,
        site: SiteId,
        keys: KeyRing,
        listen: Listen,
    ) -> Self {
        Self {
            library,
            cache_dir,
            cache_bytes: 2 << 30,
            site,
            keys,
            listen,
            sizes: Sizes::default(),
            limits: Limits::default(),
        }
    }
}
