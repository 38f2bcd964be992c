//! [`ClientCertificate`]: what the gateway shows a provider to prove which client it is
//! (RFC 8705).

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::Secret;

/// Why a client certificate can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientCertificateError {
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

/// A certificate and its key, which belong together.
#[derive(Clone)]
pub struct ClientCertificate {
    pem: Secret<String>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(***)")
    }
}

impl ClientCertificate {
    /// Reads a chain and its key, PEM.
    ///
    /// # Errors
    /// [`ClientCertificateError`], if a file can't be read or the two don't fit.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, ClientCertificateError> {
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| ClientCertificateError::Read { path, source }
        };
        let certificates = CertificateDer::pem_file_iter(chain)
            .map_err(read(chain))?
            .collect::<Result<Vec<_>, _>>()
            .map_err(read(chain))?;
        if certificates.is_empty() {
            return Err(ClientCertificateError::Empty { path: chain.to_owned() });
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(read(key))?;
        // the HTTP client takes one text: of the one file its certificates, of the other its key
        let mut pem = Secret::new(block(label(&private), private.secret_der()));
        for certificate in certificates.iter().rev() {
            pem = Secret::new(block("CERTIFICATE", certificate) + pem.expose());
        }
        CertifiedKey::from_der(certificates, private, &default_provider())
            .map_err(|source| ClientCertificateError::Key { path: key.to_owned(), source })?;
        Ok(Self { pem })
    }

    /// As the HTTP client takes it.
    pub(super) fn identity(&self) -> Result<reqwest::Identity, reqwest::Error> {
        reqwest::Identity::from_pem(self.pem.expose().as_bytes())
    }
}

const fn label(key: &PrivateKeyDer<'_>) -> &'static str {
    match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        // and what there may be one day: it would not be read
        _ => "PRIVATE KEY",
    }
}

fn block(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

#[cfg(test)]
mod tests {
    use vestibule_tests::Authority;

    use super::*;

    #[test]
    fn a_certificate_and_its_key_belong_together() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Authority::new().write(dir.path(), "vestibule");
        Authority::new().write(other.path(), "vestibule");
        let at = |name: &str| dir.path().join(name);
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();
        let (own, key, ca) =
            (text(&at("certificate.pem")), text(&at("key.pem")), text(&at("ca.pem")));
        std::fs::write(at("chain.pem"), own.clone() + &ca).unwrap();
        std::fs::write(at("both.pem"), key + &own).unwrap();
        let first = CertificateDer::from_pem_slice(own.as_bytes()).unwrap();
        for (chain, key) in [("chain.pem", "key.pem"), ("both.pem", "both.pem")] {
            let loaded = ClientCertificate::load(&at(chain), &at(key)).unwrap();
            assert_eq!(format!("{loaded:?}"), "ClientCertificate(***)");
            loaded.identity().unwrap();
            let shown = CertificateDer::from_pem_slice(loaded.pem.expose().as_bytes()).unwrap();
            assert_eq!(shown, first, "the gateway's own comes first");
        }
        let wrong = other.path().join("key.pem");
        for (chain, key, said) in [
            (at("chain.pem"), wrong, "key.pem` does not fit"),
            (at("chain.pem"), at("nowhere.pem"), "nowhere.pem` can't be read"),
            (at("nowhere.pem"), at("key.pem"), "nowhere.pem` can't be read"),
            (at("key.pem"), at("key.pem"), "key.pem` holds no certificate"),
            (at("chain.pem"), at("chain.pem"), "chain.pem` can't be read"),
        ] {
            let error = ClientCertificate::load(&chain, &key).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
