//! Reads TOML into typed values, remembers where each stands, and goes on after a mistake so that
//! all of them are reported at once.
//!
//! A document is a function over [`Table`]: it takes each key it knows; [`Table::finish`] reports
//! the keys that nobody took, with the nearest known one as suggestion.

use std::cell::RefCell;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::problem::{self, Problem, Source, SourceRef};

/// A value and the bytes of the document where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its bytes.
    pub span: Range<usize>,
}

impl<T> Spanned<T> {
    /// The same place with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: f(self.value), span: self.span }
    }
}

/// Collects the problems of one document.
#[derive(Debug)]
pub struct Reader<'s> {
    source: &'s Source,
    /// Where the TOML begins in the source: a front matter does not begin at 0.
    base: usize,
    problems: RefCell<Vec<Problem>>,
}

impl<'s> Reader<'s> {
    /// A reader of a document that is TOML from its first byte.
    #[must_use]
    pub fn new(source: &'s Source) -> Self {
        Self::with_base(source, 0)
    }

    /// A reader of TOML that begins at a byte offset of the source.
    #[must_use]
    pub fn with_base(source: &'s Source, base: usize) -> Self {
        Self { source, base, problems: RefCell::default() }
    }

    /// The document.
    #[must_use]
    pub fn source(&self) -> &'s Source {
        self.source
    }

    /// The line of a place, to be kept.
    #[must_use]
    pub fn reference(&self, span: &Range<usize>) -> SourceRef {
        self.source.reference(span.start)
    }

    /// Adds a problem.
    pub fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Adds an error at a place.
    pub fn error(&self, code: &'static str, message: String, span: &Range<usize>, label: &str) {
        self.report(Problem::error(code, message).at(self.source, span.clone(), label));
    }

    /// All problems, sorted.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problem::sort(&mut problems);
        problems
    }

    /// Parses the TOML. Mistakes of syntax are reported; what can be read is returned.
    pub fn root<'r>(&'r self, toml: &'s str) -> Table<'r, 's> {
        let (root, errors) = DeTable::parse_recoverable(toml);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            self.report(
                Problem::error("document::syntax", error.message().replace('\n', "; ")).at(
                    self.source,
                    self.shift(span),
                    "here",
                ),
            );
        }
        let span = self.shift(root.span());
        Table::new(self, root.into_inner(), span)
    }

    fn shift(&self, span: Range<usize>) -> Range<usize> {
        let end = self.source.text().len();
        (span.start + self.base).min(end)..(span.end + self.base).min(end)
    }
}

struct Entry<'s> {
    key: String,
    key_span: Range<usize>,
    value: DeValue<'s>,
    span: Range<usize>,
}

/// A table whose keys are taken one after the other.
pub struct Table<'r, 's> {
    reader: &'r Reader<'s>,
    entries: Vec<Entry<'s>>,
    asked: Vec<&'static str>,
    span: Range<usize>,
}

impl<'r, 's> Table<'r, 's> {
    fn new(reader: &'r Reader<'s>, table: DeTable<'s>, span: Range<usize>) -> Self {
        let entries = table.into_iter().map(|(key, value)| Entry {
            key_span: reader.shift(key.span()),
            key: key.into_inner().into_owned(),
            span: reader.shift(value.span()),
            value: value.into_inner(),
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        Self { reader, entries, asked: Vec::new(), span }
    }

    /// The reader, for problems that only the document's code can see.
    #[must_use]
    pub fn reader(&self) -> &'r Reader<'s> {
        self.reader
    }

    /// The bytes of the table, or of its header.
    #[must_use]
    pub fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// Whether no key is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the value of a key that nobody took yet is a table.
    #[must_use]
    pub fn is_table(&self, key: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.is_some_and(|entry| matches!(entry.value, DeValue::Table(_)))
    }

    fn take(&mut self, key: &'static str) -> Option<Entry<'s>> {
        self.asked.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    fn mismatch(&self, entry: &Entry<'_>, expected: &str) {
        let found = describe(&entry.value);
        self.reader.error(
            "document::wrong_type",
            format!("`{}` must be {expected}, not {found}", entry.key),
            &entry.span,
            &format!("{found}, expected {expected}"),
        );
    }

    /// A text.
    pub fn string(&mut self, key: &'static str) -> Option<Spanned<String>> {
        let entry = self.take(key)?;
        match entry.value {
            DeValue::String(text) => Some(Spanned { value: text.into_owned(), span: entry.span }),
            _ => {
                self.mismatch(&entry, "a string");
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required_string(&mut self, key: &'static str) -> Option<Spanned<String>> {
        if !self.entries.iter().any(|entry| entry.key == key) {
            self.asked.push(key);
            self.reader.error(
                "document::missing_key",
                format!("`{key}` is missing"),
                &self.span,
                &format!("this table needs `{key}`"),
            );
            return None;
        }
        self.string(key)
    }

    /// A truth value.
    pub fn boolean(&mut self, key: &'static str) -> Option<Spanned<bool>> {
        let entry = self.take(key)?;
        match entry.value {
            DeValue::Boolean(value) => Some(Spanned { value, span: entry.span }),
            _ => {
                self.mismatch(&entry, "true or false");
                None
            }
        }
    }

    /// A whole number.
    pub fn integer(&mut self, key: &'static str) -> Option<Spanned<i64>> {
        let entry = self.take(key)?;
        let number = match &entry.value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            self.mismatch(&entry, "a whole number");
        }
        number.map(|value| Spanned { value, span: entry.span })
    }

    /// A list of texts. Those entries that are none are reported and left out.
    pub fn strings(&mut self, key: &'static str) -> Option<Vec<Spanned<String>>> {
        let entry = self.take(key)?;
        let DeValue::Array(items) = entry.value else {
            self.mismatch(&entry, "a list of strings");
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            let span = self.reader.shift(item.span());
            match item.into_inner() {
                DeValue::String(text) => texts.push(Spanned { value: text.into_owned(), span }),
                other => {
                    let found = describe(&other);
                    let message = format!("`{key}` must be a list of strings, not of {found}");
                    self.reader.error("document::wrong_type", message, &span, found);
                }
            }
        }
        Some(texts)
    }

    /// A table.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'r, 's>> {
        let entry = self.take(key)?;
        match entry.value {
            DeValue::Table(table) => Some(Table::new(self.reader, table, entry.key_span)),
            _ => {
                self.mismatch(&entry, "a table");
                None
            }
        }
    }

    /// A list of tables: `[[key]]`.
    pub fn tables(&mut self, key: &'static str) -> Vec<Table<'r, 's>> {
        let Some(entry) = self.take(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = entry.value else {
            self.mismatch(&entry, &format!("a list of tables, [[{key}]]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            let span = self.reader.shift(item.span());
            match item.into_inner() {
                DeValue::Table(table) => tables.push(Table::new(self.reader, table, span)),
                other => {
                    let found = describe(&other);
                    let message = format!("`{key}` must be a list of tables, not of {found}");
                    self.reader.error("document::wrong_type", message, &span, found);
                }
            }
        }
        tables
    }

    /// Every key with a table, for tables whose keys are names: `[roles.NAME]`.
    pub fn named_tables(mut self) -> Vec<(Spanned<String>, Table<'r, 's>)> {
        let mut named = Vec::new();
        for entry in std::mem::take(&mut self.entries) {
            match entry.value {
                DeValue::Table(table) => {
                    let key = Spanned { value: entry.key, span: entry.key_span.clone() };
                    named.push((key, Table::new(self.reader, table, entry.key_span)));
                }
                _ => self.mismatch(&entry, "a table"),
            }
        }
        named
    }

    /// Every key with a truth value, for tables whose keys are a vocabulary: permissions.
    pub fn named_booleans(mut self) -> Vec<(Spanned<String>, bool)> {
        let mut named = Vec::new();
        for entry in std::mem::take(&mut self.entries) {
            match entry.value {
                DeValue::Boolean(value) => {
                    named.push((Spanned { value: entry.key, span: entry.key_span }, value));
                }
                _ => self.mismatch(&entry, "true or false"),
            }
        }
        named
    }

    /// The keys that nobody took yet, with their places.
    #[must_use]
    pub fn left(&self) -> Vec<Spanned<String>> {
        let left = self.entries.iter();
        left.map(|e| Spanned { value: e.key.clone(), span: e.key_span.clone() }).collect()
    }

    /// Reports every key that nobody took.
    pub fn finish(self) {
        for entry in &self.entries {
            let message = format!("unknown key `{}`", entry.key);
            let problem = Problem::error("document::unknown_key", message).at(
                self.reader.source,
                entry.key_span.clone(),
                "not a key of this table",
            );
            let problem = match problem::nearest(&entry.key, self.asked.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("the keys here are {}", list(&self.asked))),
            };
            self.reader.report(problem);
        }
    }
}

impl std::fmt::Debug for Table<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.key)).finish()
    }
}

fn list(keys: &[&str]) -> String {
    let quoted: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
    quoted.join(", ")
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
