//! `vestibule users app-passwords ls|rm`. Nobody makes one for somebody else.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::{AppPasswordId, AppPasswordRow, Identity, UnixTime};
use vestibule_store::audit::{Object, Verb as Audited};

use super::{account_error, change, user_name};
use crate::cli::cluster::session::{AdminSession, confirm, record};
use crate::cli::{ConfigArg, Exit, Format, NotFound, Output};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the app passwords of an account: what they are good for, and when they were used
    Ls(Ls),
    /// Revoke one, or all of an account
    Rm(Rm),
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Rm {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    /// The number of the app password, as `ls` shows it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<i64>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Verb {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Ls(verb) => verb.run(output),
            Self::Rm(verb) => verb.run(output),
        }
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let session = AdminSession::open(&self.config.config, output)?;
        let account = session.block_on(async |identity| identity.user(&name).await);
        let account = account.map_err(not_there)?;
        let all = session.block_on(async |identity| identity.app_passwords(account.id).await)?;
        if all.is_empty() && self.format == Format::Table {
            output.note(format!("`{name}` has no app passwords"));
        }
        let rows: Vec<_> = all.iter().map(row).collect();
        let heading =
            ["id", "name", "scope", "site", "folder", "created", "expires", "last_used", "from"];
        output.rows(self.format, &heading, &rows);
        Ok(Exit::Done)
    }
}

impl Rm {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let id = self.id.map(AppPasswordId::from_number);
        let what = match id {
            Some(id) => format!("the app password {id} of `{name}`"),
            None => format!("all app passwords of `{name}`"),
        };
        let session = AdminSession::open(&self.config.config, output)?;
        let account = session.block_on(async |identity| identity.user(&name).await);
        let account = account.map_err(not_there)?.id;
        let held = session.block_on(async |identity| identity.app_passwords(account).await)?;
        if let Some(id) = id.filter(|id| held.iter().all(|row| row.id != *id)) {
            return Err(anyhow!(NotFound(format!("`{name}` has no app password {id}"))));
        }
        if self.dry_run {
            output.line(format!("would revoke {what}"));
            return Ok(Exit::Done);
        }
        confirm(self.yes, &format!("revoke {what}?"))?;
        session.run(output, async |identity: &Identity| {
            let revoked = identity.revoke_app_passwords(account, id).await?;
            let number = id.map_or_else(|| "all".to_owned(), |id| id.to_string());
            let mut done = change(Object::AppPassword, Audited::Removed, &name, None);
            done.name = format!("{name}/{number}");
            record(identity, done).await?;
            Ok(format!("revoked {what}: {revoked}"))
        })
    }
}

fn not_there(error: anyhow::Error) -> anyhow::Error {
    match error.downcast() {
        Ok(error) => account_error(error),
        Err(other) => other,
    }
}

fn row(row: &AppPasswordRow) -> Vec<String> {
    let time = |time: Option<UnixTime>| time.map(|time| time.to_string()).unwrap_or_default();
    vec![
        row.id.to_string(),
        row.name.clone(),
        row.bounds.scope.to_string(),
        row.bounds.site.as_ref().map(ToString::to_string).unwrap_or_default(),
        row.bounds.folder.as_ref().map(ToString::to_string).unwrap_or_default(),
        row.created.to_string(),
        time(row.expires),
        time(row.last_used),
        row.last_client.map(|client| client.to_string()).unwrap_or_default(),
    ]
}
