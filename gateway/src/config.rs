//! The configuration directory: what is in it, read and checked, all mistakes at once.

mod access;
mod audit;
mod gateway;
mod groups;
mod identity;
pub(crate) mod identity_headers;
mod secret;
mod sessions;
mod site;
mod store;
mod tls;
mod written;

use std::path::{Path, PathBuf};

use vestibule_policies::Vocabulary;
use vestibule_schema::problem::{self, Problem, Source};
use vestibule_schema::{PathKind, SiteId};

use crate::cli::NotFound;
pub(crate) use audit::AuditConfig;
pub(crate) use gateway::{GatewayConfig, PublicUrl, Watching};
pub(crate) use identity::IdentityConfig;
pub(crate) use site::SiteConfig;
pub(crate) use store::StoreChoice;
pub(crate) use tls::TlsConfig;
pub(crate) use written::Written;

/// A configuration directory, read.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) dir: PathBuf,
    pub(crate) gateway: GatewayConfig,
    /// `vestibule.toml` as it is written, to tell what of it has changed.
    pub(crate) written: Written,
    /// The sites by name; those with an error are closed.
    pub(crate) sites: Vec<SiteConfig>,
    /// Everything worth saying, sorted by file and position.
    pub(crate) problems: Vec<Problem>,
}

impl Configuration {
    /// Reads a configuration directory. Only `vestibule.toml` can make it fail whole: a mistake
    /// in a site closes that site.
    ///
    /// # Errors
    /// All problems of `vestibule.toml`, or that the directory can't be read.
    pub(crate) fn load(dir: &Path, vocabulary: &Vocabulary) -> Result<Self, Vec<Problem>> {
        if !dir.is_dir() {
            let message = format!("`{}` is no directory", dir.display());
            let problem = Problem::error("config::no_directory", message)
                .in_file(&dir.display().to_string())
                .help("name the configuration directory with `--config`, or make one: `vestibule init`");
            return Err(vec![problem]);
        }
        // events of the watch and messages of the state directory name whole paths
        let dir = &dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let written = Written::read(dir);
        let gateway = GatewayConfig::load(dir)?;
        let mut problems = Vec::new();
        let mut sites = Vec::new();
        for (name, folder) in site_folders(dir, &mut problems) {
            let site = SiteConfig::load(dir, &folder, name, vocabulary);
            problems.extend(site.problems.iter().cloned());
            problems.extend(groups::check(&gateway.identity, &site));
            sites.push(site);
        }
        site::check_together(&mut sites, &mut problems);
        problems.extend(access::check(dir, sites.iter().map(|site| &site.id)));
        problem::sort(&mut problems);
        Ok(Self { dir: dir.to_owned(), gateway, written, sites, problems })
    }

    /// Whether a directory holds a configuration at all. An empty one would do, but is more
    /// likely the wrong one.
    pub(crate) fn is_there(dir: &Path) -> bool {
        dir.join("vestibule.toml").exists() || dir.join("config.d").exists()
    }

    /// A site by name.
    pub(crate) fn site(&self, id: &SiteId) -> Option<&SiteConfig> {
        self.sites.iter().find(|site| site.id == *id)
    }

    /// A site by name, which somebody typed.
    ///
    /// # Errors
    /// If there is none of this name; with a near one, if there is.
    pub(crate) fn required_site(&self, id: &SiteId) -> anyhow::Result<&SiteConfig> {
        self.site(id).ok_or_else(|| {
            let names = self.sites.iter().map(|site| site.id.as_str());
            let near = problem::nearest(id.as_str(), names);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            anyhow::anyhow!(NotFound(format!("there is no site `{id}`{near}")))
        })
    }
}

/// The folders of `config.d/sites`, in order.
fn site_folders(dir: &Path, problems: &mut Vec<Problem>) -> Vec<(SiteId, PathBuf)> {
    let sites = dir.join("config.d/sites");
    let entries = match std::fs::read_dir(&sites) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            problems.push(unreadable("config.d/sites", &error));
            return Vec::new();
        }
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                problems.push(unreadable("config.d/sites", &error));
                continue;
            }
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || !path.is_dir() {
            continue;
        }
        match SiteId::parse(&name) {
            Ok(id) => folders.push((id, path)),
            Err(error) => problems.push(
                Problem::error("config::bad_site_name", format!("`{name}` is no name for a site"))
                    .in_file(&format!("config.d/sites/{name}"))
                    .help(format!("{error}; rename the folder")),
            ),
        }
    }
    folders.sort();
    folders
}

/// Reads a document of the configuration; `None` if it is not there.
///
/// # Errors
/// The problem, if it can't be read as text.
pub(crate) fn read_document(dir: &Path, name: &str) -> Result<Option<Source>, Box<Problem>> {
    match std::fs::read(dir.join(name)) {
        Ok(bytes) => Source::from_bytes(name, &bytes).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Box::new(unreadable(name, &error))),
    }
}

/// The problem of a file that the system does not let us read.
pub(crate) fn unreadable(name: &str, error: &std::io::Error) -> Problem {
    Problem::error("config::unreadable", format!("`{name}` can't be read: {error}"))
        .in_file(name)
        .help("give the gateway's user the right to read it")
}

/// The name of a folder's document in messages: `gallery:clients/_folder.md`.
pub(crate) fn folder_source_name(path: &vestibule_schema::GalleryPath) -> String {
    debug_assert_eq!(path.kind(), PathKind::Folder);
    format!(
        "gallery:{}{}",
        path.as_str().trim_start_matches('/'),
        vestibule_schema::document::FOLDER_FILE
    )
}
