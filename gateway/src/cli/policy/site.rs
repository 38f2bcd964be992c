//! A site as its documents say it, without a running gateway: what `policy` verbs ask.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use vestibule_policies::model::Rights;
use vestibule_policies::{SiteEngine, Vocabulary};
use vestibule_schema::problem::Problem;
use vestibule_schema::{GalleryPath, SiteId};

use super::stored::StoredFacts;
use crate::build;
use crate::cli::{BadInput, Output};
use crate::config::{Configuration, SiteConfig};
use crate::gallery::{Progress, Scan};

/// A site's engine, and what is wrong with its folders.
pub(crate) struct OfflineSite {
    pub(crate) engine: SiteEngine,
    pub(crate) folder_problems: Vec<Problem>,
}

impl OfflineSite {
    /// Reads the folders of a site; `None` if its configuration has an error.
    pub(crate) fn open(
        site: &SiteConfig,
        vocabulary: &Arc<Vocabulary>,
        stored: Arc<Rights>,
        output: &mut Output,
    ) -> Option<Self> {
        let model = site.model.as_ref()?;
        let mut scan = Scan::default();
        if let Some(gallery) = &site.gallery {
            let mut tell = |walked| output.walked(walked);
            scan.walk_telling(gallery, &GalleryPath::root(), vocabulary, Progress::new(&mut tell));
        }
        let mut folder_problems: Vec<_> = scan.problems.values().flatten().cloned().collect();
        for (path, (source, span)) in &site.folder_places {
            if scan.rules.contains_key(path) {
                folder_problems.push(
                    Problem::error(
                        "folder::described_twice",
                        format!("`{path}` has a `_folder.md` as well"),
                    )
                    .at(source, span.clone(), "and this")
                    .help("keep one of the two; until then the folder is closed"),
                );
            }
        }
        let folders = Arc::new(build::folders(site, &scan, false));
        let engine = SiteEngine::new(1, vocabulary, Arc::clone(model), folders, stored);
        Some(Self { engine, folder_problems })
    }

    /// Loads a configuration directory and one site of it, with what the store says or without.
    ///
    /// # Errors
    /// If the configuration has an error that concerns the site, or there is no such site.
    pub(crate) fn load(
        config: &Path,
        site: &SiteId,
        with_store: bool,
        output: &mut Output,
    ) -> anyhow::Result<(Self, StoredFacts)> {
        let vocabulary = Arc::new(Vocabulary::load()?);
        let configuration = Configuration::load(config, &vocabulary).map_err(|problems| {
            output.problems(&problems);
            anyhow!(BadInput("the configuration has an error".into()))
        })?;
        let found = configuration.required_site(site)?;
        let stored =
            if with_store { StoredFacts::read(&configuration)? } else { StoredFacts::default() };
        match Self::open(found, &vocabulary, stored.rights(site), output) {
            Some(offline) => Ok((offline, stored)),
            None => {
                output.problems(&found.problems);
                Err(anyhow!(BadInput(format!(
                    "the configuration of the site `{site}` has an error"
                ))))
            }
        }
    }
}
