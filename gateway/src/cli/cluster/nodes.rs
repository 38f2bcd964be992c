//! `vestibule cluster nodes ls|show|add|mod|rotate|rm|token|allow-group|deny-group|groups`

mod registry;
mod token;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::management::MappingRef;
use vestibule_schema::{ProviderId, SiteId};
use vestibule_store::{MappedGroup, RoleChoice};

use super::session::{AccessArgs, AdminSession, Doing, Engines};
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

/// What a table shows of a node.
const COLUMNS: [&str; 7] =
    ["node", "state", "registered", "mount", "adapter", "upstream", "managed_by"];

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the sites, and the nodes that are registered
    Ls(Ls),
    /// Show one of them
    Show(Show),
    /// Register a node; its credential is told once. A file must declare the site as well
    Add(registry::Add),
    /// Change a registered node
    Mod(registry::Mod),
    /// Give a registered node another credential, which is told once
    Rotate(registry::Rotate),
    /// Remove a registered node; a site that a file declares stays
    Rm(registry::Rm),
    /// Join tokens, by which new nodes register themselves
    Token {
        #[command(subcommand)]
        verb: token::Verb,
    },
    /// Admit a security group to a site
    AllowGroup(AllowGroup),
    /// No longer admit a security group
    DenyGroup(DenyGroup),
    /// List the admitted groups
    Groups(Groups),
}

#[derive(Debug, Args)]
pub(super) struct AllowGroup {
    #[command(flatten)]
    config: ConfigArg,
    /// The site
    node: SiteId,
    /// The group's identifier: a name, an id, or a distinguished name
    group: String,
    /// The provider whose group it is; needed where there are several
    #[arg(long)]
    provider: Option<ProviderId>,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
pub(super) struct DenyGroup {
    #[command(flatten)]
    config: ConfigArg,
    /// The site
    node: SiteId,
    /// The group's identifier
    group: String,
    /// The provider whose group it is
    #[arg(long)]
    provider: Option<ProviderId>,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
pub(super) struct Groups {
    #[command(flatten)]
    config: ConfigArg,
    /// The site; without it, all
    node: Option<SiteId>,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    #[command(flatten)]
    config: ConfigArg,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    config: ConfigArg,
    /// The site
    node: SiteId,
    /// How it is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Verb {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Ls(verb) => verb.run(output),
            Self::Show(verb) => verb.run(output),
            Self::Add(verb) => verb.run(output),
            Self::Mod(verb) => verb.run(output),
            Self::Rotate(verb) => verb.run(output),
            Self::Rm(verb) => verb.run(output),
            Self::Token { verb } => verb.run(output),
            Self::AllowGroup(verb) => verb.run(output),
            Self::DenyGroup(verb) => verb.run(output),
            Self::Groups(verb) => verb.run(output),
        }
    }
}

impl AllowGroup {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let group = read_group(&self.group, self.provider.as_ref())?;
        self.doing.ask(&format!("admit `{}` to `{}`?", group.shown(), self.node))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            let of = MappingRef { group: &group, node: &self.node };
            verbs.allow_group(of, self.access.wanted()).await
        })?;
        Ok(Exit::Done)
    }
}

impl DenyGroup {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let group = read_group(&self.group, self.provider.as_ref())?;
        self.doing.confirm(&format!("no longer admit `{}` to `{}`?", group.shown(), self.node))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            let of = MappingRef { group: &group, node: &self.node };
            verbs.deny_group(of, RoleChoice::Any).await
        })?;
        Ok(Exit::Done)
    }
}

impl Groups {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let node = self.node.as_ref();
        let mappings = session.ask(&cluster, async |verbs| verbs.mappings(node).await)?;
        let columns = [
            "node",
            "group",
            "provider",
            "role",
            "base_path",
            "upload_path",
            "managed_by",
            "counts",
        ];
        output.items(self.format, &columns, &serde_json::to_value(&mappings)?);
        Ok(Exit::Done)
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let nodes = session.ask(&cluster, async |verbs| verbs.nodes().await)?;
        output.items(self.format, &COLUMNS, &serde_json::to_value(&nodes)?);
        Ok(Exit::Done)
    }
}

impl Show {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let node = session.ask(&cluster, async |verbs| verbs.node(&self.node).await)?;
        let node = serde_json::to_value(&node)?;
        if self.format == Format::Json {
            output.json(&node);
        } else {
            output.items(self.format, &COLUMNS, &serde_json::Value::Array(vec![node]));
        }
        Ok(Exit::Done)
    }
}

fn read_group(text: &str, provider: Option<&ProviderId>) -> anyhow::Result<MappedGroup> {
    let group = MappedGroup::parse(text);
    let group = group.map_err(|error| anyhow!(BadInput(format!("`{text}`: {error}"))))?;
    Ok(match provider {
        Some(provider) => group.at(provider),
        None => group,
    })
}
