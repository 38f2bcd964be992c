//! [`Shown`]: the built-in media backends, one for each site that the gateway shows itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vestibule_grant::{GrantKey, KeyRing};
use vestibule_media_backend::{Config, Listen, Server};
use vestibule_schema::document::UpstreamAddress;
use vestibule_schema::{SiteId, Sizes};

use crate::build::Surroundings;
use crate::config::SiteConfig;

/// How long what still streams has when the gateway ends.
const PATIENCE: Duration = Duration::from_secs(2);

/// The media backends that run.
#[derive(Debug)]
pub(crate) struct Shown {
    runtime: Handle,
    around: Surroundings,
    running: Mutex<BTreeMap<SiteId, Running>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Shown {
    /// None yet. They will run on this runtime.
    pub(crate) fn new(runtime: Handle, around: Surroundings) -> Self {
        Self { runtime, around, running: Mutex::default() }
    }

    /// Starts the media backend of a site, if the site asks for it and there is none yet. Not to
    /// be called on the runtime's own threads.
    ///
    /// # Errors
    /// If it can't listen, or its folders can't be used.
    pub(crate) fn start(&self, site: &SiteConfig) -> anyhow::Result<()> {
        let (Some(document), Some(gallery)) = (&site.document, &site.gallery) else {
            return Ok(());
        };
        let mut running = self.lock();
        if !is_shown_here(site) || running.contains_key(&site.id) {
            return Ok(());
        }
        let listen = Listen::Unix(self.around.state.media_socket(&site.id));
        let config = config(site.id.clone(), gallery, listen, &self.around, document.sizes)?;
        let server = self
            .runtime
            .block_on(Server::bind(config))
            .with_context(|| format!("the media backend of the site `{}` can't start", site.id))?;
        let (stop, stopped) = oneshot::channel();
        let task = self.runtime.spawn(server.run(async move {
            // an error means that nobody can tell any more: also the end
            let _ = stopped.await;
        }));
        running.insert(site.id.clone(), Running { stop, task });
        Ok(())
    }

    /// Ends the media backend of a site that is gone, with all that it still sends. Another site
    /// of the same name may show another folder. Not to be called on the runtime's own threads.
    pub(crate) fn stop(&self, site: &SiteId) {
        if let Some(running) = self.lock().remove(site) {
            running.task.abort();
            // aborted, so it has an end; whichever it is
            let _ = self.runtime.block_on(running.task);
        }
    }

    /// Ends them all; what still streams has [`PATIENCE`].
    pub(crate) async fn stop_all(&self) {
        let running = std::mem::take(&mut *self.lock());
        for Running { stop, task } in running.into_values() {
            // an error means that it has ended already
            let _ = stop.send(());
            let _ = tokio::time::timeout(PATIENCE, task).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SiteId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the gateway's own media backend shows the site.
pub(crate) fn is_shown_here(site: &SiteConfig) -> bool {
    let upstream = site.document.as_ref().map(|document| &document.upstream);
    upstream.is_some_and(|upstream| upstream.contains(&UpstreamAddress::BuiltIn))
}

/// The configuration of a site's media backend.
///
/// # Errors
/// If the key that it shares with the gateway can't be read.
pub(crate) fn config(
    site: SiteId,
    gallery: &Path,
    listen: Listen,
    around: &Surroundings,
    sizes: Sizes,
) -> anyhow::Result<Config> {
    let key = GrantKey::from_text(&around.grant_key.to_text()).context("the grant key")?;
    let renditions = around.state.renditions(&site);
    let keys = KeyRing::new(vec![key]);
    let config = Config::new(gallery.to_owned(), renditions, site, keys, listen);
    Ok(Config { sizes, ..config })
}
