//! Whether a series of files is what was written: nothing changed, left out or put in between.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::error::AuditError;
use super::line::{self, Hash, Link};
use super::read::{self, Record};
use super::series::Series;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many records are whole and in place, up to the first break.
    pub records: u64,
    /// The number of the first record; zero if there is none.
    pub first: u64,
    /// The number of the last record.
    pub last: u64,
    /// The hash of the last record: whoever keeps it elsewhere notices when records after it go.
    pub hash: String,
    /// The first place where the chain is broken.
    pub broken: Option<Break>,
}

/// A place where the chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub kind: BreakKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakKind {
    /// The line is not what was written, or the one before it is not.
    Changed,
    /// Records before this one are missing.
    Missing {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// The record stands in another place than where it was written.
    OutOfOrder,
    /// The line was not written whole.
    Torn,
    /// A hash that was asked for is the hash of no record.
    NotHeld,
}

impl BreakKind {
    /// The word for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing { .. } => "missing",
            Self::OutOfOrder => "out_of_order",
            Self::Torn => "torn",
            Self::NotHeld => "not_held",
        }
    }
}

impl fmt::Display for BreakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("the line is not what was written"),
            Self::Missing { from, to } if from == to => write!(f, "record {from} is missing"),
            Self::Missing { from, to } => write!(f, "records {from} to {to} are missing"),
            Self::OutOfOrder => f.write_str("the record was written in another place"),
            Self::Torn => f.write_str("the line was not written whole"),
            Self::NotHeld => f.write_str("no record has the hash that was asked for"),
        }
    }
}

/// Whether files, the oldest first, hold one chain, up to the first break. `held` is a hash that
/// was kept elsewhere: one of the records must have it.
///
/// # Errors
/// If a file can't be read.
pub fn verify(files: &[PathBuf], held: Option<&str>) -> Result<Verified, AuditError> {
    let mut chain = Chain { held, ..Chain::default() };
    for file in files {
        chain.read_whole(file)?;
    }
    Ok(chain.end(files.last()))
}

/// Whether a series holds one chain, which must begin with record 1, or where the log itself says
/// that older files were removed. Judged is what stands there at one moment, whoever writes on
/// meanwhile. `None` if there is no file.
///
/// # Errors
/// If a file can't be read.
pub fn verify_series(series: &Series, held: Option<&str>) -> Result<Option<Verified>, AuditError> {
    let (old, present) = {
        let _lock = series.hold()?;
        (series.old()?, Present::open(series.present())?)
    };
    if old.is_empty() && present.is_none() {
        return Ok(None);
    }
    let mut chain = Chain { whole: Some(series), held, ..Chain::default() };
    for old in &old {
        chain.read_whole(&old.path)?;
    }
    let last = match present {
        Some(present) => {
            let reader = BufReader::new(present.file.take(present.length));
            chain.read(series.present(), reader)?;
            Some(series.present().to_owned())
        }
        None => old.last().map(|old| old.path.clone()),
    };
    Ok(Some(chain.end(last.as_ref())))
}

/// The file that is written now, as far as it is written.
struct Present {
    file: File,
    length: u64,
}

impl Present {
    fn open(path: &Path) -> Result<Option<Self>, AuditError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(AuditError::file(path)(error)),
        };
        let length = file.metadata().map_err(AuditError::file(path))?.len();
        Ok(Some(Self { file, length }))
    }
}

#[derive(Default)]
struct Chain<'a> {
    whole: Option<&'a Series>,
    held: Option<&'a str>,
    link: Option<Link>,
    first: u64,
    records: u64,
    /// Whether the log says that what came before its first record was removed.
    begins_late: Option<Break>,
    broken: Option<Break>,
}

impl Chain<'_> {
    fn read_whole(&mut self, path: &Path) -> Result<(), AuditError> {
        let file = File::open(path).map_err(AuditError::file(path))?;
        self.read(path, BufReader::new(file))
    }

    /// Reads a file, unless there was a break before.
    fn read(&mut self, path: &Path, mut reader: impl BufRead) -> Result<(), AuditError> {
        if self.broken.is_some() {
            return Ok(());
        }
        let mut number = 0;
        while let Some(raw) = read::next_line(&mut reader).map_err(AuditError::file(path))? {
            number += 1;
            let kind = match self.line(&raw.text) {
                Ok(()) => continue,
                // looked for further on, to tell "moved" from "gone"
                Err(BreakKind::Missing { from, .. }) if holds(&mut reader, from) => {
                    BreakKind::OutOfOrder
                }
                Err(kind) => kind,
            };
            self.broken = Some(Break { file: path.to_owned(), line: number, kind });
            return Ok(());
        }
        if let Some(late) = self.begins_late.as_mut().filter(|late| late.line == 0) {
            (late.file, late.line) = (path.to_owned(), 1);
        }
        Ok(())
    }

    /// Takes a line over, or says what is wrong with it.
    fn line(&mut self, raw: &str) -> Result<(), BreakKind> {
        let line = raw.strip_suffix('\n').ok_or(BreakKind::Torn)?;
        let (hash, said) = line::hashes(line).ok_or(BreakKind::Changed)?;
        let record = Record::parse(line).ok_or(BreakKind::Changed)?;
        if hash.hex() != said {
            return Err(BreakKind::Changed);
        }
        self.follows(&record)?;
        self.link = Some(Link { seq: record.seq(), hash });
        self.records += 1;
        if self.held.is_some_and(|held| held.eq_ignore_ascii_case(said)) {
            self.held = None;
        }
        if self.begins_late.is_some() && self.tells_of_removal(&record) {
            self.begins_late = None;
        }
        Ok(())
    }

    /// Whether a record follows the one before it.
    fn follows(&mut self, record: &Record) -> Result<(), BreakKind> {
        let Some(link) = self.link else {
            self.first = record.seq();
            if record.seq() > 1 && self.whole.is_none() {
                return Ok(());
            }
            if record.seq() > 1 {
                let kind = BreakKind::Missing { from: 1, to: record.seq() - 1 };
                self.begins_late = Some(Break { file: PathBuf::new(), line: 0, kind });
            } else if record.text("prev") != Hash::NONE.hex() {
                return Err(BreakKind::Changed);
            }
            return Ok(());
        };
        let expected = link.seq + 1;
        match record.seq() {
            seq if seq > expected => Err(BreakKind::Missing { from: expected, to: seq - 1 }),
            seq if seq < expected => Err(BreakKind::OutOfOrder),
            _ if record.text("prev") != link.hash.hex() => Err(BreakKind::Changed),
            _ => Ok(()),
        }
    }

    /// Whether the log says that the files before its first record were removed.
    fn tells_of_removal(&self, record: &Record) -> bool {
        let removed = record.value().pointer("/details/removed");
        let names = removed.and_then(serde_json::Value::as_array);
        let lasts = names.into_iter().flatten();
        let mut lasts = lasts.filter_map(|name| self.whole?.last_of(name.as_str()?));
        record.text("event") == "rotated" && lasts.any(|last| last + 1 == self.first)
    }

    fn end(self, last: Option<&PathBuf>) -> Verified {
        let link = self.link.unwrap_or(Link::START);
        let not_held = self.held.map(|_| Break {
            file: last.cloned().unwrap_or_default(),
            line: self.records,
            kind: BreakKind::NotHeld,
        });
        Verified {
            records: self.records,
            first: self.first,
            last: link.seq,
            hash: link.hash.hex(),
            broken: self.begins_late.or(self.broken).or(not_held),
        }
    }
}

/// Whether the rest of a file holds the record of a number.
fn holds(reader: &mut impl BufRead, seq: u64) -> bool {
    while let Ok(Some(raw)) = read::next_line(reader) {
        if Record::parse(raw.text.trim_end()).is_some_and(|record| record.seq() == seq) {
            return true;
        }
    }
    false
}
