//! `vestibule cluster access review`

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::management::ReviewFilter;
use vestibule_schema::{RoleName, SiteId};

use super::session::{AdminSession, Engines};
use crate::cli::users::user_name;
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Who may enter which site, as what, and by what: grant, group or default
    Review(Review),
}

#[derive(Debug, Args)]
pub(super) struct Review {
    #[command(flatten)]
    config: ConfigArg,
    /// Of this user only
    #[arg(long)]
    user: Option<String>,
    /// On this site only
    #[arg(long, value_name = "SITE")]
    node: Option<SiteId>,
    /// With this role only
    #[arg(long)]
    role: Option<String>,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Verb {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Review(verb) => verb.run(output),
        }
    }
}

impl Review {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let role = self.role.as_deref().map(RoleName::parse).transpose();
        let filter = ReviewFilter {
            user: self.user.as_deref().map(user_name).transpose()?,
            node: self.node,
            role: role.map_err(|error| anyhow!(BadInput(error.to_string())))?,
        };
        let session = AdminSession::open(&self.config.config, output)?;
        let which = filter.node.as_ref().map_or(Engines::All, Engines::Of);
        let cluster = session.cluster(which, output)?;
        for node in &cluster.nodes {
            let meant = filter.node.as_ref().is_none_or(|site| *site == node.site);
            if meant && node.engine.is_none() {
                let site = &node.site;
                output.note(format!("`{site}` is closed: its configuration has an error"));
            }
        }
        let rows = session.ask(&cluster, async |verbs| verbs.review(&filter).await)?;
        output.items(self.format, &["user", "node", "role", "why"], &serde_json::to_value(&rows)?);
        Ok(Exit::Done)
    }
}
