//! The command line: one file per verb.

mod audit;
mod check;
mod cluster;
mod demo;
mod init;
mod media;
mod output;
pub(crate) mod policy;
mod reload;
mod serve;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub(crate) use output::{Format, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule demo                                a gateway with a sample gallery, to look at
  vestibule init --config ~/photos-gateway      four questions, then a gateway for your own pictures
  vestibule serve --config ~/photos-gateway     run it
  vestibule check --config ~/photos-gateway     find every mistake in the configuration

Exit codes: 0 done, 1 failed, 2 bad input or configuration, 3 denied or not found.";

/// An access gateway for photo galleries.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, about, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Serve),
    Reload(reload::Reload),
    Demo(demo::Demo),
    Init(init::Init),
    Check(check::Check),
    Audit(audit::Audit),
    Policy(policy::Policy),
    Users(users::Users),
    Cluster(cluster::Cluster),
    Media(media::Media),
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub(crate) struct ConfigArg {
    /// The configuration directory
    #[arg(long, value_name = "DIR", env = "VESTIBULE_CONFIG", default_value = ".")]
    pub(crate) config: PathBuf,
}

/// How a verb ended; the number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    BadInput = 2,
    DeniedOrNotFound = 3,
}

/// A mistake in what the user typed or wrote: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(pub(crate) String);

/// Something that the user named and that is not there: exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotFound(pub(crate) String);

/// Runs the command.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // help and version are no mistakes
            let code = if error.use_stderr() { Exit::BadInput } else { Exit::Done };
            let _ = error.print();
            return ExitCode::from(code as u8);
        }
    };
    let mut output = Output::standard();
    let ended = match cli.verb {
        Verb::Serve(verb) => verb.run(&mut output),
        Verb::Reload(verb) => verb.run(&mut output),
        Verb::Demo(verb) => verb.run(&mut output),
        Verb::Init(verb) => verb.run(&mut output),
        Verb::Check(verb) => verb.run(&mut output),
        Verb::Audit(verb) => verb.run(&mut output),
        Verb::Policy(verb) => verb.run(&mut output),
        Verb::Users(verb) => verb.run(&mut output),
        Verb::Cluster(verb) => verb.run(&mut output),
        Verb::Media(verb) => verb.run(&mut output),
    };
    let exit = ended.unwrap_or_else(|error| {
        output.error(&error);
        if error.is::<BadInput>() {
            Exit::BadInput
        } else if error.is::<NotFound>() {
            Exit::DeniedOrNotFound
        } else {
            Exit::Failed
        }
    });
    ExitCode::from(exit as u8)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_has_not_changed_unseen() {
        fn collect(command: &mut clap::Command, path: &str, help: &mut String) {
            let name = format!("{path} {}", command.get_name());
            help.push_str(&format!("$ {} --help\n{}\n", name.trim(), command.render_long_help()));
            let names: Vec<_> =
                command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
            for sub in names.iter().filter(|name| *name != "help") {
                if let Some(sub) = command.find_subcommand_mut(sub) {
                    collect(sub, &name, help);
                }
            }
        }
        let mut help = String::new();
        let mut command = Cli::command().term_width(100);
        command.build();
        collect(&mut command, "", &mut help);
        insta::assert_snapshot!(help);
    }
}
