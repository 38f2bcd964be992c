//! Any bytes as one of the files that operators write: told as problems with their places, or
//! taken over and compiled. The first byte says which file they are.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use vestibule_policies::audit::cases::CaseFile;
use vestibule_policies::audit::export;
use vestibule_policies::model::{Folders, Rights, SiteModel};
use vestibule_policies::{SiteEngine, Vocabulary, check};
use vestibule_schema::document::{Cascade, SiteDocument};
use vestibule_schema::problem::{Colours, Problem, has_errors};
use vestibule_schema::{GalleryPath, SiteId, Source};

thread_local! {
    static VOCABULARY: Arc<Vocabulary> = Arc::new(Vocabulary::load().unwrap());
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    let source = match Source::from_bytes("document", bytes) {
        Ok(source) => source,
        Err(problem) => return tell(&[*problem]),
    };
    let vocabulary = VOCABULARY.with(Arc::clone);
    match kind % 6 {
        0 => site(&source, &Source::new("grants.toml", ""), &vocabulary),
        1 => site(&Source::new("permissions.toml", ""), &source, &vocabulary),
        2 => folder(&source, &vocabulary),
        3 => tell(&SiteDocument::parse(&source).1),
        4 => {
            let _ = CaseFile::parse(&source).map_err(|problems| tell(&problems));
        }
        _ => hand_written(&source, &vocabulary),
    }
});

fn id() -> SiteId {
    SiteId::parse("s").unwrap()
}

/// A problem is shown with the words that it is about, wherever they are.
fn tell(problems: &[Problem]) {
    for problem in problems {
        assert!(!problem.render(Colours::Plain).is_empty());
    }
}

fn site(permissions: &Source, grants: &Source, vocabulary: &Arc<Vocabulary>) {
    let builtin = vocabulary.builtin();
    match check::site(&id(), Cascade::Restrict, permissions, Some(grants), builtin) {
        Err(problems) => {
            assert!(has_errors(&problems), "refused without an error");
            tell(&problems);
        }
        Ok((model, problems)) => {
            assert!(!has_errors(&problems), "taken over with an error");
            compile(model, Folders::new(), vocabulary);
        }
    }
}

/// An error closes the folder.
fn folder(source: &Source, vocabulary: &Arc<Vocabulary>) {
    let path = GalleryPath::from_decoded("/a/").unwrap();
    let (rules, problems) = check::folder(&path, source, vocabulary.builtin());
    tell(&problems);
    assert_eq!(rules.broken.is_some(), has_errors(&problems));
    let nothing = Source::new("permissions.toml", "");
    let checked = check::site(&id(), Cascade::Restrict, &nothing, None, vocabulary.builtin());
    compile(checked.unwrap().0, Folders::from([(path, Arc::new(rules))]), vocabulary);
}

fn hand_written(source: &Source, vocabulary: &Arc<Vocabulary>) {
    let (custom, problems) = check::custom(&id(), std::slice::from_ref(source), false, vocabulary);
    tell(&problems);
    if !has_errors(&problems) {
        assert!(custom.iter().all(|policy| policy.forbids()), "a permit without consent");
    }
}

/// What is taken over compiles, and passes Cedar's strict validation.
fn compile(model: SiteModel, folders: Folders, vocabulary: &Arc<Vocabulary>) {
    let stored = Arc::new(Rights::default());
    let engine = SiteEngine::new(1, vocabulary, Arc::new(model), Arc::new(folders), stored);
    if let Err(findings) = export::validate(&engine, vocabulary) {
        panic!("{findings:?}");
    }
}
