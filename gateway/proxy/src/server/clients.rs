//! Client certificates: who is asked for one, and what becomes of a connection without
//! (requirement S80).
//!
//! pingora builds a listener's TLS once, and keeps sessions that clients may resume. A resumed
//! session brings the certificate back that was shown when it began, and nobody looks whether it
//! is still good. So where clients are asked for certificates, the handshake is made here, with a
//! configuration that is made anew when the authorities change and that resumes nothing:
//! `docs/adr/0006-client-certificates-without-resumption.md`.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::l4::stream::Stream as TcpStream;
use pingora::protocols::{GetSocketDigest as _, Ssl as _, Stream};
use pingora::server::ShutdownWatch;
use pingora::services::listening::Service;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use super::nobody;
use super::tls::{Certificate, CertificateError, Stamp, certificates};
use crate::line::Lines;

/// How long a handshake may take, as long as pingora gives others.
const HANDSHAKE: Duration = Duration::from_secs(60);

/// How long a certificate that was good is not looked at again, in seconds.
const CONFIRMED: u64 = 60;

/// What is done with a client that shows no certificate. One that shows a wrong one is refused
/// in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is refused.
    Required,
    /// It goes on without.
    Optional,
}

/// Whose certificates a listener takes from its clients, read again when that changes.
pub struct ClientCertificates {
    authorities: PathBuf,
    wanted: Wanted,
    /// What clients are shown.
    own: Arc<Certificate>,
    current: ArcSwap<Current>,
    /// The file when it was last read, well or not.
    read: Mutex<Option<Stamp>>,
}

/// What is in force for connections from now on.
struct Current {
    verifier: Arc<dyn ClientCertVerifier>,
    acceptor: Acceptor,
}

impl fmt::Debug for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ClientCertificates");
        shown.field("authorities", &self.authorities).field("wanted", &self.wanted);
        shown.finish_non_exhaustive()
    }
}

impl ClientCertificates {
    /// Reads the certificates of authorities, PEM, for a listener that shows its own.
    ///
    /// # Errors
    /// [`CertificateError`], if the file can't be read, holds none, or one that is no authority's.
    pub fn load(
        authorities: &Path,
        wanted: Wanted,
        own: Arc<Certificate>,
    ) -> Result<Arc<Self>, CertificateError> {
        // taken first: what is written meanwhile is read again
        let read = Mutex::new(Stamp::of(authorities));
        let current = ArcSwap::from_pointee(Current::load(authorities, wanted, &own)?);
        let authorities = authorities.to_owned();
        Ok(Arc::new(Self { authorities, wanted, own, current, read }))
    }

    /// Reads the file again if it changed, and says whether other authorities are in force, for
    /// connections from now on and for the next request on those that there are.
    ///
    /// # Errors
    /// [`CertificateError`], once for each change; then those of before stay. Where the file is gone
    /// or holds no certificate, nobody's certificate is good from then on.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        let now = Stamp::of(&self.authorities);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == now {
            return Ok(false);
        }
        *read = now;
        match Current::load(&self.authorities, self.wanted, &self.own) {
            Ok(current) => {
                self.current.store(Arc::new(current));
                Ok(true)
            }
            // INVARIANT: who takes out the last authority wants nobody in. What can't be read is
            // another thing: somebody may be writing it
            Err(error) if error.is_nothing() => {
                let nobody = nobody::verifier(self.wanted);
                self.current.store(Arc::new(Current::of(nobody, &self.own, &self.authorities)?));
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Greets a client; none if it is refused, which is logged.
    async fn greet(self: &Arc<Self>, stream: Stream) -> Option<(Stream, ShownCertificate)> {
        let stream = *stream.into_any().downcast::<TcpStream>().ok()?;
        let peer = stream.get_socket_digest().and_then(|digest| digest.peer_addr().cloned());
        let client = peer.map(|address| address.to_string());
        let current = self.current.load_full();
        let handshake = current.acceptor.tls_handshake(stream);
        let stream = match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::info!(client, error = %error, "a client is refused at its handshake");
                return None;
            }
            Err(_) => {
                tracing::info!(client, "a client does not finish its handshake");
                return None;
            }
        };
        let chain = stream.get_ssl().and_then(|tls| tls.peer_cert_chain_der());
        let shown = ShownCertificate {
            asked: Arc::clone(self),
            chain: chain.unwrap_or_default().to_vec(),
            confirmed: Mutex::new((UnixTime::now(), current)),
        };
        Some((Box::new(stream), shown))
    }
}

impl Current {
    fn load(
        authorities: &Path,
        wanted: Wanted,
        own: &Arc<Certificate>,
    ) -> Result<Self, CertificateError> {
        let path = authorities;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            let added = roots.add(certificate);
            added
                .map_err(|source| CertificateError::Authority { path: path.to_owned(), source })?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = match wanted {
            Wanted::Required => verifier,
            Wanted::Optional => verifier.allow_unauthenticated(),
        };
        let verifier = verifier
            .build()
            .map_err(|source| CertificateError::Clients { path: path.to_owned(), source })?;
        Self::of(verifier, own, path)
    }

    /// What asks by a verifier.
    fn of(
        verifier: Arc<dyn ClientCertVerifier>,
        own: &Arc<Certificate>,
        path: &Path,
    ) -> Result<Self, CertificateError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])
            .map_err(|source| CertificateError::Authority { path: path.to_owned(), source })?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_cert_resolver(Arc::clone(own) as Arc<_>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // INVARIANT: every connection shows its certificate and has it verified: none goes on with
        // what another one proved
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { verifier, acceptor: Acceptor::from_server_config(Arc::new(config)) })
    }
}

/// What the client of a connection showed when it was asked; it is good until its time is over, or
/// its authority is no longer one.
pub(crate) struct ShownCertificate {
    asked: Arc<ClientCertificates>,
    /// Its certificate and those between it and an authority; empty if it showed none.
    chain: Vec<CertificateDer<'static>>,
    /// When it was last found good, and by what.
    confirmed: Mutex<(UnixTime, Arc<Current>)>,
}

impl fmt::Debug for ShownCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShownCertificate").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl ShownCertificate {
    /// Whether it is still good.
    pub(crate) fn is_good(&self) -> bool {
        self.is_good_at(UnixTime::now())
    }

    fn is_good_at(&self, now: UnixTime) -> bool {
        let current = self.asked.current.load_full();
        let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, by) = &*confirmed;
        let age = now.as_secs().checked_sub(at.as_secs());
        if Arc::ptr_eq(by, &current) && age.is_some_and(|age| age < CONFIRMED) {
            return true;
        }
        let is_good = match self.chain.split_first() {
            Some((own, between)) => current.verifier.verify_client_cert(own, between, now).is_ok(),
            None => !current.verifier.client_auth_mandatory(),
        };
        if is_good {
            *confirmed = (now, current);
        }
        is_good
    }
}

/// The gateway on connections whose clients are asked for certificates.
struct Asking {
    clients: Arc<ClientCertificates>,
    lines: Lines,
}

#[async_trait]
impl ServerApp for Asking {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let (stream, shown) = self.clients.greet(stream).await?;
        // INVARIANT: a connection is served to its end here: one that was given back would be
        // greeted again
        self.lines.serve(stream, shutdown, Some(shown)).await;
        None
    }

    async fn cleanup(&self) {
        self.lines.cleanup().await;
    }
}

/// What listens at one address and asks for certificates. To pingora it is plain TCP: the handshake
/// is made in [`ClientCertificates::greet`], before a byte of it is taken for a request.
pub(super) fn service(
    address: SocketAddr,
    clients: Arc<ClientCertificates>,
    lines: Lines,
) -> Service<impl ServerApp + Send + Sync + 'static> {
    let mut service = Service::new(format!("vestibule at {address}"), Asking { clients, lines });
    service.add_tcp(&address.to_string());
    service
}

#[cfg(test)]
mod tests;
