//! What administrative verbs share: the store, and telling the running gateway.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use vestibule_identity::management::{
    AccessWanted, By, Cluster, ManageError, Management, Mode, Outcome,
};
use vestibule_identity::{Identity, Settings};
use vestibule_policies::Vocabulary;
use vestibule_schema::SiteId;
use vestibule_store::audit::{Change, Entry, Event};

use crate::audit;
use crate::build;
use crate::cli::policy::site::OfflineSite;
use crate::cli::{BadInput, Exit, NotFound, Output};
use crate::config::{Configuration, GatewayConfig, StoreChoice};
use crate::control::{self, InForce};
use crate::managed;
use crate::state::StateDir;

/// The store of a configuration, open for one verb.
pub(crate) struct AdminSession {
    runtime: tokio::runtime::Runtime,
    identity: Identity,
    state: StateDir,
    configuration: Configuration,
    vocabulary: Arc<Vocabulary>,
}

/// What is said of a change that the audit log does not have.
const NOT_RECORDED: &str = "it is done, but could not be written into the audit log";

/// The gateway's own part of a configuration, of which sites may have mistakes.
///
/// # Errors
/// If there is no configuration, or it has an error.
pub(crate) fn gateway_config(config: &Path, output: &mut Output) -> anyhow::Result<GatewayConfig> {
    required(config)?;
    GatewayConfig::load(config).map_err(|problems| {
        output.problems(&problems);
        anyhow!(BadInput("the configuration has an error".into()))
    })
}

/// Writes down what an operator did; on disk when this returns.
///
/// # Errors
/// If that fails: it has been done, and says so.
pub(crate) async fn record(identity: &Identity, change: Change) -> anyhow::Result<()> {
    let entry = Entry::new(audit::operator(), Event::Changed(change));
    let written = identity.audit().record(entry).await;
    written.context(NOT_RECORDED)
}

fn required(config: &Path) -> anyhow::Result<()> {
    if Configuration::is_there(config) {
        return Ok(());
    }
    let shown = config.display();
    Err(anyhow!(BadInput(format!(
        "`{shown}` holds no configuration; say where it is with `--config DIR`, or make one: \
         vestibule init --config {shown}"
    ))))
}

impl AdminSession {
    /// Opens the store that the configuration names, or makes it. One of another version is left
    /// as it is: a gateway may run on it.
    ///
    /// # Errors
    /// If the configuration has an error, or the store can't be opened.
    pub(crate) fn open(config: &Path, output: &mut Output) -> anyhow::Result<Self> {
        required(config)?;
        let vocabulary = Arc::new(Vocabulary::load()?);
        let configuration = Configuration::load(config, &vocabulary).map_err(|problems| {
            output.problems(&problems);
            anyhow!(BadInput("the configuration has an error".into()))
        })?;
        let state = StateDir::open(&configuration.gateway.state_dir)?;
        let mut settings = Settings::default();
        settings.audit = audit::open(&configuration.gateway.audit)?;
        settings.providers = configuration.gateway.identity.registrations();
        configuration.gateway.sessions.apply(&mut settings);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let identity = runtime.block_on(async {
            let choice = &configuration.gateway.store;
            let store = match state.store_as_it_is(choice).await? {
                Some(store) => store,
                None => state.open_store(choice).await?,
            };
            anyhow::Ok(Identity::open(store, settings).await?)
        })?;
        Ok(Self { runtime, identity, state, configuration, vocabulary })
    }

    /// Does something that changes nothing.
    pub(crate) fn block_on<T, E>(
        &self,
        work: impl AsyncFnOnce(&Identity) -> Result<T, E>,
    ) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        Ok(self.runtime.block_on(work(&self.identity))?)
    }

    /// What is managed, with the rules of these sites.
    pub(crate) fn cluster(
        &self,
        which: Engines<'_>,
        output: &mut Output,
    ) -> anyhow::Result<Cluster> {
        let config = &self.configuration;
        let rights = match which {
            Engines::None => BTreeMap::new(),
            Engines::Of(_) | Engines::All => {
                self.block_on(async |identity| build::stored_rights(identity.store()).await)?
            }
        };
        let mut nodes = Vec::new();
        for site in &config.sites {
            let wanted = match which {
                Engines::None => false,
                Engines::Of(id) => site.id == *id,
                Engines::All => true,
            };
            let stored = rights.get(&site.id).cloned().unwrap_or_default();
            let engine = if wanted {
                OfflineSite::open(site, &self.vocabulary, stored, output).map(|site| site.engine)
            } else {
                None
            };
            nodes.push(managed::node(site, engine.map(Arc::new), &config.gateway.public_url));
        }
        let issuers = managed::issuers(&config.gateway.identity);
        let adapters = managed::adapters();
        Ok(Cluster { vocabulary: Arc::clone(&self.vocabulary), nodes, issuers, adapters })
    }

    /// Asks something of who manages.
    pub(crate) fn ask<T>(
        &self,
        cluster: &Cluster,
        verb: impl AsyncFnOnce(Management<'_>) -> Result<T, ManageError>,
    ) -> anyhow::Result<T> {
        let by = By::Operator(audit::operator());
        let verbs = Management::new(&self.identity, cluster, &by, Mode::Do);
        self.runtime.block_on(verb(verbs)).map_err(manage_error)
    }

    /// Makes a change as one who manages, or says what it would be; returns when it is in force.
    pub(crate) fn change<T>(
        &self,
        cluster: &Cluster,
        (doing, output): (&Doing, &mut Output),
        verb: impl AsyncFnOnce(Management<'_>) -> Result<Outcome<T>, ManageError>,
    ) -> anyhow::Result<Option<T>> {
        let mut item = None;
        self.change_telling(cluster, (doing, output), |_, made| item = Some(made), verb)?;
        Ok(item)
    }

    /// The same of what is told once, as it is a secret: it is told whatever else goes wrong once it
    /// is made, as nobody could ask for it again.
    pub(crate) fn change_telling<T>(
        &self,
        cluster: &Cluster,
        (doing, output): (&Doing, &mut Output),
        tell: impl FnOnce(&mut Output, T),
        verb: impl AsyncFnOnce(Management<'_>) -> Result<Outcome<T>, ManageError>,
    ) -> anyhow::Result<()> {
        let by = By::Operator(audit::operator());
        let mode = doing.mode();
        if mode == Mode::DryRun {
            let verbs = Management::new(&self.identity, cluster, &by, mode);
            let outcome = self.runtime.block_on(verb(verbs));
            let outcome = outcome.map_err(manage_error)?;
            output.line(&outcome.summary);
            if let Some(item) = outcome.item {
                tell(output, item);
            }
            return Ok(());
        }
        let (mut item, mut is_recorded) = (None, true);
        let ran = self.run(output, async |identity| {
            let verbs = Management::new(identity, cluster, &by, mode);
            let outcome = verb(verbs).await.map_err(manage_error)?;
            (item, is_recorded) = (outcome.item, outcome.is_recorded);
            Ok(outcome.summary)
        });
        if let Some(item) = item {
            tell(output, item);
        }
        ran?;
        if is_recorded { Ok(()) } else { Err(anyhow!(NOT_RECORDED)) }
    }

    /// Makes a change, and returns when it is in force.
    pub(crate) fn run(
        &self,
        output: &mut Output,
        change: impl AsyncFnOnce(&Identity) -> anyhow::Result<String>,
    ) -> anyhow::Result<Exit> {
        self.identity.audit().check()?;
        let said = self.runtime.block_on(change(&self.identity))?;
        let in_force = self
            .runtime
            .block_on(control::announce(&self.state.control_socket(), control::Request::Refresh))?;
        let when = match (in_force, &self.configuration.gateway.store) {
            // of what the store says nothing is kept back
            (InForce::Now | InForce::InPart(_), StoreChoice::Sqlite) => "in force",
            (InForce::Now | InForce::InPart(_), StoreChoice::Postgres(_)) => {
                "in force; elsewhere within a second"
            }
            (InForce::AtStart, StoreChoice::Sqlite) => "in force when the gateway starts",
            (InForce::AtStart, StoreChoice::Postgres(_)) => {
                "in force within a second where gateways run"
            }
        };
        output.line(format!("{said} ({when})"));
        Ok(Exit::Done)
    }
}

/// What a grant or mapping gives, as typed.
#[derive(Debug, clap::Args)]
pub(crate) struct AccessArgs {
    /// The role; without one the account's own is inherited
    #[arg(long)]
    role: Option<String>,
    /// The folder in which a scoped role counts
    #[arg(long, value_name = "FOLDER")]
    base_path: Option<String>,
    /// The folder into which a contributor uploads
    #[arg(long, value_name = "FOLDER")]
    upload_path: Option<String>,
}

impl AccessArgs {
    pub(crate) fn wanted(&self) -> AccessWanted<'_> {
        AccessWanted {
            role: self.role.as_deref(),
            base_path: self.base_path.as_deref(),
            upload_path: self.upload_path.as_deref(),
        }
    }
}

/// Whether a verb that changes something does it, and asks before.
#[derive(Debug, clap::Args)]
pub(crate) struct Doing {
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Doing {
    pub(crate) const fn mode(&self) -> Mode {
        if self.dry_run { Mode::DryRun } else { Mode::Do }
    }

    /// Asks before something is taken away: without a terminal, `--yes` is needed.
    ///
    /// # Errors
    /// If the answer is no, or there is nobody to ask.
    pub(crate) fn confirm(&self, question: &str) -> anyhow::Result<()> {
        confirm(self.yes || self.dry_run, question)
    }

    /// Asks before something is added, if there is somebody to ask: scripts add without.
    ///
    /// # Errors
    /// If the answer is no.
    pub(crate) fn ask(&self, question: &str) -> anyhow::Result<()> {
        confirm(self.yes || self.dry_run || !std::io::stdin().is_terminal(), question)
    }
}

/// The rules of which sites a verb needs: reading those of a big gallery's folders takes a while.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Engines<'r> {
    None,
    Of(&'r SiteId),
    All,
}

/// What is not there, and what is none, have exit codes of their own.
pub(crate) fn manage_error(error: ManageError) -> anyhow::Error {
    match error {
        ManageError::Denied { .. } | ManageError::NotFound(_) => {
            anyhow!(NotFound(error.to_string()))
        }
        ManageError::BadInput(_) => anyhow!(BadInput(error.to_string())),
        other => anyhow!(other),
    }
}

/// Asks on the terminal; without one, `--yes` is needed.
///
/// # Errors
/// If the answer is no, or there is nobody to ask.
pub(crate) fn confirm(yes: bool, question: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(anyhow!(BadInput("there is no terminal to ask; say `--yes`".into())));
    }
    let mut out = std::io::stderr();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(anyhow!("nothing was changed"))
    }
}
