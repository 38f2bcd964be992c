//! `vestibule media`

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use vestibule_media_backend::Listen;
use vestibule_policies::Vocabulary;
use vestibule_schema::SiteId;
use vestibule_store::AuditLog;

use super::{BadInput, ConfigArg, Exit, NotFound, Output};
use crate::build::Surroundings;
use crate::config::Configuration;
use crate::hardened;
use crate::logging::{self, LogFormat, Loudness};
use crate::shown;
use crate::state::StateDir;

/// Run the media backend of one site by itself
///
/// For a gateway whose site says `upstream = ["unix:/path"]`. It serves nothing without the
/// gateway's signed grant, and shares the state directory's grant key.
#[derive(Debug, Args)]
pub(super) struct Media {
    #[command(flatten)]
    config: ConfigArg,
    /// The site
    #[arg(long)]
    site: SiteId,
    /// The Unix socket to listen on
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
}

impl Media {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        logging::start(Loudness::Server, LogFormat::Text);
        hardened::against_dumps();
        hardened::against_panics();
        let vocabulary = Arc::new(Vocabulary::load()?);
        let configuration =
            Configuration::load(&self.config.config, &vocabulary).map_err(|problems| {
                output.problems(&problems);
                anyhow!(BadInput("the configuration has an error".into()))
            })?;
        let site = configuration
            .site(&self.site)
            .ok_or_else(|| anyhow!(NotFound(format!("there is no site `{}`", self.site))))?;
        let (Some(document), Some(gallery)) = (&site.document, &site.gallery) else {
            return Err(anyhow!(BadInput(format!("the site `{}` has no gallery", self.site))));
        };
        let state = StateDir::open(&configuration.gateway.state_dir)?;
        let grant_key = state.grant_key()?;
        let around = Surroundings {
            config_dir: configuration.dir.clone(),
            state,
            grant_key,
            audit: AuditLog::off(),
        };
        let listen = Listen::Unix(self.socket.clone());
        let id = self.site.clone();
        let config = shown::config(id, gallery, listen, &around, document.sizes)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime
            .block_on(async {
                output.note(format!("listening on {}", self.socket.display()));
                vestibule_media_backend::serve(config, ended()).await
            })
            .context("the media backend ended")?;
        Ok(Exit::Done)
    }
}

/// SIGINT or SIGTERM.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
