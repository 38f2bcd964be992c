//! The galleries: read again, whole or in part, and put in force.
//!
//! Whoever reads holds `Live::reading` for as long as that takes, and `Live::state` only to begin
//! and to take over what was found: requests, and whoever revokes something, never wait for a walk.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use vestibule_schema::{GalleryPath, SiteId};

use super::folders::SiteFolders;
use super::reading::Reading;
use super::site::LiveSite;
use super::{Live, Rebuild, State, Trust};
use crate::gallery::Stamp;

impl Live {
    /// The galleries that are watched, by site.
    pub(crate) fn galleries(&self) -> Vec<(SiteId, PathBuf)> {
        let state = self.lock();
        let galleries = state.sites.iter();
        galleries.filter_map(|(id, site)| Some((id.clone(), site.gallery()?.clone()))).collect()
    }

    /// Reads the folders of a site that something happened to.
    pub(crate) fn refresh_folders(&self, id: &SiteId, folders: &HashSet<GalleryPath>) {
        let _reading = self.only_reader();
        let Some(reading) = self.lock().sites.get_mut(id).and_then(|site| site.begin_reading())
        else {
            return;
        };
        let read = reading.read_again(folders, &self.vocabulary);
        let mut state = self.lock();
        let changed = self.adopt(&mut state, vec![read]);
        if let Some(site) = state.sites.get(id) {
            site.log_folders(Some(folders));
        }
        self.put_in_force(&mut state, changed);
    }

    /// Tries again to read the folders that could not be read.
    pub(crate) fn retry_unreadable(&self) {
        let _reading = self.only_reader();
        let mut begun = Vec::new();
        for site in self.lock().sites.values_mut() {
            let folders = site.unreadable();
            if !folders.is_empty() {
                begun.extend(site.begin_reading().map(|reading| (reading, folders)));
            }
        }
        if begun.is_empty() {
            return;
        }
        let again =
            |(reading, folders): (Reading, _)| reading.read_again(&folders, &self.vocabulary);
        let read = begun.into_iter().map(again).collect();
        let mut state = self.lock();
        let changed = self.adopt(&mut state, read);
        self.put_in_force(&mut state, changed);
    }

    /// Walks every gallery again, after which the watch tells of every change, or doesn't.
    pub(crate) fn rescan(&self, trust: Trust) {
        self.rescan_by(trust, |reading| reading.walk(&self.vocabulary));
    }

    fn rescan_by(&self, trust: Trust, walk: impl FnMut(Reading) -> Reading) {
        let _reading = self.only_reader();
        let begun: Vec<_> =
            self.lock().sites.values_mut().filter_map(|site| site.begin_reading()).collect();
        let read = begun.into_iter().map(walk).collect();
        let mut state = self.lock();
        let changed = self.adopt(&mut state, read);
        self.degraded.store(trust == Trust::Unwatched, Ordering::SeqCst);
        self.put_in_force(&mut state, changed);
    }

    /// Says that the watch can't be relied on, until a [`Live::rescan`].
    pub(crate) fn distrust_watch(&self) {
        if !self.degraded.swap(true, Ordering::SeqCst) {
            self.publish_known(&self.lock());
        }
    }

    /// Looks whether the galleries are still there. Says whether any came, went or was replaced,
    /// which must be watched anew.
    pub(crate) fn check_galleries(&self) -> bool {
        let _reading = self.only_reader();
        let roots: Vec<_> = {
            let state = self.lock();
            let sites = state.sites.iter();
            let root = |(id, site): (&SiteId, &LiveSite)| {
                Some((id.clone(), site.gallery()?.clone(), site.root()))
            };
            sites.filter_map(root).collect()
        };
        let now = roots.into_iter().map(|(id, gallery, root)| (id, Stamp::of_root(&gallery), root));
        let moved: Vec<_> = now.filter(|(_, now, root)| now != root).collect();
        // those that are gone are closed before the others are read
        let (there, gone): (Vec<_>, Vec<_>) = moved.iter().partition(|(_, now, _)| now.is_some());
        for (id, _, _) in &gone {
            tracing::error!(site = %id, "the gallery is gone: closed until it is back");
        }
        for (id, _, _) in &there {
            tracing::info!(site = %id, "the gallery is another one: read anew");
        }
        self.walk_each(gone.into_iter().map(|(id, _, _)| id));
        self.walk_each(there.into_iter().map(|(id, _, _)| id));
        !moved.is_empty()
    }

    /// Walks these sites' galleries, and puts them in force whatever is found.
    fn walk_each<'s>(&self, sites: impl Iterator<Item = &'s SiteId>) {
        let sites: HashSet<SiteId> = sites.cloned().collect();
        if sites.is_empty() {
            return;
        }
        let begun: Vec<_> = {
            let mut state = self.lock();
            let these = state.sites.iter_mut().filter(|(id, _)| sites.contains(*id));
            these.filter_map(|(_, site)| site.begin_reading()).collect()
        };
        let read = begun.into_iter().map(|reading| reading.walk(&self.vocabulary)).collect();
        let mut state = self.lock();
        self.adopt(&mut state, read);
        self.swap_or_log(&mut state, &Rebuild::Some(sites));
    }

    /// Whoever else would read waits until the answer is dropped.
    pub(super) fn only_reader(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what was read. Returns the sites whose rules changed.
    fn adopt(&self, state: &mut State, read: Vec<Reading>) -> HashSet<SiteId> {
        let mut changed = HashSet::new();
        for reading in read {
            let id = reading.site.clone();
            let site = state.sites.get_mut(&id);
            if site.is_some_and(|site| site.adopt(reading, &self.vocabulary)) {
                changed.insert(id);
            }
        }
        changed
    }

    fn put_in_force(&self, state: &mut State, changed: HashSet<SiteId>) {
        if changed.is_empty() {
            self.publish_known(state);
        } else {
            self.swap_or_log(state, &Rebuild::Some(changed));
        }
    }

    pub(super) fn publish_known(&self, state: &State) {
        let unwatched = self.degraded.load(Ordering::SeqCst);
        let folders = state.sites.iter().filter_map(|(id, site)| {
            let gallery = site.gallery()?.clone();
            let known = site.known_folders();
            Some((id.clone(), Arc::new(SiteFolders { gallery, known, unwatched })))
        });
        self.known.store(Arc::new(folders.collect()));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use vestibule_policies::Vocabulary;
    use vestibule_proxy::{FolderWatch as _, Freshness};
    use vestibule_store::AuditLog;

    use super::*;
    use crate::build::Surroundings;
    use crate::config::Configuration;
    use crate::shown::Shown;
    use crate::state::StateDir;

    const HIDDEN: &str = "+++\nhidden = true\n+++\n";

    pub(in crate::reload) struct Bench {
        dir: tempfile::TempDir,
        pub(in crate::reload) live: Arc<Live>,
        _runtime: tokio::runtime::Runtime,
    }

    impl Bench {
        pub(in crate::reload) fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let site = dir.path().join("config.d/sites/family");
            fs::create_dir_all(&site).unwrap();
            fs::create_dir_all(dir.path().join("gallery/a")).unwrap();
            let gallery = dir.path().join("gallery");
            let text = format!(
                "hosts = [\"localhost\"]\nupstream = [\"built-in\"]\nadapter = \"vestibule\"\n\
                 gallery = \"{}\"\n",
                gallery.display()
            );
            fs::write(site.join("site.toml"), text).unwrap();
            fs::write(site.join("permissions.toml"), "").unwrap();
            let vocabulary = Arc::new(Vocabulary::load().unwrap());
            let configuration = Configuration::load(dir.path(), &vocabulary).unwrap();
            assert_eq!(configuration.problems, [], "the site is good");
            let state = StateDir::open(&dir.path().join("state")).unwrap();
            let around = Surroundings {
                config_dir: configuration.dir.clone(),
                grant_key: state.grant_key().unwrap(),
                state,
                audit: AuditLog::off(),
            };
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let shown = Arc::new(Shown::new(runtime.handle().clone(), around.clone()));
            let stored = std::collections::BTreeMap::new();
            let live = Live::start(configuration, vocabulary, around, stored, shown).unwrap();
            Self { dir, live, _runtime: runtime }
        }

        fn is_hidden(&self, folder: &str) -> bool {
            let state = self.live.lock();
            let engine = state.sites.values().next().unwrap().engine().unwrap();
            let path = GalleryPath::from_decoded(folder).unwrap();
            engine.folders().get(&path).is_some_and(|rules| rules.hidden)
        }

        fn write(&self, folder: &str, text: &str) {
            fs::write(self.dir.path().join("gallery").join(folder).join("_folder.md"), text)
                .unwrap();
        }
    }

    /// Requests and revocations go on while a gallery is walked, and what a request read meanwhile
    /// is not replaced by what the walk had read before.
    #[test]
    fn a_walk_holds_nobody_off_and_brings_nothing_old_back() {
        let bench = Bench::new();
        let site = SiteId::parse("family").unwrap();
        let folder = GalleryPath::from_decoded("/a/").unwrap();
        bench.live.distrust_watch();
        assert!(!bench.is_hidden("/a/"));
        bench.live.rescan_by(Trust::Unwatched, |reading| {
            let read = reading.walk(&bench.live.vocabulary);
            assert!(bench.live.state.try_lock().is_ok(), "whoever is judged waits");
            bench.write("a", HIDDEN);
            let seen = bench.live.ensure(&site, &folder).unwrap();
            assert_eq!(seen, Freshness::Reloaded);
            assert!(bench.is_hidden("/a/"));
            read
        });
        assert!(bench.is_hidden("/a/"), "the walk was there before");
    }

    /// The same of a folder that something was told of.
    #[test]
    fn what_is_read_of_folders_is_in_force() {
        let bench = Bench::new();
        let site = SiteId::parse("family").unwrap();
        bench.write("a", HIDDEN);
        let folders = HashSet::from([GalleryPath::from_decoded("/a/").unwrap()]);
        bench.live.refresh_folders(&site, &folders);
        assert!(bench.is_hidden("/a/"));
        bench.write("a", "+++\n+++\n");
        bench.live.rescan(Trust::Watched);
        assert!(!bench.is_hidden("/a/"));
        fs::rename(bench.dir.path().join("gallery"), bench.dir.path().join("away")).unwrap();
        assert!(bench.live.check_galleries());
        assert!(!bench.live.check_galleries(), "it is known now");
        fs::rename(bench.dir.path().join("away"), bench.dir.path().join("gallery")).unwrap();
        assert!(bench.live.check_galleries());
    }
}
