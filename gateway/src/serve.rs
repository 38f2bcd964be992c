//! Runs a gateway: everything is built first, then pingora listens until a signal ends it.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use pingora::server::RunArgs;
use tokio::runtime::Runtime;
use vestibule_identity::{Changed, Identity, Settings};
use vestibule_policies::{Principal, Vocabulary};
use vestibule_portal::{Portal, SiteCard, Sites};
use vestibule_proxy::{Certificate, Gateway, GatewayParts, Listeners, TlsListener};
use vestibule_store::Store;
use vestibule_store::audit::{Actor, Entry, Event};

use crate::audit::{self, Sink};
use crate::build::{self, Surroundings};
use crate::config::{Configuration, Watching};
use crate::control;
use crate::pages::PortalPages;
use crate::reload::{self, Live};
use crate::shown::Shown;
use crate::state::StateDir;

/// How often the store is asked whether another process changed anything.
const UPKEEP: Duration = Duration::from_millis(500);

/// A gateway that is ready to listen.
pub(crate) struct Prepared {
    server: pingora::server::Server,
    runtime: Runtime,
    identity: Arc<Identity>,
    live: Arc<Live>,
    watching: Watching,
    state: StateDir,
    shown: Arc<Shown>,
}

/// Builds everything of a gateway, and starts what runs beside the proxy.
///
/// # Errors
/// Whatever keeps the gateway from running, with its place and mend.
pub(crate) fn prepare(
    configuration: Configuration,
    vocabulary: Arc<Vocabulary>,
    cost: Settings,
) -> anyhow::Result<Prepared> {
    // an idle gateway takes a quarter less memory without huge pages; where they can't be turned
    // off, nothing is lost but that
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let state = StateDir::open(&configuration.gateway.state_dir)?;
    let audit = audit::open(&configuration.gateway.audit)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("vestibule-aside")
        .enable_all()
        .build()
        .context("can't start threads")?;
    let grant_key = state.grant_key()?;
    let gateway_config = configuration.gateway.clone();
    let around = Surroundings {
        config_dir: configuration.dir.clone(),
        state: state.clone(),
        grant_key,
        audit: audit.clone(),
    };
    let mut settings = cost;
    settings.audit = audit.clone();
    let (identity, stored, control) = runtime.block_on(async {
        let control = control::listen(&state.control_socket()).await?;
        let store = Store::open(&state.database()).await.context("the store can't be opened")?;
        let identity = Identity::open(store, settings).await?;
        let stored = build::stored_rights(identity.store()).await?;
        anyhow::Ok((Arc::new(identity), stored, control))
    })?;
    let shown = Arc::new(Shown::new(runtime.handle().clone(), around.clone()));
    configuration.sites.iter().try_for_each(|site| shown.start(site))?;
    let live = Live::start(configuration, vocabulary, around, stored, Arc::clone(&shown))?;
    let world = live.world().context("there are no policies")?;
    let chooser =
        Arc::new(Chooser { live: Arc::clone(&live), url: gateway_config.public_url.text });
    let portal = runtime.block_on(Portal::open(Arc::clone(&identity), chooser))?;
    let gateway = Arc::new(Gateway::new(GatewayParts {
        world,
        identity: Arc::clone(&identity),
        portal: vestibule_proxy::portal_service(vestibule_portal::router(portal)),
        pages: Arc::new(PortalPages),
        folders: Arc::clone(&live) as Arc<dyn vestibule_proxy::FolderWatch>,
        audit: Arc::new(Sink(audit.clone())),
        trusted_proxies: gateway_config.trusted_proxies,
    }));
    live.attach(&gateway);
    let listeners = Listeners {
        plain: gateway_config.listen,
        tls: gateway_config.tls.iter().map(tls_listener).collect::<anyhow::Result<_>>()?,
    };
    let certificates = listeners.tls.iter().map(|tls| Arc::clone(&tls.certificate)).collect();
    let mut settings = vestibule_proxy::Settings::default();
    settings.threads = gateway_config.threads.unwrap_or(settings.threads);
    let server = vestibule_proxy::server(gateway, &listeners, settings)?;
    runtime.spawn(control::serve(control, Arc::clone(&live), Arc::clone(&identity)));
    runtime.spawn(upkeep(Arc::clone(&live), Arc::clone(&identity), certificates));
    let version = env!("CARGO_PKG_VERSION").to_owned();
    runtime.block_on(audit.record(Entry::new(Actor::Gateway, Event::Opened { version })))?;
    let watching = gateway_config.watch;
    Ok(Prepared { server, runtime, identity, live, watching, state, shown })
}

impl Prepared {
    /// Serves until SIGINT or SIGTERM, then ends cleanly.
    ///
    /// # Errors
    /// If the watching thread can't be started.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let (stop_watch, watch_stopped) = mpsc::channel();
        let live = Arc::clone(&self.live);
        let watching = self.watching;
        let watcher = std::thread::Builder::new()
            .name("vestibule-watch".into())
            .spawn(move || reload::watch(&live, watching, &watch_stopped))
            .context("can't start a thread")?;
        self.server.run(RunArgs::default());
        tracing::info!("ending");
        drop(stop_watch);
        self.runtime.block_on(async {
            self.shown.stop_all().await;
            if let Err(error) = self.identity.flush().await {
                tracing::warn!(%error, "when sessions were last used could not be written");
            }
            self.identity.store().close().await;
            self.identity.audit().flush().await;
        });
        audit::of_gateway(self.identity.audit(), Event::Closed);
        let _ = std::fs::remove_file(self.state.control_socket());
        self.runtime.shutdown_timeout(Duration::from_secs(2));
        // the watch notices within its tick
        let _ = watcher.join();
        Ok(())
    }
}

fn tls_listener(tls: &crate::config::TlsConfig) -> anyhow::Result<TlsListener> {
    let address = tls.listen;
    let certificate = Certificate::load(&tls.certificate, &tls.key)
        .with_context(|| format!("the certificate for `{address}` can't be used"))?;
    Ok(TlsListener { address, certificate })
}

/// Notices what other processes change in the store, and certificates that are renewed, within
/// [`UPKEEP`].
async fn upkeep(live: Arc<Live>, identity: Arc<Identity>, certificates: Vec<Arc<Certificate>>) {
    let mut ticks = tokio::time::interval(UPKEEP);
    let mut is_lost = false;
    loop {
        ticks.tick().await;
        let round = async {
            if identity.maintain().await? == Changed::Yes {
                live.replace_rights(build::stored_rights(identity.store()).await?);
            }
            anyhow::Ok(())
        };
        let round = round.await;
        if let Err(error) = &round {
            tracing::warn!(error = format!("{error:#}"), "the store can't be reached");
        }
        if round.is_err() != std::mem::replace(&mut is_lost, round.is_err()) {
            let event = if is_lost { Event::StoreLost } else { Event::StoreBack };
            identity.audit().note(Entry::new(Actor::Gateway, event)).await;
        }
        for certificate in &certificates {
            match certificate.refresh() {
                Ok(true) => tracing::info!("a new certificate is in force"),
                Ok(false) => {}
                Err(error) => {
                    let error = anyhow::Error::from(error);
                    tracing::error!(error = format!("{error:#}"), "the last good one stays");
                }
            }
        }
    }
}

/// The sites that somebody may enter.
#[derive(Debug)]
struct Chooser {
    live: Arc<Live>,
    url: String,
}

impl Sites for Chooser {
    fn open_to(&self, principal: &Principal) -> Vec<SiteCard> {
        let Some(world) = self.live.world() else { return Vec::new() };
        let open = world.sites().filter(|site| {
            world.engine(&site.id).is_some_and(|engine| engine.may_enter(principal))
        });
        let port = self.url.rsplit_once(':').map(|(_, port)| port);
        let port = port.filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
        let scheme = self.url.split_once("://").map_or("https", |(scheme, _)| scheme);
        let address = |site: &vestibule_proxy::SiteRuntime| match site.mount.hosts().first() {
            Some(host) => {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                format!("{scheme}://{host}{port}/")
            }
            None => format!("{}{}/", self.url, site.mount.base()),
        };
        open.map(|site| SiteCard { name: site.id.to_string(), url: address(site) }).collect()
    }
}

/// The addresses at which a configuration listens, for people.
pub(crate) fn addresses(configuration: &Configuration) -> Vec<String> {
    let gateway = &configuration.gateway;
    let plain = gateway.listen.iter().map(|address| format!("http://{address}"));
    let tls = gateway.tls.iter().map(|tls| format!("https://{}", tls.listen));
    plain.chain(tls).collect()
}

/// One TLS stack, one crypto provider: before anything makes a connection.
pub(crate) fn install_crypto() {
    // an error means that it is installed already
    let _ = rustls::crypto::ring::default_provider().install_default();
}
