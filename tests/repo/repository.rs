//! The files of the repository, and its crates.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that no source is in.
const NOT_SOURCE: [&str; 4] = [".git", "target", "node_modules", "results"];

/// The folder that holds everything.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files, relative to the root, sorted.
pub(crate) fn files() -> Vec<String> {
    let root = root();
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let Ok(kind) = fs::symlink_metadata(&path) else { continue };
            if kind.is_dir() && !NOT_SOURCE.contains(&name.as_str()) {
                open.push(path);
            } else if kind.is_file() && name != ".git" {
                found.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// All files with one of these extensions.
pub(crate) fn files_with(extensions: &[&str]) -> Vec<String> {
    let fits = |file: &String| {
        let extension = Path::new(file).extension().and_then(|ext| ext.to_str());
        extension.is_some_and(|ext| extensions.contains(&ext))
    };
    files().into_iter().filter(fits).collect()
}

/// A file's text, by its path from the root.
#[track_caller]
pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A TOML file, by its path from the root.
#[track_caller]
pub(crate) fn read_toml(file: &str) -> toml::Table {
    read(file).parse().unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Whether something is there.
pub(crate) fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// The folders of the workspace's crates, as the root manifest lists them.
pub(crate) fn crate_folders() -> Vec<String> {
    let members = read_toml("Cargo.toml")["workspace"]["members"].clone();
    members.as_array().unwrap().iter().map(|m| m.as_str().unwrap().to_owned()).collect()
}

/// A crate's name, by its folder.
pub(crate) fn crate_name(folder: &str) -> String {
    let manifest = read_toml(&format!("{folder}/Cargo.toml"));
    manifest["package"]["name"].as_str().unwrap().to_owned()
}

/// Whether a Rust file holds tests and nothing else.
pub(crate) fn is_test_code(file: &str) -> bool {
    let mut parts = file.split('/').rev();
    parts.next() == Some("tests.rs") || parts.any(|folder| folder == "tests")
}

/// A source file without its comments, blank lines, and the tests at its end.
pub(crate) fn code_lines(text: &str) -> Vec<&str> {
    let is_code = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("//")
    };
    split_tests(text).0.lines().filter(is_code).collect()
}

/// A source file's code, and the tests at its end.
pub(crate) fn split_tests(text: &str) -> (&str, &str) {
    text.split_once("\n#[cfg(test)]\nmod tests {").unwrap_or((text, ""))
}
