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
/// The gateway notices changes by itself, within a second. This returns when they are in force, and
/// says what is wrong with them.
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
        let said = match runtime.block_on(control::announce(&socket, Request::Reload))? {
            InForce::Now => "in force",
            InForce::AtStart => "in force when the gateway starts",
        };
        output.line(said);
        let has_errors = problem::has_errors(&configuration.problems);
        Ok(if has_errors { Exit::BadInput } else { Exit::Done })
    }
}
