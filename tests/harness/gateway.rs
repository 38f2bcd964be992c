//! A gateway in a process of its own.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::binaries::vestibule;
use crate::client::Client;
use crate::config_dir::ConfigDir;
use crate::scratch::tell_keeper;

/// How long a gateway may take to start or to end on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A port that was free a moment ago, and that no other test of this process has been given.
///
/// # Panics
/// If the machine has none.
#[must_use]
pub fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if given.get_or_insert_default().insert(port) {
            return port;
        }
    }
}

/// A program that runs.
#[derive(Debug)]
pub struct Launch {
    pid: Pid,
    child: Option<Child>,
    log: PathBuf,
}

/// Starts `vestibule` with arguments; what it prints goes to a file.
///
/// # Panics
/// If it can't be started.
#[must_use]
pub fn start_process(arguments: &[&str], log: &Path) -> Launch {
    start_process_with(arguments, log, &[])
}

/// The same with environment variables.
///
/// # Panics
/// If it can't be started.
#[must_use]
pub fn start_process_with(arguments: &[&str], log: &Path, variables: &[(&str, &str)]) -> Launch {
    launch(Command::new(vestibule()), arguments, log, variables)
}

/// The program without the superuser's privilege to pass over the modes of files.
fn bound_by_modes() -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(vestibule());
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search"]).arg(vestibule());
    command
}

/// Starts a program; what it prints goes to a file.
pub(crate) fn launch(
    mut command: Command,
    arguments: &[&str],
    log: &Path,
    variables: &[(&str, &str)],
) -> Launch {
    let file = File::create(log).unwrap();
    let child = command
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    tell_keeper('+', child.id());
    Launch { pid: Pid::from_child(&child), child: Some(child), log: log.to_owned() }
}

impl Launch {
    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Everything that it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().unwrap()
    }

    /// Sends a signal and waits for the end; `None` if it does not come and the program is killed.
    ///
    /// # Panics
    /// If it was ended before.
    pub fn end(&mut self, signal: Signal) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        tell_keeper('-', child.id());
        let _ = kill_process(self.pid, signal);
        let (tell, told) = mpsc::channel();
        let waiter = std::thread::spawn(move || {
            let _ = tell.send(child.wait());
        });
        let ended = told.recv_timeout(PATIENCE).ok();
        if ended.is_none() {
            let _ = kill_process(self.pid, Signal::KILL);
        }
        let _ = waiter.join();
        ended.map(Result::unwrap)
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        let was_running = self.child.is_some();
        self.end(Signal::TERM);
        if was_running && std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let end = lines.iter().skip(lines.len().saturating_sub(60));
            let end: String = end.map(|line| format!("{line}\n")).collect();
            let _ = write!(std::io::stderr(), "--- the end of {}\n{end}---\n", self.log.display());
        }
    }
}

/// A gateway that serves a configuration. It ends when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    launch: Launch,
    /// Its configuration.
    pub config: ConfigDir,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Gateway {
    /// Starts `vestibule serve` on a free port, and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub async fn start(config: ConfigDir) -> Self {
        Self::start_by(|| Command::new(vestibule()), config).await
    }

    /// The same for a gateway that a file's mode holds off, whoever runs the tests: as root it is
    /// started without the privilege to pass over it.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_bound_by_modes(config: ConfigDir) -> Self {
        Self::start_by(bound_by_modes, config).await
    }

    /// The same with everything in its log that a log can be made to hold.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_talkative(config: ConfigDir) -> Self {
        let talkative = || {
            let mut command = Command::new(vestibule());
            command.env("VESTIBULE_LOG", "trace");
            command
        };
        Self::start_by(talkative, config).await
    }

    /// The same for a machine that trusts one authority, whose certificate is in a file of the
    /// configuration, and no other.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_trusting(config: ConfigDir, authority: &str) -> Self {
        let authority = config.at(authority);
        let trusting = || {
            let mut command = Command::new(vestibule());
            command.env("SSL_CERT_FILE", &authority).env_remove("SSL_CERT_DIR");
            command
        };
        Self::start_by(trusting, config).await
    }

    /// The number of its process.
    #[must_use]
    pub fn process(&self) -> i32 {
        self.launch.pid.as_raw_nonzero().get()
    }

    async fn start_by(command: impl Fn() -> Command, mut config: ConfigDir) -> Self {
        for _ in 0..5 {
            let port = free_port();
            config.write_gateway(port);
            let folder = config.path().to_str().unwrap().to_owned();
            let log = config.at("gateway.log");
            let launch = launch(command(), &["serve", "--config", &folder], &log, &[]);
            let mut gateway = Self { launch, config, port };
            if gateway.is_ready().await {
                return gateway;
            }
            let log = gateway.log();
            assert!(log.contains("can't listen"), "the gateway did not start:\n{log}");
            config = gateway.config;
        }
        panic!("no port is free for long enough");
    }

    /// Whether it answers; not if it ends before.
    async fn is_ready(&mut self) -> bool {
        let address = self.address();
        let launch = &mut self.launch;
        crate::eventually(PATIENCE, "the gateway answers", async || {
            if launch.ended().is_some() {
                return Some(false);
            }
            tokio::net::TcpStream::connect(address).await.is_ok().then_some(true)
        })
        .await
    }

    /// Limits how many files and connections it may have open from now on; what is open stays.
    /// Returns the limit before.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn limit_open_files(&self, most: Option<u64>) -> Option<u64> {
        let now = getrlimit(Resource::Nofile);
        let limit = Rlimit { current: most, maximum: now.maximum };
        prlimit(Some(self.launch.pid), Resource::Nofile, limit).unwrap().current
    }

    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.launch.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.launch.log()
    }

    /// A browser without cookies, at `localhost`.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_at("localhost")
    }

    /// A browser without cookies, at a host.
    #[must_use]
    pub fn client_at(&self, host: &str) -> Client {
        Client::new(&format!("http://{host}:{}", self.port))
    }

    /// A browser in which somebody has signed in, at `localhost`.
    ///
    /// # Panics
    /// If they can't.
    pub async fn signed_in(&self, name: &str) -> Client {
        let client = self.client();
        client.sign_in(name).await;
        client
    }

    /// Ends it with a signal; how it ended.
    ///
    /// # Panics
    /// If it does not end.
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        self.launch.end(signal).expect("the gateway ends")
    }
}
