//! `vestibule users passkeys ls|rm`. Nobody makes one for somebody else.

use clap::{Args, Subcommand};
use vestibule_identity::PasskeyId;

use super::user_name;
use crate::cli::cluster::session::{AdminSession, Doing, Engines};
use crate::cli::{ConfigArg, Exit, Format, Output};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the passkeys of an account, and when they were used
    Ls(Ls),
    /// Remove one, or all of an account
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
    /// The number of the passkey, as `ls` shows it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<i64>,
    /// All of them
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    doing: Doing,
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
        let cluster = session.cluster(Engines::None, output)?;
        let all = session.ask(&cluster, async |verbs| verbs.passkeys(&name).await)?;
        if all.is_empty() && self.format == Format::Table {
            output.note(format!("`{name}` has no passkeys"));
        }
        let columns = ["id", "name", "host", "created", "last_used", "client"];
        output.items(self.format, &columns, &serde_json::to_value(&all)?);
        Ok(Exit::Done)
    }
}

impl Rm {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let id = self.id.map(PasskeyId::from_number);
        let what = match id {
            Some(id) => format!("the passkey {id} of `{name}`"),
            None => format!("all passkeys of `{name}`"),
        };
        self.doing.confirm(&format!("remove {what}?"))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.remove_passkeys(&name, id).await
        })?;
        Ok(Exit::Done)
    }
}
