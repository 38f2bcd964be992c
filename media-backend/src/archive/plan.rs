//! What goes into an archive.

use vestibule_grant::Claims;
use vestibule_schema::{Action, GalleryPath, NamedSize, PermissionSet};

use crate::library::{Entry, Library, Shelf};
use crate::listing::{may_have_original, may_have_raw};
use crate::media::Kind;
use crate::refusal::Refusal;
use crate::sight::Sight;

/// The folders to pack, from the top down, and what is known to be left out.
#[derive(Debug)]
pub(super) struct Plan {
    /// The folders that the caller may download.
    pub(super) folders: Vec<Sight>,
    /// How many images lie in folders that the caller may see but not download.
    pub(super) closed: usize,
    /// How many files in all these folders are no pictures.
    pub(super) others: usize,
}

/// What of an image goes into the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The file, freed of what the caller may not see.
    Original,
    /// A rendition.
    Size(NamedSize),
}

/// Why an image is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// No size of it may be downloaded.
    NotAllowed,
    /// The file can't be redacted, and no smaller size may be downloaded.
    NotRedactable,
    /// It can't be read or decoded.
    Damaged,
}

impl Reason {
    /// The line in `SKIPPED.txt`.
    pub(super) fn text(self) -> &'static str {
        match self {
            Reason::NotAllowed => "you may look at them but not download them",
            Reason::NotRedactable => {
                "their files hold details that you may not see and that can't be removed"
            }
            Reason::Damaged => "their files are damaged or could not be read",
        }
    }
}

impl Plan {
    /// Walks the folders that the caller sees. Blocks.
    ///
    /// # Errors
    /// If the caller may not download the folder, or nothing in it.
    pub(super) fn make(
        library: &Library,
        claims: &Claims,
        path: &GalleryPath,
    ) -> Result<Self, Refusal> {
        let shelf = library.open()?;
        let top = Sight::folder(&shelf, claims, path)?;
        if !top.may.allows(Action::DownloadGallery) {
            return Err(Refusal::Forbidden(Action::DownloadGallery));
        }
        let mut plan = Self { folders: Vec::new(), closed: 0, others: 0 };
        plan.walk(&shelf, claims, top);
        let has_content = plan.folders.iter().any(|sight| {
            sight.images().any(|image| choose(claims, sight.may, image).is_ok())
                || may_have_raw(claims, sight.may)
                    && sight.images().any(|image| !sight.raws_of(image).is_empty())
        });
        if has_content { Ok(plan) } else { Err(Refusal::NothingToPack) }
    }

    fn walk(&mut self, shelf: &Shelf<'_>, claims: &Claims, top: Sight) {
        let mut waiting = vec![(top, true)];
        while let Some((sight, is_above_open)) = waiting.pop() {
            let is_open = is_above_open && sight.may.allows(Action::DownloadGallery);
            let mut below = sight.folders(shelf, claims);
            // the last is taken first
            below.reverse();
            waiting.extend(below.into_iter().map(|folder| (folder, is_open)));
            self.others += sight.count_others();
            if is_open {
                self.folders.push(sight);
            } else {
                self.closed += sight.images().count();
            }
        }
    }
}

/// The best of an image that the caller may download.
pub(super) fn choose(claims: &Claims, may: PermissionSet, image: &Entry) -> Result<Choice, Reason> {
    let is_open = match image.kind {
        Kind::Raw => may_have_raw(claims, may),
        kind => may_have_original(claims, may, kind),
    };
    if is_open {
        return Ok(Choice::Original);
    }
    if image.kind != Kind::Undecodable {
        if may.allows(Action::DownloadLarge) {
            return Ok(Choice::Size(NamedSize::Large));
        }
        if may.allows(Action::DownloadMedium) {
            return Ok(Choice::Size(NamedSize::Medium));
        }
    }
    let needed = match image.kind {
        Kind::Raw => Action::DownloadRaw,
        _ => Action::DownloadOriginal,
    };
    let is_held = may.allows(needed);
    Err(if is_held { Reason::NotRedactable } else { Reason::NotAllowed })
}
