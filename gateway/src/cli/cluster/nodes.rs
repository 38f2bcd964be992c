//! `vestibule cluster nodes allow-group|deny-group|groups`

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::Identity;
use vestibule_schema::{ProviderId, SiteId};
use vestibule_store::audit::{Change, Object, Verb as Audited};
use vestibule_store::{MappedGroup, RoleChoice};

use super::access::store_error;
use super::session::{AccessArgs, AdminSession, confirm, record};
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
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
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
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
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
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

impl Verb {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::AllowGroup(verb) => verb.run(output),
            Self::DenyGroup(verb) => verb.run(output),
            Self::Groups(verb) => verb.run(output),
        }
    }
}

impl AllowGroup {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let group = read_group(&self.group, self.provider.as_ref())?;
        let session = AdminSession::open(&self.config.config, output)?;
        session.check_provider(self.provider.as_ref())?;
        let access = session.access(&self.node, &self.access)?;
        let Some(role) = &access.role else {
            let message = "a group needs a role: `--role viewer`";
            return Err(anyhow!(BadInput(message.into())));
        };
        let what = format!("`{}` to `{}` as {role}", shown(&group), self.node);
        if self.dry_run {
            output.line(format!("would admit {what}"));
            return Ok(Exit::Done);
        }
        session.run(output, async |identity: &Identity| {
            let mappings = identity.store().group_mappings();
            let is_new = mappings.allow(&self.node, &group, &access, identity.now()).await;
            let is_new = is_new.map_err(store_error)?;
            if is_new {
                record(identity, change(&group, Audited::Added, &what)).await?;
            }
            Ok(if is_new {
                format!("admitted {what}")
            } else {
                format!("{what} was admitted already")
            })
        })
    }
}

impl DenyGroup {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let group = read_group(&self.group, self.provider.as_ref())?;
        let what = format!("`{}` to `{}`", shown(&group), self.node);
        if self.dry_run {
            output.line(format!("would no longer admit {what}"));
            return Ok(Exit::Done);
        }
        confirm(self.yes, &format!("no longer admit {what}?"))?;
        let session = AdminSession::open(&self.config.config, output)?;
        session.run(output, async |identity: &Identity| {
            let mappings = identity.store().group_mappings();
            let count = mappings.deny(&self.node, group.id(), RoleChoice::Any).await;
            let count = count.map_err(store_error)?;
            record(identity, change(&group, Audited::Removed, &what)).await?;
            Ok(format!("no longer admits {what} ({count})"))
        })
    }
}

impl Groups {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let session = AdminSession::open(&self.config.config, output)?;
        let node = self.node.as_ref();
        let mappings = session
            .block_on(async |identity| identity.store().group_mappings().list(node).await)?;
        let rows: Vec<_> = mappings
            .iter()
            .map(|mapping| {
                vec![
                    mapping.site.to_string(),
                    mapping.group.typed().to_owned(),
                    mapping.group.id().provider().unwrap_or_default().to_owned(),
                    mapping.access.role.as_ref().map(ToString::to_string).unwrap_or_default(),
                ]
            })
            .collect();
        output.rows(self.format, &["node", "group", "provider", "role"], &rows);
        Ok(Exit::Done)
    }
}

fn change(group: &MappedGroup, verb: Audited, what: &str) -> Change {
    let (name, detail) = (shown(group), Some(what.to_owned()));
    Change { object: Object::GroupMapping, verb, name, detail }
}

/// A group as it was typed, with its provider.
fn shown(group: &MappedGroup) -> String {
    match group.id().provider() {
        Some(provider) => format!("{} of {provider}", group.typed()),
        None => group.typed().to_owned(),
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
