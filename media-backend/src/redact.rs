//! Originals without what the caller may not see, the pixels untouched.
//!
//! Each format is read by a list of what may stay; everything else goes: XMP, IPTC, comments,
//! maker notes, thumbnails, whatever follows the picture's end, and whatever is not known. What
//! can't be read to its end is refused.

mod exif;
mod jpeg;
mod pieces;
mod png;
mod webp;

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use moka::sync::Cache;
use vestibule_schema::{Action, PermissionSet};

use crate::config::Limits;
use crate::library::{Ident, Opened};
use crate::media::Kind;
use crate::refusal::Refusal;

pub(crate) use pieces::Pieces;

const DAMAGED: Refusal =
    Refusal::Unprocessable("the picture is damaged, so that its details can't be removed");

/// Which details a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Privacy {
    /// Exact dates.
    pub(crate) dates: bool,
    /// Coordinates.
    pub(crate) location: bool,
    /// Camera, lens, exposure, software, serial numbers.
    pub(crate) technical: bool,
}

impl Privacy {
    /// What a set of permissions shows.
    pub(crate) fn of(may: PermissionSet) -> Self {
        Self {
            dates: may.allows(Action::SeeExactDates),
            location: may.allows(Action::SeeLocation),
            technical: may.allows(Action::SeeTechnicalDetails),
        }
    }

    /// Whether nothing is withheld, so that the file may go out as it is.
    pub(crate) fn is_open(self) -> bool {
        self.dates && self.location && self.technical
    }

    /// The bits that tell one redaction from another.
    pub(crate) fn bits(self) -> u8 {
        u8::from(self.dates) | u8::from(self.location) << 1 | u8::from(self.technical) << 2
    }
}

/// Redacts, and remembers how.
#[derive(Debug)]
pub(crate) struct Redactor {
    max_file_bytes: u64,
    known: Cache<(Ident, Kind, Privacy), Arc<Pieces>>,
}

impl Redactor {
    pub(crate) fn new(limits: &Limits) -> Self {
        let known = Cache::builder()
            .max_capacity(64 * 1024 * 1024)
            .weigher(|_, pieces: &Arc<Pieces>| pieces.weight())
            .build();
        Self { max_file_bytes: limits.max_file_bytes, known }
    }

    /// What of a file goes out. Blocks.
    ///
    /// # Errors
    /// If the format can't be redacted, or the file can't be read to its end.
    pub(crate) fn redact(
        &self,
        opened: &Opened,
        kind: Kind,
        privacy: Privacy,
    ) -> Result<Arc<Pieces>, Refusal> {
        if privacy.is_open() {
            return Ok(Arc::new(Pieces::whole(opened.ident.size)));
        }
        let key = (opened.ident, kind, privacy);
        if let Some(known) = self.known.get(&key) {
            return Ok(known);
        }
        let pieces = Arc::new(self.read(opened, kind, privacy)?);
        self.known.insert(key, Arc::clone(&pieces));
        Ok(pieces)
    }

    fn read(&self, opened: &Opened, kind: Kind, privacy: Privacy) -> Result<Pieces, Refusal> {
        let redact = match kind {
            Kind::Jpeg => jpeg::redact,
            Kind::Png => png::redact,
            Kind::WebP => webp::redact,
            Kind::Gif => return Err(Refusal::NotRedactable("GIF file")),
            Kind::Tiff => return Err(Refusal::NotRedactable("TIFF file")),
            Kind::Raw => return Err(Refusal::NotRedactable("RAW file")),
            Kind::Undecodable => return Err(Refusal::NotRedactable("file")),
        };
        if opened.ident.size > self.max_file_bytes {
            return Err(Refusal::Unprocessable("the file is too large to remove its details"));
        }
        let length = usize::try_from(opened.ident.size).map_err(|_| Refusal::Internal)?;
        let mut bytes = vec![0; length];
        opened.file.read_exact_at(&mut bytes, 0).map_err(|_| Refusal::Unreadable)?;
        redact(&Bytes::from(bytes), privacy).ok_or(DAMAGED)
    }
}
