//! Arrows between crates point down only, and the pure crates stay pure.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::assert_nothing;
use crate::repository::{self, code_lines, files_with, is_test_code, root};

/// What each crate may stand on: ARCHITECTURE.md, "Levels". A new edge is a decision, written
/// down where the crate keeps its decisions (`docs/adr`).
const EDGES: [(&str, &[&str]); 11] = [
    ("vestibule-schema", &[]),
    ("vestibule-sample", &[]),
    ("vestibule-grant", &["schema"]),
    ("vestibule-policies", &["schema"]),
    ("vestibule-adapters", &["schema"]),
    ("vestibule-store", &["schema"]),
    ("vestibule-identity", &["policies", "schema", "store"]),
    ("vestibule-media-backend", &["grant", "schema"]),
    ("vestibule-portal", &["identity", "policies", "schema", "store"]),
    ("vestibule-proxy", &["adapters", "grant", "identity", "policies", "schema"]),
    (
        "vestibule",
        &[
            "adapters",
            "grant",
            "identity",
            "media-backend",
            "policies",
            "portal",
            "proxy",
            "sample",
            "schema",
            "store",
        ],
    ),
];

/// What stands beside the product and may look at all of it.
const BESIDE: [&str; 2] = ["vestibule-tests", "vestibule-benchmarks"];

/// These know no network, no file and no clock.
const PURE: [&str; 4] =
    ["vestibule-schema", "vestibule-grant", "vestibule-policies", "vestibule-adapters"];
const PURE_FOLDERS: [&str; 4] =
    ["schema/src", "schema/grant/src", "policies/src", "gateway/adapters/src"];

/// What a pure crate must not link, at any depth.
const IMPURE: [&str; 8] =
    ["tokio", "hyper", "pingora", "pingora-core", "axum", "sqlx", "reqwest", "notify"];

/// How code reaches for a file, a clock, the environment or a thread.
const REACHES_OUT: [&str; 15] = [
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "fs::read",
    "File::open",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
];

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let done = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "cargo {}: {said}", arguments.join(" "));
    String::from_utf8(done.stdout).unwrap()
}

/// The dependencies among our own crates: who, on whom.
fn own_edges() -> BTreeMap<String, BTreeSet<String>> {
    let arguments = ["metadata", "--offline", "--locked", "--no-deps", "--format-version", "1"];
    let metadata: Value = serde_json::from_str(&cargo(&arguments)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let edges = packages.iter().map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        // what tests alone need does not reach the product
        let ours = dependencies
            .filter(|d| d["kind"] != "dev" && d["path"].is_string())
            .map(|d| d["name"].as_str().unwrap().to_owned());
        (package["name"].as_str().unwrap().to_owned(), ours.collect())
    });
    edges.collect()
}

#[test]
fn arrows_point_down_only() {
    let mut found = Vec::new();
    for (name, edges) in own_edges() {
        if BESIDE.contains(&name.as_str()) {
            continue;
        }
        let Some((_, allowed)) = EDGES.iter().find(|(of, _)| *of == name) else {
            found.push(format!("`{name}` has no level"));
            continue;
        };
        for edge in edges {
            let short = edge.strip_prefix("vestibule-").unwrap_or(&edge);
            if !allowed.contains(&short) {
                found.push(format!("`{name}` must not depend on `{edge}`"));
            }
        }
    }
    assert_nothing(&found, "see ARCHITECTURE.md, and decide in an ADR");
}

#[test]
fn nothing_stands_on_tests_or_benchmarks() {
    let edges = own_edges().into_iter();
    let found: Vec<_> = edges
        .filter(|(_, on)| on.contains("vestibule-benchmarks") || on.contains("vestibule-tests"))
        .map(|(name, _)| name)
        .filter(|name| name != "vestibule-benchmarks")
        .collect();
    assert_nothing(&found, "these depend on tests or benchmarks");
}

#[test]
fn every_level_has_its_crate() {
    let edges = own_edges();
    let gone = EDGES.iter().filter(|(name, _)| !edges.contains_key(*name));
    let found: Vec<_> = gone.map(|(name, _)| (*name).to_owned()).collect();
    assert_nothing(&found, "no such crate any more; remove it here");
}

#[test]
fn pure_crates_link_no_runtime() {
    let mut found = Vec::new();
    for name in PURE {
        let tree = cargo(&[
            "tree",
            "--offline",
            "--locked",
            "-p",
            name,
            "-e",
            "normal",
            "--prefix",
            "none",
            "-f",
            "{p}",
        ]);
        let linked: BTreeSet<&str> =
            tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert!(linked.contains(name), "cargo tree says nothing of `{name}`");
        let impure = IMPURE.iter().filter(|impure| linked.contains(**impure));
        found.extend(impure.map(|impure| format!("`{name}` links `{impure}`")));
    }
    assert_nothing(&found, "keep the pure crates pure");
}

#[test]
fn pure_crates_reach_for_nothing() {
    let mut found = Vec::new();
    for file in files_with(&["rs"]) {
        let is_pure = PURE_FOLDERS.iter().any(|folder| file.starts_with(&format!("{folder}/")));
        if !is_pure || is_test_code(&file) {
            continue;
        }
        let text = repository::read(&file);
        for line in code_lines(&text) {
            let reach = REACHES_OUT.iter().filter(|reach| line.contains(**reach));
            found.extend(reach.map(|reach| format!("{file}: `{reach}`")));
        }
    }
    assert_nothing(&found, "pass it in instead");
}
