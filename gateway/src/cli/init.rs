//! `vestibule init`

mod import;
mod questions;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use vestibule_identity::{Identity, Secret, Settings};
use vestibule_policies::Vocabulary;
use vestibule_schema::{AccountRole, SiteId, UserName};
use vestibule_store::NewAccount;
use vestibule_store::audit::{Object, Verb};

use super::cluster::session::record;
use super::users::change;
use super::{BadInput, Exit, Output};
use crate::audit;
use crate::config::Configuration;
use crate::state::StateDir;
use questions::Answers;

const AFTER_HELP: &str = "\
Examples:
  vestibule init --config ~/photos-gateway
  vestibule init --config ~/photos-gateway --gallery ~/Pictures --site family \\
    --owner jane --password-stdin --public nobody <password.txt
  vestibule init --config ~/photos-gateway --import ~/tenrankai/config.d --gallery ~/Pictures

Nothing is overwritten: the directory must not hold a configuration yet.";

/// Write a first configuration: four questions, then a gateway for your own pictures
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Init {
    /// The configuration directory to make
    #[arg(long, value_name = "DIR", default_value = "vestibule")]
    config: PathBuf,
    /// Where your pictures are
    #[arg(long, value_name = "DIR")]
    gallery: Option<PathBuf>,
    /// What the site is called: letters, digits, `-` and `_`
    #[arg(long)]
    site: Option<String>,
    /// The user name of the owner, who may do everything
    #[arg(long)]
    owner: Option<String>,
    /// Read the owner's password from standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
    /// Who may see pictures without signing in
    #[arg(long, value_enum)]
    public: Option<Public>,
    /// A Tenrankai `config.d` to import: its permissions are taken over as they are
    #[arg(long, value_name = "DIR")]
    import: Option<PathBuf>,
}

/// Who may see pictures without signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Public {
    /// Nobody: everybody signs in
    Nobody,
    /// Everybody, without places, dates and originals
    Everybody,
}

/// A file to be written, relative to the configuration directory.
struct NewFile {
    path: PathBuf,
    text: Vec<u8>,
}

impl Init {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        if Configuration::is_there(&self.config) {
            let message = format!("`{}` holds a configuration already", self.config.display());
            return Err(anyhow!(BadInput(message)));
        }
        let answers = Answers::gather(&self, output)?;
        let files = match &self.import {
            Some(from) => import::files(from, &answers, output)?,
            None => first_site(&answers),
        };
        write_all(&self.config, &files)?;
        let vocabulary = Arc::new(Vocabulary::load()?);
        let configuration = Configuration::load(&self.config, &vocabulary).map_err(|problems| {
            output.problems(&problems);
            anyhow!("the configuration that was written has an error")
        })?;
        output.problems(&configuration.problems);
        if let (Some(owner), Some(password)) = (&answers.owner, &answers.password) {
            make_owner(&configuration, owner, password)?;
        }
        let shown = self.config.display();
        output.line(format!("\nThe configuration is in `{shown}`:"));
        for file in &files {
            output.line(format!("  {}", file.path.display()));
        }
        output.line(format!("\nStart the gateway:\n  vestibule serve --config {shown}"));
        output.line(format!("then open {}\n", configuration.gateway.public_url.text));
        output.line(
            "Who may see what stands in permissions.toml, and in a `_folder.md` in any folder.",
        );
        output.line(format!(
            "Add people, and say what they are to the site:\n  \
             vestibule users add NAME --config {shown}\n  \
             vestibule cluster users access grant --user NAME --node {} --role family --config {shown}",
            answers.site
        ));
        let closed = configuration.sites.iter().any(|site| site.model.is_none());
        Ok(if closed { Exit::BadInput } else { Exit::Done })
    }
}

/// `vestibule.toml`, with what may be changed.
fn gateway_file() -> NewFile {
    let text = "# The gateway. Everything has a default.\n\
        listen = [\"127.0.0.1:8080\"]\n\
        # The address in the browser; behind a proxy that ends HTTPS, or with [[tls]] below, https://…\n\
        public_url = \"http://localhost:8080\"\n\
        state_dir = \"state\"\n\
        # trusted_proxies = [\"127.0.0.1\"]\n\
        # [[tls]]\n\
        # listen = \"0.0.0.0:443\"\n\
        # certificate = \"fullchain.pem\"\n\
        # key = \"privkey.pem\"\n";
    NewFile { path: "vestibule.toml".into(), text: text.into() }
}

fn site_file(site: &SiteId, gallery: &str, mount: &str) -> NewFile {
    let gallery = toml::Value::from(gallery);
    let text = format!(
        "{mount}\n\
         # The gateway shows the pictures itself.\n\
         upstream = [\"built-in\"]\n\
         adapter = \"vestibule\"\n\
         gallery = {gallery}\n\
         # A folder's block can only narrow what its parents allow; or \"nearest\": it decides alone.\n\
         cascade = \"restrict\"\n"
    );
    NewFile { path: format!("config.d/sites/{site}/site.toml").into(), text: text.into() }
}

fn first_site(answers: &Answers) -> Vec<NewFile> {
    let site = &answers.site;
    let public = match answers.public {
        Public::Nobody => "none",
        Public::Everybody => "public",
    };
    let owner = answers.owner.as_ref().map_or("", UserName::as_str);
    let owner = toml::Value::from(owner);
    let permissions = format!(
        "# Who may do what on this site. Nothing is open unless it stands here.\n\
         public_role = \"{public}\"             # who has not signed in\n\
         default_authenticated_role = \"none\"  # who has signed in and has no role below\n\
         \n\
         [roles.public]\n\
         name = \"Visitor\"\n\
         permissions = {{ can_view = true, can_use_zoom = true }}\n\
         \n\
         [roles.family]\n\
         name = \"Family\"\n\
         inherits = \"viewer\"                  # a built-in role: everything but changing things\n\
         permissions = {{ can_add_comments = true, can_set_picks = true }}\n\
         \n\
         [[user_roles]]\n\
         username = {owner}\n\
         roles = [\"admin\"]                    # a built-in role: everything\n"
    );
    let path = format!("config.d/sites/{site}/permissions.toml");
    vec![
        gateway_file(),
        site_file(site, &answers.gallery, r#"hosts = ["localhost", "127.0.0.1"]"#),
        NewFile { path: path.into(), text: permissions.into() },
    ]
}

/// Writes all files into a folder beside the target, then moves each into its place, so that a
/// failure in the middle leaves no half-written configuration.
fn write_all(dir: &Path, files: &[NewFile]) -> anyhow::Result<()> {
    let context = || format!("`{}` can't be written", dir.display());
    std::fs::create_dir_all(dir).with_context(context)?;
    let staging =
        tempfile::Builder::new().prefix(".init-").tempdir_in(dir).with_context(context)?;
    for file in files {
        let path = staging.path().join(&file.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(context)?;
        }
        std::fs::write(&path, &file.text).with_context(context)?;
    }
    // the marker of a configuration comes last
    for name in ["config.d", "vestibule.toml"] {
        std::fs::rename(staging.path().join(name), dir.join(name)).with_context(context)?;
    }
    Ok(())
}

fn make_owner(
    configuration: &Configuration,
    owner: &UserName,
    password: &Secret<String>,
) -> anyhow::Result<()> {
    let state = StateDir::open(&configuration.gateway.state_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = state.open_store(&configuration.gateway.store).await?;
        let mut settings = Settings::default();
        settings.audit = audit::open(&configuration.gateway.audit)?;
        let identity = Identity::open(store, settings).await?;
        let role = AccountRole::parse(AccountRole::CLUSTER_ADMIN)?;
        let detail = Some(format!("role `{role}`"));
        identity.add_user(NewAccount::new(owner.clone(), role), Some(password)).await?;
        record(&identity, change(Object::Account, Verb::Added, owner, detail)).await?;
        identity.store().close().await;
        anyhow::Ok(())
    })
}
