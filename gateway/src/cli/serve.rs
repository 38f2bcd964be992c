//! `vestibule serve`

use std::sync::Arc;

use clap::Args;
use vestibule_identity::Settings;
use vestibule_policies::Vocabulary;

use super::{ConfigArg, Exit, Output};
use crate::config::Configuration;
use crate::hardened;
use crate::logging::{self, LogFormat, Loudness};
use crate::serve;

/// Run the gateway
///
/// A site whose configuration has an error stays closed; the others run. A change of a site's
/// configuration or of a `_folder.md` is in force within a second, without a restart; one of
/// vestibule.toml takes a restart.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigArg,
    /// How a line of the log looks
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
}

impl Serve {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        logging::start(Loudness::Server, self.log_format);
        hardened::against_dumps();
        hardened::against_panics();
        serve::install_crypto();
        let vocabulary = Arc::new(Vocabulary::load()?);
        let configuration = match Configuration::load(&self.config.config, &vocabulary) {
            Ok(configuration) => configuration,
            Err(problems) => {
                output.problems(&problems);
                return Ok(Exit::BadInput);
            }
        };
        output.problems(&configuration.problems);
        let addresses = serve::addresses(&configuration);
        let portal = configuration.gateway.public_url.text.clone();
        let prepared = serve::prepare(configuration, vocabulary, Settings::default())?;
        for address in addresses {
            output.note(format!("listening on {address}"));
        }
        if let Some(code) = prepared.invitation()? {
            let code = code.expose();
            output.note(format!(
                "nobody has an account yet; within an hour, make the first administrator at\n  \
                 {portal}/_vestibule/setup\nwith the code\n  {code}"
            ));
        }
        prepared.run()?;
        Ok(Exit::Done)
    }
}
