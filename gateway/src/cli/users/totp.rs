//! `vestibule users totp …`: second factors.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::Identity;
use vestibule_store::audit::{Object, Verb as Audited};

use super::{account_error, change, user_name};
use crate::cli::cluster::session::{AdminSession, confirm, record};
use crate::cli::{ConfigArg, Exit, NotFound, Output};

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
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
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
        let session = AdminSession::open(&self.config.config, output)?;
        let is_on = session.block_on(async |identity| identity.has_second_factor(&name).await);
        if !is_on.map_err(|error| error.downcast().map_or_else(|error| error, account_error))? {
            return Err(anyhow!(NotFound(format!("`{name}` has no second factor"))));
        }
        if self.dry_run {
            output.line(format!("would turn off the second factor of `{name}`"));
            return Ok(Exit::Done);
        }
        confirm(self.yes, &format!("turn off the second factor of `{name}`?"))?;
        session.run(output, async |identity: &Identity| {
            identity.reset_second_factor(&name).await.map_err(account_error)?;
            record(identity, change(Object::SecondFactor, Audited::Removed, &name, None)).await?;
            Ok(format!("`{name}` has no second factor any more; all sessions have ended"))
        })
    }
}
