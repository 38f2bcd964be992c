//! The control socket: command-line verbs tell the running gateway that the store changed, and
//! return when the change is in force.
//!
//! One line a request, one line an answer. Only the state directory's owner reaches the socket.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use vestibule_identity::{Identity, Unavailable};

use crate::reload::Live;

/// What a verb asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// To take over what the store says now.
    Refresh,
    /// To read the configuration and the galleries again.
    Reload,
}

impl Request {
    const ALL: [Self; 2] = [Self::Refresh, Self::Reload];

    const fn word(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Reload => "reload",
        }
    }
}

/// The answer when it is in force.
const DONE: &str = "done";
/// The longest request.
const MAX_LINE: u64 = 256;
/// How long a verb waits for the gateway.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens. A socket that a dead gateway left is replaced; one that answers is another gateway's.
///
/// # Errors
/// If the socket can't be made, or another gateway runs on this state directory.
pub(crate) async fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    if path.exists() {
        if UnixStream::connect(path).await.is_ok() {
            let state = path.parent().unwrap_or(path).display();
            bail!("another gateway runs with the state directory `{state}`");
        }
        std::fs::remove_file(path)
            .with_context(|| format!("the stale socket `{}` can't be removed", path.display()))?;
    }
    let listener = UnixListener::bind(path)
        .and_then(|listener| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        })
        .with_context(|| format!("can't listen on `{}`", path.display()))?;
    Ok(listener)
}

/// Answers until the task is dropped.
pub(crate) async fn serve(listener: UnixListener, live: Arc<Live>, identity: Arc<Identity>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answered = tokio::time::timeout(PATIENCE, answer(stream, &live, &identity));
                if let Ok(Err(error)) = answered.await {
                    tracing::warn!(error = format!("{error:#}"), "a control request failed");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the control socket fails");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, live: &Arc<Live>, identity: &Identity) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(MAX_LINE)).read_line(&mut line).await?;
    let request = Request::ALL.into_iter().find(|request| request.word() == line.trim());
    let reply = match request {
        Some(Request::Refresh) => {
            refresh(live, identity).await?;
            DONE
        }
        Some(Request::Reload) => {
            let live = Arc::clone(live);
            tokio::task::spawn_blocking(move || live.read_again()).await?;
            DONE
        }
        None => "unknown request",
    };
    write.write_all(format!("{reply}\n").as_bytes()).await?;
    Ok(())
}

/// Takes over what the store says now: rights, accounts, sessions.
///
/// # Errors
/// If the store can't be reached.
pub(crate) async fn refresh(live: &Live, identity: &Identity) -> Result<(), Unavailable> {
    identity.maintain().await?;
    identity.invalidate_all();
    live.take_over_rights(identity.store()).await?;
    Ok(())
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InForce {
    /// The running gateway has taken it over.
    Now,
    /// No gateway runs; it is in force when one starts.
    AtStart,
}

/// Tells the running gateway, if there is one, and waits until the change is in force.
///
/// # Errors
/// If a gateway runs but does not answer.
pub(crate) async fn announce(path: &Path, request: Request) -> anyhow::Result<InForce> {
    let Ok(mut stream) = UnixStream::connect(path).await else {
        return Ok(InForce::AtStart);
    };
    let exchange = async {
        stream.write_all(format!("{}\n", request.word()).as_bytes()).await?;
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).await?;
        anyhow::Ok(reply)
    };
    let reply = tokio::time::timeout(PATIENCE, exchange)
        .await
        .context("the running gateway does not answer; the change is stored")?
        .context("the running gateway broke off; the change is stored")?;
    if reply.trim() == DONE {
        Ok(InForce::Now)
    } else {
        bail!("the running gateway refused to take the change over; it is stored")
    }
}
