//! The documents that the documentation shows are read by the readers that the gateway uses.
//!
//! A block says whose it is: `toml title=permissions.toml`, `markdown title=_folder.md`.

use vestibule_schema::document::{
    FolderDocument, FoldersDocument, GrantsDocument, PermissionsDocument, SiteDocument,
};
use vestibule_schema::{Problem, Source};

use crate::assert_nothing;
use crate::repository::{files_with, read};

/// A fenced block with a title.
#[derive(Debug)]
pub(crate) struct Example {
    /// `README.md:12`.
    pub(crate) place: String,
    pub(crate) title: String,
    pub(crate) text: String,
}

/// Every titled block of every page.
pub(crate) fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for page in files_with(&["md"]).iter().filter(|page| !page.contains("tests/")) {
        let text = read(page);
        let mut current: Option<Example> = None;
        for (number, line) in text.lines().enumerate() {
            match &mut current {
                Some(example) if line == "```" => {
                    debug_assert!(!example.title.is_empty());
                    examples.extend(current.take());
                }
                Some(example) => {
                    example.text.push_str(line);
                    example.text.push('\n');
                }
                None => {
                    let title =
                        line.strip_prefix("```").and_then(|info| info.split_once(" title="));
                    current = title.map(|(_, title)| Example {
                        place: format!("{page}:{}", number + 1),
                        title: title.trim().to_owned(),
                        text: String::new(),
                    });
                }
            }
        }
    }
    examples
}

/// Reads an example as its title says; `None` if the title is not known.
fn problems(example: &Example) -> Option<Vec<Problem>> {
    let source = Source::new(&example.place, &example.text);
    Some(match example.title.as_str() {
        "site.toml" => SiteDocument::parse(&source).1,
        "permissions.toml" => PermissionsDocument::parse(&source).1,
        "grants.toml" => GrantsDocument::parse(&source).1,
        "folders.toml" => FoldersDocument::parse(&source).1,
        "_folder.md" => FolderDocument::parse(&source).1,
        // read by the program itself: `program.rs`
        "vestibule.toml" | "cases.toml" => Vec::new(),
        _ => return None,
    })
}

#[test]
fn every_document_that_is_shown_can_be_read() {
    let mut found = Vec::new();
    for example in examples() {
        match problems(&example) {
            None => found.push(format!("{}: unknown title `{}`", example.place, example.title)),
            Some(problems) => found.extend(problems.iter().map(ToString::to_string)),
        }
    }
    assert_nothing(&found, "mend the documentation");
}

#[test]
fn every_kind_of_document_is_shown() {
    let shown: Vec<_> = examples().into_iter().map(|example| example.title).collect();
    let kinds = [
        "vestibule.toml",
        "site.toml",
        "permissions.toml",
        "grants.toml",
        "folders.toml",
        "_folder.md",
        "cases.toml",
    ];
    let missing = kinds.iter().filter(|kind| !shown.iter().any(|title| title == *kind));
    let found: Vec<_> = missing.map(|kind| (*kind).to_owned()).collect();
    assert_nothing(&found, "no page shows an example of");
}

#[test]
fn no_toml_is_shown_without_saying_whose_it_is() {
    let mut found = Vec::new();
    for page in ["README.md", "gateway/README.md", "schema/README.md", "policies/README.md"] {
        for (number, line) in read(page).lines().enumerate() {
            if line.trim() == "```toml" {
                found.push(format!("{page}:{}", number + 1));
            }
        }
    }
    assert_nothing(&found, "say `toml title=…`");
}
