//! `vestibule audit …`: whether the audit log is what was written, and what it says.

mod ls;
mod verify;

use clap::{Args, Subcommand};

use super::{ConfigArg, Exit, Output};
use crate::audit;
use crate::cli::cluster::session::gateway_config;

const AFTER_HELP: &str = "\
Examples:
  vestibule audit verify --config ~/photos-gateway
  vestibule audit ls --config ~/photos-gateway --kind sign_in_refused --since 2026-11-30
  vestibule audit rotate --config ~/photos-gateway

Exit codes: 0 whole, 1 the chain is broken, 2 bad input or a file that can't be read.";

/// Verify and read the audit log
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Audit {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Find the first place where the log is not what was written
    Verify(verify::Verify),
    /// List records, the oldest first
    Ls(ls::Ls),
    /// Begin a new file; the present one gets a name with its last number
    Rotate(Rotate),
}

#[derive(Debug, Args)]
struct Rotate {
    #[command(flatten)]
    config: ConfigArg,
}

impl Audit {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self.verb {
            Verb::Verify(verb) => verb.run(output),
            Verb::Ls(verb) => verb.run(output),
            Verb::Rotate(verb) => verb.run(output),
        }
    }
}

impl Rotate {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let config = gateway_config(&self.config.config, output)?;
        let said = match audit::open(&config.audit)?.rotate()? {
            Some(old) => format!("the file is called `{old}` now; a new one is begun"),
            None => "the file is empty: nothing to do".to_owned(),
        };
        output.line(said);
        Ok(Exit::Done)
    }
}
