//! `vestibule policy check`

use clap::Args;
use serde_json::json;
use vestibule_policies::{Decision, Need, PolicyRef};
use vestibule_schema::Action;

use super::asking::{Asking, Question};
use super::context::{ContextArgs, context_json};
use super::site::OfflineSite;
use crate::cli::{Exit, Format, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule policy check --site family --as jane download_large /clients/smith/a.jpg
  vestibule policy check --site family --as anonymous view /private/
  vestibule policy check --site family --as jane view / --ip 192.0.2.7 --at 2026-12-31T23:59 --mfa

Exit codes: 0 allowed, 2 bad input or configuration, 3 denied.";

/// Ask one question: may this user do that there?
///
/// Answers as the gateway would: from the documents and from the accounts and grants of the store.
/// Whose account is disabled is a visitor. Groups that a provider gives are said with `--group`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Check {
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    context: ContextArgs,
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
        let engine = &site.engine;
        let context = self.context.of(engine)?;
        let decision = engine.on(&context).decide(&principal, Need::one(action), &path);
        let unsaid = self.context.unsaid(engine, &[Action::View, action]);
        let word = if decision.is_allow() { "allow" } else { "deny" };
        match self.format {
            Format::Json => output.json(&json!({
                "decision": word,
                "policies": decision.policies().iter().map(policy_json).collect::<Vec<_>>(),
                "undecidable": fault(&decision),
                "context": context_json(engine, &context),
                "unsaid": unsaid,
            })),
            Format::Table | Format::Csv => {
                output.line(word);
                for policy in decision.policies() {
                    output.line(format!("  {policy}"));
                }
                match fault(&decision) {
                    Some(fault) => output.line(format!("  it can't be decided: {fault}")),
                    None if decision.policies().is_empty() => output.line("  nothing permits it"),
                    None => {}
                }
                unsaid.iter().for_each(|line| output.line(format!("  {line}")));
            }
        }
        Ok(match decision {
            Decision::Allow(_) => Exit::Done,
            Decision::Deny(_) => Exit::DeniedOrNotFound,
        })
    }
}

/// Why there is no decision.
fn fault(decision: &Decision) -> Option<&str> {
    match decision {
        Decision::Allow(_) => None,
        Decision::Deny(denial) => denial.fault(),
    }
}

/// A policy for programs.
pub(super) fn policy_json(policy: &PolicyRef) -> serde_json::Value {
    json!({ "id": &*policy.id, "source": policy.source.to_string() })
}
