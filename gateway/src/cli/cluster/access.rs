//! `vestibule cluster users access grant|revoke|ls`

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::Identity;
use vestibule_schema::{RoleName, SiteId, UserName};
use vestibule_store::audit::{Change, Object, Verb as Audited};
use vestibule_store::{GrantFilter, RoleChoice, StoreError};

use super::session::{AccessArgs, AdminSession, confirm, record};
use crate::cli::users::user_name;
use crate::cli::{BadInput, ConfigArg, Exit, Format, NotFound, Output};

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
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
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
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
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
        let session = AdminSession::open(&self.config.config, output)?;
        let access = session.access(&self.node, &self.access)?;
        let role = self.access.role().unwrap_or("the account's role").to_owned();
        let what = format!("`{user}` access to `{}` as {role}", self.node);
        if self.dry_run {
            output.line(format!("would grant {what}"));
            return Ok(Exit::Done);
        }
        session.run(output, async |identity: &Identity| {
            let grants = identity.store().grants();
            let is_new = grants.grant(&self.node, &user, &access, identity.now()).await;
            let is_new = is_new.map_err(store_error)?;
            if is_new {
                record(identity, change(&user, Audited::Added, &what)).await?;
            }
            let account = identity.store().accounts().find(&user).await.map_err(store_error)?;
            let gives_nothing = access.role.is_none()
                && account.is_none_or(|account| account.role.inheritable().is_none());
            let note = if gives_nothing {
                ";\nit gives nothing: the account has no role. Say which one with `--role`"
            } else {
                ""
            };
            Ok(if is_new {
                format!("granted {what}{note}")
            } else {
                format!("{what} was granted already{note}")
            })
        })
    }
}

impl Revoke {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let user = user_name(&self.user)?;
        let session = AdminSession::open(&self.config.config, output)?;
        let role = self.role.as_deref().filter(|role| !role.is_empty()).map(RoleName::parse);
        let role = role.transpose().map_err(|error| anyhow!(BadInput(error.to_string())))?;
        let which = match (&self.role, &role) {
            (None, _) => RoleChoice::Any,
            (Some(_), role) => RoleChoice::Exactly(role.as_ref()),
        };
        let what = format!("the access of `{user}` to `{}`", self.node);
        if self.dry_run {
            output.line(format!("would revoke {what}"));
            return Ok(Exit::Done);
        }
        confirm(self.yes, &format!("revoke {what}?"))?;
        session.run(output, async |identity: &Identity| {
            let grants = identity.store().grants();
            let count = grants.revoke(&self.node, &user, which).await.map_err(store_error)?;
            record(identity, change(&user, Audited::Removed, &format!("{what} ({count})"))).await?;
            Ok(format!("revoked {what} ({count})"))
        })
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let user = self.user.as_deref().map(user_name).transpose()?;
        let session = AdminSession::open(&self.config.config, output)?;
        let filter = GrantFilter { site: self.node, user };
        let grants =
            session.block_on(async |identity| identity.store().grants().list(&filter).await)?;
        let path = |path: Option<&vestibule_schema::GalleryPath>| {
            path.map(ToString::to_string).unwrap_or_default()
        };
        let rows: Vec<_> = grants
            .iter()
            .map(|grant| {
                vec![
                    grant.user.to_string(),
                    grant.site.to_string(),
                    grant.access.role.as_ref().map(ToString::to_string).unwrap_or_default(),
                    path(grant.access.base_path.as_ref()),
                    path(grant.access.upload_path.as_ref()),
                ]
            })
            .collect();
        output.rows(self.format, &["user", "node", "role", "base_path", "upload_path"], &rows);
        Ok(Exit::Done)
    }
}

fn change(user: &UserName, verb: Audited, what: &str) -> Change {
    Change { object: Object::Grant, verb, name: user.to_string(), detail: Some(what.to_owned()) }
}

/// What is not there is not found; everything else failed.
pub(super) fn store_error(error: StoreError) -> anyhow::Error {
    if error.is_not_found() { anyhow!(NotFound(error.to_string())) } else { anyhow!(error) }
}
