//! One folder of `config.d/sites`: the documents of a site.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use vestibule_adapters::{HandOver, RouteMap};
use vestibule_policies::model::{CustomPolicies, FolderRules, SiteModel};
use vestibule_policies::{Vocabulary, check};
use vestibule_schema::document::{FoldersDocument, Mount, SiteDocument, UpstreamAddress};
use vestibule_schema::problem::{self, Problem, Source};
use vestibule_schema::{GalleryPath, SiteId};

use super::identity_headers;

/// The documents that a site's folder may have.
const DOCUMENTS: [&str; 4] = ["site.toml", "permissions.toml", "grants.toml", "folders.toml"];

/// The folder of its hand-written policies.
const POLICIES: &str = "policies";

/// A site as its folder says it.
#[derive(Debug, Clone)]
pub(crate) struct SiteConfig {
    pub(crate) id: SiteId,
    /// `site.toml`, if enough of it can be read to know where the site is.
    pub(crate) document: Option<SiteDocument>,
    /// The checked model; absent if anything has an error: the site is closed.
    pub(crate) model: Option<Arc<SiteModel>>,
    /// What `folders.toml` says.
    pub(crate) folders: Vec<(GalleryPath, FolderRules)>,
    /// The folders of `folders.toml` with their place, for the clash with a `_folder.md`.
    pub(crate) folder_places: HashMap<GalleryPath, (Source, std::ops::Range<usize>)>,
    /// Where the pictures are, if the gateway can read them.
    pub(crate) gallery: Option<PathBuf>,
    pub(crate) problems: Vec<Problem>,
    /// Of the documents and hand-written policies that were read, with their names.
    documents: Sha256,
}

impl SiteConfig {
    /// Reads a site's folder. What is wrong stands in the problems, and closes the site.
    pub(crate) fn load(dir: &Path, folder: &Path, id: SiteId, vocabulary: &Vocabulary) -> Self {
        let mut site = Self {
            document: None,
            model: None,
            folders: Vec::new(),
            folder_places: HashMap::new(),
            gallery: None,
            problems: Vec::new(),
            documents: Sha256::new(),
            id,
        };
        let shown = |name: &str| format!("config.d/sites/{}/{name}", site.id);
        let names = DOCUMENTS.map(shown);
        let [document, permissions, grants, folders] = names.map(|name| site.read(dir, &name));
        site.check_files(folder);
        if let Some(source) = document {
            site.read_site(dir, &source);
        }
        if let Some(source) = folders {
            site.read_folders(&source, vocabulary);
        }
        if let (Some(permissions), Some(document)) = (permissions, site.document.as_ref()) {
            let cascade = document.cascade;
            match check::site(
                &site.id,
                cascade,
                &permissions,
                grants.as_ref(),
                vocabulary.builtin(),
            ) {
                Ok((model, warnings)) => {
                    let (custom_permits, timezone) =
                        (document.custom_permits, document.timezone.clone());
                    let custom = site.read_policies(dir, folder, custom_permits, vocabulary);
                    let zone = timezone.and_then(|name| check::zone(&name.value));
                    let zone = zone.unwrap_or(model.zone.clone());
                    site.model = Some(Arc::new(SiteModel { custom, zone, ..model }));
                    site.problems.extend(warnings);
                }
                Err(problems) => site.problems.extend(problems),
            }
        }
        site.close_on_error();
        site
    }

    /// The SHA-256 of what was read, for people who compare what is in force.
    pub(crate) fn digest(&self) -> String {
        let hash = self.documents.clone().finalize();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn note_document(&mut self, source: &Source) {
        for text in [source.name(), source.text()] {
            self.documents.update((text.len() as u64).to_be_bytes());
            self.documents.update(text.as_bytes());
        }
    }

    /// A site with an error has no model: nothing of it opens.
    fn close_on_error(&mut self) {
        problem::sort(&mut self.problems);
        if problem::has_errors(&self.problems) {
            self.model = None;
        }
    }

    fn read(&mut self, dir: &Path, name: &str) -> Option<Source> {
        match super::read_document(dir, name) {
            Ok(Some(source)) => {
                self.note_document(&source);
                Some(source)
            }
            Ok(None) => {
                let file = name.rsplit('/').next().unwrap_or_default();
                if ["site.toml", "permissions.toml"].contains(&file) {
                    let problem =
                        Problem::error("config::missing_file", format!("`{file}` is missing"));
                    self.problems.push(
                        problem
                            .in_file(name)
                            .help("write it, even if it is empty: nothing opens by itself"),
                    );
                }
                None
            }
            Err(problem) => {
                self.problems.push(*problem);
                None
            }
        }
    }

    /// A file that nobody reads protects nothing: it is an error.
    fn check_files(&mut self, folder: &Path) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let place = format!("config.d/sites/{}/{name}", self.id);
            let lower = name.to_lowercase();
            if name == POLICIES {
                continue;
            } else if lower.ends_with(".toml") && !DOCUMENTS.contains(&name.as_str()) {
                let message = format!("`{name}` is no document of a site");
                self.problems.push(
                    Problem::error("config::unknown_file", message)
                        .in_file(&place)
                        .suggest(&lower, DOCUMENTS),
                );
            }
        }
    }

    /// The hand-written policies: `policies/*.cedar`, by name.
    fn read_policies(
        &mut self,
        dir: &Path,
        folder: &Path,
        may_permit: bool,
        vocabulary: &Vocabulary,
    ) -> CustomPolicies {
        let shown = |name: &str| format!("config.d/sites/{}/{POLICIES}/{name}", self.id);
        let names = match std::fs::read_dir(folder.join(POLICIES)) {
            Ok(entries) => entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect::<std::io::Result<Vec<String>>>(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let mut names = names.unwrap_or_else(|error| {
            self.problems.push(super::unreadable(&shown(""), &error));
            Vec::new()
        });
        names.sort();
        let mut sources = Vec::new();
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            let shown = shown(name);
            if !name.ends_with(".cedar") {
                self.problems.push(
                    Problem::error("config::unknown_file", format!("`{name}` is no policy"))
                        .in_file(&shown)
                        .help("only files that end in `.cedar` are read: rename or remove it"),
                );
                continue;
            }
            match super::read_document(dir, &shown) {
                Ok(source) => sources.extend(source),
                Err(problem) => self.problems.push(*problem),
            }
        }
        sources.iter().for_each(|source| self.note_document(source));
        let (custom, problems) = check::custom(&self.id, &sources, may_permit, vocabulary);
        self.problems.extend(problems);
        custom
    }

    fn read_site(&mut self, dir: &Path, source: &Source) {
        let (document, problems) = SiteDocument::parse(source);
        self.problems.extend(problems);
        let Some(document) = document else { return };
        if RouteMap::built_in(&document.adapter.value).is_none() {
            let known = RouteMap::built_in_names();
            self.problems.push(
                Problem::error(
                    "config::unknown_adapter",
                    format!("unknown adapter `{}`", document.adapter.value),
                )
                .at(source, document.adapter.span.clone(), "no route map has this name")
                .help(format!("the route maps are: {}", known.collect::<Vec<_>>().join(", "))),
            );
        }
        let map = RouteMap::built_in(&document.adapter.value);
        let is_foreign = map.is_some_and(|map| map.hand_over() == HandOver::Nothing);
        let is_below = matches!(document.mount, Mount::Path(_));
        if is_foreign && is_below && !document.accept_shared_origin {
            self.problems.push(shared_origin(source, &document));
        }
        if let Some(zone) = document.timezone.as_ref().filter(|z| check::zone(&z.value).is_none()) {
            self.problems.push(
                Problem::error(
                    "config::unknown_timezone",
                    format!("unknown time zone `{}`", zone.value),
                )
                .at(source, zone.span.clone(), "not in the IANA database")
                .help("write it like `Europe/Berlin` or `America/New_York`"),
            );
        }
        if let Some(gallery) = &document.gallery {
            let folder = dir.join(&gallery.value);
            if !folder.is_dir() {
                self.problems.push(
                    Problem::error(
                        "config::no_gallery",
                        format!("the gallery `{}` is no folder", gallery.value),
                    )
                    .at(source, gallery.span.clone(), "not found")
                    .help("write a path from the configuration directory, or a whole one"),
                );
            }
            self.gallery = Some(folder);
        } else if document.adapter.value == "vestibule"
            || document.upstream.contains(&UpstreamAddress::BuiltIn)
        {
            self.problems.push(
                Problem::error("config::no_gallery", "the site says no `gallery`")
                    .at(source, document.adapter.span.clone(), "needs the folders' own rules")
                    .help(r#"write `gallery = "/srv/photos"`"#),
            );
        }
        self.problems.extend(identity_headers::check(&document, dir, source));
        self.document = Some(document);
    }

    fn read_folders(&mut self, source: &Source, vocabulary: &Vocabulary) {
        let (document, problems) = FoldersDocument::parse(source);
        self.problems.extend(problems);
        for (path, folder) in document.folders {
            let (rules, problems) = check::folder_document(
                &path,
                &folder.value,
                source,
                Vec::new(),
                vocabulary.builtin(),
            );
            self.problems.extend(problems);
            if self.gallery.is_some() && (rules.hidden || !rules.hidden_images.is_empty()) {
                // whoever lists the gallery reads the folder's own file
                self.problems.push(
                    Problem::error(
                        "config::hidden_elsewhere",
                        format!("what `{path}` hides can't be said here"),
                    )
                    .at(source, folder.span.clone(), "the gallery's files can be read")
                    .help("write it in the folder's own `_folder.md`"),
                );
            }
            self.folder_places.insert(path.clone(), (source.clone(), folder.span));
            self.folders.push((path, rules));
        }
    }
}

/// What only all sites together show: two at one place. The second is closed.
pub(super) fn check_together(sites: &mut [SiteConfig], problems: &mut Vec<Problem>) {
    let mut taken: HashMap<String, SiteId> = HashMap::new();
    for site in sites {
        let Some(document) = &site.document else { continue };
        let places: Vec<_> = match &document.mount {
            Mount::Hosts(hosts) => hosts.iter().map(|host| (host, "host")).collect(),
            Mount::Path(path) => vec![(path, "path")],
        };
        let mut clash = None;
        for (place, what) in places {
            match taken.get(&place.value) {
                Some(other) => clash = Some((place.clone(), what, other.clone())),
                None => {
                    taken.insert(place.value.clone(), site.id.clone());
                }
            }
        }
        if let Some((place, what, other)) = clash {
            let name = format!("config.d/sites/{}/site.toml", site.id);
            let message = format!("the {what} `{}` is the site `{other}`'s already", place.value);
            let problem = Problem::error("config::same_place", message).in_file(&name);
            site.problems.push(problem.clone());
            problems.push(problem);
            site.document = None;
            site.model = None;
        }
    }
}

/// To a browser, what such a server sends is the portal's: a script in it could do there whatever
/// its reader may.
fn shared_origin(source: &Source, document: &SiteDocument) -> Problem {
    let message = "a gallery server of somebody else's shares its origin with the portal";
    Problem::error("config::shared_origin", message)
        .at(source, document.adapter.span.clone(), "below a path of the portal's host")
        .help(
            "give the site a host of its own with `hosts`, or write `accept_shared_origin = true`: \
             then the management API is off",
        )
}
