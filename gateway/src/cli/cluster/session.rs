//! What administrative verbs share: the store, and telling the running gateway.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use vestibule_identity::{Identity, Settings};
use vestibule_policies::Vocabulary;
use vestibule_schema::document::Mount;
use vestibule_schema::{GalleryPath, ProviderId, RoleName, SiteId};
use vestibule_store::Access;
use vestibule_store::audit::{Change, Entry, Event};

use crate::audit;
use crate::cli::{BadInput, Exit, Output};
use crate::config::{Configuration, GatewayConfig, SiteConfig, StoreChoice};
use crate::control::{self, InForce, Request};
use crate::state::StateDir;

/// The store of a configuration, open for one verb.
pub(crate) struct AdminSession {
    runtime: tokio::runtime::Runtime,
    identity: Identity,
    state: StateDir,
    configuration: Configuration,
}

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
    written.context("it is done, but could not be written into the audit log")
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
    /// Opens the store that the configuration names.
    ///
    /// # Errors
    /// If the configuration has an error, or the store can't be opened.
    pub(crate) fn open(config: &Path, output: &mut Output) -> anyhow::Result<Self> {
        required(config)?;
        let vocabulary = Vocabulary::load()?;
        let configuration = Configuration::load(config, &vocabulary).map_err(|problems| {
            output.problems(&problems);
            anyhow!(BadInput("the configuration has an error".into()))
        })?;
        let state = StateDir::open(&configuration.gateway.state_dir)?;
        let mut settings = Settings::default();
        settings.audit = audit::open(&configuration.gateway.audit)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let identity = runtime.block_on(async {
            let store = state.open_store(&configuration.gateway.store).await?;
            anyhow::Ok(Identity::open(store, settings).await?)
        })?;
        Ok(Self { runtime, identity, state, configuration })
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
            .block_on(control::announce(&self.state.control_socket(), Request::Refresh))?;
        let when = match (in_force, &self.configuration.gateway.store) {
            (InForce::Now, StoreChoice::Sqlite) => "in force",
            (InForce::Now, StoreChoice::Postgres(_)) => "in force; elsewhere within a second",
            (InForce::AtStart, StoreChoice::Sqlite) => "in force when the gateway starts",
            (InForce::AtStart, StoreChoice::Postgres(_)) => {
                "in force within a second where gateways run"
            }
        };
        output.line(format!("{said} ({when})"));
        Ok(Exit::Done)
    }

    /// The address of the gateway's own pages for a site: of its first host, or of the portal.
    ///
    /// # Errors
    /// If there is no such site.
    pub(crate) fn origin_of(&self, id: &SiteId) -> anyhow::Result<String> {
        let portal = &self.configuration.gateway.public_url;
        let host = match self.site(id)?.document.as_ref().map(|document| &document.mount) {
            Some(Mount::Hosts(hosts)) => hosts.first(),
            Some(Mount::Path(_)) | None => None,
        };
        Ok(host.map_or_else(|| portal.text.clone(), |host| portal.origin_at(&host.value)))
    }

    /// A site of the configuration.
    ///
    /// # Errors
    /// If there is none of this name.
    pub(crate) fn site(&self, id: &SiteId) -> anyhow::Result<&SiteConfig> {
        self.configuration.required_site(id)
    }

    /// Holds the provider of a group against those that are configured.
    ///
    /// # Errors
    /// If it is none of them, or none is named where there are several: nobody would be in it.
    pub(crate) fn check_provider(&self, named: Option<&ProviderId>) -> anyhow::Result<()> {
        let identity = &self.configuration.gateway.identity;
        let known: Vec<_> = identity.oidc.keys().chain(identity.ldap.keys()).collect();
        let names = known.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        match named {
            Some(named) if known.contains(&named) => Ok(()),
            Some(named) => {
                let names = if names.is_empty() { "none".to_owned() } else { names };
                let message = format!("there is no provider `{named}`; configured: {names}");
                Err(anyhow!(BadInput(message)))
            }
            None if known.len() < 2 => Ok(()),
            None => {
                let message = format!("say whose group it is with `--provider`: {names}");
                Err(anyhow!(BadInput(message)))
            }
        }
    }

    /// What a grant or mapping gives, checked against the site: a role that it has, and a base
    /// path for a scoped one.
    ///
    /// # Errors
    /// What is wrong with it, with the mend.
    pub(crate) fn access(&self, site: &SiteId, wanted: &AccessArgs) -> anyhow::Result<Access> {
        let config = self.site(site)?;
        let role = match wanted.role.as_deref() {
            None | Some("") => None,
            Some(text) => Some(RoleName::parse(text).map_err(|error| {
                anyhow!(BadInput(format!("`{text}` can't be granted: {error}")))
            })?),
        };
        let folder = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => GalleryPath::from_decoded(text)
                .map(|path| Some(path.as_folder()))
                .map_err(|error| anyhow!(BadInput(format!("`{text}`: {error}")))),
        };
        let access = Access {
            role,
            base_path: folder(&wanted.base_path)?,
            upload_path: folder(&wanted.upload_path)?,
        };
        if let (Some(name), Some(model)) = (&access.role, &config.model) {
            let known = model.block.roles.get(name).ok_or_else(|| {
                let names = model.block.roles.keys().map(RoleName::as_str);
                let near = vestibule_schema::problem::nearest(name.as_str(), names.clone());
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                anyhow!(BadInput(format!(
                    "the site `{site}` has no role `{name}`{near}; it has {}",
                    names.collect::<Vec<_>>().join(", ")
                )))
            })?;
            if known.scoped && access.base_path.is_none() {
                let message = format!("`{name}` is scoped: say where it counts with `--base-path`");
                return Err(anyhow!(BadInput(message)));
            }
        }
        let outside = access.upload_path.as_ref().is_some_and(|upload| {
            access.base_path.as_ref().is_none_or(|base| !upload.is_within(base))
        });
        if outside {
            let message = "`--upload-path` must lie inside `--base-path`";
            return Err(anyhow!(BadInput(message.into())));
        }
        Ok(access)
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
    pub(crate) fn role(&self) -> Option<&str> {
        self.role.as_deref()
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
