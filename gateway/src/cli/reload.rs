//! `vestibule reload`

use clap::Args;
use vestibule_policies::Vocabulary;
use vestibule_schema::problem;

use super::{ConfigArg, Exit, Output};
use crate::config::Configuration;
use crate::control::{self, InForce, Request};
use crate::state::StateDir;

/// Put the configuration in force that the files hold now
///
/// The gateway notices changes by itself, within a second, but those of vestibule.toml, which take a
/// restart. This returns when they are in force, says what is wrong with them, and what of them the
/// gateway has not put in force: then the exit code is not 0.
#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(flatten)]
    config: ConfigArg,
}

impl Reload {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let vocabulary = Vocabulary::load()?;
        let configuration = match Configuration::load(&self.config.config, &vocabulary) {
            Ok(configuration) => configuration,
            Err(problems) => {
                output.problems(&problems);
                return Ok(Exit::BadInput);
            }
        };
        output.problems(&configuration.problems);
        let state = StateDir::open(&configuration.gateway.state_dir)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = state.control_socket();
        let exit = match runtime.block_on(control::announce(&socket, Request::Reload))? {
            InForce::Now => {
                output.line("in force");
                Exit::Done
            }
            InForce::AtStart => {
                output.line("in force when the gateway starts");
                Exit::Done
            }
            InForce::InPart(kept_back) => {
                output.line("in force, but for this:");
                kept_back.iter().for_each(|line| output.line(format!("  {line}")));
                Exit::Failed
            }
        };
        let has_errors = problem::has_errors(&configuration.problems);
        Ok(if has_errors { Exit::BadInput } else { exit })
    }
}
