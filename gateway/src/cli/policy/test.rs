//! `vestibule policy test`

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde_json::{Value, json};
use vestibule_policies::audit::cases::{Asked, Case, CaseFile, Outcome};
use vestibule_schema::Source;

use super::check::policy_json;
use super::site::OfflineSite;
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

const AFTER_HELP: &str = "\
A file names a site and its cases:
  site = \"family\"
  [[case]]
  as = \"jane\"                    # or \"anonymous\"; also groups = […], account_role = \"…\"
  action = \"download_large\"      # or \"assume_role\" with role = \"…\"
  path = \"/clients/smith/a.jpg\"
  expect = \"deny\"
  by = \"config.d/sites/family/permissions.toml:12\"   # optional

Exit codes: 0 all hold, 1 some don't, 2 the configuration or a file is wrong.";

/// Hold the policies against files of expectations
///
/// Asks the documents alone: the outcome is the same on every machine, whatever the store grants.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Test {
    #[command(flatten)]
    config: ConfigArg,
    /// How the outcome is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Files of cases
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Test {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let mut rows = Vec::new();
        let (mut held, mut failed) = (0usize, 0usize);
        for file in &self.files {
            let name = file.display().to_string();
            let bytes = std::fs::read(file)
                .with_context(|| format!("`{name}` can't be read"))
                .map_err(|error| anyhow!(BadInput(format!("{error:#}"))))?;
            let parsed = Source::from_bytes(&name, &bytes)
                .map_err(|problem| vec![*problem])
                .and_then(|source| CaseFile::parse(&source));
            let cases = match parsed {
                Ok(cases) => cases,
                Err(problems) => {
                    output.problems(&problems);
                    return Ok(Exit::BadInput);
                }
            };
            let (site, _) = OfflineSite::load(&self.config.config, &cases.site, false, output)?;
            for case in &cases.cases {
                let outcome = case.run(&site.engine);
                if outcome.holds {
                    held += 1;
                } else {
                    failed += 1;
                    if self.format == Format::Table {
                        report(output, &name, case, &outcome);
                    }
                }
                rows.push(row(&name, case, &outcome));
            }
        }
        match self.format {
            Format::Json => output.json(&Value::Array(rows)),
            Format::Table | Format::Csv => {
                output.line(format!("{held} cases hold, {failed} don't"));
            }
        }
        Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
    }
}

fn words(case: &Case) -> (String, String) {
    let who =
        case.principal.user_name().map_or_else(|| "anonymous".to_owned(), ToString::to_string);
    let what = match &case.asked {
        Asked::Action(action) => action.name().to_owned(),
        Asked::AssumeRole(role) => format!("assume_role {role}"),
    };
    (who, what)
}

const fn decision(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

fn report(output: &mut Output, file: &str, case: &Case, outcome: &Outcome) {
    let (who, what) = words(case);
    let (expected, got) = (decision(case.expect_allow), decision(outcome.allowed));
    output.line(format!("{file}:{}: {who} {what} {}", case.line, case.path));
    match &case.by {
        Some(by) if expected == got => output.line(format!("  {got}, but not by {by}")),
        _ => output.line(format!("  expected {expected}, got {got}")),
    }
    for policy in &outcome.policies {
        output.line(format!("  by {policy}"));
    }
}

fn row(file: &str, case: &Case, outcome: &Outcome) -> Value {
    let (who, what) = words(case);
    json!({
        "file": file,
        "line": case.line,
        "as": who,
        "action": what,
        "path": case.path.as_str(),
        "expect": decision(case.expect_allow),
        "decision": decision(outcome.allowed),
        "holds": outcome.holds,
        "policies": outcome.policies.iter().map(policy_json).collect::<Vec<_>>(),
    })
}
