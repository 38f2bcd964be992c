//! [`Live`]: the configuration in force, and how it changes.
//!
//! Whatever changes is checked first and swapped whole. A site whose new configuration has an
//! error keeps its last good one; a folder whose rules can't be read is closed at once. A folder
//! that nobody has reported yet is read before anybody is judged by it.

mod site;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use vestibule_policies::model::Rights;
use vestibule_policies::{Engine, Vocabulary};
use vestibule_proxy::{FolderWatch, Freshness, Gateway, HostName, Unready, World};
use vestibule_schema::problem::Problem;
use vestibule_schema::{GalleryPath, SiteId};

use crate::build::Surroundings;
use crate::config::Configuration;
use crate::gallery::{KnownFolders, Stamp};
use site::LiveSite;
pub(crate) use watch::watch;

/// The folders of a site that have been read. A request below one of them is judged at once.
type Known = HashMap<SiteId, Arc<SiteFolders>>;

/// What a request's thread needs to know of a site's folders, without a lock.
#[derive(Debug)]
struct SiteFolders {
    gallery: PathBuf,
    known: KnownFolders,
    /// The watch does not work: files are looked at on each request.
    unwatched: bool,
}

impl SiteFolders {
    /// The folder, if it is on disk and what is known is not of that very directory.
    fn unread(&self, folder: &str) -> Option<GalleryPath> {
        let inside = folder.trim_start_matches('/');
        let stamp = match inside {
            "" => Stamp::of_root(&self.gallery)?,
            inside => Stamp::of(&self.gallery.join(inside))?,
        };
        let is_known = !self.unwatched && self.known.get(folder) == Some(&stamp);
        if is_known { None } else { GalleryPath::from_decoded(folder).ok() }
    }
}

/// The configuration in force.
#[derive(Debug)]
pub(crate) struct Live {
    vocabulary: Arc<Vocabulary>,
    around: Surroundings,
    portal_hosts: Vec<HostName>,
    state: Mutex<State>,
    known: ArcSwap<Known>,
    gateway: OnceLock<Weak<Gateway>>,
    /// The watch has failed or overflowed since the last whole scan.
    degraded: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    sites: BTreeMap<SiteId, LiveSite>,
    stored: BTreeMap<SiteId, Arc<Rights>>,
    world: Option<Arc<World>>,
}

impl Live {
    /// The configuration as it is at start.
    ///
    /// # Errors
    /// If the sites can't stand beside each other.
    pub(crate) fn start(
        configuration: Configuration,
        vocabulary: Arc<Vocabulary>,
        around: Surroundings,
        stored: BTreeMap<SiteId, Arc<Rights>>,
    ) -> anyhow::Result<Arc<Self>> {
        let portal_hosts = HostName::parse(&configuration.gateway.public_url.host);
        let live = Self {
            vocabulary,
            around,
            portal_hosts: portal_hosts.into_iter().collect(),
            state: Mutex::new(State { stored, ..State::default() }),
            known: ArcSwap::default(),
            gateway: OnceLock::new(),
            degraded: AtomicBool::new(false),
        };
        let mut state = live.lock();
        for site in configuration.sites {
            let id = site.id.clone();
            let site = LiveSite::start(site, &live.vocabulary);
            state.sites.insert(id, site);
        }
        live.swap(&mut state, &Rebuild::All)?;
        drop(state);
        Ok(Arc::new(live))
    }

    /// The world of this moment.
    pub(crate) fn world(&self) -> Option<Arc<World>> {
        self.lock().world.clone()
    }

    /// Tells where worlds go from now on.
    pub(crate) fn attach(&self, gateway: &Arc<Gateway>) {
        if self.gateway.set(Arc::downgrade(gateway)).is_ok()
            && let Some(world) = self.world()
        {
            gateway.replace_world(world);
        }
    }

    /// The configuration directory.
    pub(crate) fn config_dir(&self) -> &Path {
        &self.around.config_dir
    }

    /// The galleries that are watched, by site.
    pub(crate) fn galleries(&self) -> Vec<(SiteId, PathBuf)> {
        let state = self.lock();
        let galleries = state.sites.iter();
        galleries.filter_map(|(id, site)| Some((id.clone(), site.gallery()?.clone()))).collect()
    }

    /// Reads the configuration directory anew. Sites with errors keep their last good state.
    pub(crate) fn reload_configuration(&self) {
        let loaded = match Configuration::load(&self.around.config_dir, &self.vocabulary) {
            Ok(loaded) => loaded,
            Err(problems) => {
                log_problems(&problems);
                tracing::warn!("the configuration has an error; the last good one stays in force");
                return;
            }
        };
        log_problems(&loaded.problems);
        let mut state = self.lock();
        let mut changed = HashSet::new();
        state.sites.retain(|id, _| {
            let stays = loaded.site(id).is_some();
            if !stays {
                tracing::info!(site = %id, "the site's configuration is gone: the site is closed");
            }
            stays
        });
        for site in loaded.sites {
            let id = site.id.clone();
            let updated = match state.sites.get_mut(&id) {
                Some(live) => live.update(site, &self.vocabulary),
                None => {
                    state.sites.insert(id.clone(), LiveSite::start(site, &self.vocabulary));
                    true
                }
            };
            if updated {
                changed.insert(id);
            }
        }
        self.swap_or_log(&mut state, &Rebuild::Some(changed));
    }

    /// Takes over what the store says now.
    pub(crate) fn replace_rights(&self, stored: BTreeMap<SiteId, Arc<Rights>>) {
        let mut state = self.lock();
        let differs = |id: &SiteId| state.stored.get(id) != stored.get(id);
        let changed: HashSet<_> = state.sites.keys().filter(|id| differs(id)).cloned().collect();
        state.stored = stored;
        if !changed.is_empty() {
            self.swap_or_log(&mut state, &Rebuild::Some(changed));
        }
    }

    /// Reads the folders of a site that something happened to.
    pub(crate) fn refresh_folders(&self, id: &SiteId, folders: &HashSet<GalleryPath>) {
        let mut state = self.lock();
        let Some(site) = state.sites.get_mut(id) else { return };
        if site.refresh(folders, &self.vocabulary) {
            self.swap_or_log(&mut state, &Rebuild::Some(HashSet::from([id.clone()])));
        } else {
            self.publish_known(&state);
        }
    }

    /// Walks every gallery again.
    pub(crate) fn rescan(&self) {
        let mut state = self.lock();
        for site in state.sites.values_mut() {
            site.rescan(&self.vocabulary);
        }
        self.degraded.store(false, Ordering::SeqCst);
        self.swap_or_log(&mut state, &Rebuild::All);
    }

    /// Says that the watch can't be relied on, until [`Live::rescan`].
    pub(crate) fn distrust_watch(&self) {
        if !self.degraded.swap(true, Ordering::SeqCst) {
            self.publish_known(&self.lock());
        }
    }

    /// Looks whether the galleries are still there. Returns those that came, went or were
    /// replaced, which must be watched anew.
    pub(crate) fn check_galleries(&self) -> bool {
        let mut state = self.lock();
        let mut changed = HashSet::new();
        for (id, site) in &mut state.sites {
            if site.check_gallery(&self.vocabulary) {
                changed.insert(id.clone());
            }
        }
        if changed.is_empty() {
            return false;
        }
        self.swap_or_log(&mut state, &Rebuild::Some(changed));
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // a panic while changing leaves the last world in force; what is half changed is read again
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swap_or_log(&self, state: &mut State, rebuild: &Rebuild) {
        if let Err(error) = self.swap(state, rebuild) {
            tracing::error!(error = format!("{error:#}"), "the last good configuration stays");
        }
    }

    /// Builds the new world and puts it into force.
    fn swap(&self, state: &mut State, rebuild: &Rebuild) -> anyhow::Result<()> {
        let generation = state.generation + 1;
        let mut runtimes = Vec::new();
        for (id, site) in &mut state.sites {
            if rebuild.concerns(id) || !site.is_built() {
                let stored = state.stored.get(id).cloned().unwrap_or_default();
                site.build(generation, &self.vocabulary, stored);
            }
            runtimes.extend(site.runtime(&self.around));
        }
        let engines = state.sites.values().filter_map(LiveSite::engine);
        let engine = Arc::new(Engine::new(generation, engines));
        let world = Arc::new(World::new(engine, runtimes, &self.portal_hosts)?);
        state.generation = generation;
        state.world = Some(Arc::clone(&world));
        if let Some(gateway) = self.gateway.get().and_then(Weak::upgrade) {
            gateway.replace_world(world);
        }
        self.publish_known(state);
        tracing::info!(generation, "policies in force");
        Ok(())
    }

    fn publish_known(&self, state: &State) {
        let unwatched = self.degraded.load(Ordering::SeqCst);
        let folders = state.sites.iter().filter_map(|(id, site)| {
            let gallery = site.gallery()?.clone();
            let known = site.known_folders();
            Some((id.clone(), Arc::new(SiteFolders { gallery, known, unwatched })))
        });
        self.known.store(Arc::new(folders.collect()));
    }
}

/// Whose engines a swap makes anew.
enum Rebuild {
    All,
    Some(HashSet<SiteId>),
}

impl Rebuild {
    fn concerns(&self, id: &SiteId) -> bool {
        match self {
            Self::All => true,
            Self::Some(sites) => sites.contains(id),
        }
    }
}

impl FolderWatch for Live {
    fn ensure(&self, site: &SiteId, path: &GalleryPath) -> Result<Freshness, Unready> {
        let known = self.known.load();
        let Some(folders) = known.get(site) else {
            return Ok(Freshness::Known);
        };
        // of the way to it, what is on disk and was not read yet, or is another directory than the
        // one that was read; a folder that is not there has no rules
        let mut way: Vec<GalleryPath> =
            path.ancestors().filter_map(|folder| folders.unread(folder)).collect();
        drop(known);
        if way.is_empty() {
            return Ok(Freshness::Known);
        }
        way.reverse();
        let mut state = self.lock();
        let Some(live) = state.sites.get_mut(site) else { return Err(Unready) };
        if !live.read_each(&way, &self.vocabulary) {
            self.publish_known(&state);
            return Ok(Freshness::Known);
        }
        match self.swap(&mut state, &Rebuild::Some(HashSet::from([site.clone()]))) {
            Ok(()) => Ok(Freshness::Reloaded),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "a new folder can't be judged");
                Err(Unready)
            }
        }
    }
}

/// Says in the log what is wrong, once, with place and mend.
pub(crate) fn log_problems(problems: &[Problem]) {
    for problem in problems {
        match problem.severity {
            vestibule_schema::Severity::Error => tracing::error!("{problem}"),
            vestibule_schema::Severity::Warning => tracing::warn!("{problem}"),
        }
    }
}
