//! The host that a browser named when it made its TLS connection.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::listeners::TlsAccept;
use pingora::protocols::Digest;
use pingora::protocols::tls::TlsRef;

/// Keeps the name (SNI) with the connection.
pub(super) struct ServerNames;

/// The name, as it was sent.
struct ServerName(String);

#[async_trait]
impl TlsAccept for ServerNames {
    async fn handshake_complete_callback(
        &self,
        tls: &TlsRef,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        let name = tls.server_name()?.to_owned();
        Some(Arc::new(ServerName(name)))
    }
}

/// The host that the connection was made for; none if it is no TLS or no name was sent, as for an
/// address.
pub(crate) fn host_asked_for(digest: Option<&Digest>) -> Option<&str> {
    let tls = digest?.ssl_digest.as_ref()?;
    tls.extension.get::<ServerName>().map(|name| name.0.as_str())
}
