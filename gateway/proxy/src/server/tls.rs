//! Certificates, read before the server runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
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
}

/// One certificate for every name.
#[derive(Debug)]
pub(super) struct OneCertificate(Arc<CertifiedKey>);

impl ResolvesServerCert for OneCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Reads a chain and its key, and checks that they belong together.
pub(super) fn load(certificate: &Path, key: &Path) -> Result<OneCertificate, CertificateError> {
    let read = |path: &Path| {
        let path = path.to_owned();
        move |source| CertificateError::Read { path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .map_err(read(certificate))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(read(certificate))?;
    if chain.is_empty() {
        return Err(CertificateError::Empty { path: certificate.to_owned() });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(read(key))?;
    let provider = rustls::crypto::ring::default_provider();
    let certified = CertifiedKey::from_der(chain, private, &provider)
        .map_err(|source| CertificateError::Key { path: key.to_owned(), source })?;
    Ok(OneCertificate(Arc::new(certified)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        let message = |path: &Path| load(path, path).unwrap_err().to_string();
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
        assert!(load(&certificate, &key).is_ok());
        let error = load(&certificate, &other).unwrap_err();
        assert!(matches!(error, CertificateError::Key { .. }), "{error}");
    }
}
