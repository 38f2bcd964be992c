//! What a request's thread needs to know of a site's folders, without a lock.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use vestibule_proxy::{FolderWatch, Found, Freshness, Unready};
use vestibule_schema::{GalleryPath, SiteId};

use super::{Clash, Live, Rebuild};
use crate::gallery::{self, KnownFolders};

/// The folders of each site that have been read. A request below one of them is judged at once.
pub(super) type Known = HashMap<SiteId, Arc<SiteFolders>>;

/// The folders of a site that have been read.
#[derive(Debug)]
pub(super) struct SiteFolders {
    pub(super) gallery: PathBuf,
    pub(super) known: Arc<KnownFolders>,
    /// The watch does not work: files are looked at on each request.
    pub(super) unwatched: bool,
}

impl SiteFolders {
    /// Of the way to a path, outermost first, the folders that are on disk and were not read yet,
    /// or are other directories than those that were. A folder that is not there has no rules, and
    /// nothing below a link is part of the gallery.
    fn unread(&self, path: &GalleryPath) -> Vec<GalleryPath> {
        let way: Vec<&str> = path.ancestors().collect();
        let mut unread = Vec::new();
        let mut above = None;
        for folder in way.into_iter().rev() {
            let Some(stamp) = gallery::stamp_of(&self.gallery, folder) else {
                if gallery::is_out_of_reach(&self.gallery, folder) {
                    // what it is in tells whether that can be read at all
                    unread.extend(above.take().and_then(|a| GalleryPath::from_decoded(a).ok()));
                }
                break;
            };
            above = Some(folder);
            if self.unwatched || self.known.get(folder) != Some(&stamp) {
                unread.extend(GalleryPath::from_decoded(folder).ok());
            }
        }
        unread
    }

    /// Whether there is such a folder or file, on a way without links.
    fn has(&self, path: &GalleryPath) -> bool {
        let way: Vec<&str> = path.ancestors().collect();
        let mut way = way.into_iter().rev();
        way.all(|folder| gallery::stamp_of(&self.gallery, folder).is_some())
            && gallery::on_disk(&self.gallery, path.as_str()).symlink_metadata().is_ok()
    }

    /// What is at a path, with a slash at the end or without.
    fn find(&self, path: &GalleryPath) -> Found {
        let folder = path.as_folder();
        let way: Vec<&str> = folder.ancestors().collect();
        for step in way.into_iter().rev().filter(|step| *step != "/") {
            match gallery::on_disk(&self.gallery, step).symlink_metadata() {
                Ok(found) if found.is_symlink() => return Found::Link,
                Ok(found) if found.is_dir() => {}
                Ok(_) | Err(_) => return Found::Other,
            }
        }
        Found::Folder
    }
}

impl FolderWatch for Live {
    fn ensure(&self, site: &SiteId, path: &GalleryPath) -> Result<Freshness, Unready> {
        let known = self.known.load();
        let Some(folders) = known.get(site) else {
            return Ok(Freshness::Known);
        };
        let way = folders.unread(path);
        drop(known);
        if way.is_empty() {
            return Ok(Freshness::Known);
        }
        let mut state = self.lock();
        let Some(live) = state.sites.get_mut(site) else { return Err(Unready) };
        if !live.read_each(&way, &self.vocabulary) {
            self.publish_known(&state);
            return Ok(Freshness::Known);
        }
        let rebuild = Rebuild::Some(HashSet::from([site.clone()]));
        match self.swap(&mut state, &rebuild, Clash::Close) {
            Ok(()) => Ok(Freshness::Reloaded),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "a new folder can't be judged");
                Err(Unready)
            }
        }
    }

    fn exists(&self, site: &SiteId, path: &GalleryPath) -> bool {
        let known = self.known.load();
        known.get(site).is_some_and(|folders| folders.has(path))
    }

    fn find(&self, site: &SiteId, path: &GalleryPath) -> Found {
        self.known.load().get(site).map_or(Found::Unknown, |folders| folders.find(path))
    }
}
