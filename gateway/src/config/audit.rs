//! `[audit]` of `vestibule.toml`: where the audit log is, and when a new file is begun.

use std::path::{Path, PathBuf};

use vestibule_schema::document::{Spanned, Table};
use vestibule_schema::problem::Problem;

/// How large a file becomes unless the configuration says otherwise.
const DEFAULT_MAX_SIZE: u64 = 64 * MIB;
/// What is smaller would be full of first records.
const LEAST_SIZE: u64 = 64 * 1024;
const MIB: u64 = 1024 * 1024;

/// The `[audit]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditConfig {
    pub(crate) file: PathBuf,
    /// In bytes.
    pub(crate) max_size: u64,
    /// How many old files are kept; `None` for all.
    pub(crate) keep: Option<usize>,
}

impl AuditConfig {
    /// Reads the table, if there is one.
    pub(super) fn read(table: Option<Table<'_, '_>>, dir: &Path, state_dir: &Path) -> Self {
        let default = state_dir.join("audit.jsonl");
        let Some(mut table) = table else {
            return Self { file: default, max_size: DEFAULT_MAX_SIZE, keep: None };
        };
        let reader = table.reader();
        let file = table.string("file").map_or(default, |file| dir.join(file.value));
        let max_size = table.string("max_size").and_then(|text| {
            let size = bytes(&text.value).filter(|size| *size >= LEAST_SIZE);
            if size.is_none() {
                let message = format!("`{}` is no size for a file of the audit log", text.value);
                reader.report(
                    Problem::error("config::bad_size", message)
                        .at(reader.source(), text.span.clone(), "at least 64KiB")
                        .help("write it like `64MiB`"),
                );
            }
            size
        });
        let keep = table.integer("keep").and_then(|keep| {
            let number = read_keep(&keep);
            if number.is_none() {
                let message = "`keep` must be between 1 and 100000".to_owned();
                reader.error("config::bad_keep", message, &keep.span, "out of range");
            }
            number
        });
        table.finish();
        Self { file, max_size: max_size.unwrap_or(DEFAULT_MAX_SIZE), keep }
    }
}

fn read_keep(keep: &Spanned<i64>) -> Option<usize> {
    usize::try_from(keep.value).ok().filter(|number| (1..=100_000).contains(number))
}

/// A number of bytes with its unit: `64MiB`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
    let unit = match text.strip_prefix(digits)?.trim() {
        "B" => 1,
        "KiB" => 1024,
        "MiB" => MIB,
        "GiB" => 1024 * MIB,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit() {
        assert_eq!(bytes("64MiB"), Some(64 * MIB));
        assert_eq!(bytes(" 2 GiB "), Some(2048 * MIB));
        assert_eq!(bytes("100000B"), Some(100_000));
        for text in ["64", "64MB", "MiB", "", "-1MiB", "99999999999999999999B", "9999999999999GiB"]
        {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
