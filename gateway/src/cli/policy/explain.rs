//! `vestibule policy explain`

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use vestibule_policies::audit::context::values_read;
use vestibule_policies::audit::explain::{
    self, Asked, Change, Explanation, HeldRole, Question, Remembered, Step,
};
use vestibule_policies::{Decision, Missing};
use vestibule_schema::{Action, SourceRef};

use super::asking::{self, Asking};
use super::check::policy_json;
use super::context::{ContextArgs, context_json};
use super::documents::Opened;
use crate::cli::{BadInput, Exit, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule policy explain --site family --as jane download_original /clients/smith/a.jpg
  vestibule policy explain --site family --as anonymous view /private/ --format json
  vestibule policy explain --site family --as jane view / --ip 192.0.2.7 --at 2026-12-31T23:59

Every change that is named was tried: with it, and nothing else, the answer is the other one.

Exit codes: 0 allowed, 2 bad input or configuration, 3 denied.";

/// Say why an answer is what it is, and what would change it
///
/// Prints the request as Cedar has it, the roles and where they come from, the blocks on the way,
/// every policy that permits or forbids with its line, whether the gateway remembers the answer, and
/// the smallest change that gives the other one.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Explain {
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    context: ContextArgs,
    /// How the explanation is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Shape,
    #[command(flatten)]
    question: asking::Question,
}

/// How an explanation is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// Lines, for people
    Table,
    /// JSON, for programs
    Json,
}

impl Explain {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let (action, path) = self.question.parse()?;
        let asking = &self.asking;
        let opened = Opened::load(&asking.config.config, asking.with_store(), output)?;
        let configured = opened.configuration.required_site(&asking.site)?;
        let Some(site) = opened.site(configured, output)? else {
            output.problems(&configured.problems);
            let message = format!("the configuration of the site `{}` has an error", asking.site);
            return Err(anyhow!(BadInput(message)));
        };
        let principal = asking.principal(&opened.stored, output)?;
        let engine = &site.site.engine;
        let context = self.context.of(engine)?;
        let (documents, principal, path) = (&site.documents, &principal, &path);
        let asked = Asked { engine, documents, context: &context, principal, action, path };
        let explained = explain::explain(&asked)?;
        let unsaid = self.context.unsaid(engine, &[Action::View, action]);
        match self.format {
            Shape::Json => {
                let mut document = document(&explained);
                if let Some(fields) = document.as_object_mut() {
                    fields.insert("context".to_owned(), context_json(engine, &context));
                    fields.insert("unsaid".to_owned(), Value::from(unsaid));
                }
                output.json(&document);
            }
            Shape::Table => {
                let read = values_read(engine, &context);
                lines(&explained, &read).iter().for_each(|line| output.line(line));
                unsaid.iter().for_each(|line| output.line(format!("\n{line}")));
            }
        }
        Ok(match explained.decision {
            Decision::Allow(_) => Exit::Done,
            Decision::Deny(_) => Exit::DeniedOrNotFound,
        })
    }
}

fn word(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

fn names(actions: &[Action]) -> String {
    actions.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ")
}

/// The action that is missing.
fn missing(explained: &Explanation) -> Option<Action> {
    let Decision::Deny(denial) = &explained.decision else { return None };
    Some(match denial.missing() {
        Missing::View => Action::View,
        Missing::Action(action) => action,
    })
}

fn lines(explained: &Explanation, read: &[(String, String)]) -> Vec<String> {
    let allowed = explained.decision.is_allow();
    let mut lines = vec![
        format!("principal  {}", explained.principal),
        format!("action     {}", explained.action),
        format!("resource   {}", explained.resource),
        format!("decision   {}", word(allowed)),
    ];
    lines.extend(missing(explained).map(|action| format!("missing    {action}")));
    if !read.is_empty() {
        let read: Vec<_> = read.iter().map(|(name, value)| format!("{name} {value}")).collect();
        lines.push(format!("context    {}", read.join(", ")));
    }
    lines.push(format!("cached     {}", cached(&explained.remembered)));
    lines.push("\nroles".to_owned());
    if explained.roles.is_empty() {
        lines.push("  none".to_owned());
    }
    explained.roles.iter().for_each(|role| lines.extend(role_lines(role)));
    lines.push("\nblocks on the way".to_owned());
    lines.extend(explained.way.iter().map(step_line));
    lines.push("\npolicies".to_owned());
    explained.questions.iter().for_each(|question| lines.extend(question_lines(question)));
    if !explained.reasons.is_empty() {
        lines.push("\nwhy not".to_owned());
        lines.extend(explained.reasons.iter().map(|reason| format!("  {reason}")));
    }
    let other = word(!allowed);
    match explained.changes.split_first() {
        None => lines.push(format!("\nno single change makes it {other}")),
        Some((smallest, others)) => {
            lines.push(format!("\nsmallest change to {other}"));
            lines.push(change_line(smallest));
            if !others.is_empty() {
                lines.push("\nor".to_owned());
            }
            lines.extend(others.iter().map(change_line));
        }
    }
    lines
}

fn cached(remembered: &Remembered) -> String {
    let answer = if remembered.holds() { "remembered" } else { "asked anew each time" };
    format!("{answer}: {}", remembered.why())
}

fn role_lines(role: &HeldRole) -> Vec<String> {
    let mut head = format!("  {}", role.uid);
    if let Some(defined) = &role.defined {
        head.push_str(&format!(" ({defined})"));
    }
    if !role.inherits.is_empty() {
        let parents: Vec<_> = role.inherits.iter().map(ToString::to_string).collect();
        head.push_str(&format!(", inherits {}", parents.join(", ")));
    }
    let mut lines = vec![head];
    lines.extend(role.origins.iter().map(|origin| match &origin.source {
        Some(source) => format!("    by {} ({source})", origin.text),
        None => format!("    by {}", origin.text),
    }));
    lines.extend(role.admitted_by.iter().map(|policy| format!("    admitted by {policy}")));
    lines
}

fn step_line(step: &Step) -> String {
    let what = match &step.folder {
        None => "the site's block".to_owned(),
        Some(folder) if step.is_block => format!("the block of {folder}"),
        Some(folder) => format!("the folder {folder}"),
    };
    let mut words = Vec::new();
    if step.is_broken {
        words.push("closed, it can't be used".to_owned());
    }
    if step.governs {
        words.push("governs".to_owned());
    } else if step.counts && step.is_block {
        words.push("bounds what is below".to_owned());
    } else if step.is_block {
        words.push("replaced by a folder's".to_owned());
    }
    if step.counts && step.is_block {
        let grants =
            if step.grants.is_empty() { "nothing".to_owned() } else { names(&step.grants) };
        words.push(format!("grants {grants}"));
    }
    if step.hides_technical_details.is_some() {
        words.push("hides technical details".to_owned());
    }
    format!("  {} {what}: {}", step.source, words.join("; "))
}

fn question_lines(question: &Question) -> Vec<String> {
    let mut lines = vec![format!("  {}: {}", question.action, word(question.allowed))];
    lines.extend(question.permits.iter().map(|policy| format!("    permit {policy}")));
    lines.extend(question.forbids.iter().map(|policy| format!("    forbid {policy}")));
    let unjudged = question.unjudged.iter();
    lines.extend(unjudged.map(|policy| format!("    can't be judged, which denies: {policy}")));
    if question.permits.is_empty() && question.forbids.is_empty() {
        lines.push("    nothing permits it".to_owned());
    }
    lines
}

fn change_line(change: &Change) -> String {
    match &change.source {
        Some(source) => format!("  {} at {source}", change.text),
        None => format!("  {}", change.text),
    }
}

fn document(explained: &Explanation) -> Value {
    let mut changes = explained.changes.iter().map(change_json);
    json!({
        "site": explained.site.as_str(),
        "request": {
            "principal": explained.principal,
            "action": explained.action,
            "resource": explained.resource,
        },
        "decision": word(explained.decision.is_allow()),
        "missing": missing(explained).map(Action::name),
        "cached": {
            "remembered": explained.remembered.holds(),
            "why": explained.remembered.why(),
        },
        "roles": explained.roles.iter().map(role_json).collect::<Vec<_>>(),
        "blocks": explained.way.iter().map(step_json).collect::<Vec<_>>(),
        "policies": explained.questions.iter().map(question_json).collect::<Vec<_>>(),
        "reasons": explained.reasons,
        "smallest_change": changes.next(),
        "other_changes": changes.collect::<Vec<_>>(),
    })
}

fn source_json(source: Option<&SourceRef>) -> Value {
    source.map_or(Value::Null, |source| Value::from(source.to_string()))
}

fn role_json(role: &HeldRole) -> Value {
    let origins = role.origins.iter().map(|origin| {
        json!({
            "kind": origin.kind.name(),
            "text": origin.text,
            "source": source_json(origin.source.as_ref()),
        })
    });
    json!({
        "uid": role.uid,
        "name": role.name,
        "folder": role.folder.as_ref().map(|folder| folder.as_str()),
        "defined": source_json(role.defined.as_ref()),
        "inherits": role.inherits.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "origins": origins.collect::<Vec<_>>(),
        "admitted_by": role.admitted_by.iter().map(policy_json).collect::<Vec<_>>(),
    })
}

fn step_json(step: &Step) -> Value {
    json!({
        "folder": step.folder.as_ref().map(|folder| folder.as_str()),
        "source": step.source.to_string(),
        "block": step.is_block,
        "broken": step.is_broken,
        "hide_technical_details": source_json(step.hides_technical_details.as_ref()),
        "governs": step.governs,
        "counts": step.counts,
        "grants": step.grants.iter().map(|action| action.name()).collect::<Vec<_>>(),
    })
}

fn question_json(question: &Question) -> Value {
    json!({
        "action": question.action.name(),
        "decision": word(question.allowed),
        "permits": question.permits.iter().map(policy_json).collect::<Vec<_>>(),
        "forbids": question.forbids.iter().map(policy_json).collect::<Vec<_>>(),
        "unjudged": question.unjudged.iter().map(policy_json).collect::<Vec<_>>(),
    })
}

fn change_json(change: &Change) -> Value {
    json!({
        "text": change.text,
        "source": source_json(change.source.as_ref()),
        "reach": change.reach.name(),
    })
}
