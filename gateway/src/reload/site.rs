//! One site in force: its last good configuration, its folders, its engine.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use vestibule_identity::management::Node;
use vestibule_policies::audit::probe;
use vestibule_policies::model::Rights;
use vestibule_policies::{SiteEngine, Vocabulary};
use vestibule_proxy::{SiteRuntime, SiteState};
use vestibule_schema::document::{SiteDocument, UpstreamAddress};
use vestibule_schema::{GalleryPath, SiteId};

use super::reading::{Reading, What};
use crate::build::{self, Surroundings};
use crate::config::{PublicUrl, SiteConfig};
use crate::gallery::{self, KnownFolders, Scan, Stamp};
use crate::managed;
use crate::shown::is_shown_here;

/// One site in force.
#[derive(Debug)]
pub(super) struct LiveSite {
    config: SiteConfig,
    scan: Scan,
    engine: Option<Arc<SiteEngine>>,
    /// As the proxy has it: made anew only when the configuration changes, so that the addresses
    /// of upstreams stay what they were.
    runtime: Option<Arc<SiteRuntime>>,
    /// The gallery's root when it was walked; `None`: it is not there.
    root: Option<Stamp>,
    /// While the gallery is read: the folders that requests have read meanwhile.
    meanwhile: Option<HashSet<GalleryPath>>,
    /// Why the newest policies are not in force.
    refused: Option<String>,
    /// Something of the newest configuration waits for a restart.
    waits: bool,
}

impl LiveSite {
    /// A site with its gallery, which was walked if there is one.
    pub(super) fn start(
        config: SiteConfig,
        walked: Option<Reading>,
        vocabulary: &Vocabulary,
    ) -> Self {
        let mut site = Self {
            config,
            scan: Scan::default(),
            engine: None,
            runtime: None,
            root: None,
            meanwhile: None,
            refused: None,
            waits: false,
        };
        if site.config.model.is_none() {
            tracing::error!(site = %site.config.id, "the site is closed: its configuration has an error");
        }
        if let Some(walked) = walked {
            site.adopt(walked, vocabulary);
        }
        site
    }

    /// The name and the SHA-256 of the documents that are in force.
    pub(super) fn digest(&self) -> String {
        format!("{} {}", self.config.id, self.config.digest())
    }

    /// What of the site's newest configuration and folders is not in force.
    pub(super) fn kept_back(&self) -> Vec<String> {
        let id = &self.config.id;
        let refused = self.refused.as_ref();
        let refused =
            refused.map(|why| format!("the new policies of `{id}` are not put in force: {why}"));
        let waits = self.waits.then(|| {
            format!("`gallery` and `sizes` of `{id}` change with a restart of the gateway")
        });
        refused.into_iter().chain(waits).collect()
    }

    pub(super) fn gallery(&self) -> Option<&PathBuf> {
        self.config.gallery.as_ref()
    }

    pub(super) fn known_folders(&self) -> Arc<KnownFolders> {
        Arc::clone(&self.scan.known)
    }

    pub(super) fn engine(&self) -> Option<Arc<SiteEngine>> {
        self.engine.clone()
    }

    /// As it is managed.
    pub(super) fn node(&self, portal: &PublicUrl) -> Node {
        managed::node(&self.config, self.engine(), portal)
    }

    pub(super) fn is_built(&self) -> bool {
        self.engine.is_some() || self.config.model.is_none()
    }

    /// Whether a new configuration shows another gallery, which must be walked for it.
    pub(super) fn is_moved_by(&self, config: &SiteConfig) -> bool {
        let stays = is_shown_here(&self.config) && is_shown_here(config)
            || config.model.is_none() && self.config.model.is_some();
        !stays && config.gallery != self.config.gallery
    }

    /// Takes over a new configuration, or keeps the last good one. Says whether anything changed.
    pub(super) fn update(
        &mut self,
        config: SiteConfig,
        walked: Option<Reading>,
        vocabulary: &Vocabulary,
    ) -> bool {
        let id = &self.config.id;
        if config.model.is_none() && self.config.model.is_some() {
            tracing::warn!(site = %id, "the new configuration has an error; the last good one stays");
            return false;
        }
        let config = self.with_what_needs_a_restart(config);
        let same = config.model == self.config.model
            && config.document == self.config.document
            && config.folders == self.config.folders;
        if same {
            return false;
        }
        let moved = config.gallery != self.config.gallery;
        self.config = config;
        self.runtime = None;
        if let Some(walked) = walked.filter(|_| moved) {
            self.adopt(walked, vocabulary);
        }
        true
    }

    /// A new configuration, but with the folder and sizes that its media backend was started
    /// with: all else, and above all who may see what, is taken over.
    fn with_what_needs_a_restart(&mut self, mut config: SiteConfig) -> SiteConfig {
        let waited = std::mem::take(&mut self.waits);
        if !is_shown_here(&self.config) || !is_shown_here(&config) {
            return config;
        }
        let (Some(old), Some(new)) = (&self.config.document, &mut config.document) else {
            return config;
        };
        if config.gallery != self.config.gallery || old.sizes != new.sizes {
            self.waits = true;
            if !waited {
                tracing::warn!(
                    site = %self.config.id,
                    "`gallery` and `sizes` of a built-in site change with a restart; the rest is in force"
                );
            }
            new.sizes = old.sizes;
            config.gallery.clone_from(&self.config.gallery);
        }
        config
    }

    pub(super) fn is_shown_here(&self) -> bool {
        is_shown_here(&self.config)
    }

    /// The gallery's root when it was last walked.
    pub(super) const fn root(&self) -> Option<Stamp> {
        self.root
    }

    /// The folders that could not be read.
    pub(super) fn unreadable(&self) -> HashSet<GalleryPath> {
        self.scan.unreadable().cloned().collect()
    }

    /// Begins to read the gallery anew, or some of it, beside the requests that are judged; none if
    /// the site has none.
    pub(super) fn begin_reading(&mut self) -> Option<Reading> {
        let gallery = self.config.gallery.clone()?;
        self.meanwhile = Some(HashSet::new());
        Some(Reading::new(self.config.id.clone(), gallery, self.scan.clone()))
    }

    /// Takes over what was read. Says whether rules changed, or the gallery came or went.
    // INVARIANT: what requests read meanwhile is not replaced by what was read before it. Where the
    // two differ, the folder is read once more.
    pub(super) fn adopt(&mut self, read: Reading, vocabulary: &Vocabulary) -> bool {
        let meanwhile = self.meanwhile.take().unwrap_or_default();
        if self.config.gallery.as_ref() != Some(&read.gallery) {
            return false;
        }
        let mut changed = false;
        if let What::All(root) = read.what {
            changed = root.is_some() != self.root.is_some();
            self.root = root;
            if root.is_none() {
                // what was last known of the folders stays, below a root that is closed
                return changed;
            }
        }
        let before = std::mem::replace(&mut self.scan, read.scan);
        let mut meanwhile: Vec<_> = meanwhile.into_iter().collect();
        meanwhile.sort();
        for folder in meanwhile {
            if !self.scan.agrees_on(&folder, &before) {
                self.read_each(&[folder], vocabulary);
            }
        }
        if matches!(read.what, What::All(_)) && before.problems != self.scan.problems {
            self.log_folders(None);
        }
        changed || before.rules != self.scan.rules
    }

    /// Reads exactly these folders, outermost first. Says whether rules changed. Of a directory
    /// that has taken another's place nothing is known of what is below: the media backend shows
    /// no folder with rules that the grant does not name.
    pub(super) fn read_each(&mut self, folders: &[GalleryPath], vocabulary: &Vocabulary) -> bool {
        let Some(gallery) = self.config.gallery.clone() else { return false };
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile.extend(folders.iter().cloned());
        }
        let mut changed = false;
        for folder in folders {
            let before = self.scan.rules.get(folder).cloned();
            if !self.scan.knows(&gallery, folder) {
                let rules = self.scan.rules.len();
                self.scan.forget(folder);
                let gone = rules - self.scan.rules.len();
                changed |= gone > usize::from(before.is_some());
            }
            self.scan.read(&gallery, folder, vocabulary);
            changed |= before.as_ref() != self.scan.rules.get(folder);
        }
        changed
    }

    /// Compiles the site for a generation.
    pub(super) fn build(
        &mut self,
        generation: u64,
        vocabulary: &Arc<Vocabulary>,
        stored: Arc<Rights>,
    ) {
        self.refused = None;
        let Some(model) = &self.config.model else {
            self.engine = None;
            return;
        };
        let vanished = self.config.gallery.is_some() && self.root.is_none();
        let folders = Arc::new(build::folders(&self.config, &self.scan, vanished));
        let model = Arc::clone(model);
        let before = self.engine.take();
        let engine = SiteEngine::new(generation, vocabulary, model, folders, stored);
        let engine = match &before {
            Some(before) => engine.after(before),
            None => engine,
        };
        let changed = changed_folders(&engine, before.as_deref());
        self.engine = match probe::probe(&engine, changed) {
            Ok(_) => Some(Arc::new(engine)),
            Err(surprise) => {
                self.refused = Some(surprise.to_string());
                let kept = match &before {
                    Some(_) => "the last good ones stay, and folders that changed are closed",
                    None => "the site is closed",
                };
                tracing::error!(
                    site = %self.config.id,
                    error = %surprise,
                    "the new policies are not put in force: {kept}"
                );
                before.map(|before| Arc::new(last_good(&before, &engine, generation, vocabulary)))
            }
        };
    }

    /// The site for the proxy; `None` if nobody can tell where it is. One whose upstream can't be
    /// found is closed, alone.
    pub(super) fn runtime(&mut self, around: &Surroundings) -> Option<Arc<SiteRuntime>> {
        let document = self.config.document.as_ref()?;
        let state = if self.engine.is_some() { SiteState::Open } else { SiteState::Closed };
        if let Some(runtime) = self.runtime.as_ref().filter(|runtime| runtime.state == state) {
            return Some(Arc::clone(runtime));
        }
        let id = &self.config.id;
        let built = build::runtime(id, document, state, around).or_else(|error| {
            tracing::error!(site = %id, error = format!("{error:#}"), "the site is closed");
            // closed: no request ever goes there
            let nowhere = UpstreamAddress::Tcp { host: "127.0.0.1".to_owned(), port: 9 };
            let closed = SiteDocument { upstream: vec![nowhere], ..document.clone() };
            build::runtime(id, &closed, SiteState::Closed, around)
        });
        match built {
            Ok(runtime) => {
                let runtime = Arc::new(runtime);
                self.runtime = Some(Arc::clone(&runtime));
                Some(runtime)
            }
            Err(error) => {
                tracing::error!(site = %id, error = format!("{error:#}"), "the site is nowhere");
                None
            }
        }
    }

    /// Says what is wrong with folders: all, or those just read.
    pub(super) fn log_folders(&self, only: Option<&HashSet<GalleryPath>>) {
        let site: &SiteId = &self.config.id;
        for (folder, problems) in &self.scan.problems {
            if only.is_none_or(|only| only.contains(folder)) {
                super::log_problems(problems);
                if self.scan.rules.get(folder).is_some_and(|rules| rules.broken.is_some()) {
                    tracing::error!(%site, %folder, "the folder is closed to all but the site's owners");
                }
            }
        }
    }
}

/// The policies before a change that can't be trusted. What the change took from people is taken;
/// folders that it concerns are closed, never judged as if they had no rules.
fn last_good(
    before: &SiteEngine,
    refused: &SiteEngine,
    generation: u64,
    vocabulary: &Arc<Vocabulary>,
) -> SiteEngine {
    let mut folders = (**before.folders()).clone();
    let said = before.folders().keys().chain(refused.folders().keys());
    for folder in said.filter(|path| before.folders().get(*path) != refused.folders().get(*path)) {
        folders.insert(folder.clone(), Arc::new(gallery::broken(folder)));
    }
    let (model, stored) = (Arc::clone(before.model()), Arc::clone(refused.stored()));
    SiteEngine::new(generation, vocabulary, model, Arc::new(folders), stored)
}

/// The folders that say something else than before: all, where the site's own rules changed.
fn changed_folders<'e>(
    engine: &'e SiteEngine,
    before: Option<&'e SiteEngine>,
) -> impl Iterator<Item = &'e GalleryPath> {
    let before = before.filter(|before| before.model() == engine.model());
    engine
        .folders()
        .iter()
        .filter(move |(path, rules)| {
            let known = before.and_then(|before| before.folders().get(*path));
            known.is_none_or(|known| !Arc::ptr_eq(known, rules) && known != *rules)
        })
        .map(|(path, _)| path)
}
