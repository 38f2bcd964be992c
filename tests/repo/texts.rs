//! What must not stand in any text of the repository.

use crate::assert_nothing;
use crate::repository::{files, root};

/// Paths of somebody's machine. Written in two parts, so that this file does not find itself.
const MACHINE_PATHS: [&str; 5] = [
    concat!("/wo", "rk/main"),
    concat!("/wo", "rk/shared"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// Hosts of package registries: builds use the one that the machine is set up with.
const REGISTRIES: [&str; 7] = [
    concat!("crat", "es.io"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js."),
    concat!("registry", ".yarnpkg"),
    concat!("deb.", "debian.org"),
    concat!("proxy.", "golang"),
];

const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

fn find(patterns: &[&str], is_concerned: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files() {
        // a lock file names its registry by itself
        if file.ends_with("Cargo.lock") || !is_concerned(&file) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let hits = patterns.iter().filter(|pattern| line.contains(**pattern));
            found.extend(hits.map(|pattern| format!("{file}:{}: `{pattern}`", number + 1)));
        }
    }
    found
}

#[test]
fn no_path_of_a_machine() {
    assert_nothing(&find(&MACHINE_PATHS, |_| true), "name it relative to the repository");
}

#[test]
fn no_host_of_a_registry() {
    assert_nothing(&find(&REGISTRIES, |_| true), "leave the host to the machine's set-up");
}

#[test]
fn nothing_is_left_behind() {
    let is_source = |file: &str| file.ends_with(".rs") || file.ends_with(".sh");
    assert_nothing(&find(&UNFINISHED, is_source), "do it, or open an issue");
}

#[test]
fn text_files_end_with_one_line_break_and_have_no_blank_ends() {
    let mut found = Vec::new();
    let kinds = [".rs", ".md", ".toml", ".sh", ".cedar", ".cedarschema", ".css", ".html", ".sql"];
    for file in files().iter().filter(|file| kinds.iter().any(|kind| file.ends_with(kind))) {
        // inputs of tests are what they must be
        if file.contains("/tests/") || file.starts_with("tests/e2e/") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root().join(file)) else {
            found.push(format!("{file}: no UTF-8"));
            continue;
        };
        if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
            found.push(format!("{file}: does not end with one line break"));
        }
        for (number, line) in text.lines().enumerate() {
            if line.ends_with([' ', '\t']) || line.contains('\r') {
                found.push(format!("{file}:{}: blanks at the end", number + 1));
            }
        }
    }
    assert_nothing(&found, "clean these up");
}
