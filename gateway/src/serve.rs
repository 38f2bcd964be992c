//! Runs a gateway: everything is built first, then pingora listens until a signal ends it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use pingora::server::RunArgs;
use tokio::runtime::Runtime;
use tokio::sync::watch::Receiver;
use vestibule_grant::{GrantKey, KeyRing};
use vestibule_identity::{Changed, Identity, Settings};
use vestibule_media_backend::{Config as MediaConfig, Listen, Server as MediaServer};
use vestibule_policies::{Principal, Vocabulary};
use vestibule_portal::{Portal, SiteCard, Sites};
use vestibule_proxy::{Gateway, GatewayParts, Listeners, TlsListener};
use vestibule_schema::document::UpstreamAddress;
use vestibule_store::Store;

use crate::build::{self, Surroundings};
use crate::config::Configuration;
use crate::control;
use crate::pages::PortalPages;
use crate::reload::{self, Live};
use crate::state::StateDir;

/// How often the store is asked whether another process changed anything.
const UPKEEP: Duration = Duration::from_millis(500);

/// A gateway that is ready to listen.
pub(crate) struct Prepared {
    server: pingora::server::Server,
    runtime: Runtime,
    identity: Arc<Identity>,
    live: Arc<Live>,
    state: StateDir,
    stop: tokio::sync::watch::Sender<bool>,
    media: Vec<tokio::task::JoinHandle<()>>,
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
    let state = StateDir::open(&configuration.gateway.state_dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("vestibule-aside")
        .enable_all()
        .build()
        .context("can't start threads")?;
    let grant_key = state.grant_key()?;
    let gateway_config = configuration.gateway.clone();
    let around =
        Surroundings { config_dir: configuration.dir.clone(), state: state.clone(), grant_key };
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (identity, stored, control) = runtime.block_on(async {
        let control = control::listen(&state.control_socket()).await?;
        let store = Store::open(&state.database()).await.context("the store can't be opened")?;
        let identity = Identity::open(store, cost).await?;
        let stored = build::stored_rights(identity.store()).await?;
        anyhow::Ok((Arc::new(identity), stored, control))
    })?;
    let media = start_media(&runtime, &configuration, &around, &stopped)?;
    let live = Live::start(configuration, vocabulary, around, stored)?;
    let world = live.world().context("there are no policies")?;
    let chooser =
        Arc::new(Chooser { live: Arc::clone(&live), url: gateway_config.public_url.text });
    let portal = runtime.block_on(Portal::open(Arc::clone(&identity), chooser))?;
    let gateway = Arc::new(Gateway::new(GatewayParts {
        world,
        identity: Arc::clone(&identity),
        portal: portal_service(portal),
        pages: Arc::new(PortalPages),
        folders: Arc::clone(&live) as Arc<dyn vestibule_proxy::FolderWatch>,
        trusted_proxies: gateway_config.trusted_proxies,
    }));
    live.attach(&gateway);
    let listeners = Listeners {
        plain: gateway_config.listen,
        tls: gateway_config.tls.into_iter().map(tls_listener).collect(),
    };
    let mut settings = vestibule_proxy::Settings::default();
    settings.threads = gateway_config.threads.unwrap_or(settings.threads);
    let server = vestibule_proxy::server(gateway, &listeners, settings)?;
    runtime.spawn(control::serve(control, Arc::clone(&live), Arc::clone(&identity)));
    runtime.spawn(upkeep(Arc::clone(&live), Arc::clone(&identity)));
    Ok(Prepared { server, runtime, identity, live, state, stop, media })
}

impl Prepared {
    /// Serves until SIGINT or SIGTERM, then ends cleanly.
    ///
    /// # Errors
    /// If the watching thread can't be started.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let (stop_watch, watch_stopped) = mpsc::channel();
        let live = Arc::clone(&self.live);
        let watcher = std::thread::Builder::new()
            .name("vestibule-watch".into())
            .spawn(move || reload::watch(&live, &watch_stopped))
            .context("can't start a thread")?;
        self.server.run(RunArgs::default());
        tracing::info!("ending");
        drop(stop_watch);
        self.stop.send_replace(true);
        self.runtime.block_on(async {
            for task in self.media {
                // the socket is removed by the backend; what still streams has had its time
                let _ = tokio::time::timeout(Duration::from_secs(2), task).await;
            }
            if let Err(error) = self.identity.flush().await {
                tracing::warn!(%error, "when sessions were last used could not be written");
            }
            self.identity.store().close().await;
        });
        let _ = std::fs::remove_file(self.state.control_socket());
        self.runtime.shutdown_timeout(Duration::from_secs(2));
        // the watch notices within its tick
        let _ = watcher.join();
        Ok(())
    }
}

fn tls_listener(tls: crate::config::TlsConfig) -> TlsListener {
    TlsListener { address: tls.listen, certificate: tls.certificate, key: tls.key }
}

/// Starts the built-in media backend of each site that asks for it.
fn start_media(
    runtime: &Runtime,
    configuration: &Configuration,
    around: &Surroundings,
    stopped: &Receiver<bool>,
) -> anyhow::Result<Vec<tokio::task::JoinHandle<()>>> {
    let mut tasks = Vec::new();
    for site in &configuration.sites {
        let (Some(document), Some(gallery)) = (&site.document, &site.gallery) else { continue };
        if !document.upstream.contains(&UpstreamAddress::BuiltIn) {
            continue;
        }
        let listen = Listen::Unix(around.state.media_socket(&site.id));
        let config = media_config(site.id.clone(), gallery, listen, around, document.sizes)?;
        let server = runtime
            .block_on(MediaServer::bind(config))
            .with_context(|| format!("the media backend of the site `{}` can't start", site.id))?;
        let mut stopped = stopped.clone();
        tasks.push(runtime.spawn(async move {
            let stop = async move {
                // an error means that the sender is gone: also the end
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            server.run(stop).await;
        }));
    }
    Ok(tasks)
}

/// The configuration of a site's media backend.
///
/// # Errors
/// If the key that it shares with the gateway can't be read.
pub(crate) fn media_config(
    site: vestibule_schema::SiteId,
    gallery: &Path,
    listen: Listen,
    around: &Surroundings,
    sizes: vestibule_schema::Sizes,
) -> anyhow::Result<MediaConfig> {
    let key = GrantKey::from_text(&around.grant_key.to_text()).context("the grant key")?;
    let renditions = around.state.renditions(&site);
    let keys = KeyRing::new(vec![key]);
    let config = MediaConfig::new(gallery.to_owned(), renditions, site, keys, listen);
    Ok(MediaConfig { sizes, ..config })
}

/// The portal's router as the service that the proxy calls: bodies are bounded on both sides.
fn portal_service(portal: Portal) -> vestibule_proxy::PortalService {
    use tower::ServiceExt as _;

    let router = vestibule_portal::router(portal);
    let service = tower::service_fn(move |request: http::Request<Bytes>| {
        let router = router.clone();
        async move {
            let (parts, body) = request.into_parts();
            let request = http::Request::from_parts(parts, axum::body::Body::from(body));
            let response = router.oneshot(request).await?;
            let (parts, body) = response.into_parts();
            let answer = match axum::body::to_bytes(body, 4 << 20).await {
                Ok(bytes) => http::Response::from_parts(parts, bytes),
                Err(_) => {
                    let mut failed = http::Response::new(Bytes::new());
                    *failed.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                    failed
                }
            };
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    tower::util::BoxCloneSyncService::new(service)
}

/// Notices what other processes change in the store, within [`UPKEEP`].
async fn upkeep(live: Arc<Live>, identity: Arc<Identity>) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        let round = async {
            if identity.maintain().await? == Changed::Yes {
                live.replace_rights(build::stored_rights(identity.store()).await?);
            }
            anyhow::Ok(())
        };
        if let Err(error) = round.await {
            tracing::warn!(error = format!("{error:#}"), "the store can't be reached");
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
