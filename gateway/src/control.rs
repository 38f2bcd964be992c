//! The control socket: command-line verbs tell the running gateway that the store changed, and
//! return when the change is in force.
//!
//! One line a request. The answer is one line, and one more for each thing that is not in force all
//! the same. Only the state directory's owner reaches the socket.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
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
/// The answer when something of it is not; what, is in the lines that follow.
const IN_PART: &str = "in part";
/// The longest request.
const MAX_LINE: u64 = 256;
/// The longest answer.
const MAX_ANSWER: u64 = 64 * 1024;
/// How long until a gateway that is busy is asked again.
const RETRY: Duration = Duration::from_millis(20);
/// How long a verb waits for the gateway.
const PATIENCE: Duration = Duration::from_secs(10);

/// The control socket of the one gateway that runs on a state directory.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    /// Held for life: the system drops it with the process, however that ends.
    _alone: File,
}

/// Listens. A socket that a dead gateway left is replaced; of gateways that start at once, one does.
///
/// # Errors
/// If the socket can't be made, or another gateway runs on this state directory.
pub(crate) async fn listen(path: &Path) -> anyhow::Result<Control> {
    let alone = alone(path)?;
    if path.exists() {
        // a gateway of a version that holds no lock
        if UnixStream::connect(path).await.is_ok() {
            return Err(another_runs(path));
        }
        fs::remove_file(path)
            .with_context(|| format!("the stale socket `{}` can't be removed", path.display()))?;
    }
    let listener = UnixListener::bind(path)
        .and_then(|listener| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        })
        .with_context(|| format!("can't listen on `{}`", path.display()))?;
    Ok(Control { listener, _alone: alone })
}

/// What a gateway holds as long as it runs.
fn alone(path: &Path) -> anyhow::Result<File> {
    let path = path.with_extension("lock");
    let cannot = || format!("`{}` can't be locked", path.display());
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.with_context(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(another_runs(&path)),
        Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
    }
}

fn another_runs(path: &Path) -> anyhow::Error {
    let state = path.parent().unwrap_or(path).display();
    anyhow!("another gateway runs with the state directory `{state}`")
}

/// Answers until the task is dropped.
pub(crate) async fn serve(control: Control, live: Arc<Live>, identity: Arc<Identity>) {
    loop {
        match control.listener.accept().await {
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
            answer_of(&[])
        }
        Some(Request::Reload) => {
            let live = Arc::clone(live);
            answer_of(&tokio::task::spawn_blocking(move || live.read_again()).await?)
        }
        None => "unknown request\n".to_owned(),
    };
    write.write_all(reply.as_bytes()).await?;
    Ok(())
}

/// The answer when this is not in force, of all that was asked for.
fn answer_of(kept_back: &[String]) -> String {
    let lines = kept_back.iter().map(|text| text.replace(['\n', '\r'], " "));
    let first = if kept_back.is_empty() { DONE } else { IN_PART };
    std::iter::once(first.to_owned()).chain(lines).map(|line| line + "\n").collect()
}

/// What an answer says; `None` if it is none.
fn said(answer: &str) -> Option<InForce> {
    let mut lines = answer.lines();
    match lines.next()? {
        DONE => Some(InForce::Now),
        IN_PART => Some(InForce::InPart(lines.map(str::to_owned).collect())),
        _ => None,
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InForce {
    /// The running gateway has taken it over.
    Now,
    /// It has taken over what it could, and says what is not in force.
    InPart(Vec<String>),
    /// No gateway runs; it is in force when one starts.
    AtStart,
}

/// Tells the running gateway, if there is one, and waits until the change is in force.
///
/// # Errors
/// If a gateway runs, or may run, but does not answer.
pub(crate) async fn announce(path: &Path, request: Request) -> anyhow::Result<InForce> {
    let exchange = async {
        let Some(mut stream) = connect(path).await? else { return Ok(None) };
        stream.write_all(format!("{}\n", request.word()).as_bytes()).await?;
        let mut reply = String::new();
        stream.take(MAX_ANSWER).read_to_string(&mut reply).await?;
        io::Result::Ok(Some(reply))
    };
    let reply = tokio::time::timeout(PATIENCE, exchange)
        .await
        .context("the running gateway does not answer; the change is stored")?
        .context("the running gateway can't be told, or broke off; the change is stored")?;
    let Some(reply) = reply else { return Ok(InForce::AtStart) };
    match said(&reply) {
        Some(in_force) => Ok(in_force),
        None => bail!("the running gateway refused to take the change over; it is stored"),
    }
}

/// Reaches the gateway, when it is less busy if need be. `None` if none runs, which is not said of
/// whatever else goes wrong.
async fn connect(path: &Path) -> io::Result<Option<UnixStream>> {
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(Some(stream)),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => return Ok(None),
                io::ErrorKind::WouldBlock => tokio::time::sleep(RETRY).await,
                _ => return Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_gateways_that_start_at_once_one_listens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        // what a dead gateway left
        drop(UnixListener::bind(&path).unwrap());
        let (one, other) = tokio::join!(listen(&path), listen(&path));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        let refused = one.as_ref().err().or(other.as_ref().err()).unwrap().to_string();
        assert!(refused.contains("another gateway runs"), "{refused}");
        drop((one, other));
        assert!(listen(&path).await.is_ok());
    }

    /// Only where none can run it is said that none does.
    #[tokio::test]
    async fn a_gateway_that_can_not_be_told_is_no_absent_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        assert_eq!(announce(&path, Request::Refresh).await.unwrap(), InForce::AtStart);
        drop(UnixListener::bind(&path).unwrap());
        assert_eq!(announce(&path, Request::Refresh).await.unwrap(), InForce::AtStart);
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(announce(&file.join("control.sock"), Request::Refresh).await.is_err());
    }

    #[test]
    fn an_answer_says_what_is_not_in_force() {
        let kept = ["a line\nand another".to_owned(), "two".to_owned()];
        let read = said(&answer_of(&kept));
        assert_eq!(read, Some(InForce::InPart(vec!["a line and another".into(), "two".into()])));
        assert_eq!(said(&answer_of(&[])), Some(InForce::Now));
        assert_eq!(said("unknown request\n"), None);
        assert_eq!(said(""), None);
    }
}
