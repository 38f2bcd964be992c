//! Everything that the command line prints, and how it looks.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one module that prints")]

use std::io::IsTerminal as _;

use serde_json::Value;
use vestibule_schema::problem::{Colours, Problem, Severity};

use crate::gallery::Walked;

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people
    #[default]
    Table,
    /// JSON, for programs
    Json,
    /// Comma-separated values, for spreadsheets
    Csv,
}

/// Standard output and standard error.
#[derive(Debug)]
pub(crate) struct Output {
    colours: Colours,
    progress: bool,
}

impl Output {
    pub(crate) fn standard() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = if terminal && !plain { Colours::Terminal } else { Colours::Plain };
        Self { colours, progress: terminal }
    }

    /// A line of what was asked for.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        println!("{}", text.as_ref());
    }

    /// A line about what goes on, which is not the answer.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        eprintln!("{}", text.as_ref());
    }

    /// What went wrong, with its causes.
    pub(crate) fn error(&mut self, error: &anyhow::Error) {
        eprintln!("error: {error:#}");
    }

    /// Progress of long work: one line that changes on a terminal, a line now and then elsewhere.
    pub(crate) fn progress(&mut self, what: &str, done: usize, total: usize) {
        if self.progress {
            let width = 30;
            let filled = (width * done).checked_div(total).unwrap_or(width);
            let bar = format!("{}{}", "█".repeat(filled), "░".repeat(width - filled));
            eprint!("\r{what} {bar} {done}/{total} ");
            if done == total {
                eprintln!();
            }
        } else if done == total || done.is_multiple_of(20) {
            eprintln!("{what} {done}/{total}");
        }
    }

    /// How far a walk through a gallery is, whose end nobody knows.
    pub(crate) fn walked(&mut self, walked: Walked) {
        match (walked, self.progress) {
            (Walked::SoFar(folders), true) => eprint!("\rreading the gallery: {folders} folders "),
            (Walked::SoFar(folders), false) => eprintln!("reading the gallery: {folders} folders"),
            (Walked::All(folders), true) => eprintln!("\rread the gallery: {folders} folders "),
            (Walked::All(folders), false) => eprintln!("read the gallery: {folders} folders"),
        }
    }

    /// Problems as a compiler shows them, then their number.
    pub(crate) fn problems(&mut self, problems: &[Problem]) {
        for problem in problems {
            eprintln!("{}\n", problem.render(self.colours));
        }
        let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        if errors + warnings > 0 {
            eprintln!("{}, {}", plural(errors, "error"), plural(warnings, "warning"));
        }
    }

    /// A JSON document.
    pub(crate) fn json(&mut self, value: &Value) {
        println!("{value:#}");
    }

    /// Things as they are managed: in JSON whole, else these of their fields as columns.
    pub(crate) fn items(&mut self, format: Format, columns: &[&str], items: &Value) {
        if format == Format::Json {
            return self.json(items);
        }
        let all = items.as_array().map(Vec::as_slice).unwrap_or_default();
        let row = |item: &Value| {
            columns.iter().map(|column| item.get(column).map(cell).unwrap_or_default()).collect()
        };
        let rows: Vec<Vec<String>> = all.iter().map(row).collect();
        self.rows(format, columns, &rows);
    }

    /// Rows under headings, in the format asked for.
    pub(crate) fn rows(&mut self, format: Format, headings: &[&str], rows: &[Vec<String>]) {
        match format {
            Format::Table => {
                for line in aligned(headings, rows) {
                    println!("{line}");
                }
            }
            Format::Json => {
                let objects = rows.iter().map(|row| {
                    let pairs = headings.iter().zip(row);
                    let pairs = pairs.map(|(h, cell)| ((*h).to_owned(), Value::from(cell.clone())));
                    Value::Object(pairs.collect())
                });
                self.json(&Value::Array(objects.collect()));
            }
            Format::Csv => {
                println!("{}", headings.join(","));
                for row in rows {
                    println!(
                        "{}",
                        row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",")
                    );
                }
            }
        }
    }
}

/// A field of something that is managed, in a table.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A problem for programs.
pub(crate) fn problem_json(problem: &Problem) -> Value {
    let (line, column) = problem.line_column();
    serde_json::json!({
        "code": problem.code,
        "severity": match problem.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": problem.message,
        "file": problem.source.name(),
        "line": line,
        "column": column,
        "label": problem.label,
        "help": problem.help,
    })
}

pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn aligned(headings: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let all = || {
        std::iter::once(headings.iter().map(|h| (*h).to_owned()).collect())
            .chain(rows.iter().cloned())
    };
    let mut widths = vec![0; headings.len()];
    for row in all() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(line).collect()
}

/// A CSV cell; one that a spreadsheet would take for a formula is made text.
fn quoted(cell: &str) -> String {
    let cell =
        if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_cells_are_quoted() {
        let rows = vec![vec!["jürgen".to_owned(), "viewer".to_owned()]];
        assert_eq!(aligned(&["user", "role"], &rows), ["user    role", "jürgen  viewer"]);
        assert_eq!(quoted("a,\"b"), "\"a,\"\"b\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
