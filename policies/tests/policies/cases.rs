//! Documents and the Cedar they become, or the diagnostics they give: committed snapshots.
//!
//! A case is one text file: the documents, each under a line `=== name`. Files named `err_*` have
//! a mistake.

use std::sync::Arc;

use vestibule_policies::audit::export;
use vestibule_policies::model::{Folders, Rights};
use vestibule_policies::{Vocabulary, check};
use vestibule_schema::document::Cascade;
use vestibule_schema::problem::{self, Colours};
use vestibule_schema::{GalleryPath, Problem, SiteId, Source};

use crate::load;

fn documents(text: &str) -> Vec<(String, String)> {
    let mut documents: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("=== ") {
            Some(name) => documents.push((name.trim().to_owned(), String::new())),
            None => documents.last_mut().expect("a case begins with `=== name`").1.push_str(line),
        }
    }
    documents
}

fn run(text: &str) -> String {
    let vocabulary = Arc::new(Vocabulary::load().unwrap());
    let documents = documents(text);
    let find = |wanted: &str| {
        let found = documents.iter().find(|(name, _)| name == wanted);
        found.map(|(name, text)| Source::new(name, text))
    };
    let cascade = if text.contains("=== nearest") { Cascade::Nearest } else { Cascade::Restrict };
    let mut folders = Folders::new();
    let mut problems: Vec<Problem> = Vec::new();
    for (name, text) in &documents {
        let Some(path) = name.strip_prefix("gallery:") else { continue };
        let path = format!("/{}", path.trim_end_matches("_folder.md"));
        let path = GalleryPath::from_decoded(&path).unwrap();
        let (rules, found) = check::folder(&path, &Source::new(name, text), vocabulary.builtin());
        problems.extend(found);
        folders.insert(path, Arc::new(rules));
    }
    let permissions =
        find("permissions.toml").unwrap_or_else(|| Source::new("permissions.toml", ""));
    let site = SiteId::parse("family").unwrap();
    let grants = find("grants.toml");
    let checked = check::site(&site, cascade, &permissions, grants.as_ref(), vocabulary.builtin());
    let mut output = String::new();
    let engine = match checked {
        Ok((model, warnings)) => {
            problems.extend(warnings);
            Some(load::engine(&vocabulary, model, folders, Rights::default()))
        }
        Err(errors) => {
            problems.extend(errors);
            None
        }
    };
    problem::sort(&mut problems);
    for problem in &problems {
        output.push_str(&problem.render(Colours::Plain));
        output.push_str("\n\n");
    }
    if let Some(engine) = engine {
        assert_eq!(export::validate(&engine, &vocabulary).map(|_| ()), Ok(()));
        output.push_str(&export::generated_text(&engine).unwrap());
    }
    output
}

#[test]
fn every_case_gives_its_snapshot() {
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../cases" }, {
        insta::glob!("../cases", "*.txt", |path| {
            let text = std::fs::read_to_string(path).unwrap();
            let output = run(&text);
            let name = path.file_stem().unwrap().to_str().unwrap();
            let failed = output.starts_with("error");
            assert_eq!(failed, name.starts_with("err_"), "{name}\n{output}");
            insta::assert_snapshot!(output);
        });
    });
}
