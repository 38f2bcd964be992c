//! An OpenLDAP of one's own: `StartTLS`, LDAPS, `memberOf`, password policies, and people with
//! every kind of account.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::authority::Authority;
use crate::binaries::Run;
use crate::gateway::{Launch, free_port, launch};
use crate::scratch::{TempFolder, temp_folder};

const CONFIG: &str = include_str!("openldap/slapd.conf");
const PEOPLE: &str = include_str!("openldap/people.ldif");
const GROUPS: &str = include_str!("openldap/groups.ldif");

/// Below this is everything.
pub const SUFFIX: &str = "dc=example,dc=test";
const ADMIN: [&str; 4] = ["-D", "cn=admin,dc=example,dc=test", "-w", "admin-password"];

/// An `OpenLDAP` that runs; it ends when this is dropped. The password of `jane` is
/// `jane-directory-password`.
#[derive(Debug)]
pub struct OpenLdap {
    _launch: Launch,
    folder: TempFolder,
    /// LDAP and `StartTLS`, on 127.0.0.1.
    pub port: u16,
    /// LDAPS.
    pub tls_port: u16,
    /// Where its referrals lead.
    pub elsewhere: TcpListener,
    /// How often its operations were counted, which takes two of each.
    counted: AtomicU64,
}

impl OpenLdap {
    /// Starts one on free ports, with its people and groups.
    ///
    /// # Panics
    /// If slapd is missing, or does not start.
    pub async fn start() -> Self {
        let folder = temp_folder();
        let dir = folder.path().to_str().unwrap();
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        fs::create_dir(folder.at("db")).unwrap();
        fs::write(folder.at("slapd.conf"), CONFIG.replace("{dir}", dir)).unwrap();
        let nowhere = elsewhere.local_addr().unwrap().port().to_string();
        fs::write(folder.at("people.ldif"), PEOPLE.replace("{elsewhere}", &nowhere)).unwrap();
        Authority::new().write(folder.path(), "127.0.0.1");
        let conf = folder.at("slapd.conf");
        let conf = conf.to_str().unwrap();
        let people = folder.at("people.ldif");
        // what a directory says of locks and old passwords can be written no other way
        let seed = ["-f", conf, "-l", people.to_str().unwrap()];
        let _ = Run::of(tool("slapadd").args(seed), "").expect(0);
        let (port, tls_port) = (free_port(), free_port());
        let urls = format!("ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}");
        // with `-d` it stays in the foreground
        let arguments = ["-d", "0", "-f", conf, "-h", &urls];
        let launch = launch(tool("slapd"), &arguments, &folder.at("slapd.log"), &[]);
        let counted = AtomicU64::new(0);
        let new = Self { _launch: launch, folder, port, tls_port, elsewhere, counted };
        new.wait().await;
        new.change("ldapadd", GROUPS);
        new
    }

    async fn wait(&self) {
        crate::eventually(Duration::from_secs(30), "slapd answers", async || {
            let address = ("127.0.0.1", self.tls_port);
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
    }

    /// The authority that its certificate comes from, in PEM; the certificate is for 127.0.0.1.
    #[must_use]
    pub fn ca_file(&self) -> std::path::PathBuf {
        self.folder.at("ca.pem")
    }

    /// Changes entries, as LDIF says.
    pub fn modify(&self, ldif: &str) {
        self.change("ldapmodify", ldif);
    }

    /// Adds entries.
    pub fn add(&self, ldif: &str) {
        self.change("ldapadd", ldif);
    }

    fn change(&self, tool_name: &str, ldif: &str) {
        let url = format!("ldap://127.0.0.1:{}", self.port);
        let mut command = tool(tool_name);
        command.args(["-x", "-H", &url]).args(ADMIN);
        let _ = Run::of(&mut command, ldif).expect(0);
    }

    /// How many binds and searches it has done, but for those that ask for this.
    ///
    /// # Panics
    /// If it does not say.
    #[must_use]
    pub fn operations(&self) -> [u64; 2] {
        let own = 2 * self.counted.fetch_add(1, Ordering::Relaxed);
        ["Bind", "Search"].map(|kind| {
            let url = format!("ldap://127.0.0.1:{}", self.port);
            let base = format!("cn={kind},cn=Operations,cn=Monitor");
            let mut command = tool("ldapsearch");
            command.args(["-LLL", "-x", "-H", &url, "-s", "base", "-b", &base]).args(ADMIN);
            let run = Run::of(command.args(["(objectClass=*)", "monitorOpInitiated"]), "");
            let said = run.expect(0).out;
            let count = said.lines().find_map(|line| line.strip_prefix("monitorOpInitiated: "));
            count.unwrap().parse::<u64>().unwrap() - own
        })
    }
}

/// A program of `OpenLDAP`; those of its server are not on everybody's path.
fn tool(name: &str) -> Command {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = places.map(|place| format!("{place}/{name}"));
    let found = found.into_iter().find(|path| std::path::Path::new(path).is_file());
    Command::new(
        found.unwrap_or_else(|| panic!("`{name}` is missing: run `tests/setup.sh openldap`")),
    )
}
