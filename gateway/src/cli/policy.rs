//! `vestibule policy …`: questions about the policies, answered from the documents alone.

mod check;
mod export;
pub(super) mod site;
pub(crate) mod stored;
mod test;

use clap::{Args, Subcommand};

use super::{Exit, Output};

/// Ask, test and export the policies
#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(check::Check),
    Test(test::Test),
    Export(export::Export),
}

impl Policy {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self.verb {
            Verb::Check(verb) => verb.run(output),
            Verb::Test(verb) => verb.run(output),
            Verb::Export(verb) => verb.run(output),
        }
    }
}
