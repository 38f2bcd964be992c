//! `vestibule check`

use clap::Args;
use serde_json::json;
use vestibule_policies::Vocabulary;
use vestibule_policies::audit::export;
use vestibule_schema::problem::{self, Problem};

use super::output::{plural, problem_json};
use super::policy::site::OfflineSite;
use super::policy::stored::StoredFacts;
use super::{ConfigArg, Exit, Format, Output};
use crate::config::{Configuration, StoreChoice};

/// Find every mistake in the configuration and in the folders' own rules
///
/// Prints each with its place and a suggestion. Exit code 2 if any is an error.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArg,
    /// How problems are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// What the store says. A database elsewhere that can't be reached from here is no mistake in the
/// configuration.
fn read_store(
    configuration: &Configuration,
    problems: &mut Vec<Problem>,
) -> anyhow::Result<StoredFacts> {
    let read = StoredFacts::read(configuration);
    match (read, &configuration.gateway.store) {
        (Err(error), StoreChoice::Postgres(_)) => {
            let message = format!("names and grants are not checked: {:#}", error.root_cause());
            problems.push(
                Problem::warning("config::store_not_read", message)
                    .in_file("vestibule.toml")
                    .help("check it where the gateway runs"),
            );
            Ok(StoredFacts::default())
        }
        (read, StoreChoice::Postgres(_) | StoreChoice::Sqlite) => read,
    }
}

impl Check {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let vocabulary = std::sync::Arc::new(Vocabulary::load()?);
        let mut summary = Vec::new();
        let problems = match Configuration::load(&self.config.config, &vocabulary) {
            Err(problems) => problems,
            Ok(configuration) => {
                let mut problems = configuration.problems.clone();
                problems.extend(configuration.gateway.beyond_the_text());
                let stored = read_store(&configuration, &mut problems)?;
                for site in &configuration.sites {
                    let rights = stored.rights(&site.id);
                    let Some(offline) = OfflineSite::open(site, &vocabulary, rights, output) else {
                        continue;
                    };
                    problems.extend(offline.folder_problems.iter().cloned());
                    problems.extend(stored.misspelt(&offline.engine));
                    match export::validate(&offline.engine, &vocabulary) {
                        Ok(policies) => summary.push(format!(
                            "{}: {} with rules, {}, accepted by Cedar",
                            site.id,
                            plural(offline.engine.folders().len(), "folder"),
                            if policies == 1 {
                                "1 policy".to_owned()
                            } else {
                                format!("{policies} policies")
                            }
                        )),
                        // a defect of the compiler, not of the configuration: still an error
                        Err(findings) => problems.extend(findings.into_iter().map(|finding| {
                            Problem::error("policy::invalid", finding)
                                .in_file(&format!("config.d/sites/{}", site.id))
                        })),
                    }
                }
                problems
            }
        };
        let mut problems = problems;
        problem::sort(&mut problems);
        if self.format == Format::Table {
            output.problems(&problems);
            summary.iter().for_each(|line| output.line(line));
        } else {
            output.json(
                &json!({ "problems": problems.iter().map(problem_json).collect::<Vec<_>>() }),
            );
        }
        Ok(if problem::has_errors(&problems) { Exit::BadInput } else { Exit::Done })
    }
}
