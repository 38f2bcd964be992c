//! A PostgreSQL server in processes of its own: on a free port of 127.0.0.1, with a certificate
//! for `localhost`, and with its data in a temporary folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tokio::sync::OnceCell;

use crate::gateway::{Launch, free_port, launch};
use crate::scratch::{TempFolder, run_folder, tell_keeper, temp_folder};

/// How long it may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Whoever may do everything in it.
const USER: &str = "vestibule";
/// The password; some of its characters mean something in an address.
const PASSWORD: &str = "p@ss/word";
/// The system's user that the server runs as, if the tests run as root: it refuses to be root.
const SYSTEM_USER: &str = "postgres";
/// Nothing that a test does must outlive the machine.
const SETTINGS: [&str; 10] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=200",
    "shared_buffers=32MB",
    "ssl=on",
    "ssl_cert_file=server.pem",
    "ssl_key_file=server.key",
    "log_min_messages=warning",
];

/// A server that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    launch: Option<Launch>,
    folder: TempFolder,
    port: u16,
    databases: AtomicU32,
}

/// The server that the tests of this process share who don't stop it.
///
/// # Panics
/// If it does not start.
pub async fn postgres() -> &'static Postgres {
    static SHARED: OnceCell<Postgres> = OnceCell::const_new();
    SHARED.get_or_init(Postgres::start).await
}

impl Postgres {
    /// Starts a server of its own, empty.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Self {
        let folder = prepare();
        let databases = AtomicU32::new(0);
        let mut server = Self { launch: None, folder, port: 0, databases };
        for _ in 0..5 {
            server.port = free_port();
            if server.try_start().await {
                return server;
            }
        }
        panic!("PostgreSQL does not start: {}", server.log());
    }

    /// The address of a new empty database.
    ///
    /// # Panics
    /// If it can't be made.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("createdb", &[&name]);
        self.address(&name)
    }

    /// Says something to a database, as whoever may do everything in it; what comes back.
    ///
    /// # Panics
    /// If it is not understood.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.run("psql", &["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, database])
    }

    /// The file with the certificate, which is of `localhost`.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.at("server.pem")
    }

    /// Ends it; whoever is connected is thrown out.
    pub fn stop(&mut self) {
        self.thaw();
        if let Some(mut launch) = self.launch.take() {
            launch.end(Signal::INT);
        }
    }

    /// Starts it again with what it held, at the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_again(&mut self) {
        assert!(self.try_start().await, "PostgreSQL does not start again: {}", self.log());
    }

    /// Lets it hang: connections stay and are made, and nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends that.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn address(&self, database: &str) -> String {
        let password = PASSWORD.replace('@', "%40").replace('/', "%2F");
        format!("postgres://{USER}:{password}@localhost:{}/{database}", self.port)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.at("log")).unwrap_or_default()
    }

    /// Whether it has started; not if it ends before, such as when the port is taken.
    async fn try_start(&mut self) -> bool {
        let mut command = as_server(&program("postgres"));
        command.arg("-D").arg(self.folder.at("data")).args(["-c", &format!("port={}", self.port)]);
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let mut launch = launch(command, &[], &self.folder.at("log"), &[]);
        tell_keeper('=', launch.id());
        let port = self.port.to_string();
        let ready = crate::eventually(PATIENCE, "PostgreSQL answers", async || {
            if launch.ended().is_some() {
                return Some(false);
            }
            let asked = ["-q", "-h", "127.0.0.1", "-p", &port];
            let answer = Command::new(program("pg_isready")).args(asked).status().unwrap();
            answer.success().then_some(true)
        });
        let ready = ready.await;
        self.launch = Some(launch);
        ready
    }

    fn run(&self, name: &str, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let mut command = Command::new(program(name));
        command.args(["-h", "localhost", "-p", &port, "-U", USER]).args(arguments);
        let done = command.env("PGPASSWORD", PASSWORD).output().unwrap();
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// To the server and its children, each of which is a session of its own.
    fn signal(&self, signal: Signal) {
        let Some(launch) = &self.launch else { return };
        let id = launch.id();
        let children = format!("/proc/{id}/task/{id}/children");
        let send = |id: &str| {
            let pid = id.parse().ok().and_then(Pid::from_raw);
            // a child may be gone by now
            let _ = pid.map(|pid| kill_process(pid, signal));
        };
        send(&id.to_string());
        fs::read_to_string(children).unwrap().split_whitespace().for_each(send);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A folder with the data of a new server.
fn prepare() -> TempFolder {
    let folder = temp_folder();
    if geteuid().is_root() {
        // the server's user passes through, and sees nothing else
        fs::set_permissions(run_folder(), fs::Permissions::from_mode(0o711)).unwrap();
        std::os::unix::fs::chown(folder.path(), Some(system_user()), None).unwrap();
    }
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let password = folder.at("password");
    fs::write(&password, PASSWORD).unwrap();
    let mut initdb = as_server(&program("initdb"));
    initdb.arg("-D").arg(folder.at("data")).arg("--pwfile").arg(&password);
    initdb.args(["-U", USER, "-A", "scram-sha-256", "--no-sync", "-E", "UTF8"]);
    let done = initdb.arg("--locale=C.UTF-8").output().unwrap();
    assert!(done.status.success(), "initdb: {}", String::from_utf8_lossy(&done.stderr));
    fs::write(folder.at("server.pem"), certified.cert.pem()).unwrap();
    write_as_server(&folder.at("data/server.pem"), &certified.cert.pem());
    write_as_server(&folder.at("data/server.key"), &certified.signing_key.serialize_pem());
    folder
}

/// Writes a file that is the server's alone.
fn write_as_server(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    if geteuid().is_root() {
        std::os::unix::fs::chown(path, Some(system_user()), None).unwrap();
    }
}

fn system_user() -> u32 {
    let done = Command::new("id").args(["-u", SYSTEM_USER]).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    said.trim().parse().expect("there is a user `postgres`: run `tests/setup.sh postgres`")
}

fn as_server(program: &Path) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--clear-groups", "--"]);
    command.arg(program);
    command
}

/// A program of PostgreSQL: in `POSTGRES_BIN`, or of the latest version that is installed.
fn program(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("POSTGRES_BIN") {
        return Path::new(&folder).join(name);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = versions.map(|version| version.unwrap().path());
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let folders = versions.filter(|path| path.join("bin").join(name).is_file());
    let latest = folders.max_by_key(version);
    latest.expect("PostgreSQL is missing: run `tests/setup.sh postgres`").join("bin").join(name)
}
