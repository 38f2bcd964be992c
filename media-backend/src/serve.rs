//! Listening, and the end of it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use vestibule_grant::MAX_TOKEN_BYTES;

use crate::backend::Backend;
use crate::config::{Config, Listen};

/// Room for the longest grant and everything else in a request's head.
const HEAD_BYTES: usize = MAX_TOKEN_BYTES + 64 * 1024;
/// How long a request's head may take.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long responses may take to end after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// Why the backend does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address or socket can't be used.
    #[error("can't listen on `{place}`")]
    Listen {
        /// The address, or the socket's path.
        place: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The address is not a loopback address: whoever reaches the backend could try grants.
    #[error("won't listen on `{0}`, which is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The folder for renditions can't be used.
    #[error("can't use the folder `{path}` for renditions")]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// A backend that listens already, but does not answer yet.
#[derive(Debug)]
pub struct Server {
    backend: Backend,
    listener: Listener,
}

#[derive(Debug)]
enum Listener {
    Unix {
        listener: UnixListener,
        /// Removes the socket when the listener goes.
        _socket: Socket,
    },
    Tcp(TcpListener),
}

/// A socket's file, which goes with its owner.
#[derive(Debug)]
struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "can't remove the socket");
        }
    }
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// If the socket or address, or the folder for renditions, can't be used.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        let listen = config.listen.clone();
        let backend = Backend::new(config)?;
        let listener = match listen {
            Listen::Unix(path) => {
                let place = path.display().to_string();
                let listener =
                    bind_unix(&path).map_err(|source| ServeError::Listen { place, source })?;
                Listener::Unix { listener, _socket: Socket(path) }
            }
            Listen::Tcp(address) if !address.ip().is_loopback() => {
                return Err(ServeError::NotLoopback(address));
            }
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address)
                    .await
                    .map_err(|source| ServeError::Listen { place: address.to_string(), source })?;
                Listener::Tcp(listener)
            }
        };
        Ok(Self { backend, listener })
    }

    /// The address, where the backend listens on one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.listener {
            Listener::Unix { .. } => None,
            Listener::Tcp(listener) => listener.local_addr().ok(),
        }
    }

    /// Answers requests until told to stop, then lets those end that have begun.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(());
        let Self { backend, listener } = self;
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&listener, &backend, &stopped) => accepted,
            };
            if let Err(error) = accepted {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
        // nobody finds the socket any more while the last responses end
        drop(listener);
        drop(stopped);
        stop.send_replace(());
        if tokio::time::timeout(DRAIN, stop.closed()).await.is_err() {
            tracing::warn!("connections were still open at the end");
        }
    }
}

/// Serves until told to stop.
///
/// # Errors
/// If it can't begin; see [`Server::bind`].
pub async fn serve(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    Server::bind(config).await?.run(shutdown).await;
    Ok(())
}

/// Listens on a socket that only its owner may use, in the place of one that nobody listens on.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file is not a socket"));
        }
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        Ok(_) => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    // under its own name from the start: the proxy compares the name of its peer with the one it
    // asked for, and keeps no connection to a socket that was renamed
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn accept(
    listener: &Listener,
    backend: &Backend,
    stopped: &watch::Receiver<()>,
) -> io::Result<()> {
    match listener {
        Listener::Unix { listener, .. } => {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(converse(stream, backend.clone(), stopped.clone()));
        }
        Listener::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            // small answers must not wait for more
            stream.set_nodelay(true)?;
            tokio::spawn(converse(stream, backend.clone(), stopped.clone()));
        }
    }
    Ok(())
}

/// One connection, to its end.
async fn converse<S>(stream: S, backend: Backend, mut stopped: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let backend = backend.clone();
        async move { Ok::<_, std::convert::Infallible>(backend.respond(request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES).timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
