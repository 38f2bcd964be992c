//! Certificates, read before the server runs and again when they change.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, VerifierBuilderError};
use rustls::sign::CertifiedKey;

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file can't be read as PEM.
    #[error("`{}` can't be read as PEM", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The file holds no certificate.
    #[error("`{}` holds no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The key is of a kind that is not supported, or of another certificate.
    #[error("the key in `{}` does not fit the certificate", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// A certificate of the file is none of an authority.
    #[error("`{}` holds a certificate by which no client can be verified", path.display())]
    Authority {
        /// The authorities' file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Clients can't be asked for certificates of these authorities.
    #[error("no client can be verified by `{}`", path.display())]
    Clients {
        /// The authorities' file.
        path: PathBuf,
        /// What is wrong with it.
        source: VerifierBuilderError,
    },
}

impl CertificateError {
    /// Whether there is no certificate at all: the file is gone, or holds none.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Empty { .. } => true,
            Self::Read { source: pem::Error::Io(error), .. } => {
                error.kind() == std::io::ErrorKind::NotFound
            }
            _ => false,
        }
    }
}

/// A certificate for every name, read again when its files change.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    /// The files when they were last read, well or not.
    read: Mutex<[Option<Stamp>; 2]>,
}

/// Which contents a file had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        let modified = (meta.mtime(), meta.mtime_nsec());
        Some(Self { inode: meta.ino(), length: meta.len(), modified })
    }
}

impl Certificate {
    /// Reads a chain and its key, PEM, and checks that they belong together.
    ///
    /// # Errors
    /// [`CertificateError`], if a file can't be read or the two don't fit.
    pub fn load(chain: &Path, key: &Path) -> Result<Arc<Self>, CertificateError> {
        // taken first: what is written meanwhile is read again
        let read = [Stamp::of(chain), Stamp::of(key)];
        let current = certified(chain, key)?;
        Ok(Arc::new(Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(current),
            read: Mutex::new(read),
        }))
    }

    /// Reads the files again if they changed, and says whether a new certificate is in force for
    /// connections from now on.
    ///
    /// # Errors
    /// [`CertificateError`], once for each change; then the one before stays.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        let now = [Stamp::of(&self.chain), Stamp::of(&self.key)];
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == now {
            return Ok(false);
        }
        *read = now;
        self.current.store(Arc::new(certified(&self.chain, &self.key)?));
        Ok(true)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn certified(chain: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let certificates = certificates(chain)?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|source| CertificateError::Read { path: key.to_owned(), source })?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(certificates, private, &provider)
        .map_err(|source| CertificateError::Key { path: key.to_owned(), source })
}

/// The certificates of a file; there is at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let unread = |source| CertificateError::Read { path: path.to_owned(), source };
    let read = CertificateDer::pem_file_iter(path).map_err(unread)?;
    let certificates = read.collect::<Result<Vec<_>, _>>().map_err(unread)?;
    if certificates.is_empty() {
        return Err(CertificateError::Empty { path: path.to_owned() });
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        let message = |path: &Path| Certificate::load(path, path).unwrap_err().to_string();
        assert!(message(&path).ends_with("cert.pem` can't be read as PEM"));
        std::fs::write(&path, "nothing").unwrap();
        assert!(message(&path).ends_with("cert.pem` holds no certificate"));
    }

    #[test]
    fn a_key_belongs_to_its_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let made = || rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let write = |name: &str, text: String| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let one = made();
        let certificate = write("cert.pem", one.cert.pem());
        let key = write("key.pem", one.signing_key.serialize_pem());
        let other = write("other.pem", made().signing_key.serialize_pem());
        assert!(Certificate::load(&certificate, &key).is_ok());
        let error = Certificate::load(&certificate, &other).unwrap_err();
        assert!(matches!(error, CertificateError::Key { .. }), "{error}");
    }

    #[test]
    fn a_change_is_taken_over_when_both_files_fit() {
        let dir = tempfile::tempdir().unwrap();
        let (chain, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        let made = || rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let (old, new) = (made(), made());
        std::fs::write(&chain, old.cert.pem()).unwrap();
        std::fs::write(&key, old.signing_key.serialize_pem()).unwrap();
        let certificate = Certificate::load(&chain, &key).unwrap();
        let shown = || certificate.current.load().cert.first().unwrap().to_vec();
        assert!(!certificate.refresh().unwrap());
        std::fs::write(&chain, new.cert.pem()).unwrap();
        assert!(certificate.refresh().is_err(), "the key is still the old one");
        assert!(!certificate.refresh().unwrap(), "said once");
        assert_eq!(shown(), old.cert.der().to_vec());
        std::fs::write(&key, new.signing_key.serialize_pem()).unwrap();
        assert!(certificate.refresh().unwrap());
        assert_eq!(shown(), new.cert.der().to_vec());
    }
}
