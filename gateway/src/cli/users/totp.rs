//! `vestibule users totp …`: second factors.

use clap::{Args, Subcommand};

use super::user_name;
use crate::cli::cluster::session::{AdminSession, Doing, Engines};
use crate::cli::{ConfigArg, Exit, Output};

/// Help who has lost a second factor
#[derive(Debug, Args)]
pub(super) struct Totp {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Turn a user's second factor off, with the recovery codes; their sessions end
    Reset(Reset),
}

#[derive(Debug, Args)]
struct Reset {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    #[command(flatten)]
    doing: Doing,
}

impl Totp {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self.verb {
            Verb::Reset(verb) => verb.run(output),
        }
    }
}

impl Reset {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let question = format!("turn off the second factor of `{name}`?");
        self.doing.confirm(&question)?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.reset_second_factor(&name).await
        })?;
        Ok(Exit::Done)
    }
}
