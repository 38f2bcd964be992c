//! `vestibule policy check`

use clap::Args;
use serde_json::json;
use vestibule_policies::{Decision, Need, PolicyRef};

use super::asking::{Asking, Question};
use super::site::OfflineSite;
use crate::cli::{Exit, Format, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule policy check --site family --as jane download_large /clients/smith/a.jpg
  vestibule policy check --site family --as anonymous view /private/

Exit codes: 0 allowed, 2 bad input or configuration, 3 denied.";

/// Ask one question: may this user do that there?
///
/// Answers as the gateway would: from the documents and from the accounts and grants of the store.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Check {
    #[command(flatten)]
    asking: Asking,
    /// How the answer is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    question: Question,
}

impl Check {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let (action, path) = self.question.parse()?;
        let asking = &self.asking;
        let (site, stored) =
            OfflineSite::load(&asking.config.config, &asking.site, asking.with_store(), output)?;
        let principal = asking.principal(&stored, output)?;
        let decision = site.engine.decide(&principal, Need::one(action), &path);
        let word = if decision.is_allow() { "allow" } else { "deny" };
        match self.format {
            Format::Json => output.json(&json!({
                "decision": word,
                "policies": decision.policies().iter().map(policy_json).collect::<Vec<_>>(),
            })),
            Format::Table | Format::Csv => {
                output.line(word);
                for policy in decision.policies() {
                    output.line(format!("  {policy}"));
                }
                if decision.policies().is_empty() {
                    output.line("  nothing permits it");
                }
            }
        }
        Ok(match decision {
            Decision::Allow(_) => Exit::Done,
            Decision::Deny(_) => Exit::DeniedOrNotFound,
        })
    }
}

/// A policy for programs.
pub(super) fn policy_json(policy: &PolicyRef) -> serde_json::Value {
    json!({ "id": &*policy.id, "source": policy.source.to_string() })
}
