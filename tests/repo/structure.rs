//! The top level, and the records of decisions.

use std::collections::BTreeMap;
use std::fs;

use crate::assert_nothing;
use crate::repository::{files, read, root};

/// The six folders, what git and CI need, and what builds leave behind.
const FOLDERS: [&str; 11] = [
    "schema",
    "policies",
    "gateway",
    "media-backend",
    "tests",
    "benchmarks",
    ".ci",
    ".githooks",
    ".git",
    "target",
    "node_modules",
];

const FILES: [&str; 16] = [
    ".git",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

#[test]
fn the_top_level_stays_small() {
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let known: &[&str] = if entry.path().is_dir() { &FOLDERS } else { &FILES };
        if !known.contains(&name.as_str()) {
            found.push(name);
        }
    }
    assert_nothing(&found, "these belong into one of the six folders");
}

#[test]
fn decisions_are_numbered_once_and_without_gaps() {
    let mut numbers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut found = Vec::new();
    for file in files() {
        let Some((folder, name)) = file.split_once("docs/adr/") else { continue };
        let Some((number, _)) = name.split_once('-') else {
            found.push(format!("{file}: no number"));
            continue;
        };
        let heading = format!("# {}. ", number.trim_start_matches('0'));
        if number.len() != 4 || !read(&file).starts_with(&heading) {
            found.push(format!("{file}: does not begin with `{heading}`"));
        }
        numbers.entry(folder.to_owned()).or_default().push(number.to_owned());
    }
    for (folder, mut numbers) in numbers {
        numbers.sort();
        let expected: Vec<_> = (1..=numbers.len()).map(|number| format!("{number:04}")).collect();
        if numbers != expected {
            found.push(format!("{folder}docs/adr: {}", numbers.join(", ")));
        }
    }
    assert_nothing(&found, "number decisions from 0001, each crate its own");
}
