//! [`Live`]: the configuration in force, and how it changes.
//!
//! Whatever changes is checked first and swapped whole. A site whose new configuration has an
//! error keeps its last good one; a folder whose rules can't be read is closed at once. A folder
//! that nobody has reported yet is read before anybody is judged by it.

mod documents;
mod folders;
mod galleries;
mod managed;
mod on_demand;
mod reading;
mod site;
mod watch;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use anyhow::Context as _;
use arc_swap::{ArcSwap, ArcSwapOption};
use vestibule_policies::model::Rights;
use vestibule_policies::{Engine, Vocabulary};
use vestibule_proxy::{Gateway, HostName, PortalHosts, SiteRuntime, World, WorldError};
use vestibule_schema::SiteId;
use vestibule_schema::problem::{self, Problem};
use vestibule_store::audit::Event;

use crate::audit;
use crate::build::Surroundings;
use crate::config::{Configuration, SiteConfig, Written};
use crate::gallery::Scan;
use crate::shown::Shown;
use documents::Documents;
use folders::Known;
use reading::Reading;
use site::LiveSite;
pub(crate) use watch::watch;

/// The configuration in force.
#[derive(Debug)]
pub(crate) struct Live {
    vocabulary: Arc<Vocabulary>,
    around: Surroundings,
    shown: Arc<Shown>,
    portal: PortalHosts,
    state: Mutex<State>,
    /// Of this moment, for whoever asks without waiting.
    world: ArcSwapOption<World>,
    known: ArcSwap<Known>,
    gateway: OnceLock<Weak<Gateway>>,
    /// Held while files are read and put in force: what was read before never replaces what was
    /// read after. Taken before `state`, which nobody holds who reads more than a few folders.
    reading: Mutex<()>,
    /// The configuration as it was looked at before it was last read; held while it is read. Taken
    /// before `reading`, which is taken for a gallery that is another one: no change waits for a
    /// walk that it does not need.
    documents: Mutex<Documents>,
    /// The same of the store, with its counter of changes when it was last read.
    taking_over: tokio::sync::Mutex<Option<u64>>,
    /// The watch has failed or overflowed since the last whole scan.
    degraded: AtomicBool,
    /// What was last told of the configuration.
    told: Mutex<Told>,
    /// The gateway's own file when it started, of which nothing changes without a restart.
    written: Written,
}

/// What was told of the configuration: without a watch it is read every second.
#[derive(Debug, Default)]
struct Told {
    /// Its errors, in the audit log.
    errors: Vec<String>,
    /// Everything, in the log.
    all: Vec<String>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    sites: BTreeMap<SiteId, LiveSite>,
    stored: BTreeMap<SiteId, Arc<Rights>>,
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
            world: ArcSwapOption::empty(),
            known: ArcSwap::default(),
            gateway: OnceLock::new(),
            reading: Mutex::default(),
            documents: Mutex::default(),
            taking_over: tokio::sync::Mutex::default(),
            degraded: AtomicBool::new(false),
            told: Mutex::default(),
            written: configuration.written,
        };
        let mut state = live.lock();
        for site in configuration.sites {
            let id = site.id.clone();
            let walked = live.walk_gallery(&site);
            let site = LiveSite::start(site, walked, &live.vocabulary);
            state.sites.insert(id, site);
        }
        live.swap(&mut state, &Rebuild::All, Clash::Refuse)?;
        drop(state);
        Ok(Arc::new(live))
    }

    /// The world of this moment.
    pub(crate) fn world(&self) -> Option<Arc<World>> {
        self.world.load_full()
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

    /// Reads the configuration directory anew. Sites with errors keep their last good state. The
    /// answer says what of it is not in force.
    pub(crate) fn reload_configuration(&self) -> Vec<String> {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        // first: what is written meanwhile is read again
        *documents = Documents::look(&self.around.config_dir);
        let loaded = match Configuration::load(&self.around.config_dir, &self.vocabulary) {
            Ok(loaded) => loaded,
            Err(problems) => {
                self.tell(&problems, &[]);
                return errors_of(&problems);
            }
        };
        let restart = loaded.written.waits_since(&self.written);
        self.tell(&loaded.problems, &restart);
        let mut kept_back = errors_of(&loaded.problems);
        kept_back.extend(restart);
        kept_back.extend(self.put_sites_in_force(loaded));
        kept_back
    }

    /// Whether this is what was last read.
    fn has_read(&self, seen: &Documents) -> bool {
        *self.documents.lock().unwrap_or_else(PoisonError::into_inner) == *seen
    }

    /// The same of the sites.
    fn put_sites_in_force(&self, loaded: Configuration) -> Vec<String> {
        let mut kept_back = Vec::new();
        let moved = self.moved_by(&loaded);
        let _reading = (!moved.is_empty()).then(|| self.only_reader());
        let walk = |site: &SiteConfig| Some((site.id.clone(), self.walk_gallery(site)?));
        let mut walked: BTreeMap<_, _> = moved.into_iter().filter_map(walk).collect();
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
                kept_back.push(format!("nothing shows the site `{id}`: {error:#}"));
            }
            let walked = walked.remove(&id);
            let updated = match state.sites.get_mut(&id) {
                Some(live) => live.update(site, walked, &self.vocabulary),
                None => {
                    let live = LiveSite::start(site, walked, &self.vocabulary);
                    state.sites.insert(id.clone(), live);
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
        kept_back
    }

    /// The sites that are new, or show another gallery from now on, which must be walked.
    fn moved_by<'c>(&self, loaded: &'c Configuration) -> Vec<&'c SiteConfig> {
        let state = self.lock();
        let is_moved = |site: &&SiteConfig| {
            state.sites.get(&site.id).is_none_or(|live| live.is_moved_by(site))
        };
        loaded.sites.iter().filter(is_moved).collect()
    }

    fn walk_gallery(&self, site: &SiteConfig) -> Option<Reading> {
        let reading = Reading::new(site.id.clone(), site.gallery.clone()?, Scan::default());
        Some(reading.walk(&self.vocabulary))
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
        self.world.store(Some(Arc::clone(&world)));
        if let Some(gateway) = self.gateway.get().and_then(Weak::upgrade) {
            gateway.replace_world(world);
        }
        self.publish_known(state);
        let new = state.sites.iter().filter(|(id, _)| rebuild.concerns(id));
        let documents: Vec<String> = new.map(|(_, site)| site.digest()).collect();
        tracing::info!(generation, documents = documents.join(", "), "policies in force");
        let event = Event::PoliciesInForce { generation, sites: rebuild.names(), documents };
        audit::of_gateway(&self.around.audit, event);
        Ok(())
    }

    /// Says what is wrong with the configuration and what waits for a restart, and writes down that
    /// it has errors: once for the same ones.
    fn tell(&self, problems: &[Problem], restart: &[String]) {
        let errors = errors_of(problems);
        let texts = problems.iter().map(ToString::to_string).chain(restart.iter().cloned());
        let all: Vec<String> = texts.collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.all != all {
            log_problems(problems);
            restart.iter().for_each(|text| tracing::warn!("{text}"));
            if problem::has_errors(problems) {
                tracing::warn!("the configuration has an error; the last good one stays in force");
            }
        }
        if told.errors != errors && !errors.is_empty() {
            let count = u64::try_from(errors.len()).unwrap_or(u64::MAX);
            let event = Event::ConfigurationKept { errors: count };
            audit::of_gateway(&self.around.audit, event);
        }
        *told = Told { errors, all };
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

/// The errors among problems.
fn errors_of(problems: &[Problem]) -> Vec<String> {
    let errors =
        problems.iter().filter(|problem| problem.severity == vestibule_schema::Severity::Error);
    errors.map(ToString::to_string).collect()
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
