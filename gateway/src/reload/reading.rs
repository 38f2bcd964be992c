//! [`Reading`]: what is read of a gallery, beside the requests that are judged meanwhile.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use vestibule_policies::Vocabulary;
use vestibule_schema::{GalleryPath, SiteId};

use crate::gallery::{self, Progress, Scan, Stamp, Walked};

/// A gallery that is being read, without a lock; [`super::site::LiveSite::adopt`] takes it over.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) site: SiteId,
    pub(super) gallery: PathBuf,
    pub(super) scan: Scan,
    pub(super) what: What,
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// All of it, from this root; `None`: it is not there.
    All(Option<Stamp>),
    /// Some folders.
    Folders,
}

impl Reading {
    /// A gallery, of which this is known.
    pub(super) const fn new(site: SiteId, gallery: PathBuf, scan: Scan) -> Self {
        Self { site, gallery, scan, what: What::Folders }
    }

    /// Walks it from its root, whatever was known before.
    pub(super) fn walk(mut self, vocabulary: &Vocabulary) -> Self {
        let root = Stamp::of_root(&self.gallery);
        self.what = What::All(root);
        if root.is_none() {
            return self;
        }
        self.scan = Scan::default();
        let site = &self.site;
        let mut tell = |walked| match walked {
            Walked::SoFar(folders) => {
                tracing::info!(%site, folders, "reading the gallery: so far");
            }
            Walked::All(folders) => tracing::info!(%site, folders, "the gallery is read"),
        };
        let progress = Progress::new(&mut tell);
        self.scan.walk_telling(&self.gallery, &GalleryPath::root(), vocabulary, progress);
        self
    }

    /// Reads folders again, and those in them that are new.
    pub(super) fn read_again(
        mut self,
        folders: &HashSet<GalleryPath>,
        vocabulary: &Vocabulary,
    ) -> Self {
        let gallery = self.gallery.clone();
        if Stamp::of_root(&gallery).is_none() {
            return self;
        }
        let mut sorted: Vec<_> = folders.iter().collect();
        sorted.sort();
        for folder in sorted {
            if gallery::stamp(&gallery, folder).is_some() {
                self.read_changed(&gallery, folder, vocabulary);
            } else if gallery::is_gone(&gallery, folder) {
                self.scan.forget(folder);
            } else if self.scan.known.contains_key(folder) || self.scan.rules.contains_key(folder) {
                // out of reach: not as if there were no block
                self.scan.walk(&gallery, folder, vocabulary);
            }
        }
        self
    }

    /// Reads a folder again, and those in it that are new; forgets those that are gone.
    fn read_changed(&mut self, gallery: &Path, folder: &GalleryPath, vocabulary: &Vocabulary) {
        let below = self.scan.read(gallery, folder, vocabulary);
        let there: HashSet<&GalleryPath> = below.iter().collect();
        let gone: Vec<GalleryPath> = self
            .scan
            .known
            .keys()
            .filter(|known| known.parent().as_ref() == Some(folder) && !there.contains(known))
            .cloned()
            .collect();
        for folder in gone {
            self.scan.forget(&folder);
        }
        for folder in below {
            if !self.scan.knows(gallery, &folder) {
                self.scan.walk(gallery, &folder, vocabulary);
            }
        }
    }
}
