//! The state directory: database, grant key, sockets, renditions.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};
use vestibule_grant::GrantKey;
use vestibule_schema::SiteId;
use vestibule_store::{Store, StoreError};

use crate::audit;
use crate::config::StoreChoice;

/// The most bytes that Linux takes for the address of a socket (unix(7)).
const LONGEST_SOCKET: usize = 107;

/// The state directory of a gateway.
#[derive(Debug, Clone)]
pub(crate) struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// Makes sure that the directory is there and can be written, by its owner and for its owner
    /// alone.
    ///
    /// # Errors
    /// If it can't be made or written, or is another user's; the message names it and the mend.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let mend = || {
            format!(
                "the state directory `{}` can't be written; give the gateway's user the right \
                 to write it, or set `state_dir` in vestibule.toml",
                path.display()
            )
        };
        if !path.exists() {
            fs::create_dir_all(path).with_context(mend)?;
            restrict(path, 0o700).with_context(mend)?;
        }
        let path = path.canonicalize().with_context(mend)?;
        as_owner(&path)?;
        let state = Self { path };
        // an earlier run's directory may have become read-only since
        let probe = state.path.join(".writable");
        fs::write(&probe, b"").with_context(mend)?;
        fs::remove_file(&probe).with_context(mend)?;
        Ok(state)
    }

    /// The directory where it is, for whoever only reads what is there.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Opens the store that the configuration chose, if there is one, and leaves it as it is: who
    /// brings an older one to this version is the gateway.
    ///
    /// # Errors
    /// As [`Store::open_as_it_is`] and [`Store::open_postgres_as_it_is`].
    pub(crate) async fn store_as_it_is(
        &self,
        choice: &StoreChoice,
    ) -> Result<Option<Store>, StoreError> {
        match choice {
            StoreChoice::Sqlite => Store::open_as_it_is(&self.database()).await,
            StoreChoice::Postgres(url) => Store::open_postgres_as_it_is(url).await,
        }
    }

    /// Opens the store that the configuration chose.
    ///
    /// # Errors
    /// As [`Store::open`] and [`Store::open_postgres`].
    pub(crate) async fn open_store(&self, choice: &StoreChoice) -> Result<Store, StoreError> {
        match choice {
            StoreChoice::Sqlite => Store::open(&self.database()).await,
            StoreChoice::Postgres(url) => Store::open_postgres(url).await,
        }
    }

    /// The file of a store that is one.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("vestibule.db")
    }

    /// Where command-line verbs speak to the running gateway.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// Where the built-in media backend of a site listens. A long name is cut, and told from others
    /// by its hash: the system takes no long addresses of sockets.
    pub(crate) fn media_socket(&self, site: &SiteId) -> PathBuf {
        let whole = self.path.join(format!("media-{site}.sock"));
        if whole.as_os_str().len() <= LONGEST_SOCKET {
            return whole;
        }
        let hash = Sha256::digest(site.as_str().as_bytes());
        let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.path.join(format!("media-{hex}.sock"))
    }

    /// Where the renditions of a site are kept.
    pub(crate) fn renditions(&self, site: &SiteId) -> PathBuf {
        self.path.join("renditions").join(site.as_str())
    }

    /// The key that gateway and media backends share; made at first use.
    ///
    /// # Errors
    /// If the file can't be read, or is no key.
    pub(crate) fn grant_key(&self) -> anyhow::Result<Arc<GrantKey>> {
        let path = self.path.join("grant.key");
        let shown = path.display().to_string();
        if !path.exists() {
            let mut secret = [0u8; 32];
            if getrandom::fill(&mut secret).is_err() {
                bail!("the system gives no random numbers");
            }
            let key = GrantKey::from_secret("k1", secret);
            write_first(&path, key.to_text().as_bytes())
                .with_context(|| format!("`{shown}` can't be written"))?;
        }
        // another process may have been the first
        let text = fs::read_to_string(&path).with_context(|| format!("`{shown}` can't be read"))?;
        let key = GrantKey::from_text(&text).with_context(|| {
            format!("`{shown}` is no key; remove it and a new one is made at the next start")
        })?;
        Ok(Arc::new(key))
    }
}

/// Makes sure that whoever runs this program is whose file or directory this is: what another user
/// made there the gateway could not write again. What is not there is nobody's.
///
/// # Errors
/// If it is another's, with the mend.
pub(crate) fn as_owner(path: &Path) -> anyhow::Result<()> {
    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    by_whom(path, metadata.uid(), rustix::process::geteuid().as_raw())
}

fn by_whom(path: &Path, owner: u32, user: u32) -> anyhow::Result<()> {
    if owner == user {
        return Ok(());
    }
    let owner = audit::name_of(owner).unwrap_or_else(|| format!("#{owner}"));
    bail!(
        "`{}` belongs to the user `{owner}`, who runs the gateway; run this as that user: \
         `sudo -u '{owner}' vestibule …`",
        path.display()
    )
}

/// Writes a file that only its owner may read, all of it or nothing, unless there is one already.
fn write_first(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;

    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(&dir.path().join("state")).unwrap();
        let first = state.grant_key().unwrap().to_text().to_string();
        assert_eq!(state.grant_key().unwrap().to_text().to_string(), first);
        let mode = fs::metadata(dir.path().join("state/grant.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    /// Whoever starts at the same time reads the key of whoever was first.
    #[test]
    fn a_key_that_several_make_at_once_is_one() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let state = StateDir::open(&dir.path().join(format!("state{round}"))).unwrap();
            let keys: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
                let made = || state.grant_key().unwrap().to_text().to_string();
                let made: Vec<_> = (0..4).map(|_| scope.spawn(made)).collect();
                made.into_iter().map(|made| made.join().unwrap()).collect()
            });
            assert_eq!(keys.len(), 1);
            assert_eq!(fs::read_dir(&state.path).unwrap().count(), 1, "nothing else is left");
        }
    }

    /// What root makes in there, the gateway's user can't write.
    #[test]
    fn another_users_directory_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let error = by_whom(dir.path(), 4_000_001, 0).unwrap_err().to_string();
        assert!(error.contains("sudo -u '#4000001'"), "{error}");
        assert!(by_whom(dir.path(), 1000, 1000).is_ok());
        assert!(as_owner(&dir.path().join("nothing")).is_ok());
        if std::os::unix::fs::chown(dir.path(), Some(4_000_001), None).is_ok() {
            let error = StateDir::open(dir.path()).unwrap_err().to_string();
            assert!(error.contains("belongs to the user `#4000001`"), "{error}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_long_name_has_a_socket_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(&dir.path().join("x".repeat(40))).unwrap();
        let socket = |name: &str| state.media_socket(&SiteId::parse(name).unwrap());
        let (long, other) = ("a".repeat(64), "a".repeat(63));
        assert!(socket(&long).as_os_str().len() <= LONGEST_SOCKET);
        assert_ne!(socket(&long), socket(&other));
        assert!(socket("a").ends_with("media-a.sock"));
    }

    #[test]
    fn a_state_directory_that_can_not_be_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = StateDir::open(&file.join("state")).unwrap_err();
        assert!(error.to_string().contains("file/state"), "{error}");
    }
}
