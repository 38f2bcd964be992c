//! A real Active Directory: Samba as a domain controller, made anew for this run on 127.0.0.2.
//!
//! Its ports are fixed, so there is one at a time on a machine; a second run waits for the first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::authority::Authority;
use crate::binaries::Run;
use crate::gateway::{Launch, launch};
use crate::scratch::{TempFolder, temp_folder};

const PEOPLE: &str = include_str!("samba/people.py");
/// Samba's modules belong to the system's own interpreter.
const PYTHON: &str = "/usr/bin/python3";

/// Everything is below this.
pub const BASE_DN: &str = "DC=ad,DC=example,DC=test";

/// An Active Directory that runs. The password of `jane` is `jane-Directory-1`.
#[derive(Debug)]
pub struct Samba {
    _launch: Launch,
    folder: TempFolder,
    /// Held as long as the ports are in use.
    _lock: File,
}

/// The one of this run.
///
/// # Panics
/// If Samba is missing, or does not start.
pub async fn samba() -> &'static Samba {
    static SAMBA: OnceCell<Samba> = OnceCell::const_new();
    SAMBA.get_or_init(Samba::start).await
}

impl Samba {
    async fn start() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "a domain controller listens on ports that only root may use: run the tests as root"
        );
        let lock = File::create(std::env::temp_dir().join("vestibule-samba.lock")).unwrap();
        lock.lock().unwrap();
        let folder = temp_folder();
        fs::write(folder.at("empty.conf"), "[global]\n").unwrap();
        fs::write(folder.at("people.py"), PEOPLE).unwrap();
        provision(&folder);
        let conf = smb_conf(&folder);
        let _ = python(&folder.at("people.py"), &[conf.to_str().unwrap()]).expect(0);
        certify(&folder.at("d/private/tls"));
        let arguments = ["-F", "-M", "single", "--no-process-group", "-s", conf.to_str().unwrap()];
        let launch = launch(tool("samba"), &arguments, &folder.at("samba.log"), &[]);
        crate::eventually(Duration::from_secs(60), "Samba answers", async || {
            tokio::net::TcpStream::connect("127.0.0.2:636").await.ok()
        })
        .await;
        Self { _launch: launch, folder, _lock: lock }
    }

    /// The authority that its certificate comes from; the certificate is for 127.0.0.2.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.at("d/private/tls/ca.pem")
    }

    /// Runs `samba-tool` on it.
    ///
    /// # Panics
    /// If that fails.
    pub fn tool(&self, arguments: &[&str]) {
        let conf = smb_conf(&self.folder);
        let mut command = tool("samba-tool");
        command.args(arguments).args(["-s", conf.to_str().unwrap()]);
        let _ = Run::of(&mut command, "").expect(0);
    }
}

fn smb_conf(folder: &TempFolder) -> PathBuf {
    folder.at("d/etc/smb.conf")
}

fn provision(folder: &TempFolder) {
    let target = format!("--targetdir={}", folder.at("d").display());
    let empty = folder.at("empty.conf");
    let mut command = tool("samba-tool");
    command.args(["domain", "provision", "-s", empty.to_str().unwrap(), &target]).args([
        "--realm=AD.EXAMPLE.TEST",
        "--domain=EXAMPLE",
        "--server-role=dc",
        "--dns-backend=NONE",
        "--adminpass=Administrator-1",
        "--host-name=dc1",
        "--host-ip=127.0.0.2",
        "--option=interfaces=127.0.0.2/8",
        "--option=bind interfaces only=yes",
        "--option=server services=ldap, kdc, cldap",
    ]);
    let _ = Run::of(&mut command, "").expect(0);
}

/// Samba makes certificates itself if it finds none, which takes its time.
fn certify(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    Authority::new().write(folder, "127.0.0.2");
    fs::rename(folder.join("certificate.pem"), folder.join("cert.pem")).unwrap();
}

fn python(script: &Path, arguments: &[&str]) -> Run {
    Run::of(Command::new(PYTHON).arg(script).args(arguments), "")
}

fn tool(name: &str) -> Command {
    let found = ["/usr/sbin", "/usr/bin"].map(|place| format!("{place}/{name}"));
    let found = found.into_iter().find(|path| Path::new(path).is_file());
    Command::new(found.unwrap_or_else(|| panic!("`{name}` is missing: run `tests/setup.sh samba`")))
}
