//! [`Record`]: a line that was written, as it is read again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde_json::Value;

use super::error::AuditError;

/// The longest line that is read, in bytes.
pub(super) const MAX_LINE: u64 = 256 * 1024;

/// A record that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    seq: u64,
    value: Value,
}

impl Record {
    /// Reads a line; `None` if it is no record.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let seq = value.get("seq")?.as_u64()?;
        Some(Self { seq, value })
    }

    /// Its number.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// All of it.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// A member that is a text: `event`, `time`, `site` …; empty if there is none.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.value.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Who caused it, for people: a user's name, or `visitor` and so on.
    #[must_use]
    pub fn principal(&self) -> &str {
        let of = |key| self.value.pointer(key).and_then(Value::as_str);
        of("/principal/name").or_else(|| of("/principal/kind")).unwrap_or_default()
    }

    /// A member that only this kind of event has; empty if there is none.
    #[must_use]
    pub fn detail(&self, key: &str) -> &str {
        let details = self.value.get("details").and_then(|details| details.get(key));
        details.and_then(Value::as_str).unwrap_or_default()
    }
}

/// The records of a file, in order. What is no record is left out: that is for
/// [`super::verify()`] to tell.
///
/// # Errors
/// If the file can't be read.
pub fn records(path: &Path) -> Result<impl Iterator<Item = Record> + use<>, AuditError> {
    let file = File::open(path).map_err(AuditError::file(path))?;
    let mut reader = BufReader::new(file);
    Ok(std::iter::from_fn(move || next_line(&mut reader).ok().flatten())
        .filter_map(|line| Record::parse(line.text.trim_end_matches('\n'))))
}

/// A line as it stands.
pub(super) struct RawLine {
    /// With its line break, if it has one; what is not UTF-8 is replaced.
    pub(super) text: String,
}

/// The next line of a file; `None` at its end.
pub(super) fn next_line(reader: &mut impl std::io::BufRead) -> std::io::Result<Option<RawLine>> {
    let mut bytes = Vec::new();
    reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    // what is replaced has another hash than what was written
    Ok(Some(RawLine { text: String::from_utf8_lossy(&bytes).into_owned() }))
}
