//! What the documentation says of the program is true of the program.
//!
//! These need `target/debug/vestibule`, which `tests/run.sh` has built; `make quick` leaves them
//! out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::assert_nothing;
use crate::examples::examples;
use crate::repository::{files_with, read};

/// The program beside these tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(Path::parent).unwrap().join("vestibule");
    assert!(program.is_file(), "build the program first: cargo build -p vestibule");
    program
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).env_remove("VESTIBULE_CONFIG").env("COLUMNS", "100");
    command.output().unwrap()
}

/// The certificates that the shown configurations name.
fn write_certificates(dir: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["photos.example.com".to_owned()]).unwrap();
    for name in ["fullchain.pem", "clients.pem", "office-client.pem"] {
        fs::write(dir.join(name), made.cert.pem()).unwrap();
    }
    for name in ["privkey.pem", "office-client-key.pem"] {
        fs::write(dir.join(name), made.signing_key.serialize_pem()).unwrap();
    }
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// The command lines that a page shows in its `sh` blocks, continued lines joined.
fn command_lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for page in files_with(&["md"]).into_iter().filter(|page| !page.contains("tests/")) {
        let text = read(&page).replace("\\\n", " ");
        let mut in_shell = false;
        for line in text.lines() {
            if line.starts_with("```") {
                in_shell = line == "```sh";
            } else if in_shell && line.starts_with("vestibule ") {
                lines.push((page.clone(), line.to_owned()));
            }
        }
    }
    lines
}

/// The words of a command line up to the first that is no verb.
fn verbs(line: &str) -> Vec<&str> {
    let words = line.split_whitespace().skip(1);
    words.take_while(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')).collect()
}

/// The help of the deepest verb that a command line names.
fn help_of(line: &str) -> Option<String> {
    let mut words = verbs(line);
    words.retain(|word| !word.starts_with('-'));
    while !words.is_empty() {
        let mut arguments = words.clone();
        arguments.push("--help");
        let output = run(&arguments);
        if output.status.success() {
            return Some(said(&output));
        }
        words.pop();
    }
    None
}

#[test]
fn every_command_line_that_is_shown_is_understood() {
    let lines = command_lines();
    assert!(lines.len() >= 5, "the documentation shows no commands: {lines:?}");
    let mut found = Vec::new();
    for (page, line) in lines {
        let line = line.split(" #").next().unwrap();
        let Some(help) = help_of(line) else {
            found.push(format!("{page}: {line}"));
            continue;
        };
        for flag in line.split_whitespace().filter(|word| word.starts_with("--")) {
            let flag = flag.split('=').next().unwrap();
            if !help.contains(&format!("{flag} ")) && !help.contains(&format!("{flag}\n")) {
                found.push(format!("{page}: {line}: no flag `{flag}`"));
            }
        }
    }
    assert_nothing(&found, "the program does not know");
}

#[test]
fn every_gateway_configuration_that_is_shown_is_accepted() {
    let mut found = Vec::new();
    for example in examples().iter().filter(|example| example.title == "vestibule.toml") {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("vestibule.toml"), &example.text).unwrap();
        write_certificates(dir.path());
        let output = run(&["check", "--config", dir.path().to_str().unwrap()]);
        if !output.status.success() {
            found.push(format!("{}:\n{}", example.place, said(&output)));
        }
    }
    assert_nothing(&found, "`vestibule check` does not accept");
}

/// The documents of `gateway/README.md` together are a site; its cases hold there.
#[test]
fn the_documents_of_the_reference_make_a_site() {
    let dir = tempfile::tempdir().unwrap();
    let shown = examples();
    let page = "gateway/README.md";
    let text = |title: &str| {
        let of_page = |e: &&crate::examples::Example| e.title == title && e.place.starts_with(page);
        shown.iter().find(of_page).unwrap_or_else(|| panic!("{page} shows no {title}")).text.clone()
    };
    let photos = dir.path().join("photos");
    fs::create_dir_all(photos.join("clients/smith")).unwrap();
    fs::write(photos.join("clients/smith/_folder.md"), text("_folder.md")).unwrap();
    fs::write(photos.join("clients/smith/blurred.jpg"), "").unwrap();
    write_certificates(dir.path());
    let site = dir.path().join("config.d/sites/family");
    fs::create_dir_all(&site).unwrap();
    let site_toml = text("site.toml").replace("/srv/photos", photos.to_str().unwrap());
    fs::write(site.join("site.toml"), site_toml).unwrap();
    for title in ["permissions.toml", "grants.toml", "folders.toml"] {
        fs::write(site.join(title), text(title)).unwrap();
    }
    fs::write(dir.path().join("vestibule.toml"), text("vestibule.toml")).unwrap();
    fs::write(dir.path().join("cases.toml"), text("cases.toml")).unwrap();
    let config = dir.path().to_str().unwrap();
    let checked = run(&["check", "--config", config]);
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(!said(&checked).contains("warning"), "{}", said(&checked));
    let cases = dir.path().join("cases.toml");
    let tested = run(&["policy", "test", "--config", config, cases.to_str().unwrap()]);
    assert!(tested.status.success(), "{}", said(&tested));
}
