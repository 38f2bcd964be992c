//! A running gateway with a real engine, real sessions and an echoing gallery server.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use pingora::server::{RunArgs, ShutdownSignal, ShutdownSignalWatch};
use rustls::pki_types::CertificateDer;
use vestibule_adapters::RouteMap;
use vestibule_grant::GrantKey;
use vestibule_identity::{
    Attempt, Authentication, Entry, Identity, RequestOrigin, Secret, SetCookie, Settings,
    SystemClock, browser_mark,
};
use vestibule_policies::model::{Folders, Rights};
use vestibule_policies::{Engine, Principal, SiteEngine, Vocabulary, check};
use vestibule_proxy::{
    AuditSink, Certificate, FolderWatch, Found, Freshness, Gateway, GatewayParts, HostName,
    IdentityHeaders, Listeners, Mount, Noted, PortalHosts, Refusal, RefusalPages, SiteRuntime,
    SiteState, TlsListener, TunnelLimits, Unready, Upstreams, World, portal_service, server,
};
use vestibule_schema::document::Cascade;
use vestibule_schema::{AccountRole, GalleryPath, SiteId, Sizes, Source, UserName};
use vestibule_store::{NewAccount, Store};

use crate::upstream;

pub(crate) const GRANT_SECRET: [u8; 32] = [7; 32];

pub(crate) const PERMISSIONS: &str = "public_role = \"guestbook\"\n\
    [roles.guestbook]\npermissions = { can_view = true, can_use_zoom = true }\n\
    [[user_roles]]\nusername = \"jane\"\nroles = [\"viewer\"]\n\
    [[user_roles]]\nusername = \"mia\"\nroles = [\"guestbook\"]\n";

pub(crate) const CLOSED: &str = "[permissions.roles.family]\npermissions = { can_view = true }\n\
    [[permissions.user_roles]]\nusername = \"jane\"\nroles = [\"family\"]";

/// Where jane changes things.
const FILES: &str = "public_role = \"guestbook\"\n\
    [roles.guestbook]\npermissions = { can_view = true }\n\
    [[user_roles]]\nusername = \"jane\"\nroles = [\"manager\"]\n";

/// The map of a server with a WebSocket.
const SOCKETS: &str = "name = \"sockets\"\n\
    [[route]]\npath = \"/socket/{folder}\"\nkind = \"api\"\nupgrade = \"websocket\"\n\
    needs = { action = \"view\" }\n\
    [[route]]\npath = \"/files/{image}\"\nkind = \"media\"\nneeds = { action = \"view\" }\n";

/// The map of a server that reads no grants.
const PLAIN: &str = "name = \"plain\"\n\
    [[route]]\npath = \"/files/{image}\"\nkind = \"media\"\nneeds = { action = \"view\" }\n\
    [[route]]\npath = \"/all/{folder}\"\nkind = \"zip\"\nspan = \"tree\"\nneeds = { action = \"view\" }\n";

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) jane_at_clients: String,
    pub(crate) jane_at_files: String,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) jane: String,
    pub(crate) mia: String,
    pub(crate) identity: Arc<Identity>,
    pub(crate) runtime: tokio::runtime::Runtime,
}

/// One gateway for all tests of this binary.
pub(crate) static RUNNING: LazyLock<Running> = LazyLock::new(start);

struct Pages;

impl RefusalPages for Pages {
    fn page(&self, refusal: &Refusal) -> String {
        format!("<!doctype html><title>{}</title>", refusal.code())
    }
}

struct Known;

impl FolderWatch for Known {
    fn ensure(&self, _site: &SiteId, path: &GalleryPath) -> Result<Freshness, Unready> {
        match path.as_str() {
            "/unready/" => Err(Unready),
            "/panic/" => panic!("reading this folder panics"),
            "/fresh/" => Ok(Freshness::Reloaded),
            _ => Ok(Freshness::Known),
        }
    }

    fn exists(&self, _site: &SiteId, _path: &GalleryPath) -> bool {
        true
    }

    fn find(&self, _site: &SiteId, _path: &GalleryPath) -> Found {
        Found::Unknown
    }
}

/// What was noted for the audit log, in short.
pub(crate) static NOTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Notes;

#[async_trait::async_trait]
impl AuditSink for Notes {
    async fn note(&self, noted: Noted<'_>) {
        let path = noted.path.map_or("-", GalleryPath::as_str);
        let policies = noted.denial.map_or(0, |denial| denial.policies().len());
        let who = match noted.principal.map(Principal::as_user) {
            Some(Some(user)) => user.name.as_str(),
            Some(None) => "visitor",
            None => "unknown",
        };
        let action = noted.action().unwrap_or("-");
        let line = format!(
            "{} {who} {} {path} {action} {} {} {policies}",
            noted.id, noted.method, noted.reason, noted.status
        );
        NOTED.lock().unwrap().push(line);
    }
}

struct Never;

#[async_trait::async_trait]
impl ShutdownSignalWatch for Never {
    async fn recv(&self) -> ShutdownSignal {
        std::future::pending().await
    }
}

async fn portal(
    request: http::Request<Full<Bytes>>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let request = request.map(|body| body.into_inner().unwrap_or_default());
    let who = match request.extensions().get::<Authentication>() {
        Some(Authentication::SignedIn(signed_in)) => signed_in.name.to_string(),
        Some(_) => "nobody".to_owned(),
        None => "unknown".to_owned(),
    };
    let origin = request.extensions().get::<RequestOrigin>().unwrap().ascii_origin();
    let text = format!(
        "{} {} {who} {origin} {} bytes",
        request.method(),
        request.uri(),
        request.body().len()
    );
    assert!(!request.uri().path().ends_with("panic"), "this page panics");
    Ok(http::Response::new(Full::new(Bytes::from(text))))
}

fn engine_of(id: &str) -> SiteEngine {
    let text = match id {
        "clients" => "",
        "files" | "files-below" => FILES,
        _ => PERMISSIONS,
    };
    engine(id, text, CLOSED)
}

/// The engine of a site with these rules, and those of the folder `/closed/`.
fn engine(id: &str, text: &str, closed: &str) -> SiteEngine {
    let vocabulary = Arc::new(Vocabulary::load().unwrap());
    let site = SiteId::parse(id).unwrap();
    let permissions = Source::new("permissions.toml", text);
    let (model, _) =
        check::site(&site, Cascade::Nearest, &permissions, None, vocabulary.builtin()).unwrap();
    let path = GalleryPath::from_decoded("/closed/").unwrap();
    let front = Source::new("gallery:closed/_folder.md", &format!("+++\n{closed}\n+++\n"));
    let (rules, problems) = check::folder(&path, &front, vocabulary.builtin());
    assert_eq!(problems, []);
    let folders = Folders::from([(path, Arc::new(rules))]);
    SiteEngine::new(1, &vocabulary, Arc::new(model), Arc::new(folders), Arc::new(Rights::default()))
}

fn site(id: &str, mount: Mount, upstream: SocketAddr) -> SiteRuntime {
    let adapter = match id {
        "sockets" => RouteMap::parse(&Source::new("sockets.toml", SOCKETS)).unwrap(),
        "plain" | "plain-below" => RouteMap::parse(&Source::new("plain.toml", PLAIN)).unwrap(),
        "files" | "files-below" => RouteMap::built_in("copyparty").unwrap(),
        _ => RouteMap::built_in("vestibule").unwrap(),
    };
    let identity = IdentityHeaders::new("X-Files-User").unwrap();
    let identity = identity.with_secret("X-Files-Key", "hunter2").unwrap();
    SiteRuntime {
        app_passwords: true,
        id: SiteId::parse(id).unwrap(),
        mount,
        upstreams: Upstreams::resolve(&[format!("http://{upstream}")]).unwrap(),
        adapter: Arc::new(adapter),
        sizes: Sizes::default(),
        grant_key: Arc::new(GrantKey::from_secret("test", GRANT_SECRET)),
        raw_keeps_metadata: false,
        asserts: id == "sockets",
        identity_headers: id.starts_with("files").then_some(identity),
        state: if id == "shut" { SiteState::Closed } else { SiteState::Open },
    }
}

fn world() -> World {
    let upstream = upstream::start();
    let host = |name: &str| HostName::parse(name).unwrap();
    let dead: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sites = vec![
        site("photos", Mount::at_hosts(vec![host("localhost")]), upstream),
        site("shut", Mount::at_hosts(vec![host("shut.localhost")]), upstream),
        site("dead", Mount::at_hosts(vec![host("dead.localhost")]), dead),
        site("clients", Mount::at_hosts(vec![host("clients.localhost")]), upstream),
        site("plain", Mount::at_hosts(vec![host("plain.localhost")]), upstream),
        site("plain-below", Mount::at_path("/i/plain/").unwrap(), upstream),
        site("sockets", Mount::at_hosts(vec![host("sockets.localhost")]), upstream),
        site("files", Mount::at_hosts(vec![host("files.localhost")]), upstream),
        site("files-below", Mount::at_path("/i/files/").unwrap(), upstream),
        site("family", Mount::at_path("/i/family/").unwrap(), upstream),
    ];
    let engines: Vec<_> = sites.iter().map(|site| Arc::new(engine_of(site.id.as_str()))).collect();
    World::new(Arc::new(Engine::new(1, engines)), sites, &PortalHosts::At(host("portal.localhost")))
        .unwrap()
}

impl Running {
    /// Signs somebody in at a site, anew; the cookies.
    pub(crate) fn sign_in(&self, site: &str, name: &str) -> String {
        self.runtime.block_on(sign_in(&self.identity, site, name))
    }

    /// Puts other rules in the place of those of all sites.
    pub(crate) fn replace_rules(&self, permissions: &str, closed: &str) {
        let before = self.gateway.world();
        let sites: Vec<_> = before.sites().cloned().collect();
        let engines: Vec<_> =
            sites.iter().map(|s| Arc::new(engine(s.id.as_str(), permissions, closed))).collect();
        let portal = PortalHosts::At(HostName::parse("portal.localhost").unwrap());
        let world = World::new(Arc::new(Engine::new(2, engines)), sites, &portal).unwrap();
        self.gateway.replace_world(Arc::new(world));
    }
}

/// Signs somebody in at the portal and lets them enter a site; the cookies of both.
async fn sign_in(identity: &Identity, site: &str, name: &str) -> String {
    let password = Secret::new("a long enough password".to_owned());
    let user = UserName::parse(name).unwrap();
    if identity.user(&user).await.is_err() {
        let account = NewAccount::new(user, AccountRole::parse("").unwrap());
        identity.add_user(account, Some(&password)).await.unwrap();
    }
    let origin = RequestOrigin::new(false, "localhost", [127, 0, 0, 1].into());
    let attempt = Attempt { name, password: &password, user_agent: "test" };
    let session = identity.sign_in(&origin, &attempt).await.unwrap().session().unwrap();
    let mark = browser_mark("a browser");
    let site = SiteId::parse(site).unwrap();
    let entry = Entry { site: &site, back: "/", browser: &mark, reason: "" };
    let code = identity.issue_entry(&session.signed_in, &entry).await.unwrap();
    let browsers = ["a browser".to_owned()];
    let arrived = identity.redeem_entry(&origin, code.expose(), &browsers).await.unwrap().unwrap();
    let pair = |cookie: &SetCookie| cookie.as_str().split(';').next().unwrap().to_owned();
    format!("{}; {}", pair(&session.cookie), pair(&arrived.cookie))
}

/// Starts a gateway.
pub(crate) fn start() -> Running {
    start_with(TunnelLimits::default())
}

/// Starts a gateway with other limits for tunnels.
pub(crate) fn start_with(limits: TunnelLimits) -> Running {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (identity, jane, mia, [jane_at_clients, jane_at_files]) = runtime.block_on(async {
        let store = Store::open_in_memory().await.unwrap();
        let settings = Settings::for_tests(Arc::new(SystemClock));
        let identity = Identity::open(store, settings).await.unwrap();
        identity.refresh_signing_keys().await.unwrap();
        let jane = sign_in(&identity, "photos", "jane").await;
        let mia = sign_in(&identity, "photos", "mia").await;
        let clients = sign_in(&identity, "clients", "jane").await;
        let files = sign_in(&identity, "files", "jane").await;
        (Arc::new(identity), jane, mia, [clients, files])
    });
    let gateway = Gateway::new(GatewayParts {
        world: Arc::new(world()),
        identity: Arc::clone(&identity),
        portal: portal_service(tower::service_fn(portal)),
        pages: Arc::new(Pages),
        folders: Arc::new(Known),
        audit: Arc::new(Notes),
        trusted_proxies: Vec::new(),
        public_url: "https://portal.example".to_owned(),
    });
    let gateway = Arc::new(gateway.with_tunnel_limits(limits));
    let (listener, certificate) = tls_listener();
    let tls = listener.address;
    let listeners = Listeners { plain: vec![address], tls: vec![listener] };
    let settings = vestibule_proxy::Settings { threads: 2, ..Default::default() };
    let running = server(Arc::clone(&gateway), &listeners, settings).unwrap();
    std::thread::spawn(move || running.run(RunArgs { shutdown_signal: Box::new(Never) }));
    while TcpStream::connect(address).is_err() || TcpStream::connect(tls).is_err() {
        std::thread::yield_now();
    }
    Running {
        address,
        tls,
        certificate,
        jane_at_clients,
        jane_at_files,
        gateway,
        jane,
        mia,
        identity,
        runtime,
    }
}

fn tls_listener() -> (TlsListener, CertificateDer<'static>) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap().keep();
    let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let certificate = Certificate::load(&certificate, &key).unwrap();
    (TlsListener { address, certificate, clients: None }, made.cert.der().clone())
}

/// One request over TLS, to the end of the connection.
pub(crate) fn over_tls(bytes: &[u8]) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(RUNNING.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(RUNNING.tls).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, stream);
    stream.write_all(bytes).unwrap();
    let mut reply = Vec::new();
    // the end may come without a close notification
    let _ = stream.read_to_end(&mut reply);
    String::from_utf8(reply).unwrap()
}
