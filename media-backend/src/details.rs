//! What a picture's header says: its measures, and what the camera wrote.

mod read;
mod show;

use std::sync::Arc;

use jiff::civil::DateTime;
use moka::sync::Cache;

pub(crate) use read::{jpeg_measures, measure, read};
pub(crate) use show::Shown;

use crate::library::{Ident, Opened};
use crate::media::Kind;

/// What a picture says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Details {
    /// Width and height as shown, orientation applied; `None` if the header can't be read.
    pub(crate) measures: Option<(u32, u32)>,
    /// The file was read, and is no picture that could be decoded.
    pub(crate) is_undecodable: bool,
    /// The orientation of EXIF, 1 to 8.
    pub(crate) orientation: u8,
    /// When it was taken, in the camera's local time.
    pub(crate) taken: Option<DateTime>,
    /// The offset from UTC that the camera noted: `+02:00`.
    pub(crate) offset: Option<String>,
    /// Latitude and longitude in degrees.
    pub(crate) location: Option<(f64, f64)>,
    /// Camera, lens, exposure: pairs of a stable name and a text.
    pub(crate) technical: Vec<(&'static str, String)>,
}

/// Details that have been read, by the state of the file.
#[derive(Debug)]
pub(crate) struct DetailsCache {
    known: Cache<(Ident, Kind), Arc<Details>>,
}

impl DetailsCache {
    pub(crate) fn new() -> Self {
        Self { known: Cache::new(200_000) }
    }

    /// The details of an open file. Blocks. What can't be read is absent.
    pub(crate) fn read(&self, opened: &Opened, kind: Kind) -> Arc<Details> {
        let key = (opened.ident, kind);
        self.known.get(&key).unwrap_or_else(|| {
            let details = Arc::new(read(opened, kind));
            self.known.insert(key, Arc::clone(&details));
            details
        })
    }
}
