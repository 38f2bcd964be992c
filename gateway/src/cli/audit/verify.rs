//! `vestibule audit verify`

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;
use vestibule_store::audit::{
    AuditError, Break, BreakKind, Series, Verified, verify, verify_series,
};

use crate::cli::cluster::session::gateway_config;
use crate::cli::output::plural;
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

/// Without FILE, all files that the configuration's log has, from its first record.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    config: ConfigArg,
    /// Files, the oldest first, instead of the configuration's
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A hash that was kept elsewhere and that one of the records must have
    #[arg(long, value_name = "HASH")]
    holds: Option<String>,
    /// How the outcome is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Verify {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let held = self.holds.as_deref();
        let found = if self.files.is_empty() {
            let config = gateway_config(&self.config.config, output)?;
            let series = Series::of(config.audit.file);
            let found = verify_series(&series, held).map_err(|error| unreadable(&error))?;
            found.ok_or_else(|| {
                let shown = series.present().display();
                anyhow!(BadInput(format!("there is no audit log at `{shown}`")))
            })?
        } else {
            verify(&self.files, held).map_err(|error| unreadable(&error))?
        };
        match self.format {
            Format::Json => output.json(&as_json(&found)),
            Format::Table | Format::Csv => tell(output, &found),
        }
        Ok(if found.broken.is_some() { Exit::Failed } else { Exit::Done })
    }
}

fn tell(output: &mut Output, found: &Verified) {
    let count = plural(usize::try_from(found.records).unwrap_or(usize::MAX), "record");
    match &found.broken {
        None => {
            let (first, last) = (found.first, found.last);
            output.line(format!("whole: {count}, {first} to {last}; the last has the hash"));
            output.line(&found.hash);
        }
        Some(Break { file, line, kind }) => {
            output.line(format!("{}:{line}: {kind}", file.display()));
            output.note(format!("{count} before that {}", place(found)));
        }
    }
}

fn place(found: &Verified) -> &'static str {
    if found.records == 1 { "is whole and in place" } else { "are whole and in place" }
}

fn as_json(found: &Verified) -> serde_json::Value {
    let broken = found.broken.as_ref().map(|broken| {
        let (from, to) = match broken.kind {
            BreakKind::Missing { from, to } => (Some(from), Some(to)),
            BreakKind::Changed | BreakKind::OutOfOrder | BreakKind::Torn | BreakKind::NotHeld => {
                (None, None)
            }
        };
        json!({
            "file": broken.file.display().to_string(),
            "line": broken.line,
            "what": broken.kind.word(),
            "message": broken.kind.to_string(),
            "missing_from": from,
            "missing_to": to,
        })
    });
    json!({
        "whole": found.broken.is_none(),
        "records": found.records,
        "first": found.first,
        "last": found.last,
        "hash": found.hash,
        "broken": broken,
    })
}

/// A file that can't be read says nothing of the chain.
fn unreadable(error: &AuditError) -> anyhow::Error {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    anyhow!(BadInput(format!("{error}{}", cause.unwrap_or_default())))
}
