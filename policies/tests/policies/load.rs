//! Reads a configuration directory as the gateway does, without watching it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use vestibule_policies::model::{Folders, Rights};
use vestibule_policies::{SiteEngine, Vocabulary, check};
use vestibule_schema::document::{Cascade, SiteDocument};
use vestibule_schema::{GalleryPath, PathKind, Problem, SiteId, Source};

/// The one site of a configuration directory.
pub(crate) fn site(
    vocabulary: &Arc<Vocabulary>,
    config: &Path,
) -> Result<SiteEngine, Vec<Problem>> {
    let sites = config.join("config.d/sites");
    let folder = std::fs::read_dir(&sites).unwrap().next().unwrap().unwrap().path();
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let read = |file: &str| {
        let bytes = std::fs::read(folder.join(file)).ok()?;
        let shown = format!("config.d/sites/{name}/{file}");
        Some(Source::from_bytes(&shown, &bytes).unwrap())
    };
    let (document, problems) = SiteDocument::parse(&read("site.toml").unwrap());
    assert_eq!(problems, []);
    let document = document.unwrap();
    let mut folders = Folders::new();
    let gallery = config.join(document.gallery.unwrap().value);
    let mut problems = Vec::new();
    scan(&gallery, &GalleryPath::root(), vocabulary, &mut folders, &mut problems);
    let (model, _) = check::site(
        &SiteId::parse(&name).unwrap(),
        document.cascade,
        &read("permissions.toml").unwrap(),
        read("grants.toml").as_ref(),
        vocabulary.builtin(),
    )?;
    Ok(engine(vocabulary, model, folders, Rights::default()))
}

fn scan(
    on_disk: &Path,
    at: &GalleryPath,
    vocabulary: &Vocabulary,
    folders: &mut Folders,
    problems: &mut Vec<Problem>,
) {
    for entry in std::fs::read_dir(on_disk).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = at.join(&name, PathKind::Folder).unwrap();
            scan(&entry.path(), &below, vocabulary, folders, problems);
        } else if name == "_folder.md" {
            let shown = format!("gallery:{}_folder.md", at.as_str().trim_start_matches('/'));
            let source = Source::from_bytes(&shown, &std::fs::read(entry.path()).unwrap()).unwrap();
            let (rules, found) = check::folder(at, &source, vocabulary.builtin());
            problems.extend(found);
            folders.insert(at.clone(), Arc::new(rules));
        }
    }
}

pub(crate) fn engine(
    vocabulary: &Arc<Vocabulary>,
    model: vestibule_policies::model::SiteModel,
    folders: Folders,
    stored: Rights,
) -> SiteEngine {
    SiteEngine::new(1, vocabulary, Arc::new(model), Arc::new(folders), Arc::new(stored))
}

/// A site from literal texts: `permissions.toml`, `grants.toml`, and front matters by folder.
pub(crate) fn literal(
    cascade: Cascade,
    permissions: &str,
    grants: &str,
    front_matters: &[(&str, &str)],
) -> Result<SiteEngine, Vec<String>> {
    let written = Written { permissions, grants, front_matters, ..Written::default() };
    Ok(written.engine(cascade)?.0)
}

/// A site from literal texts, with hand-written policies.
#[derive(Debug, Default)]
pub(crate) struct Written<'a> {
    pub(crate) permissions: &'a str,
    pub(crate) grants: &'a str,
    pub(crate) front_matters: &'a [(&'a str, &'a str)],
    /// Files of `policies/`.
    pub(crate) policies: &'a [(&'a str, &'a str)],
    pub(crate) may_permit: bool,
    pub(crate) zone: &'a str,
}

impl Written<'_> {
    /// The engine, and the warnings; or the errors.
    pub(crate) fn engine(
        &self,
        cascade: Cascade,
    ) -> Result<(SiteEngine, Vec<Problem>), Vec<String>> {
        let Self { permissions, grants, front_matters, .. } = *self;
        let vocabulary = Arc::new(Vocabulary::load().unwrap());
        let texts =
            |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (model, _) = check::site(
            &SiteId::parse("s").unwrap(),
            cascade,
            &Source::new("permissions.toml", permissions),
            Some(&Source::new("grants.toml", grants)),
            vocabulary.builtin(),
        )
        .map_err(texts)?;
        let sources: Vec<_> = self
            .policies
            .iter()
            .map(|(name, text)| Source::new(&format!("policies/{name}"), text))
            .collect();
        let (custom, problems) = check::custom(&model.site, &sources, self.may_permit, &vocabulary);
        if vestibule_schema::problem::has_errors(&problems) {
            return Err(texts(problems));
        }
        let zone = check::zone(self.zone).unwrap_or(model.zone.clone());
        let model = vestibule_policies::model::SiteModel { custom, zone, ..model };
        let mut folders: Folders = BTreeMap::new();
        for (path, front) in front_matters {
            let path = GalleryPath::from_decoded(path).unwrap();
            let source =
                Source::new(&format!("gallery:{path}_folder.md"), &format!("+++\n{front}\n+++\n"));
            let (rules, _) = check::folder(&path, &source, vocabulary.builtin());
            folders.insert(path, Arc::new(rules));
        }
        Ok((engine(&vocabulary, model, folders, Rights::default()), problems))
    }
}
