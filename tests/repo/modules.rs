//! Every module says what it is; `foo.rs` beside `foo/`; no vague names.

use std::path::Path;

use crate::assert_nothing;
use crate::repository::{crate_folders, exists, files_with, is_test_code, read};

/// Names that say nothing of what is inside.
const VAGUE: [&str; 8] =
    ["utils", "util", "helper", "helpers", "common", "misc", "manager", "prelude"];

#[test]
fn every_module_begins_by_saying_what_it_is() {
    let silent = |file: &String| !is_test_code(file) && !read(file).starts_with("//! ");
    let found: Vec<_> = files_with(&["rs"]).into_iter().filter(silent).collect();
    assert_nothing(&found, "begin these with `//! `");
}

#[test]
fn modules_are_named_after_their_subject() {
    let mut found = Vec::new();
    for file in files_with(&["rs"]) {
        let stem = Path::new(&file).file_stem().unwrap().to_string_lossy().into_owned();
        if stem == "mod" {
            found.push(format!("{file}: `foo.rs` beside `foo/`, never `mod.rs`"));
        }
        if VAGUE.contains(&stem.as_str()) {
            found.push(format!("{file}: `{stem}` says nothing"));
        }
    }
    assert_nothing(&found, "name the module after what is in it");
}

#[test]
fn libraries_say_what_they_are_not() {
    let mut found = Vec::new();
    for folder in crate_folders() {
        let file = format!("{folder}/src/lib.rs");
        if !exists(&file) || folder == "benchmarks" {
            continue;
        }
        let text = read(&file);
        let head = text.lines().map_while(|line| line.strip_prefix("//!"));
        let head = head.map(str::trim).collect::<Vec<_>>().join(" ");
        for (what, words) in [
            ("what it is not", ["*not*", "not know", "no general", "knows neither"].as_slice()),
            ("where to start", &["Start at", "Start with", "type to know"]),
        ] {
            if !words.iter().any(|word| head.contains(word)) {
                found.push(format!("{file}: does not say {what}"));
            }
        }
    }
    assert_nothing(&found, "the crate's documentation lacks something");
}

#[test]
fn what_is_silenced_has_a_reason() {
    let mut found = Vec::new();
    for file in files_with(&["rs"]) {
        if file.starts_with("tests/repo/") {
            continue;
        }
        let text = read(&file);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
                found.push(format!("{file}:{}: `allow`", number + 1));
            }
            if line.starts_with("#[ignore") {
                found.push(format!("{file}:{}: `ignore`", number + 1));
            }
        }
    }
    assert_nothing(&found, "use `#[expect(…, reason = \"…\")]`, or mend it");
}
