//! Runs a gateway: everything is built first, then pingora listens until a signal ends it.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use pingora::server::RunArgs;
use tokio::runtime::Runtime;
use vestibule_identity::providers::ldap::{LdapConfig, LdapProvider};
use vestibule_identity::{DirectoryWatch, Identity, Secret, Settings};
use vestibule_policies::Vocabulary;
use vestibule_portal::Portal;
use vestibule_proxy::{CertificateError, Gateway, GatewayParts, Listeners, TlsListener};
use vestibule_store::audit::{Actor, Entry, Event};
use vestibule_store::{AuditLog, StoreError};

use crate::audit::{self, Sink};
use crate::build::{self, Surroundings};
use crate::config::{Configuration, GatewayConfig, IdentityConfig, Watching};
use crate::control;
use crate::pages::PortalPages;
use crate::providers;
use crate::reload::{self, Live};
use crate::shown::Shown;
use crate::sites::KnownSites;
use crate::state::StateDir;

/// How often the store is asked whether another process changed anything, heard of or not.
const UPKEEP: Duration = Duration::from_millis(500);
/// How long a round of it may take.
const UPKEEP_LIMIT: Duration = Duration::from_secs(10);

/// How long ending waits for the store.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

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
    let runtime = threads_aside()?;
    let grant_key = state.grant_key()?;
    let gateway_config = configuration.gateway.clone();
    let around = Surroundings {
        config_dir: configuration.dir.clone(),
        state: state.clone(),
        grant_key,
        audit: audit.clone(),
    };
    let settings = identity_settings(&gateway_config, cost, &audit)?;
    let directories = settings.directories.clone();
    let providers = providers::of(&gateway_config.identity, &settings.clock)?;
    let (identity, stored, control) = runtime.block_on(async {
        let control = control::listen(&state.control_socket()).await?;
        let store = state.open_store(&gateway_config.store).await?;
        let identity = Identity::open(store, settings).await?;
        identity.refresh_signing_keys().await?;
        let stored = build::stored_rights(identity.store()).await?;
        anyhow::Ok((Arc::new(identity), stored, control))
    })?;
    let shown = Arc::new(Shown::new(runtime.handle().clone(), around.clone()));
    configuration.sites.iter().try_for_each(|site| shown.start(site))?;
    let live = Live::start(configuration, vocabulary, around, stored, Arc::clone(&shown))?;
    let world = live.world().context("there are no policies")?;
    let sites = Arc::new(KnownSites::new(&live, &identity, &gateway_config));
    let portal = runtime.block_on(Portal::open(Arc::clone(&identity), sites))?;
    let portal = portal.with_providers(providers.clone());
    let gateway = Arc::new(Gateway::new(GatewayParts {
        world,
        identity: Arc::clone(&identity),
        portal: vestibule_proxy::portal_service(vestibule_portal::router(portal)),
        pages: Arc::new(PortalPages),
        folders: Arc::clone(&live) as Arc<dyn vestibule_proxy::FolderWatch>,
        audit: Arc::new(Sink(audit.clone())),
        trusted_proxies: gateway_config.trusted_proxies,
        public_url: gateway_config.public_url.text,
    }));
    live.attach(&gateway);
    let listeners = Listeners {
        plain: gateway_config.listen,
        tls: gateway_config.tls.iter().map(tls_listener).collect::<anyhow::Result<_>>()?,
    };
    let certificates = listeners.tls.clone();
    let mut settings = vestibule_proxy::Settings::default();
    settings.threads = gateway_config.threads.unwrap_or(settings.threads);
    let server = vestibule_proxy::server(gateway, &listeners, settings)?;
    runtime.spawn(control::serve(control, Arc::clone(&live), Arc::clone(&identity)));
    watch_directories(&runtime, directories, &identity);
    runtime.spawn(upkeep(Arc::clone(&live), Arc::clone(&identity), certificates));
    for provider in providers.into_values() {
        runtime.spawn(providers::keep_up(Arc::clone(&identity), provider));
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    runtime.block_on(audit.record(Entry::new(Actor::Gateway, Event::Opened { version })))?;
    let watching = gateway_config.watch;
    Ok(Prepared { server, runtime, identity, live, watching, state, shown })
}

/// How identity behaves, as the configuration says.
fn identity_settings(
    config: &GatewayConfig,
    mut settings: Settings,
    audit: &AuditLog,
) -> anyhow::Result<Settings> {
    settings.audit = audit.clone();
    settings.app_passwords = !config.disabled.app_passwords;
    settings.passkeys = !config.disabled.passkeys;
    config.sessions.apply(&mut settings);
    settings.providers = config.identity.registrations();
    settings.directories = directories(&config.identity, &settings)?;
    Ok(settings)
}

/// The threads for everything beside the proxy.
fn threads_aside() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("vestibule-aside")
        .enable_all()
        .build()
        .context("can't start threads")
}

impl Prepared {
    /// The code by which the first administrator makes their account; none if there is an account.
    /// To be shown once, to who starts the gateway, and to be written down nowhere (requirement
    /// S18).
    ///
    /// # Errors
    /// If the store can't be reached.
    pub(crate) fn invitation(&self) -> anyhow::Result<Option<Secret<String>>> {
        Ok(self.runtime.block_on(self.identity.invite_first())?)
    }

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
            if tokio::time::timeout(CLOSE_LIMIT, part(&self.identity)).await.is_err() {
                tracing::warn!("the store does not answer; it is left as it is");
            }
            self.identity.audit().note(Entry::new(Actor::Gateway, Event::Closed)).await;
            self.identity.audit().flush().await;
        });
        let _ = std::fs::remove_file(self.state.control_socket());
        self.runtime.shutdown_timeout(Duration::from_secs(2));
        // the watch notices within its tick
        let _ = watcher.join();
        Ok(())
    }
}

/// Leaves the store, with everything written.
async fn part(identity: &Identity) {
    if let Err(error) = identity.flush().await {
        tracing::warn!(%error, "when sessions were last used could not be written");
    }
    identity.store().close().await;
}

fn tls_listener(tls: &crate::config::TlsConfig) -> anyhow::Result<TlsListener> {
    tls.listener().with_context(|| format!("the certificates for `{}` can't be used", tls.listen))
}

/// Notices what other processes change in the store as soon as that is told, and within
/// [`UPKEEP`] if it is not; and certificates that are renewed.
async fn upkeep(live: Arc<Live>, identity: Arc<Identity>, certificates: Vec<TlsListener>) {
    let watch = identity.store().watch();
    let mut ticks = tokio::time::interval(UPKEEP);
    // after a round that took long, none are made up for
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut store = Reached::Yes;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = watch.changed() => {}
        }
        let round = tokio::time::timeout(UPKEEP_LIMIT, look_at_store(&live, &identity)).await;
        let before = store;
        store = store.after(round.context("the store does not answer").flatten());
        if store != before {
            let event = match store {
                Reached::No => Event::StoreLost,
                Reached::Yes => Event::StoreBack,
            };
            identity.audit().note(Entry::new(Actor::Gateway, event)).await;
        }
        certificates.iter().for_each(renew);
    }
}

/// Takes over what changed of a listener's certificates.
fn renew(listener: &TlsListener) {
    let stays = |error: CertificateError| {
        let error = format!("{:#}", anyhow::Error::from(error));
        tracing::error!(listen = %listener.address, error, "the last good one stays");
    };
    let nobody = |error: CertificateError| {
        let error = format!("{:#}", anyhow::Error::from(error));
        tracing::error!(
            listen = %listener.address,
            error,
            "no authority of clients is left: nobody's certificate is good"
        );
    };
    match listener.certificate.refresh() {
        Ok(true) => tracing::info!("a new certificate is in force"),
        Ok(false) => {}
        Err(error) => stays(error),
    }
    match listener.clients.as_ref().map(|clients| clients.refresh()) {
        Some(Ok(true)) => tracing::info!("other authorities of clients are in force"),
        Some(Ok(false)) | None => {}
        Some(Err(error)) if error.is_nothing() => nobody(error),
        Some(Err(error)) => stays(error),
    }
}

/// The directories of a configuration, by name.
fn directories(config: &IdentityConfig, settings: &Settings) -> anyhow::Result<Vec<LdapProvider>> {
    let open = |directory: &LdapConfig| {
        LdapProvider::with_clock(directory.clone(), Arc::clone(&settings.clock))
            .with_context(|| format!("the directory `{}` can't be used", directory.id))
    };
    config.ldap.values().map(|directory| open(&directory.config)).collect()
}

/// Asks each directory again and again, however slow another one is.
fn watch_directories(runtime: &Runtime, all: Vec<LdapProvider>, identity: &Arc<Identity>) {
    for watch in all.into_iter().map(DirectoryWatch::new) {
        runtime.spawn(ask_again(watch, Arc::clone(identity)));
    }
}

/// Asks a directory again and again of those who are signed in.
async fn ask_again(mut watch: DirectoryWatch, identity: Arc<Identity>) {
    loop {
        tokio::time::sleep(watch.pause()).await;
        // that the store can't be reached is said by who looks after it
        if let Err(error) = watch.round(&identity).await {
            tracing::debug!(%error, "a directory was not asked");
        }
    }
}

/// Takes over what other processes changed in the store.
async fn look_at_store(live: &Live, identity: &Identity) -> anyhow::Result<()> {
    // whatever else fails or takes long, rights that were taken away are
    let noticed = identity.notice().await;
    live.take_over_rights(identity.store()).await?;
    noticed?;
    identity.keep_up().await?;
    Ok(())
}

/// Whether the store could be reached, so that what changes is logged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Yes,
    No,
}

impl Reached {
    fn after(self, round: anyhow::Result<()>) -> Self {
        match (self, round) {
            (Self::Yes, Ok(())) => Self::Yes,
            (Self::No, Ok(())) => {
                tracing::info!("the store can be reached again");
                Self::Yes
            }
            (Self::Yes, Err(error)) if is_unreadable(&error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the store can't be read: what was read last stays");
                Self::No
            }
            (Self::Yes, Err(error)) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the store can't be reached: nobody new gets in");
                Self::No
            }
            (Self::No, Err(error)) => {
                tracing::debug!(error = format!("{error:#}"), "the store can't be reached");
                Self::No
            }
        }
    }
}

/// Whether the store answers, with what this version can't read.
fn is_unreadable(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<StoreError>());
    causes.any(|cause| matches!(cause, StoreError::Corrupt { .. }))
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
