//! `vestibule users show`

use clap::Args;
use serde_json::{Value, json};

use super::user_name;
use crate::cli::cluster::session::{AdminSession, Engines};
use crate::cli::{ConfigArg, Exit, Format, Output};

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    /// How it is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Show {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let detail = session.ask(&cluster, async |verbs| verbs.user(&name).await)?;
        let detail = serde_json::to_value(&detail)?;
        if self.format == Format::Json {
            output.json(&detail);
            return Ok(Exit::Done);
        }
        let rows = Value::Array(rows(&detail));
        output.items(self.format, &["what", "value"], &rows);
        Ok(Exit::Done)
    }
}

/// Everything about an account, a line each.
fn rows(detail: &Value) -> Vec<Value> {
    let row = |what: &str, value: Value| json!({ "what": what, "value": value });
    let account = detail.get("account").and_then(Value::as_object);
    let mut rows: Vec<Value> =
        account.into_iter().flatten().map(|(key, value)| row(key, value.clone())).collect();
    let all = |key: &str| {
        let found = detail.get(key).and_then(Value::as_array);
        found.map(Vec::as_slice).unwrap_or_default().to_vec()
    };
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    for identity in all("identities") {
        let who = format!("{}: {}", text(&identity, "provider"), text(&identity, "subject"));
        rows.push(row("identity", Value::from(who)));
    }
    for grant in all("grants") {
        let role = match text(&grant, "role") {
            role if role.is_empty() => "the account's role".to_owned(),
            role => role,
        };
        let managed_by = text(&grant, "managed_by");
        let what = format!("{} as {role} ({managed_by})", text(&grant, "node"));
        rows.push(row("grant", Value::from(what)));
    }
    rows.push(row("sessions", detail.get("sessions").cloned().unwrap_or_default()));
    rows
}
