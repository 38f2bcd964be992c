//! Listening: sockets, certificates, threads, and how it ends.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use pingora::listeners::tls::TlsSettings;
use pingora::proxy::http_proxy;
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::services::listening::Service;

use crate::gateway::Gateway;
use crate::line::Lines;
use crate::service::Enforcement;

mod clients;
mod nobody;
mod tls;

pub(crate) use clients::ShownCertificate;
pub use clients::{ClientCertificates, Wanted};
pub use tls::{Certificate, CertificateError};

/// Where the gateway listens.
#[derive(Debug, Clone, Default)]
pub struct Listeners {
    /// Plain HTTP.
    pub plain: Vec<SocketAddr>,
    /// HTTPS.
    pub tls: Vec<TlsListener>,
}

/// One address for HTTPS.
#[derive(Debug, Clone)]
pub struct TlsListener {
    /// The address.
    pub address: SocketAddr,
    /// What browsers are shown.
    pub certificate: Arc<Certificate>,
    /// What they are to show, if anything.
    pub clients: Option<Arc<ClientCertificates>>,
}

/// How the server runs.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many threads serve requests.
    pub threads: usize,
    /// How many idle connections to gallery servers are kept. More than are ever in use at once,
    /// or each request makes one anew.
    pub upstream_connections: usize,
    /// How long requests may go on after the signal to end, in seconds.
    pub grace_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, upstream_connections: 1024, grace_seconds: 1 }
    }
}

/// Why the gateway can't listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Another program has the address, or it is not of this machine.
    #[error("can't listen on `{address}`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// HTTPS can't be set up.
    #[error("HTTPS on `{address}` can't be set up")]
    Tls {
        /// The address.
        address: SocketAddr,
        /// What is wrong.
        source: Box<pingora::Error>,
    },
    /// There is no address to listen on.
    #[error("there is no address to listen on")]
    None,
}

/// A server for a gateway; it listens once it is run. Every address has been tried, so that what
/// is wrong with one is an error and not the end of a running program.
///
/// # Errors
/// [`ListenError`], for the first address that can't be used.
pub fn server(
    gateway: Arc<Gateway>,
    listeners: &Listeners,
    settings: Settings,
) -> Result<Server, ListenError> {
    if listeners.plain.is_empty() && listeners.tls.is_empty() {
        return Err(ListenError::None);
    }
    let configuration = ServerConf {
        threads: settings.threads.max(1),
        upstream_keepalive_pool_size: settings.upstream_connections,
        grace_period_seconds: Some(settings.grace_seconds),
        graceful_shutdown_timeout_seconds: Some(settings.grace_seconds),
        max_retries: 4,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, configuration);
    let proxy = Arc::new(http_proxy(&server.configuration, Enforcement::new(gateway)));
    let mut service = Service::new("vestibule".to_owned(), Lines(Arc::clone(&proxy)));
    for address in &listeners.plain {
        try_binding(*address)?;
        service.add_tcp(&address.to_string());
    }
    for listener in &listeners.tls {
        try_binding(listener.address)?;
        if let Some(clients) = &listener.clients {
            let lines = Lines(Arc::clone(&proxy));
            server.add_service(clients::service(listener.address, Arc::clone(clients), lines));
        } else {
            let settings = tls_settings(listener)?;
            service.add_tls_with_settings(&listener.address.to_string(), None, settings);
        }
    }
    // one that listens nowhere is over at once, and would have the others end their connections
    if !listeners.plain.is_empty() || listeners.tls.iter().any(|tls| tls.clients.is_none()) {
        server.add_service(service);
    }
    server.bootstrap();
    Ok(server)
}

/// Binds and lets go at once: pingora ends the program where it can't.
fn try_binding(address: SocketAddr) -> Result<(), ListenError> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(source) => Err(ListenError::Bind { address, source }),
    }
}

/// HTTP/1.1 over TLS 1.2 and 1.3.
fn tls_settings(listener: &TlsListener) -> Result<TlsSettings, ListenError> {
    let address = listener.address;
    let mut settings =
        TlsSettings::intermediate("", "").map_err(|source| ListenError::Tls { address, source })?;
    settings.set_cert_resolver(Arc::clone(&listener.certificate) as Arc<_>);
    settings.set_alpn(pingora::protocols::ALPN::H1);
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Port in use" is a message, not a panic.
    #[test]
    fn an_address_in_use_is_an_error_with_the_address() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = try_binding(address).unwrap_err();
        assert_eq!(error.to_string(), format!("can't listen on `{address}`"));
    }
}
