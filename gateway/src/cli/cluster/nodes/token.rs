//! `vestibule cluster nodes token add|ls|rm`

use clap::{Args, Subcommand};
use vestibule_identity::management::{JoinTokenView, JoinTokenWanted};

use crate::cli::cluster::session::{AdminSession, Doing, Engines};
use crate::cli::cluster::shares::end;
use crate::cli::{ConfigArg, Exit, Format, Output};

#[derive(Debug, Subcommand)]
pub(in crate::cli::cluster) enum Verb {
    /// Make a join token; it is told once
    Add(Add),
    /// List the join tokens
    Ls(Ls),
    /// Remove a join token; it admits nobody any more
    Rm(Rm),
}

#[derive(Debug, Args)]
pub(in crate::cli::cluster) struct Add {
    #[command(flatten)]
    config: ConfigArg,
    /// What it is called in lists
    #[arg(long, default_value = "")]
    label: String,
    /// When it ends: after `30m`, `12h` or `7d`, or at a moment such as `2027-01-31T18:00:00Z`
    #[arg(long, value_name = "WHEN", default_value = "1d")]
    expires: String,
    /// How many nodes it admits
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    uses: u32,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
pub(in crate::cli::cluster) struct Ls {
    #[command(flatten)]
    config: ConfigArg,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Args)]
pub(in crate::cli::cluster) struct Rm {
    #[command(flatten)]
    config: ConfigArg,
    /// The token's number, as `ls` shows it
    id: i64,
    #[command(flatten)]
    doing: Doing,
}

impl Verb {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Add(verb) => verb.run(output),
            Self::Ls(verb) => verb.run(output),
            Self::Rm(verb) => verb.run(output),
        }
    }
}

impl Add {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        self.doing.ask("make a join token?")?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let now = session.block_on(async |identity| Ok::<_, std::io::Error>(identity.now()))?;
        let expires = end(&self.expires, now)?;
        session.change_telling(&cluster, (&self.doing, output), tell, async |verbs| {
            let wanted = JoinTokenWanted { label: &self.label, expires, uses: Some(self.uses) };
            verbs.add_join_token(wanted).await
        })?;
        Ok(Exit::Done)
    }
}

fn tell(output: &mut Output, made: JoinTokenView) {
    if let Some(token) = made.token {
        output.note("the join token; it is not told again:");
        output.line(token.expose());
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let tokens = session.ask(&cluster, async |verbs| verbs.join_tokens().await)?;
        let columns = ["id", "label", "created", "expires", "uses_left", "used"];
        output.items(self.format, &columns, &serde_json::to_value(&tokens)?);
        Ok(Exit::Done)
    }
}

impl Rm {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        self.doing.confirm(&format!("remove the join token {}?", self.id))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.remove_join_token(self.id).await
        })?;
        Ok(Exit::Done)
    }
}
