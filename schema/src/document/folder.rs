//! A folder's `_folder.md`, and `folders.toml`, which says the same of a gallery whose files the
//! gateway can't read.

use std::collections::BTreeMap;
use std::ops::Range;

use super::permissions::{BlockOf, PermissionsDocument};
use super::reader::{Reader, Spanned, Table};
use crate::hidden::HiddenNames;
use crate::path::GalleryPath;
use crate::problem::{self, Problem, Source};

/// The name of the file that describes a folder.
pub const FOLDER_FILE: &str = "_folder.md";

/// How many lines count as the head of a file, where a stray fence is an error.
const HEAD_LINES: usize = 16;

/// The keys of a front matter that have a meaning for access. A near miss of one is an error;
/// every other unknown key is presentation and ignored.
const KEYS: [&str; 5] =
    ["title", "hidden", "hidden_images", "hide_technical_details", "permissions"];

/// Keys of `[permissions]` that at the top of a front matter would mean nothing.
const MISPLACED: [&str; 5] =
    ["public_role", "default_authenticated_role", "roles", "user_roles", "group_roles"];

/// What a folder says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderDocument {
    /// `title`.
    pub title: Option<String>,
    /// `hidden = true`: not listed by what is outside.
    pub hidden: bool,
    /// `hidden_images`: bare names.
    pub hidden_images: Vec<Spanned<String>>,
    /// `hide_technical_details = true`, with its place.
    pub hide_technical_details: Option<Range<usize>>,
    /// The folder's block.
    pub permissions: Option<PermissionsDocument>,
    /// The Markdown that follows the front matter.
    pub body: String,
}

impl FolderDocument {
    /// The names that the folder hides.
    #[must_use]
    pub fn hidden_names(&self) -> HiddenNames {
        self.hidden_images.iter().map(|name| name.value.as_str()).collect()
    }

    /// Reads a `_folder.md`. With an error among the problems the folder is closed, whatever
    /// the document says.
    #[must_use]
    pub fn parse(source: &Source) -> (Self, Vec<Problem>) {
        let empty = |body: &str| Self {
            title: None,
            hidden: false,
            hidden_images: Vec::new(),
            hide_technical_details: None,
            permissions: None,
            body: body.to_owned(),
        };
        match split(source) {
            Ok(Parts { front: None, body }) => (empty(body), Vec::new()),
            Ok(Parts { front: Some((front, base)), body }) => {
                let reader = Reader::with_base(source, base);
                let mut document = read(reader.root(front));
                document.body = body.to_owned();
                (document, reader.into_problems())
            }
            Err(problem) => (empty(""), vec![*problem]),
        }
    }
}

/// All blocks of a site in one document: `[folders."/clients/smith".permissions]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoldersDocument {
    /// The folders, each with its place.
    pub folders: BTreeMap<GalleryPath, Spanned<FolderDocument>>,
}

impl FoldersDocument {
    /// Reads a `folders.toml`.
    #[must_use]
    pub fn parse(source: &Source) -> (Self, Vec<Problem>) {
        let reader = Reader::new(source);
        let mut root = reader.root(source.text());
        let mut folders = BTreeMap::new();
        for (name, table) in root.table("folders").map(Table::named_tables).unwrap_or_default() {
            let document = read(table);
            let path = match GalleryPath::from_decoded(&name.value) {
                Ok(path) => path.as_folder(),
                Err(error) => {
                    reader.report(
                        Problem::error(
                            "policy::bad_folder",
                            format!("`{}` is no folder of a gallery", name.value.escape_debug()),
                        )
                        .at(reader.source(), name.span, error.to_string())
                        .help("write it from the gallery's root, such as `/clients/smith`"),
                    );
                    continue;
                }
            };
            let spanned = Spanned { value: document, span: name.span.clone() };
            if folders.insert(path, spanned).is_some() {
                let message = format!("the folder `{}` is described twice", name.value);
                reader.error("policy::duplicate_folder", message, &name.span, "again here");
            }
        }
        root.finish();
        (Self { folders }, reader.into_problems())
    }
}

fn read(mut table: Table<'_, '_>) -> FolderDocument {
    let document = FolderDocument {
        title: table.string("title").map(|title| title.value),
        hidden: table.boolean("hidden").is_some_and(|hidden| hidden.value),
        hidden_images: table.strings("hidden_images").unwrap_or_default(),
        hide_technical_details: table
            .boolean("hide_technical_details")
            .filter(|hide| hide.value)
            .map(|hide| hide.span),
        permissions: table
            .table("permissions")
            .map(|permissions| PermissionsDocument::read(permissions, BlockOf::Folder)),
        body: String::new(),
    };
    let reader = table.reader();
    for image in &document.hidden_images {
        if image.value.is_empty() || image.value.contains('/') {
            let message = format!("`{}` is no bare name of an image", image.value);
            reader.error("policy::bad_hidden_image", message, &image.span, "a name without folder");
        }
    }
    for key in table.left() {
        report_near_miss(reader, &key);
    }
    document
}

/// A key that was likely meant to be one of those that protect is an error, never ignored.
fn report_near_miss(reader: &Reader<'_>, key: &Spanned<String>) {
    let word = key.value.to_lowercase().replace('-', "_");
    let help = if MISPLACED.contains(&word.as_str()) {
        format!("write it in the table `[permissions]`: `permissions.{word}`")
    } else if word == "user_role" || word == "group_role" || word == "role" {
        format!("did you mean `permissions.{word}s`?")
    } else if let Some(near) = problem::nearest(&word, KEYS) {
        format!("did you mean `{near}`?")
    } else {
        return;
    };
    reader.report(
        Problem::error("document::unknown_key", format!("unknown key `{}`", key.value))
            .at(reader.source(), key.span.clone(), "would protect nothing")
            .help(help),
    );
}

struct Parts<'s> {
    front: Option<(&'s str, usize)>,
    body: &'s str,
}

/// Splits a file into front matter and body (`permissions.md` 4, rule 0).
fn split(source: &Source) -> Result<Parts<'_>, Box<Problem>> {
    let text = source.text();
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if !is_fence(first, "+++") {
        return match stray_fence(text) {
            Some(span) => Err(Box::new(
                Problem::error(
                    "document::stray_fence",
                    "a front matter must begin in the first line, with `+++`",
                )
                .at(source, span, "this looks like a fence of a front matter")
                .help("put `+++` into line 1 and nothing before it; write a rule in the text as `***`"),
            )),
            None => Ok(Parts { front: None, body: text }),
        };
    }
    let start = first.len();
    let mut end = start;
    for line in lines {
        if is_fence(line, "+++") {
            let front = text.get(start..end).unwrap_or_default();
            let body = text.get(end + line.len()..).unwrap_or_default();
            return Ok(Parts { front: Some((front, start)), body });
        }
        end += line.len();
    }
    Err(Box::new(
        Problem::error("document::unclosed_front_matter", "the front matter is never closed")
            .at(source, 0..first.trim_end().len(), "opened here")
            .help("end it with a line `+++`"),
    ))
}

fn is_fence(line: &str, fence: &str) -> bool {
    line.trim() == fence
}

fn stray_fence(text: &str) -> Option<Range<usize>> {
    let mut at = 0;
    for line in text.split_inclusive('\n').take(HEAD_LINES) {
        if is_fence(line, "+++") || is_fence(line, "---") {
            return Some(at..at + line.trim_end().len());
        }
        at += line.len();
    }
    None
}
