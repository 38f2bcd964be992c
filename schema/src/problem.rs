//! [`Problem`]: every mistake in something that a user wrote, with its place and the mend.

mod secrets;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A text that a user wrote, and the name under which messages speak of it: a path below the
/// configuration directory (`config.d/sites/family/permissions.toml`), or `gallery:` and a path
/// below the gallery.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// Where each line begins, in bytes.
    lines: Arc<[usize]>,
}

impl Source {
    /// A named text.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { name: Arc::from(name), text: Arc::from(text), lines }
    }

    /// A named text from the bytes of a file.
    ///
    /// # Errors
    /// The problem, if the bytes begin with a byte-order mark or are not UTF-8.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, Box<Problem>> {
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            let rest = String::from_utf8_lossy(bytes.get(3..).unwrap_or_default());
            let source = Self::new(name, &rest);
            return Err(Box::new(
                Problem::error(
                    "document::byte_order_mark",
                    "the file begins with a byte-order mark",
                )
                .at(&source, 0..0, "before this")
                .help("save the file as UTF-8 without byte-order mark"),
            ));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let source = Self::new(name, &String::from_utf8_lossy(valid));
                let end = source.text.len();
                Err(Box::new(
                    Problem::error("document::not_utf8", "the file is not UTF-8")
                        .at(&source, end..end, "the first byte that is not UTF-8 follows here")
                        .help("save the file as UTF-8"),
                ))
            }
        }
    }

    /// The name in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column (both from 1, the column in characters) of a byte offset.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        let offset = if self.text.is_char_boundary(offset) { offset } else { self.text.len() };
        let line = self.lines.partition_point(|begin| *begin <= offset);
        let begin = line.checked_sub(1).and_then(|at| self.lines.get(at)).copied().unwrap_or(0);
        let column = self.text.get(begin..offset).unwrap_or_default().chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// The line of a byte offset, to be kept without the text.
    #[must_use]
    pub fn reference(&self, offset: usize) -> SourceRef {
        SourceRef { file: Arc::clone(&self.name), line: self.line_column(offset).0 }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.name)
    }
}

/// A line of a document: what a decision cites. Displays as `file:line`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceRef {
    /// The document's name; see [`Source`].
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl fmt::Debug for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceRef({self})")
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// What it concerns stays closed.
    Error,
    /// Worth a look; nothing is closed by it.
    Warning,
}

/// A mistake in something that a user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A stable name: `policy::unknown_permission`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One line, lower case, the user's words in backticks.
    pub message: String,
    /// The document.
    pub source: Source,
    /// The offending bytes of the document.
    pub span: Range<usize>,
    /// What stands at the span, in a few words; may be empty.
    pub label: String,
    /// The mend.
    pub help: Option<String>,
}

impl Problem {
    /// An error, still without place.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            source: Source::new("", ""),
            span: 0..0,
            label: String::new(),
            help: None,
        }
    }

    /// A warning, still without place.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Places the problem.
    #[must_use]
    pub fn at(mut self, source: &Source, span: Range<usize>, label: impl Into<String>) -> Self {
        self.source = source.clone();
        self.span = span;
        self.label = label.into();
        self
    }

    /// Places the problem in a file as a whole, for one that can't be read.
    #[must_use]
    pub fn in_file(self, name: &str) -> Self {
        self.at(&Source::new(name, ""), 0..0, "")
    }

    /// Says the mend.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says "did you mean", if one of the candidates is near the word.
    #[must_use]
    pub fn suggest<'a>(self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, candidates) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// The line and column of the offending bytes, from 1.
    #[must_use]
    pub fn line_column(&self) -> (u32, u32) {
        self.source.line_column(self.span.start)
    }

    /// The key by which problems are sorted: file, then position.
    #[must_use]
    pub fn position(&self) -> (&str, usize) {
        (self.source.name(), self.span.start)
    }

    /// The problem as a compiler would show it, with the offending line; with colours if asked.
    /// Secrets in it are not shown.
    #[must_use]
    pub fn render(&self, colours: Colours) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str()).id(self.code);
        let mut group = Group::with_title(title);
        let text = secrets::masked(self.source.text());
        let label = Some(self.label.as_str()).filter(|label| !label.is_empty());
        if self.source.text().is_empty() {
            group = group.element(annotate_snippets::Origin::path(self.source.name()));
        } else {
            group = group.element(
                Snippet::source(text.as_str())
                    .path(self.source.name())
                    .annotation(AnnotationKind::Primary.span(self.span.clone()).label(label)),
            );
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = match colours {
            Colours::Plain => Renderer::plain(),
            Colours::Terminal => Renderer::styled(),
        };
        renderer.render(&[group])
    }
}

/// Whether a rendering may hold terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// None: for files and pipes.
    Plain,
    /// ANSI colours.
    Terminal,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            f,
            "{}:{line}:{column}: {severity}[{}]: {}",
            self.source.name(),
            self.code,
            self.message
        )?;
        match &self.help {
            Some(help) => write!(f, " (help: {help})"),
            None => Ok(()),
        }
    }
}

/// Sorts problems by file and position and drops repetitions.
pub fn sort(problems: &mut Vec<Problem>) {
    problems.sort_by(|a, b| a.position().cmp(&b.position()).then_with(|| a.code.cmp(b.code)));
    problems.dedup();
}

/// Whether any of the problems is an error.
#[must_use]
pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// The candidate that is likely meant by a misspelt word.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.84)
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.cmp(x)))
        .map(|(_, candidate)| candidate)
}
