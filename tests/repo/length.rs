//! Files and functions stay short; what is longer is listed in `allowed.toml`, which only shrinks.
//!
//! Clippy measures functions, at 60 lines; whoever silences it is listed here.

use std::collections::BTreeMap;

use toml::Value;

use crate::assert_nothing;
use crate::repository::{code_lines, files_with, is_test_code, read, read_toml, split_tests};

/// Lines of code in a file, without comments, blank lines and tests.
const FILE: usize = 400;
/// Lines of tests at the end of a file; more of them move to `foo/tests.rs`.
const TESTS_IN_FILE: usize = 150;
/// How far an entry may lie above the truth before it must be lowered.
const SLACK: usize = 20;

const LISTS: [&str; 3] = ["files", "tests-in-files", "long-functions"];

/// A list of `allowed.toml`: file and number.
fn allowed(list: &str) -> BTreeMap<String, usize> {
    let document = read_toml("tests/repo/allowed.toml");
    let entries = document.get(list).and_then(Value::as_table).cloned().unwrap_or_default();
    let entries = entries.into_iter().map(|(file, number)| {
        let number = usize::try_from(number.as_integer().unwrap()).unwrap();
        (file, number)
    });
    entries.collect()
}

/// Compares what is with what may be, both ways.
fn hold(list: &str, limit: usize, slack: usize, measured: &BTreeMap<String, usize>) {
    let allowed = allowed(list);
    let mut found = Vec::new();
    for (file, count) in measured {
        match allowed.get(file) {
            None if *count > limit => found.push(format!("{file}: {count}, at most {limit}")),
            Some(most) if count > most => found.push(format!("{file}: {count}, allowed {most}")),
            Some(most) if *count > limit && count + slack < *most => {
                found.push(format!("{file}: lower its entry to {count}"));
            }
            _ => {}
        }
    }
    for file in allowed.keys() {
        if measured.get(file).is_none_or(|count| *count <= limit) {
            found.push(format!("{file}: needs no entry any more"));
        }
    }
    assert_nothing(&found, &format!("too long (`{list}` of tests/repo/allowed.toml)"));
}

fn product_files() -> impl Iterator<Item = (String, String)> {
    files_with(&["rs"]).into_iter().filter(|file| !is_test_code(file)).map(|file| {
        let text = read(&file);
        (file, text)
    })
}

#[test]
fn files_are_short() {
    let measured = product_files().map(|(file, text)| (file, code_lines(&text).len()));
    hold("files", FILE, SLACK, &measured.collect());
}

#[test]
fn many_tests_have_a_file_of_their_own() {
    let measured = product_files().map(|(file, text)| {
        let tests = split_tests(&text).1.lines().count();
        (file, tests)
    });
    hold("tests-in-files", TESTS_IN_FILE, SLACK, &measured.collect());
}

#[test]
fn nobody_silences_the_length_of_functions() {
    let lints = ["clippy::too_many_lines", "clippy::cognitive_complexity"];
    let measured =
        files_with(&["rs"]).into_iter().filter(|f| !f.starts_with("tests/repo/")).map(|file| {
            let text = read(&file);
            let silenced = text.lines().filter(|line| lints.iter().any(|lint| line.contains(lint)));
            (file, silenced.count())
        });
    hold("long-functions", 0, 0, &measured.collect());
}

#[test]
fn the_lists_are_known() {
    let document = read_toml("tests/repo/allowed.toml");
    let unknown = document.keys().filter(|key| !LISTS.contains(&key.as_str()));
    let found: Vec<_> = unknown.cloned().collect();
    assert_nothing(&found, "no such list");
}
