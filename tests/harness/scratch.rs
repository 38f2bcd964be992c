//! Temporary folders, and a keeper that cleans up after this process however it ends.
//!
//! Gateways that several tests share live in statics, which are never dropped, and a test run
//! may be killed. The keeper is a shell that reads from a pipe: when the pipe closes, because
//! this process is gone, it ends the programs that still run and removes the folder.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// Standard input: `+PID` when a program was started, `=PID` if it is one that has processes and
/// memory of the system to give back, for which it is asked to end; `-PID` when it has ended.
const KEEPER: &str = r#"
trap '' INT TERM HUP
pids=
servers=
without() {
    rest=
    for pid in $2; do [ "$pid" = "$1" ] || rest="$rest $pid"; done
}
while read -r line; do
    case $line in
        +*) pids="$pids ${line#+}" ;;
        =*) servers="$servers ${line#=}" ;;
        -*)
            without "${line#-}" "$pids"
            pids=$rest
            without "${line#-}" "$servers"
            servers=$rest
            ;;
    esac
done
if [ -n "$servers" ]; then
    kill -CONT $servers 2>/dev/null
    kill -QUIT $servers 2>/dev/null
    for turn in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 $servers 2>/dev/null || break
        sleep 0.1
    done
fi
[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
rm -rf -- "$1"
"#;

struct Run {
    folder: PathBuf,
    keeper: Mutex<Child>,
}

static RUN: LazyLock<Run> = LazyLock::new(|| {
    let folder = tempfile::Builder::new().prefix("vestibule-e2e-").tempdir().unwrap().keep();
    let keeper = Command::new("sh")
        .args(["-c", KEEPER, "keeper"])
        .arg(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("`sh` can be started");
    Run { folder, keeper: Mutex::new(keeper) }
});

/// The folder of this run; short, because sockets live below it.
pub(crate) fn run_folder() -> &'static Path {
    &RUN.folder
}

/// Tells the keeper of a program that was started, or has ended.
pub(crate) fn tell_keeper(mark: char, pid: u32) {
    let mut keeper = RUN.keeper.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // if the keeper is gone there is nobody to tell
    let _ = writeln!(keeper.stdin.as_mut().unwrap(), "{mark}{pid}");
}

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub struct TempFolder(tempfile::TempDir);

impl TempFolder {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where something in it is.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A new empty folder.
///
/// # Panics
/// If none can be made.
#[must_use]
pub fn temp_folder() -> TempFolder {
    TempFolder(tempfile::Builder::new().prefix("").rand_bytes(6).tempdir_in(run_folder()).unwrap())
}
