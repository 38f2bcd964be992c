//! `vestibule policy who-can`

use clap::Args;
use serde_json::{Value, json};
use vestibule_policies::audit::reach::{self, Reach};
use vestibule_schema::Action;

use super::audited::{self, AccountRemarks, SiteArgs, holding_json};
use super::check::policy_json;
use super::context::{ContextArgs, context_json};
use crate::cli::{Exit, Format, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule policy who-can view /private/ --site family
  vestibule policy who-can download_original /clients/smith/a.jpg --format csv
  vestibule policy who-can view / --ip 192.0.2.7 --at 2026-12-31T23:59

A user's groups are known only at sign-in: users count as members of no group, and each group
stands for somebody who is in it alone and whom no rule names.

Exit codes: 0 answered, also if nobody may; 2 bad input or configuration; 3 there is no such site.";

/// List everybody who may do that there, and why
///
/// The visitor, anybody else who signs in, the members of each group, and all users that have an
/// account or that a rule names.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct WhoCan {
    #[command(flatten)]
    site: SiteArgs,
    #[command(flatten)]
    context: ContextArgs,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// A permission without `can_`
    action: String,
    /// An image, or a folder with `/` at the end
    path: String,
}

impl WhoCan {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let action = audited::action(&self.action)?;
        let path = audited::path(&self.path)?;
        let audited = self.site.load(output)?;
        let people = audited.people();
        let engine = &audited.site.engine;
        let context = self.context.of(engine)?;
        let reached = reach::who_can(engine.on(&context), &people, action, &path);
        self.context.note(engine, &[Action::View, action], output);
        let accounts = audited.remarks();
        match self.format {
            Format::Json => output.json(&json!({
                "site": engine.id().as_str(),
                "context": context_json(engine, &context),
                "action": action.name(),
                "path": path.as_str(),
                "asked": people.len(),
                "who": reached.iter().map(|one| row_json(one, &accounts)).collect::<Vec<_>>(),
            })),
            Format::Csv => {
                let headings = ["kind", "name", "account", "roles", "policies"];
                let rows: Vec<_> = reached.iter().map(|one| csv_row(one, &accounts)).collect();
                output.rows(Format::Csv, &headings, &rows);
            }
            Format::Table if reached.is_empty() => {
                output.line(format!("nobody may {action} {path}; {} asked", people.len()));
            }
            Format::Table => {
                let row = |one: &Reach| vec![accounts.shown(&one.who), roles(one), policies(one)];
                let rows: Vec<_> = reached.iter().map(row).collect();
                output.rows(Format::Table, &["who", "role", "allowed by"], &rows);
            }
        }
        Ok(Exit::Done)
    }
}

fn roles(reach: &Reach) -> String {
    reach.roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn policies(reach: &Reach) -> String {
    reach.policies.iter().map(|policy| policy.source.to_string()).collect::<Vec<_>>().join(", ")
}

fn csv_row(reach: &Reach, accounts: &AccountRemarks<'_>) -> Vec<String> {
    let (who, text) = (&reach.who, str::to_owned);
    vec![
        text(who.kind()),
        text(&who.name().unwrap_or_default()),
        text(accounts.account(who).unwrap_or_default()),
        roles(reach),
        policies(reach),
    ]
}

fn row_json(reach: &Reach, accounts: &AccountRemarks<'_>) -> Value {
    json!({
        "kind": reach.who.kind(),
        "name": reach.who.name(),
        "account": accounts.account(&reach.who),
        "roles": reach.roles.iter().map(holding_json).collect::<Vec<_>>(),
        "policies": reach.policies.iter().map(policy_json).collect::<Vec<_>>(),
    })
}
