//! `vestibule cluster users access grant|revoke|ls`

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::management::GrantRef;
use vestibule_schema::{RoleName, SiteId};
use vestibule_store::{GrantFilter, RoleChoice};

use super::session::{AccessArgs, AdminSession, Doing, Engines};
use crate::cli::users::user_name;
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Give a user access to a site
    Grant(Grant),
    /// Take a user's access to a site away
    Revoke(Revoke),
    /// List grants
    Ls(Ls),
}

#[derive(Debug, Args)]
pub(super) struct Grant {
    #[command(flatten)]
    config: ConfigArg,
    /// The user
    #[arg(long)]
    user: String,
    /// The site
    #[arg(long, value_name = "SITE")]
    node: SiteId,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    config: ConfigArg,
    /// The user
    #[arg(long)]
    user: String,
    /// The site
    #[arg(long, value_name = "SITE")]
    node: SiteId,
    /// The one role to take away; without it, all
    #[arg(long)]
    role: Option<String>,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    #[command(flatten)]
    config: ConfigArg,
    /// Of this user only
    #[arg(long)]
    user: Option<String>,
    /// On this site only
    #[arg(long, value_name = "SITE")]
    node: Option<SiteId>,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Verb {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Grant(verb) => verb.run(output),
            Self::Revoke(verb) => verb.run(output),
            Self::Ls(verb) => verb.run(output),
        }
    }
}

impl Grant {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let user = user_name(&self.user)?;
        self.doing.ask(&format!("give `{user}` access to `{}`?", self.node))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            let of = GrantRef { user: &user, node: &self.node };
            verbs.grant(of, self.access.wanted()).await
        })?;
        Ok(Exit::Done)
    }
}

impl Revoke {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let user = user_name(&self.user)?;
        let role = self.role.as_deref().filter(|role| !role.is_empty()).map(RoleName::parse);
        let role = role.transpose().map_err(|error| anyhow!(BadInput(error.to_string())))?;
        let which = match (&self.role, &role) {
            (None, _) => RoleChoice::Any,
            (Some(_), role) => RoleChoice::Exactly(role.as_ref()),
        };
        self.doing.confirm(&format!("revoke the access of `{user}` to `{}`?", self.node))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.revoke(GrantRef { user: &user, node: &self.node }, which).await
        })?;
        Ok(Exit::Done)
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let user = self.user.as_deref().map(user_name).transpose()?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let filter = GrantFilter { site: self.node, user };
        let grants = session.ask(&cluster, async |verbs| verbs.grants(&filter).await)?;
        let columns = ["user", "node", "role", "base_path", "upload_path", "managed_by", "counts"];
        output.items(self.format, &columns, &serde_json::to_value(&grants)?);
        Ok(Exit::Done)
    }
}
