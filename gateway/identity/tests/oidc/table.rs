//! `docs/oidc-cases.md` lists every case and what comes of it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use crate::{cases, logout};

const BEGIN: &str = "# What a provider may try, and what comes of it

Each row is a case of the tests in `../tests/oidc/`: a provider on a port of its own breaks one rule, or
somebody between it and the gateway does. **Condition** is what the case is modelled on: a module of the
OpenID Foundation's relying-party plans (without its beginning `oidcc-client-test-`), or a section of a
standard. **Outcome** is `accepted`, or the error as the log has it. A test holds that this page and the
cases agree; `make bless` writes it anew.
";

/// The page, as the cases have it.
fn page() -> String {
    let mut page = BEGIN.to_owned();
    let mut number = 0;
    let mut section = |title: &str, rows: Vec<[&str; 3]>| {
        let _ =
            write!(page, "\n## {title}\n\n| | case | condition | outcome |\n|---|---|---|---|\n");
        for [name, condition, outcome] in rows {
            number += 1;
            let _ = writeln!(page, "| {number} | {name} | {condition} | {outcome} |");
        }
    };
    let cases = cases::all();
    section("Signing in", cases.iter().map(|c| [c.name, c.condition, c.outcome]).collect());
    let refreshes = logout::refreshes();
    section(
        "Renewing tokens",
        refreshes.iter().map(|c| [c.name, c.condition, c.outcome]).collect(),
    );
    let logouts = logout::all();
    section("Logout tokens", logouts.iter().map(|c| [c.name, c.condition, c.outcome]).collect());
    page
}

#[test]
fn the_page_and_the_cases_agree() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/oidc-cases.md");
    let page = page();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "`docs/oidc-cases.md` is not what the cases are: `make bless`");
    assert!(page.lines().filter(|line| line.starts_with("| ")).count() > 100);
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let (cases, refreshes) = (cases::all(), logout::refreshes());
    let mut names = BTreeSet::new();
    for name in cases.iter().map(|c| c.name).chain(refreshes.iter().map(|c| c.name)) {
        assert!(names.insert(name), "{name}");
    }
}
