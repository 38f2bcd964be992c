//! `vestibule policy …`: questions about the policies, answered from the documents alone.

mod asking;
mod audited;
mod check;
mod context;
mod documents;
mod explain;
mod export;
mod lint;
mod matrix;
mod sarif;
pub(super) mod site;
pub(crate) mod stored;
mod test;
mod what_can;
mod who_can;

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
    Explain(explain::Explain),
    Lint(lint::Lint),
    Test(test::Test),
    Export(export::Export),
    WhoCan(who_can::WhoCan),
    WhatCan(what_can::WhatCan),
    Matrix(matrix::MatrixVerb),
}

impl Policy {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self.verb {
            Verb::Check(verb) => verb.run(output),
            Verb::Explain(verb) => verb.run(output),
            Verb::Lint(verb) => verb.run(output),
            Verb::Test(verb) => verb.run(output),
            Verb::Export(verb) => verb.run(output),
            Verb::WhoCan(verb) => verb.run(output),
            Verb::WhatCan(verb) => verb.run(output),
            Verb::Matrix(verb) => verb.run(output),
        }
    }
}
