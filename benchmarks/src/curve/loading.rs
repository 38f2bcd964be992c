//! Loading a site, and reloading it after one change: the library's part of what the gateway does.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use vestibule_policies::audit::probe;
use vestibule_policies::model::Folders;
use vestibule_policies::{SiteEngine, check};
use vestibule_schema::{GalleryPath, Source};

use super::clock::{self, Took};
use super::measures::Measure;
use super::subject::{NEED, Subject};

/// All documents, from text to an engine that the gateway would put in force.
pub(super) fn load(subject: &Subject) -> anyhow::Result<Vec<(Measure, Took)>> {
    let vocabulary = &subject.vocabulary;
    let image = subject.images.first().context("no image")?;
    let (checked, check) = clock::time(|| subject.documents.check(vocabulary));
    let checked = checked?;
    let (engine, first) = clock::time(|| {
        let engine = checked.engine(vocabulary);
        std::hint::black_box(engine.decide(&subject.friend, NEED, image));
        engine
    });
    let (probed, probing) = clock::time(|| probe::probe(&engine, engine.folders().keys()));
    probed.map_err(|surprise| anyhow::anyhow!("the self-probe: {surprise}"))?;
    let wall = check.wall + first.wall + probing.wall;
    let processor = check.processor + first.processor + probing.processor;
    Ok(vec![
        (Measure::LoadCheck, check),
        (Measure::LoadEngine, first),
        (Measure::LoadProbe, probing),
        (Measure::Load, Took { wall, processor }),
    ])
}

/// One folder's document changes, and what the engine before has compiled is taken over. The
/// steps are those between a changed file and the swap in `gateway/src/reload/site.rs`, without
/// the disk.
pub(super) fn reload(
    subject: &Subject,
    standing: &SiteEngine,
    times: usize,
) -> anyhow::Result<Took> {
    let mut rules: Folders = (**standing.folders()).clone();
    let mut took = Took::default();
    for image in subject.images.iter().rev().take(times) {
        let folder = image.folder();
        let text = subject.documents.changed(&folder);
        let (engine, once) =
            clock::time(|| after_change(subject, (standing, &mut rules), &folder, &text));
        let engine = engine?;
        ensure!(!engine.decide(&subject.friend, NEED, image).is_allow(), "nothing has changed");
        took.wall += once.wall;
        took.processor += once.processor;
        // the next change is the only one again
        if let Some(before) = standing.folders().get(&folder) {
            rules.insert(folder, Arc::clone(before));
        }
    }
    Ok(took)
}

fn after_change(
    subject: &Subject,
    (before, rules): (&SiteEngine, &mut Folders),
    folder: &GalleryPath,
    text: &str,
) -> anyhow::Result<SiteEngine> {
    let vocabulary = &subject.vocabulary;
    let known = rules.clone();
    let source = Source::new("_folder.md", text);
    let (changed, problems) = check::folder(folder, &source, vocabulary.builtin());
    ensure!(problems.is_empty(), "the changed document has a problem");
    rules.insert(folder.clone(), Arc::new(changed));
    ensure!(known != *rules, "nothing has changed");
    let (model, folders) = (Arc::clone(before.model()), Arc::new(rules.clone()));
    let generation = before.generation() + 1;
    let stored = Arc::clone(before.stored());
    let engine = SiteEngine::new(generation, vocabulary, model, folders, stored).after(before);
    let says_otherwise = engine.folders().iter().filter(|(path, rules)| {
        let known = before.folders().get(*path);
        known.is_none_or(|known| !Arc::ptr_eq(known, rules) && known != *rules)
    });
    let probed = probe::probe(&engine, says_otherwise.map(|(path, _)| path));
    probed.map_err(|surprise| anyhow::anyhow!("the self-probe: {surprise}"))?;
    Ok(engine)
}
