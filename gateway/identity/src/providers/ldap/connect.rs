//! Connections to a directory's servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::config::{LdapLimits, Security, Server};
use super::start_tls::{self, StartTlsError};

/// Why a directory can't be asked at all, before any server is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file of authorities can't be read.
    #[error("`{}` can't be read as PEM", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// No authority is known: every certificate would be refused.
    #[error("there is no certificate of an authority to trust")]
    Nobody,
    /// The system's TLS is unusable.
    #[error("TLS can't be set up")]
    Tls(#[source] rustls::Error),
}

/// Why a server was not connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody answers there.
    #[error("nobody answers there")]
    Silent(#[source] std::io::Error),
    /// It took too long.
    #[error("the server did not answer in time")]
    Late,
    /// An address in the clear leads to another machine.
    #[error("the name leads to another machine, and passwords would travel in the clear")]
    Clear,
    /// It did not go over to TLS.
    #[error(transparent)]
    StartTls(#[from] StartTlsError),
    /// Its certificate is not trusted, or of another host.
    #[error("no TLS with the server")]
    Tls(#[source] Box<ldap3::LdapError>),
}

/// A connection; it ends when this is dropped.
pub(crate) struct Connection {
    pub(crate) ldap: Ldap,
    /// What moves its bytes; a set, because it ends with this.
    _driver: JoinSet<()>,
}

/// Whose certificates are trusted: those of the file alone, or those that the system trusts.
pub(crate) fn trust(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let failed = |source| TrustError::Read { path: path.to_owned(), source };
            for certificate in CertificateDer::pem_file_iter(path).map_err(failed)? {
                roots.add(certificate.map_err(failed)?).map_err(TrustError::Tls)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(TrustError::Nobody);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Tls)?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Connects a server, with TLS unless it is this machine and was not asked for.
pub(crate) async fn open(
    server: &Server,
    tls: &Arc<ClientConfig>,
    limits: &LdapLimits,
) -> Result<Connection, ConnectError> {
    let opened = timeout(limits.connect, connect(server, tls)).await;
    opened.map_err(|_| ConnectError::Late)?
}

async fn connect(server: &Server, tls: &Arc<ClientConfig>) -> Result<Connection, ConnectError> {
    let address = (server.host.as_str(), server.port);
    let mut stream = TcpStream::connect(address).await.map_err(ConnectError::Silent)?;
    let scheme = match server.security {
        Security::Tls => "ldaps",
        Security::StartTls => {
            start_tls::ask(&mut stream).await?;
            "ldaps"
        }
        Security::Loopback => {
            let peer = stream.peer_addr().map_err(ConnectError::Silent)?;
            if !peer.ip().is_loopback() {
                return Err(ConnectError::Clear);
            }
            "ldap"
        }
    };
    let stream = stream.into_std().map_err(ConnectError::Silent)?;
    let settings =
        LdapConnSettings::new().set_std_stream(StdStream::Tcp(stream)).set_config(Arc::clone(tls));
    let host =
        if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
    // the address is where the name comes from that the certificate must have
    let address = format!("{scheme}://{host}:{}", server.port);
    let opened = LdapConnAsync::with_settings(settings, &address).await;
    let (connection, ldap) = opened.map_err(|error| ConnectError::Tls(Box::new(error)))?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // whoever waits for an answer is told
        let _ = connection.drive().await;
    });
    Ok(Connection { ldap, _driver: driver })
}
