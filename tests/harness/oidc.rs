//! A provider of OpenID Connect in a process of its own: npm's `oidc-provider`, and a browser's way
//! through its pages.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use http::Method;
use url::Url;

use crate::authority::Authority;
use crate::binaries::repository;
use crate::client::Reply;
use crate::gateway::{Launch, free_port, launch};
use crate::scratch::{TempFolder, temp_folder};
use crate::{Gateway, eventually};

/// How long the provider may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many redirects and pages a way through the provider may have.
const MAX_STEPS: usize = 25;

/// A provider. It ends when this is dropped.
#[derive(Debug)]
pub struct OidcServer {
    launch: Launch,
    _folder: TempFolder,
    /// Its issuer.
    pub issuer: String,
    /// Who vouches for it, in PEM; none over plain HTTP.
    trusted: Option<String>,
}

impl OidcServer {
    /// Starts a provider on a free port, and waits until it answers.
    ///
    /// # Panics
    /// If it is not installed, or does not start.
    pub async fn start() -> Self {
        Self::start_as(None).await
    }

    /// The same over TLS, for a client that it knows by a certificate of an authority, for the name
    /// `vestibule.example`.
    ///
    /// # Panics
    /// If it is not installed, or does not start.
    pub async fn start_asking(authority: &Authority) -> Self {
        Self::start_as(Some(authority)).await
    }

    async fn start_as(authority: Option<&Authority>) -> Self {
        let modules = repository().join("target/tools/oidc/node_modules/oidc-provider");
        assert!(modules.is_dir(), "the provider is missing: run `make oidc` (or `make test`)");
        let folder = temp_folder();
        let port = free_port();
        let script = repository().join("target/tools/oidc/op.mjs");
        let script = script.to_str().unwrap();
        let mut arguments = vec![script.to_owned(), port.to_string()];
        if let Some(authority) = authority {
            authority.write(folder.path(), "127.0.0.1");
            arguments.push(folder.path().to_str().unwrap().to_owned());
            arguments.push(free_port().to_string());
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let log = folder.at("op.log");
        let launch = launch(Command::new("node"), &arguments, &log, &[]);
        let scheme = if authority.is_some() { "https" } else { "http" };
        let issuer = format!("{scheme}://127.0.0.1:{port}");
        let trusted = authority.map(Authority::pem);
        let mut server = Self { launch, _folder: folder, issuer, trusted };
        server.wait().await;
        server
    }

    async fn wait(&mut self) {
        let launch = &mut self.launch;
        eventually(PATIENCE, "the provider answers", async || {
            let ended = launch.ended();
            assert!(ended.is_none(), "the provider ended: {}", launch.log());
            launch.log().contains("ready").then_some(())
        })
        .await;
    }

    /// The lines of `vestibule.toml` that name it, and further keys.
    #[must_use]
    pub fn table(&self, name: &str, keys: &str) -> String {
        format!(
            "\n[identity.oidc.{name}]\nissuer = \"{}\"\nclient_id = \"vestibule\"\n\
             client_secret = \"a secret of the tests\"\n\
             scopes = [\"profile\", \"email\", \"groups\", \"offline_access\"]\n{keys}\n",
            self.issuer
        )
    }

    /// Tells it which gateway is its client, by what name it is known there.
    pub async fn serve(&self, gateway: &Gateway, name: &str) {
        let origin = format!("http://localhost:{}", gateway.port);
        self.control("client", &[("origin", &origin), ("provider", name)]).await;
    }

    /// A browser without cookies that trusts it.
    #[must_use]
    pub fn browser(&self) -> Wanderer {
        self.trusted.as_deref().map_or_else(Wanderer::new, Wanderer::trusting)
    }

    /// Everything that it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.launch.log()
    }

    /// Moves it: see `tests/neighbours/oidc/op.mjs`.
    ///
    /// # Panics
    /// If it refuses.
    pub async fn control(&self, what: &str, parameters: &[(&str, &str)]) -> serde_json::Value {
        let address = format!("{}/control/{what}", self.issuer);
        let address = Url::parse_with_params(&address, parameters).unwrap();
        let request = self.browser().http.request(Method::POST, address);
        Reply::to(request).await.expect(200).json()
    }
}

/// A browser that goes wherever it is sent: cookies for each host, redirects followed, the
/// provider's forms filled in.
#[derive(Debug)]
pub struct Wanderer {
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

impl Default for Wanderer {
    fn default() -> Self {
        Self::new()
    }
}

impl Wanderer {
    /// A browser without cookies.
    ///
    /// # Panics
    /// If it can't be made; all methods panic if there is no answer.
    #[must_use]
    pub fn new() -> Self {
        Self::of([])
    }

    /// The same, which trusts an authority.
    ///
    /// # Panics
    /// If that is none.
    #[must_use]
    pub fn trusting(authority: &str) -> Self {
        Self::of([reqwest::Certificate::from_pem(authority.as_bytes()).unwrap()])
    }

    fn of(trusted: impl IntoIterator<Item = reqwest::Certificate>) -> Self {
        let builder = crate::client::builder().tls_certs_only(trusted);
        let http = builder.cookie_store(false).build().unwrap();
        Self { http, cookies: Mutex::default() }
    }

    /// Opens an address and goes on until there is a page; gives the page and where it is.
    pub async fn open(&self, address: &str) -> (Url, Reply) {
        self.wander(Url::parse(address).unwrap(), None).await
    }

    /// Sends a form and goes on until there is a page.
    pub async fn send(&self, address: &str, fields: &[(&str, &str)]) -> (Url, Reply) {
        let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        self.wander(Url::parse(address).unwrap(), Some(fields)).await
    }

    /// One request, without going on.
    pub async fn step(&self, address: &Url, form: Option<&Vec<(String, String)>>) -> Reply {
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let mut request = self.http.request(method, address.clone());
        for (name, value) in [("accept", "text/html"), ("sec-fetch-mode", "navigate")] {
            request = request.header(name, value);
        }
        let host = address.authority().to_owned();
        let shown = self.shown(&host);
        if !shown.is_empty() {
            request = request.header("cookie", shown);
        }
        if let Some(form) = form {
            request = request.header("origin", address.origin().ascii_serialization()).form(form);
        }
        let reply = Reply::to(request).await;
        self.keep(&host, &reply);
        reply
    }

    /// Changes something by the JSON API, as a script of this origin would.
    pub async fn change(&self, address: &Url, body: &serde_json::Value) -> Reply {
        let origin = address.origin().ascii_serialization();
        let request = self.http.request(Method::PATCH, address.clone()).json(body);
        let shown = self.shown(address.authority());
        let request = request.header("origin", origin).header("sec-fetch-site", "same-origin");
        Reply::to(request.header("cookie", shown)).await
    }

    /// The cookies of a host, as a browser shows them.
    fn shown(&self, host: &str) -> String {
        let cookies = self.cookies.lock().unwrap();
        let own = cookies.get(host).into_iter().flatten();
        own.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Goes through the provider's pages as somebody, whose password is their name.
    pub async fn sign_in_at_provider(&self, address: &str, name: &str) -> (Url, Reply) {
        let (mut at, mut reply) = self.open(address).await;
        for _ in 0..MAX_STEPS {
            let Some(prompt) = between(reply.text(), "name=\"prompt\" value=\"", "\"") else {
                return (at, reply);
            };
            let action = between(reply.text(), "action=\"", "\"").unwrap();
            let action = at.join(action).unwrap();
            let mut fields = vec![("prompt".to_owned(), prompt.to_owned())];
            if prompt == "login" {
                fields.push(("login".to_owned(), name.to_owned()));
                fields.push(("password".to_owned(), name.to_owned()));
            }
            (at, reply) = self.wander(action, Some(fields)).await;
        }
        panic!("the provider asks for ever, at {at}");
    }

    async fn wander(&self, mut at: Url, mut form: Option<Vec<(String, String)>>) -> (Url, Reply) {
        for _ in 0..MAX_STEPS {
            let reply = self.step(&at, form.as_ref()).await;
            let location = reply.header("location");
            if !(300..400).contains(&reply.status) || location.is_empty() {
                return (at, reply);
            }
            at = at.join(location).unwrap();
            form = None;
        }
        panic!("redirects for ever, at {at}");
    }

    fn keep(&self, host: &str, reply: &Reply) {
        let mut cookies = self.cookies.lock().unwrap();
        let own = cookies.entry(host.to_owned()).or_default();
        for cookie in reply.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            if value.is_empty() || cookie.contains("Max-Age=0") {
                own.remove(name);
            } else {
                own.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}
