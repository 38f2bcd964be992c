//! Who may see the picture by what, how that is given and taken away, and asking for it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use vestibule_schema::{AccountRole, ProviderId, RoleName, SiteId, UserName};
use vestibule_store::{
    Access, Account, AccountState, AppBounds, AppScope, Audience, Key, MappedGroup, NewAccount,
    NewAppPassword, NewIdentity, NewSession, PostgresUrl, ProviderGroups, RoleChoice, SessionId,
    SiteSession, Store, Subject, TokenHash, UnixTime,
};
use vestibule_tests::{Gateway, eventually};

use super::{Right, permissions};

/// What everybody asks for.
pub(super) const PICTURE: &str = "/image/a.jpg?size=thumbnail";
/// The role that shows it.
pub(super) const ROLE: &str = "guests";
/// Requirements say a second; a busy machine may be late, and never this late.
const FAR_TOO_LATE: Duration = Duration::from_secs(5);

/// What those who have a right show, by right: a header.
pub(super) type Sessions = Arc<Mutex<Vec<String>>>;

/// One gateway's store and control socket, and a connection to it that is kept.
pub(super) struct Bench {
    store: Store,
    site: SiteId,
    config: PathBuf,
    line: Line,
    sessions: Sessions,
    /// The session that is to end next.
    session: Option<SessionId>,
}

impl Bench {
    pub(super) async fn on_sqlite(gateway: &Gateway) -> Self {
        let store = Store::open(&gateway.config.at("state/vestibule.db")).await.unwrap();
        Self::with(gateway, store).await
    }

    pub(super) async fn on_postgres(gateway: &Gateway, url: &str) -> Self {
        let store = Store::open_postgres(&PostgresUrl::parse(url).unwrap()).await.unwrap();
        Self::with(gateway, store).await
    }

    async fn with(gateway: &Gateway, store: Store) -> Self {
        let mut bench = Self {
            store,
            site: SiteId::parse("site").unwrap(),
            config: gateway.config.path().to_owned(),
            line: Line::to(gateway.address(), gateway.port),
            sessions: Sessions::default(),
            session: None,
        };
        for right in Right::ALL {
            bench.add_account(right).await;
            let shown = match right {
                Right::AppPassword => bench.make_app_password().await,
                _ => bench.sign_in(right).await,
            };
            bench.sessions.lock().unwrap().push(shown);
        }
        bench.tell("refresh");
        bench
    }

    /// The same people asking another gateway.
    pub(super) fn seen_through(&self, other: &Gateway) -> Seen {
        // the name of the site in the browser is the first gateway's; it is the other's too
        let line = Line::to(other.address(), other.port);
        Seen { line, sessions: Arc::clone(&self.sessions) }
    }

    pub(super) fn sessions(&self) -> Sessions {
        Arc::clone(&self.sessions)
    }

    async fn add_account(&self, right: Right) {
        let name = UserName::parse(right.user()).unwrap();
        if self.store.accounts().find(&name).await.unwrap().is_some() {
            return;
        }
        let account = NewAccount::new(name, AccountRole::parse("").unwrap());
        let group = MappedGroup::parse("family").unwrap();
        let identity = NewIdentity {
            provider: ProviderId::parse("office").unwrap(),
            subject: Subject { issuer: "http://127.0.0.1:9".into(), id: right.user().into() },
            groups: ProviderGroups::Known([group].into()),
        };
        self.store.identities().add_account(account, &identity, now()).await.unwrap();
    }

    async fn account(&self, right: Right) -> Account {
        let name = UserName::parse(right.user()).unwrap();
        self.store.accounts().find(&name).await.unwrap().unwrap()
    }

    /// A session at the site, as one who entered it has; signing in is another test's matter.
    async fn sign_in(&mut self, right: Right) -> String {
        let account = self.account(right).await;
        let (portal, site) = (token(), token());
        let expires = UnixTime::from_seconds(now().seconds() + 86_400);
        let parent = NewSession {
            token: portal.1,
            account: account.id,
            revision: account.revision,
            audience: Audience::Portal,
            provider: None,
            second_factor: false,
            proved: Some(now()),
            created: now(),
            expires,
            client: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            client_certificate: None,
        };
        let parent = self.store.sessions().insert(&parent).await.unwrap();
        let entered = SiteSession {
            token: site.1,
            parent,
            site: self.site.clone(),
            reason: String::new(),
            created: now(),
            client: [127, 0, 0, 1].into(),
        };
        self.store.sessions().insert_at_site(&entered).await.unwrap();
        self.session = Some(parent);
        format!("Cookie: vestibule.site={}", site.0)
    }

    /// An app password, as the account page makes one; the one of before goes on.
    async fn make_app_password(&self) -> String {
        let account = self.account(Right::AppPassword).await.id;
        let mut bytes = [0; 14];
        SystemRandom::new().fill(&mut bytes).unwrap();
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // the gateway has made the key: the candidate is not taken
        let key = self.store.meta().key("app-passwords", Key::from_bytes([0; 32])).await.unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
        let hash = hmac::sign(&key, text.as_bytes()).as_ref().try_into().unwrap();
        let new = NewAppPassword {
            hash: TokenHash::from_bytes(hash),
            account,
            name: "a program".into(),
            bounds: AppBounds { scope: AppScope::All, site: None, folder: None },
            created: now(),
            expires: None,
        };
        self.store.app_passwords().insert(&new, 1_000_000).await.unwrap();
        let pair = format!("{}:{text}", Right::AppPassword.user());
        format!("Authorization: Basic {}", STANDARD.encode(pair))
    }

    async fn sign_in_again(&mut self, right: Right) {
        let cookie = self.sign_in(right).await;
        self.sessions.lock().unwrap()[right as usize] = cookie;
    }

    /// Gives the right; in force when this returns.
    pub(super) async fn give(&mut self, right: Right) {
        let user = UserName::parse(right.user()).unwrap();
        let role = Some(RoleName::parse(ROLE).unwrap());
        let access = Access { role, base_path: None, upload_path: None };
        match right {
            Right::Grant => {
                let given = self.store.grants().grant(&self.site, &user, &access, now()).await;
                assert!(given.unwrap());
            }
            Right::GroupMapping => {
                let group = MappedGroup::parse("family").unwrap();
                let mapped = self.store.group_mappings();
                mapped.allow(&self.site, &group, &access, now()).await.unwrap();
            }
            Right::RoleInToml => return self.write_permissions(true),
            Right::Session => self.sign_in_again(right).await,
            Right::AppPassword => {
                let shown = self.make_app_password().await;
                self.sessions.lock().unwrap()[right as usize] = shown;
            }
            Right::Account => {
                let account = self.account(right).await.id;
                let enabled = AccountState::Enabled;
                self.store.accounts().set_state(account, enabled, now()).await.unwrap();
                self.sign_in_again(right).await;
            }
        }
        self.tell("refresh");
    }

    /// Takes it away; in force when this returns.
    pub(super) async fn take(&mut self, right: Right) {
        let user = UserName::parse(right.user()).unwrap();
        match right {
            Right::Grant => {
                let grants = self.store.grants();
                let taken = grants.revoke(&self.site, &user, RoleChoice::Any).await;
                assert_eq!(taken.unwrap(), 1);
            }
            Right::GroupMapping => {
                let group = MappedGroup::parse("family").unwrap();
                let mapped = self.store.group_mappings();
                mapped.deny(&self.site, group.id(), RoleChoice::Any).await.unwrap();
            }
            Right::RoleInToml => return self.write_permissions(false),
            Right::Session => {
                let account = self.account(right).await.id;
                let session = self.session.take().unwrap();
                assert!(self.store.sessions().delete_one(account, session).await.unwrap());
            }
            Right::AppPassword => {
                let account = self.account(right).await.id;
                assert!(self.store.app_passwords().remove(account, None).await.unwrap() > 0);
            }
            Right::Account => {
                let account = self.account(right).await.id;
                let disabled = AccountState::Disabled;
                self.store.accounts().set_state(account, disabled, now()).await.unwrap();
            }
        }
        self.tell("refresh");
    }

    fn write_permissions(&self, fred: bool) {
        let file = self.config.join("config.d/sites/site/permissions.toml");
        let partial = file.with_file_name(".partial");
        std::fs::write(&partial, permissions(fred)).unwrap();
        std::fs::rename(partial, file).unwrap();
        self.tell("reload");
    }

    /// What the command line says to the running gateway when the store is written.
    fn tell(&self, word: &str) {
        let mut control = UnixStream::connect(self.config.join("state/control.sock")).unwrap();
        control.write_all(format!("{word}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(control).read_line(&mut answer).unwrap();
        assert_eq!(answer, "done\n");
    }

    /// The status that somebody gets.
    pub(super) fn ask(&mut self, right: Right) -> u16 {
        let cookie = self.sessions.lock().unwrap()[right as usize].clone();
        self.line.ask(&cookie)
    }

    pub(super) fn ask_as(&mut self, shown: &str) -> u16 {
        self.line.ask(shown)
    }
}

/// Another gateway, as the same people see it.
pub(super) struct Seen {
    line: Line,
    sessions: Sessions,
}

impl Seen {
    /// Asks until the status is as wanted; how long that took.
    pub(super) async fn becomes(&mut self, right: Right, wanted: fn(u16) -> bool) -> Duration {
        let cookie = self.sessions.lock().unwrap()[right as usize].clone();
        let began = Instant::now();
        let line = &mut self.line;
        let asked = async || wanted(line.ask(&cookie)).then_some(());
        eventually(FAR_TOO_LATE, "another gateway knows", asked).await;
        began.elapsed()
    }
}

/// A connection that is kept from request to request.
struct Line {
    stream: BufReader<TcpStream>,
    port: u16,
}

impl Line {
    fn to(address: SocketAddr, port: u16) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { stream: BufReader::new(stream), port }
    }

    fn ask(&mut self, shown: &str) -> u16 {
        let request =
            format!("GET {PICTURE} HTTP/1.1\r\nHost: localhost:{}\r\n{shown}\r\n\r\n", self.port);
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let lower = line.trim().to_ascii_lowercase();
            if let Some(rest) = lower.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().unwrap().parse().unwrap();
            } else if let Some(rest) = lower.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if lower.is_empty() {
                break;
            }
        }
        self.stream.read_exact(&mut vec![0; length]).unwrap();
        status
    }
}

/// Somebody who asks all the time with everybody's session, so that what is remembered anywhere is
/// remembered while it is revoked.
pub(super) struct Asking {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Asking {
    pub(super) fn start(gateway: &Gateway, sessions: Sessions) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut line = Line::to(gateway.address(), gateway.port);
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut asked = 0;
            while !until.load(Ordering::Relaxed) {
                let cookies = sessions.lock().unwrap().clone();
                for cookie in cookies {
                    let status = line.ask(&cookie);
                    assert!(matches!(status, 200 | 401 | 404 | 429), "{status}");
                    asked += 1;
                }
            }
            asked
        });
        Self { stop, thread }
    }

    /// How many requests were answered.
    pub(super) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// A session's token, and its hash.
fn token() -> (String, TokenHash) {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).unwrap();
    let hash = ring::digest::digest(&ring::digest::SHA256, &bytes);
    (URL_SAFE_NO_PAD.encode(bytes), TokenHash::from_bytes(hash.as_ref().try_into().unwrap()))
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UnixTime::from_seconds(i64::try_from(since.as_secs()).unwrap())
}
