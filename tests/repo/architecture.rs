//! What ARCHITECTURE.md and its companions name is there, and what is there is named.

use std::path::Path;

use crate::assert_nothing;
use crate::repository::{crate_folders, crate_name, exists, files_with, read};

/// The pages whose words are held.
const PAGES: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "gateway/README.md",
    "policies/docs/sentences.md",
    "schema/README.md",
];

const FOLDERS: [&str; 6] =
    ["schema/", "policies/", "gateway/", "media-backend/", "tests/", "benchmarks/"];

/// What a page writes between backticks, outside of fenced blocks.
fn quoted(page: &str) -> Vec<String> {
    let text = read(page);
    let mut words = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            words.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

/// Whether a path of the documentation leads somewhere; `*` and `<…>` stand for anything.
fn leads_somewhere(path: &str) -> bool {
    let fixed = path.split(['*', '<', '{']).next().unwrap();
    if fixed == path {
        return exists(path);
    }
    let folder = fixed.rsplit_once('/').map_or("", |(folder, _)| folder);
    exists(folder)
}

#[test]
fn every_crate_is_described_with_its_invariant() {
    let text = read("ARCHITECTURE.md");
    let mut found = Vec::new();
    for folder in crate_folders() {
        let name = crate_name(&folder);
        let heading = format!("\n### `{folder}/`: `{name}`\n");
        let Some((_, rest)) = text.split_once(&heading) else {
            found.push(format!("`{folder}`: no section \"{}\"", heading.trim()));
            continue;
        };
        let section = rest.split("\n### ").next().unwrap().split("\n## ").next().unwrap();
        if !section.contains("**Invariant.**") || !section.contains("::") {
            found.push(format!("`{folder}`: no **Invariant.** with the test that holds it"));
        }
    }
    assert_nothing(&found, "describe these in ARCHITECTURE.md");
}

#[test]
fn every_path_that_is_named_exists() {
    let mut found = Vec::new();
    for page in PAGES {
        for word in quoted(page) {
            let path = word.split("::").next().unwrap();
            let is_path = FOLDERS.iter().any(|folder| path.starts_with(folder))
                && !path.contains(char::is_whitespace);
            if is_path && !leads_somewhere(path) {
                found.push(format!("{page}: `{path}`"));
            }
        }
    }
    assert_nothing(&found, "these are named and not there");
}

#[test]
fn every_test_that_is_named_exists() {
    let mut found = Vec::new();
    for page in PAGES {
        for word in quoted(page) {
            let Some((file, test)) = word.split_once("::") else { continue };
            if Path::new(file).extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            if !exists(file) || !read(file).contains(&format!("fn {test}(")) {
                found.push(format!("{page}: `{word}`"));
            }
        }
    }
    assert_nothing(&found, "no such test");
}

#[test]
fn every_link_leads_somewhere() {
    let mut found = Vec::new();
    for page in files_with(&["md"]) {
        if page.contains("/tests/") || page.starts_with("tests/") {
            continue;
        }
        let text = read(&page);
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let is_outside = target.contains("://") || target.starts_with('#');
            let target = target.split('#').next().unwrap();
            if !is_outside && !exists(&format!("{folder}/{target}")) && !exists(target) {
                found.push(format!("{page}: {target}"));
            }
        }
    }
    assert_nothing(&found, "broken links");
}

#[test]
fn every_word_of_the_makefile_that_is_named_exists() {
    let makefiles = ["Makefile", "benchmarks/bench.mk"];
    let rules: String =
        makefiles.iter().filter(|file| exists(file)).map(|file| read(file)).collect();
    let mut found = Vec::new();
    for page in PAGES {
        for word in quoted(page) {
            let Some(target) = word.strip_prefix("make ") else { continue };
            let target = target.split_whitespace().next().unwrap_or_default();
            if !rules.contains(&format!("\n{target}:")) {
                found.push(format!("{page}: `{word}`"));
            }
        }
    }
    assert_nothing(&found, "no such word in the makefile");
}
