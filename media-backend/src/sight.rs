//! What a caller sees: the one place where a grant meets the rules that folders state.
//!
//! The gateway has judged the request already; this judges it again for everything that a listing,
//! a preview, a count or a ZIP reaches beyond the resource itself.

use std::sync::Arc;

use vestibule_grant::{Claims, KnownRules};
use vestibule_schema::{Action, GalleryPath, PathKind, PermissionSet};

use crate::library::{AccessError, Entry, Rules, Shelf, Sidecar, Snapshot};
use crate::refusal::Refusal;

/// A folder as the caller of one request sees it. Holding one means that `view` was checked.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// Where it is.
    pub(crate) path: GalleryPath,
    /// What the caller may do here.
    pub(crate) may: PermissionSet,
    /// What the folder says of itself.
    pub(crate) rules: Arc<Rules>,
    snapshot: Arc<Snapshot>,
    /// How many levels below the folder that the request names.
    level: usize,
    /// A folder on the way here hides technical details, and the gateway did not know it yet.
    is_flagged: bool,
}

impl Sight {
    /// The folder that a request names. The gateway judged it with all that is above it.
    ///
    /// # Errors
    /// Not found, also where `view` is lacking.
    pub(crate) fn folder(
        shelf: &Shelf<'_>,
        claims: &Claims,
        path: &GalleryPath,
    ) -> Result<Self, Refusal> {
        let mut may = claims.permissions_at(path);
        if path.is_reserved() || !may.allows(Action::View) {
            return Err(Refusal::NotFound);
        }
        let is_flagged = Self::has_unjudged_flag(shelf, claims, path)?;
        if is_flagged {
            may = may.without_action(Action::SeeTechnicalDetails);
        }
        let snapshot = shelf.folder(path)?;
        let rules = shelf.rules(path, &snapshot);
        Ok(Self { path: path.clone(), may, rules, snapshot, level: 0, is_flagged })
    }

    /// Looks at the folders on the way for what the gateway did not know of when it judged: a
    /// folder that appeared, or took another's place, between its question and ours.
    ///
    /// # Errors
    /// Not found, if one has a block of its own. Says whether one hides technical details.
    fn has_unjudged_flag(
        shelf: &Shelf<'_>,
        claims: &Claims,
        path: &GalleryPath,
    ) -> Result<bool, Refusal> {
        let mut is_flagged = false;
        let mut way = Some(path.clone());
        while let Some(folder) = way {
            if !claims.was_judged_by(folder.as_str()) {
                let rules = shelf.rules(&folder, &*shelf.folder(&folder)?);
                if rules.needs_judgement {
                    return Err(Refusal::NotFound);
                }
                is_flagged |= rules.hides_technical_details;
            }
            way = folder.parent();
        }
        Ok(is_flagged)
    }

    /// The picture that a request names, with the folder that holds it.
    ///
    /// # Errors
    /// Not found: also where `view` is lacking, and where the folder hides the picture.
    pub(crate) fn image(
        shelf: &Shelf<'_>,
        claims: &Claims,
        path: &GalleryPath,
    ) -> Result<(Self, Entry), Refusal> {
        let name = path.name().filter(|_| !path.is_folder()).ok_or(Refusal::NotFound)?;
        if path.is_reserved() {
            return Err(Refusal::NotFound);
        }
        let sight = Self::folder(shelf, claims, &path.folder())?;
        let entry = sight.snapshot.find(name).filter(|entry| sight.shows(entry)).cloned();
        Ok((sight, entry.ok_or(Refusal::NotFound)?))
    }

    /// Whether the caller may see a picture or RAW file of this folder.
    fn shows(&self, entry: &Entry) -> bool {
        self.shows_name(&entry.name)
    }

    fn shows_name(&self, name: &str) -> bool {
        self.may.allows(Action::SeeHidden) || !self.rules.hides(name)
    }

    /// Whether the folder hides this picture from those who may not see what is hidden.
    pub(crate) fn is_hidden(&self, entry: &Entry) -> bool {
        self.rules.hides(&entry.name)
    }

    /// The pictures that the caller sees, sorted by name.
    pub(crate) fn images(&self) -> impl Iterator<Item = &Entry> {
        self.snapshot.images().iter().filter(|entry| self.shows(entry))
    }

    /// How many files here are no pictures, and so are not shown.
    pub(crate) fn count_others(&self) -> usize {
        self.snapshot.others().filter(|name| self.shows_name(name)).count()
    }

    /// The RAW files of a picture that the caller may know of.
    pub(crate) fn raws_of<'a>(&'a self, image: &'a Entry) -> Vec<&'a Entry> {
        if !self.may.allows(Action::DownloadRaw) {
            return Vec::new();
        }
        let raws = self.snapshot.raws_of(image);
        raws.into_iter().filter(|raw| self.shows(raw)).collect()
    }

    /// One RAW file of a picture, by extension or the first.
    pub(crate) fn raw_of<'a>(&'a self, image: &'a Entry, ext: Option<&str>) -> Option<&'a Entry> {
        self.snapshot.raw_of(image, ext).filter(|raw| self.shows(raw))
    }

    /// The first picture that a RAW file belongs to, among those that the caller sees.
    pub(crate) fn owner_of<'a>(&'a self, raw: &'a Entry) -> Option<&'a Entry> {
        self.snapshot.companions(raw).find(|image| self.shows(image))
    }

    /// The names of all sub-folders, seen or not: for names that must differ from theirs.
    pub(crate) fn folder_names(&self) -> impl Iterator<Item = &str> {
        self.snapshot.folders()
    }

    /// What the sidecar of a picture of this folder says.
    pub(crate) fn sidecar(&self, shelf: &Shelf<'_>, entry: &Entry) -> Arc<Sidecar> {
        shelf.sidecar(&self.path, &self.snapshot, entry)
    }

    /// The path of a picture of this folder.
    pub(crate) fn path_of(&self, entry: &Entry) -> GalleryPath {
        // INVARIANT: a snapshot holds only names that a path can hold
        self.path.join(&entry.name, PathKind::Image).unwrap_or_else(|_| self.path.clone())
    }

    /// The sub-folders that the caller sees from here, sorted by name. One that can't be read is
    /// not seen.
    pub(crate) fn folders(&self, shelf: &Shelf<'_>, claims: &Claims) -> Vec<Sight> {
        let names = self.snapshot.folders();
        names.filter_map(|name| self.enter(shelf, claims, name).ok().flatten()).collect()
    }

    /// Looks from this folder into a sub-folder; `None` if the caller does not see it from here.
    fn enter(
        &self,
        shelf: &Shelf<'_>,
        claims: &Claims,
        name: &str,
    ) -> Result<Option<Self>, AccessError> {
        let level = self.level + 1;
        // of what is deeper the gateway did not tell
        if claims.reach.is_some_and(|reach| level > reach) {
            return Ok(None);
        }
        let Ok(path) = self.path.join(name, PathKind::Folder) else { return Ok(None) };
        let mut may = claims.permissions_at(&path);
        if !may.allows(Action::View) {
            return Ok(None);
        }
        let snapshot = shelf.read_folder(&path)?;
        let rules = shelf.rules(&path, &snapshot);
        let known = claims.known_rules(&path);
        // what the gateway did not know of when it made the grant
        if rules.needs_judgement && known < KnownRules::Block {
            return Ok(None);
        }
        let is_flagged =
            self.is_flagged || rules.hides_technical_details && known == KnownRules::None;
        if is_flagged {
            may = may.without_action(Action::SeeTechnicalDetails);
        }
        if rules.is_hidden && !may.allows(Action::SeeHidden) {
            return Ok(None);
        }
        Ok(Some(Self { path, may, rules, snapshot, level, is_flagged }))
    }
}
