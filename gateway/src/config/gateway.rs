//! `vestibule.toml`: the gateway itself. Everything has a default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use vestibule_schema::document::{self, DisabledFeatures, Reader, Spanned, Table};
use vestibule_schema::problem::{self, Problem};

use super::StoreChoice;
use super::audit::AuditConfig;
use super::identity::IdentityConfig;
use super::sessions::SessionsConfig;
use super::tls::TlsConfig;

/// The gateway's own configuration.
#[derive(Debug, Clone)]
pub(crate) struct GatewayConfig {
    /// Plain HTTP.
    pub(crate) listen: Vec<SocketAddr>,
    /// HTTPS.
    pub(crate) tls: Vec<TlsConfig>,
    /// The portal's address, as browsers see it.
    pub(crate) public_url: PublicUrl,
    /// Where accounts, sessions and grants are kept.
    pub(crate) store: StoreChoice,
    /// Database, keys, sockets, renditions.
    pub(crate) state_dir: PathBuf,
    /// Whose `X-Forwarded-*` is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// How many threads serve requests; by default one a processor.
    pub(crate) threads: Option<usize>,
    /// How changes of files are noticed.
    pub(crate) watch: Watching,
    /// Where it is written down what happens.
    pub(crate) audit: AuditConfig,
    /// What no site has.
    pub(crate) disabled: DisabledFeatures,
    /// Who vouches for people beside the gateway itself.
    pub(crate) identity: IdentityConfig,
    /// How long sessions last, and how many there may be.
    pub(crate) sessions: SessionsConfig,
}

/// How changes of files are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Watching {
    /// The system reports them; where it can't, as [`Watching::Poll`].
    #[default]
    Reported,
    /// Everything is read every second or so: for galleries on a network's file system, where
    /// what other machines change is not reported.
    Poll,
}

/// Scheme, host and port of the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    pub(crate) text: String,
    pub(crate) host: String,
    /// Whether it is configured. If not, nobody knows how browsers reach the gateway, and each host
    /// has a portal of its own.
    pub(crate) is_known: bool,
}

impl PublicUrl {
    /// The origin of another host: scheme and port are the portal's.
    pub(crate) fn origin_at(&self, host: &str) -> String {
        let (scheme, rest) = self.text.split_once("://").unwrap_or(("https", ""));
        // an address has colons of its own, within brackets
        let after = rest.rsplit_once(']').map_or(rest, |(_, after)| after);
        let port = after.rsplit_once(':').map(|(_, port)| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{host}{port}")
    }
}

const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

impl GatewayConfig {
    /// Reads `vestibule.toml`, if there is one.
    ///
    /// # Errors
    /// All its problems.
    pub(crate) fn load(dir: &Path) -> Result<Self, Vec<Problem>> {
        let source = super::read_document(dir, "vestibule.toml").map_err(|p| vec![*p])?;
        let source = source.unwrap_or_else(|| problem::Source::new("vestibule.toml", ""));
        let reader = Reader::new(&source);
        let mut root = reader.root(source.text());
        let config = Self::read(&mut root, dir);
        root.finish();
        let problems = reader.into_problems();
        if problem::has_errors(&problems) { Err(problems) } else { Ok(config) }
    }

    /// What is wrong with it that its text does not show: certificates that can't be used, and
    /// addresses at which nobody can sign in.
    pub(crate) fn beyond_the_text(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.tls.iter().filter_map(TlsConfig::problem));
        problems.extend(self.store.warning());
        let open = self.listen.iter().find(|address| !address.ip().is_loopback());
        if let Some(open) = open.filter(|_| self.trusted_proxies.is_empty()) {
            problems.push(
                Problem::warning(
                    "config::plain_http",
                    format!("`{open}` is reached from other machines, without HTTPS"),
                )
                .in_file("vestibule.toml")
                .help(
                    "nobody can sign in there: use `[[tls]]`, or listen on 127.0.0.1 behind a \
                     proxy that ends HTTPS and name it in `trusted_proxies`",
                ),
            );
        }
        problems.extend(self.identity.beyond_the_text());
        problems
    }

    fn read(root: &mut Table<'_, '_>, dir: &Path) -> Self {
        let reader = root.reader();
        let listen = root.strings("listen");
        let tls = root.tables("tls");
        let tls: Vec<_> = tls.into_iter().filter_map(|table| TlsConfig::read(table, dir)).collect();
        let listen: Vec<SocketAddr> = match listen {
            Some(addresses) => {
                addresses.iter().filter_map(|text| read_address(reader, text)).collect()
            }
            None if tls.is_empty() => vec![DEFAULT_LISTEN],
            None => Vec::new(),
        };
        let public_url = root.string("public_url").map(|url| read_url(reader, &url));
        let public_url = public_url.flatten().unwrap_or_else(|| PublicUrl::local(&listen, &tls));
        let store = StoreChoice::read(root, dir);
        let state_dir = dir.join(root.string("state_dir").map_or("state".into(), |dir| dir.value));
        let identity = IdentityConfig::read(root, &public_url, dir);
        Self {
            disabled: document::disabled_features(root),
            identity,
            sessions: SessionsConfig::read(root.table("sessions"), &tls),
            listen,
            tls,
            public_url,
            store,
            audit: AuditConfig::read(root.table("audit"), dir, &state_dir),
            state_dir,
            trusted_proxies: root
                .strings("trusted_proxies")
                .unwrap_or_default()
                .iter()
                .filter_map(|network| read_network(reader, network))
                .collect(),
            threads: root.integer("threads").and_then(|threads| read_threads(reader, &threads)),
            watch: root.string("watch").map(|text| read_watch(reader, &text)).unwrap_or_default(),
        }
    }
}

impl PublicUrl {
    fn local(listen: &[SocketAddr], tls: &[TlsConfig]) -> Self {
        let scheme = if listen.is_empty() && !tls.is_empty() { "https" } else { "http" };
        let port = listen.iter().chain(tls.iter().map(|tls| &tls.listen)).next();
        let port = port.map_or(DEFAULT_LISTEN.port(), SocketAddr::port);
        let text = format!("{scheme}://localhost:{port}");
        Self { text, host: "localhost".to_owned(), is_known: false }
    }
}

pub(super) fn read_address(reader: &Reader<'_>, text: &Spanned<String>) -> Option<SocketAddr> {
    let address = text.value.parse().ok();
    if address.is_none() {
        reader.report(
            Problem::error("config::bad_address", format!("`{}` is no address", text.value))
                .at(reader.source(), text.span.clone(), "expected address and port")
                .help("write it like `127.0.0.1:8080` or `[::]:8080`"),
        );
    }
    address
}

fn read_network(reader: &Reader<'_>, text: &Spanned<String>) -> Option<IpNet> {
    let address = text.value.parse::<std::net::IpAddr>().map(IpNet::from);
    let network = text.value.parse().or(address).ok();
    if network.is_none() {
        let message = format!("`{}` is no network", text.value);
        reader.error("config::bad_network", message, &text.span, "expected like 10.0.0.0/8");
    }
    network
}

fn read_threads(reader: &Reader<'_>, threads: &Spanned<i64>) -> Option<usize> {
    let number = usize::try_from(threads.value).ok().filter(|n| (1..=1024).contains(n));
    if number.is_none() {
        let message = "`threads` must be between 1 and 1024".to_owned();
        reader.error("config::bad_threads", message, &threads.span, "out of range");
    }
    number
}

fn read_watch(reader: &Reader<'_>, text: &Spanned<String>) -> Watching {
    match text.value.as_str() {
        "auto" => Watching::Reported,
        "poll" => Watching::Poll,
        _ => {
            reader.report(
                Problem::error("config::bad_watch", "`watch` must be `auto` or `poll`")
                    .at(reader.source(), text.span.clone(), "not known")
                    .help("`auto` is the default; `poll` is for galleries on a network's disk"),
            );
            Watching::default()
        }
    }
}

fn read_url(reader: &Reader<'_>, url: &Spanned<String>) -> Option<PublicUrl> {
    let parsed = url.value.parse::<http::Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.path() == "/"
            && uri.query().is_none()
    });
    let host = parsed.as_ref().and_then(http::Uri::host).map(str::to_ascii_lowercase);
    match host {
        Some(host) => {
            let text = url.value.trim_end_matches('/').to_owned();
            Some(PublicUrl { text, host, is_known: true })
        }
        None => {
            reader.report(
                Problem::error("config::bad_url", format!("`{}` is no public address", url.value))
                    .at(reader.source(), url.span.clone(), "scheme, host and port alone")
                    .help("write it like `https://photos.example.com`"),
            );
            None
        }
    }
}
