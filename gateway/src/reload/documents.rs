//! What tells that the configuration is another one, without being told by the system: a watch
//! does not follow links, and stays with a directory that is renamed away.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::Live;

/// How often they are looked at: some `stat` calls for each site.
const EVERY: Duration = Duration::from_millis(700);

/// The files and folders of a configuration that are read, each as whatever it leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Documents(Vec<(PathBuf, Option<Mark>)>);

/// Which contents something has.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    place: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Documents {
    /// Looks at a configuration directory.
    pub(super) fn look(dir: &Path) -> Self {
        let mut seen = Self::default();
        seen.note(dir.to_owned());
        seen.note(dir.join("vestibule.toml"));
        seen.note(dir.join("config.d"));
        let sites = dir.join("config.d/sites");
        seen.note(sites.clone());
        for site in entries(&sites) {
            seen.note(site.clone());
            let policies = site.join("policies");
            for document in entries(&site).into_iter().chain(entries(&policies)) {
                let ending = document.extension();
                if ending.is_some_and(|it| it == "toml" || it == "cedar") || document == policies {
                    seen.note(document);
                }
            }
        }
        seen
    }

    fn note(&mut self, path: PathBuf) {
        // links are followed, as they are by whoever reads
        let mark = fs::metadata(&path).ok().map(|found| Mark {
            place: (found.dev(), found.ino()),
            // of a folder, the names in it are noted one by one
            length: if found.is_dir() { 0 } else { found.len() },
            modified: if found.is_dir() { (0, 0) } else { (found.mtime(), found.mtime_nsec()) },
            changed: if found.is_dir() { (0, 0) } else { (found.ctime(), found.ctime_nsec()) },
        });
        self.0.push((path, mark));
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Reads the configuration again when it is another one, until the sender of `stop` is dropped:
/// within a second, whatever the system reports, and while galleries are walked.
pub(super) fn watch(live: &Arc<Live>, stop: &Receiver<()>) {
    while matches!(stop.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout)) {
        if !live.has_read(&Documents::look(live.config_dir())) {
            live.reload_configuration();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn another_configuration_looks_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (config, site) = (at("config"), at("config/config.d/sites/family"));
        fs::create_dir_all(at("v1")).unwrap();
        fs::create_dir_all(at("v2")).unwrap();
        fs::create_dir_all(&site).unwrap();
        fs::write(at("v1/grants.toml"), "one").unwrap();
        fs::write(at("v2/grants.toml"), "two").unwrap();
        symlink("v1", at("current")).unwrap();
        symlink(at("current/grants.toml"), site.join("grants.toml")).unwrap();
        let mut seen = Documents::look(&config);
        let mut is_another = |what: &str| {
            let now = Documents::look(&config);
            assert_ne!(now, seen, "{what}");
            seen = now;
            assert_eq!(Documents::look(&config), seen, "{what}, and then nothing");
        };
        fs::remove_file(at("current")).unwrap();
        symlink("v2", at("current")).unwrap();
        is_another("a link above a file is turned, and all is kept");
        fs::write(at("v2/grants.toml"), "three").unwrap();
        is_another("the file that a link leads to is written");
        fs::create_dir_all(site.join("policies")).unwrap();
        is_another("a folder comes");
        fs::write(site.join("policies/a.cedar"), "").unwrap();
        is_another("a policy comes");
        fs::rename(&config, at("away")).unwrap();
        is_another("all of it is away");
        fs::create_dir_all(&config).unwrap();
        is_another("another is in its place");
    }

    /// What is no document, and the state above all, is not looked at.
    #[test]
    fn what_is_written_beside_is_nobodys_business() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("config.d/sites/family")).unwrap();
        fs::create_dir(dir.path().join("state")).unwrap();
        let seen = Documents::look(dir.path());
        fs::write(dir.path().join("state/audit.jsonl"), "{}").unwrap();
        fs::write(dir.path().join("picture.jpg"), "").unwrap();
        fs::write(dir.path().join("config.d/sites/family/.grants.toml.swp"), "").unwrap();
        assert_eq!(Documents::look(dir.path()), seen);
    }
}
