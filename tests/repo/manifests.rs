//! Manifests: versions, lints and package keys stand once, in the root.

use toml::{Table, Value};

use crate::assert_nothing;
use crate::repository::{crate_folders, exists, files_with, read, read_toml};

/// What every crate takes from the root.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

fn is_inherited(value: Option<&Value>) -> bool {
    let word = value.and_then(|value| value.get("workspace"));
    word.and_then(Value::as_bool) == Some(true)
}

/// All tables of dependencies of a manifest, those of platforms too.
fn dependency_tables(manifest: &Table) -> Vec<(String, Table)> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let mut tables = Vec::new();
    let mut take = |of: &Table, shown: &str| {
        for kind in kinds {
            if let Some(Value::Table(table)) = of.get(kind) {
                tables.push((format!("{shown}{kind}"), table.clone()));
            }
        }
    };
    take(manifest, "");
    if let Some(Value::Table(targets)) = manifest.get("target") {
        for (target, of) in targets {
            take(of.as_table().unwrap(), &format!("target.{target}."));
        }
    }
    tables
}

#[test]
fn every_crate_takes_lints_and_package_keys_from_the_root() {
    let mut found = Vec::new();
    for folder in crate_folders() {
        let manifest = read_toml(&format!("{folder}/Cargo.toml"));
        if !is_inherited(manifest.get("lints")) {
            found.push(format!("{folder}: `[lints]` without `workspace = true`"));
        }
        for key in INHERITED {
            if !is_inherited(manifest["package"].get(key)) {
                found.push(format!("{folder}: `{key}` without `workspace = true`"));
            }
        }
        if manifest["package"].get("description").is_none() {
            found.push(format!("{folder}: no `description`"));
        }
    }
    assert_nothing(&found, "write `key.workspace = true`");
}

#[test]
fn versions_stand_in_the_root_alone() {
    let mut found = Vec::new();
    for folder in crate_folders() {
        for (kind, table) in dependency_tables(&read_toml(&format!("{folder}/Cargo.toml"))) {
            for (name, dependency) in table {
                let own = dependency.get("version").or_else(|| dependency.get("path"));
                if own.is_some() || !is_inherited(Some(&dependency)) {
                    found.push(format!("{folder}: `{kind}.{name}` does not come from the root"));
                }
            }
        }
    }
    assert_nothing(&found, "write the version into the root's `[workspace.dependencies]`");
}

#[test]
fn every_entry_of_the_root_is_used() {
    let used: Vec<_> = crate_folders()
        .iter()
        .flat_map(|folder| dependency_tables(&read_toml(&format!("{folder}/Cargo.toml"))))
        .flat_map(|(_, table)| table.into_iter().map(|(name, _)| name))
        .collect();
    let listed = read_toml("Cargo.toml")["workspace"]["dependencies"].as_table().unwrap().clone();
    let found: Vec<_> =
        listed.into_iter().map(|(name, _)| name).filter(|n| !used.contains(n)).collect();
    assert_nothing(&found, "no crate uses these; remove them from the root manifest");
}

/// Outside of the workspace: libFuzzer's runtime is C++, and is built for nothing else.
const ALONE: &str = "tests/fuzz";

#[test]
fn every_manifest_is_a_member() {
    let mut found = Vec::new();
    for file in files_with(&["toml"]) {
        if let Some(folder) = file.strip_suffix("/Cargo.toml")
            && folder != ALONE
            && !crate_folders().iter().any(|member| member == folder)
        {
            found.push(file);
        }
    }
    assert_nothing(&found, "list these in the root's `members`");
}

#[test]
fn the_lints_that_matter_are_on() {
    let lints = read_toml("Cargo.toml")["workspace"]["lints"].clone();
    assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for lint in ["unwrap_used", "expect_used", "panic", "indexing_slicing", "allow_attributes"] {
        assert_eq!(lints["clippy"][lint].as_str(), Some("deny"), "{lint}");
    }
}

#[test]
fn one_toolchain_is_pinned() {
    let toolchain = read_toml("rust-toolchain.toml")["toolchain"]["channel"].clone();
    let pinned = toolchain.as_str().unwrap();
    let stated = read_toml("Cargo.toml")["workspace"]["package"]["rust-version"].clone();
    let stated = stated.as_str().unwrap();
    assert!(pinned.starts_with(&format!("{stated}.")), "{pinned} is not {stated}");
    assert!(exists("Cargo.lock"), "the lock file is part of the repository");
    assert!(!read(".gitignore").contains("Cargo.lock"));
}
