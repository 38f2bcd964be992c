//! [`Live`]: the configuration in force, and how it changes.
//!
//! Whatever changes is checked first and swapped whole. A site whose new configuration has an
//! error keeps its last good one; a folder whose rules can't be read is closed at once. A folder
//! that nobody has reported yet is read before anybody is judged by it.

mod managed;
mod on_demand;
mod site;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use vestibule_policies::model::Rights;
use vestibule_policies::{Engine, Vocabulary};
use vestibule_proxy::{
    FolderWatch, Found, Freshness, Gateway, HostName, PortalHosts, SiteRuntime, Unready, World,
    WorldError,
};
use vestibule_schema::problem::Problem;
use vestibule_schema::{GalleryPath, SiteId};
use vestibule_store::audit::Event;

use crate::audit;
use crate::build::Surroundings;
use crate::config::Configuration;
use crate::gallery::{self, KnownFolders};
use crate::shown::Shown;
use site::LiveSite;
pub(crate) use watch::watch;

/// The folders of a site that have been read. A request below one of them is judged at once.
type Known = HashMap<SiteId, Arc<SiteFolders>>;

/// What a request's thread needs to know of a site's folders, without a lock.
#[derive(Debug)]
struct SiteFolders {
    gallery: PathBuf,
    known: Arc<KnownFolders>,
    /// The watch does not work: files are looked at on each request.
    unwatched: bool,
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

/// The configuration in force.
#[derive(Debug)]
pub(crate) struct Live {
    vocabulary: Arc<Vocabulary>,
    around: Surroundings,
    shown: Arc<Shown>,
    portal: PortalHosts,
    state: Mutex<State>,
    known: ArcSwap<Known>,
    gateway: OnceLock<Weak<Gateway>>,
    /// Held while files are read and put in force: what was read before never replaces what was
    /// read after.
    reading: Mutex<()>,
    /// The same of the store, with its counter of changes when it was last read.
    taking_over: tokio::sync::Mutex<Option<u64>>,
    /// The watch has failed or overflowed since the last whole scan.
    degraded: AtomicBool,
    /// The errors of the configuration that were written down last.
    told: Mutex<Vec<String>>,
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
        shown: Arc<Shown>,
    ) -> anyhow::Result<Arc<Self>> {
        let public_url = &configuration.gateway.public_url;
        let host = HostName::parse(&public_url.host).context("the host of `public_url`")?;
        let portal =
            if public_url.is_known { PortalHosts::At(host) } else { PortalHosts::Every(host) };
        let live = Self {
            vocabulary,
            around,
            shown,
            portal,
            state: Mutex::new(State { stored, ..State::default() }),
            known: ArcSwap::default(),
            gateway: OnceLock::new(),
            reading: Mutex::default(),
            taking_over: tokio::sync::Mutex::default(),
            degraded: AtomicBool::new(false),
            told: Mutex::default(),
        };
        let mut state = live.lock();
        for site in configuration.sites {
            let id = site.id.clone();
            let site = LiveSite::start(site, &live.vocabulary);
            state.sites.insert(id, site);
        }
        live.swap(&mut state, &Rebuild::All, Clash::Refuse)?;
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
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = match Configuration::load(&self.around.config_dir, &self.vocabulary) {
            Ok(loaded) => loaded,
            Err(problems) => {
                log_problems(&problems);
                tracing::warn!("the configuration has an error; the last good one stays in force");
                self.tell_of_errors(&problems);
                return;
            }
        };
        log_problems(&loaded.problems);
        self.tell_of_errors(&loaded.problems);
        let mut state = self.lock();
        let (mut changed, before) = (HashSet::new(), state.sites.len());
        state.sites.retain(|id, _| {
            let stays = loaded.site(id).is_some();
            if !stays {
                tracing::info!(site = %id, "the site's configuration is gone: the site is closed");
                self.shown.stop(id);
            }
            stays
        });
        let is_gone = state.sites.len() < before;
        for site in loaded.sites {
            let id = site.id.clone();
            if let Err(error) = self.shown.start(&site) {
                tracing::error!(site = %id, error = format!("{error:#}"), "nothing shows it");
            }
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
        if is_gone || !changed.is_empty() {
            self.swap_or_log(&mut state, &Rebuild::Some(changed));
        }
        // no request goes there any more
        let elsewhere = state.sites.iter().filter(|(_, site)| !site.is_shown_here());
        elsewhere.for_each(|(id, _)| self.shown.stop(id));
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

    /// Tries again to read the folders that could not be read.
    pub(crate) fn retry_unreadable(&self) {
        let mut state = self.lock();
        let mut changed = HashSet::new();
        let mut tried = false;
        for (id, site) in &mut state.sites {
            let retried = site.retry_unreadable(&self.vocabulary);
            tried |= retried.is_some();
            changed.extend((retried == Some(true)).then(|| id.clone()));
        }
        if !changed.is_empty() {
            self.swap_or_log(&mut state, &Rebuild::Some(changed));
        } else if tried {
            self.publish_known(&state);
        }
    }

    /// Walks every gallery again, after which the watch tells of every change, or doesn't.
    pub(crate) fn rescan(&self, trust: Trust) {
        let mut state = self.lock();
        let mut changed = HashSet::new();
        for (id, site) in &mut state.sites {
            if site.rescan(&self.vocabulary) {
                changed.insert(id.clone());
            }
        }
        self.degraded.store(trust == Trust::Unwatched, Ordering::SeqCst);
        if changed.is_empty() {
            self.publish_known(&state);
        } else {
            self.swap_or_log(&mut state, &Rebuild::Some(changed));
        }
    }

    /// Says that the watch can't be relied on, until a [`Live::rescan`].
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
        if let Err(error) = self.swap(state, rebuild, Clash::Close) {
            tracing::error!(error = format!("{error:#}"), "the last good configuration stays");
        }
    }

    /// Builds the new world and puts it into force.
    // INVARIANT: with `Clash::Close` it is in force afterwards. What was read is known to whoever
    // judges only with the world that was made of it.
    fn swap(&self, state: &mut State, rebuild: &Rebuild, clash: Clash) -> anyhow::Result<()> {
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
        let world = Arc::new(self.side_by_side(&engine, runtimes, clash)?);
        state.generation = generation;
        state.world = Some(Arc::clone(&world));
        if let Some(gateway) = self.gateway.get().and_then(Weak::upgrade) {
            gateway.replace_world(world);
        }
        self.publish_known(state);
        tracing::info!(generation, "policies in force");
        let event = Event::PoliciesInForce { generation, sites: rebuild.names() };
        audit::of_gateway(&self.around.audit, event);
        Ok(())
    }

    /// Writes down that the configuration has errors, once for the same ones: without a watch it
    /// is read every second.
    fn tell_of_errors(&self, problems: &[Problem]) {
        let errors: Vec<String> = problems
            .iter()
            .filter(|problem| problem.severity == vestibule_schema::Severity::Error)
            .map(ToString::to_string)
            .collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != errors && !errors.is_empty() {
            let count = u64::try_from(errors.len()).unwrap_or(u64::MAX);
            let event = Event::ConfigurationKept { errors: count };
            audit::of_gateway(&self.around.audit, event);
        }
        *told = errors;
    }

    /// A world of these sites. One that claims another's place, as its own new configuration has
    /// an error and the last good one stays, is closed with its place left to the other.
    fn side_by_side(
        &self,
        engine: &Arc<Engine>,
        mut sites: Vec<Arc<SiteRuntime>>,
        clash: Clash,
    ) -> Result<World, WorldError> {
        loop {
            let error = match World::new(Arc::clone(engine), sites.clone(), &self.portal) {
                Ok(world) => return Ok(world),
                Err(error) => error,
            };
            let loser = error.second().clone();
            let before = sites.len();
            sites.retain(|site| site.id != loser);
            if clash == Clash::Refuse || sites.len() == before {
                return Err(error);
            }
            tracing::error!(site = %loser, error = %error, "the site is closed");
        }
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

/// Whether every change of a file is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Watched,
    Unwatched,
}

/// What becomes of sites that claim one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clash {
    /// At start: nothing is served.
    Refuse,
    /// While serving: the second of them is closed.
    Close,
}

/// Whose engines a swap makes anew.
enum Rebuild {
    All,
    Some(HashSet<SiteId>),
}

impl Rebuild {
    /// The sites, by name; none for all.
    fn names(&self) -> Vec<String> {
        let mut names = match self {
            Self::All => Vec::new(),
            Self::Some(sites) => sites.iter().map(ToString::to_string).collect(),
        };
        names.sort();
        names
    }

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

/// Says in the log what is wrong, once, with place and mend.
pub(crate) fn log_problems(problems: &[Problem]) {
    for problem in problems {
        match problem.severity {
            vestibule_schema::Severity::Error => tracing::error!("{problem}"),
            vestibule_schema::Severity::Warning => tracing::warn!("{problem}"),
        }
    }
}
