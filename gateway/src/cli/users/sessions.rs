//! `vestibule users sessions ls|rm`

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::SessionId;
use vestibule_identity::management::WhichSessions;
use vestibule_schema::SiteId;

use super::user_name;
use crate::cli::cluster::session::{AdminSession, Doing, Engines};
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the sessions of an account
    Ls(Ls),
    /// End a session of an account, or all; in force for their next request
    Rm(Rm),
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    /// At this site only
    #[arg(long, value_name = "SITE")]
    node: Option<SiteId>,
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
    /// The session's number, as `ls` shows it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<i64>,
    /// Every session
    #[arg(long)]
    all: bool,
    /// At this site only
    #[arg(long, value_name = "SITE")]
    node: Option<SiteId>,
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
        let node = self.node.as_ref();
        let sessions = session.ask(&cluster, async |verbs| verbs.sessions(&name, node).await)?;
        let columns = ["id", "node", "client", "created", "last_seen", "expires", "user_agent"];
        output.items(self.format, &columns, &serde_json::to_value(&sessions)?);
        Ok(Exit::Done)
    }
}

impl Rm {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let (which, question) = match self.id {
            Some(id) => {
                let one = WhichSessions::One(SessionId::from_number(id));
                (one, format!("end the session {id} of `{name}`?"))
            }
            None if self.all => (WhichSessions::All, format!("end all sessions of `{name}`?")),
            None => return Err(anyhow!(BadInput("say which: a number, or `--all`".into()))),
        };
        self.doing.confirm(&question)?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.end_sessions(&name, which, self.node.as_ref()).await
        })?;
        Ok(Exit::Done)
    }
}
