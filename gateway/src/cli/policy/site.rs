//! A site as its documents say it, without a running gateway: what `policy` verbs ask.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use vestibule_policies::model::Rights;
use vestibule_policies::{SiteEngine, Vocabulary};
use vestibule_schema::problem::Problem;
use vestibule_schema::{GalleryPath, SiteId};

use crate::build;
use crate::cli::{BadInput, NotFound, Output};
use crate::config::{Configuration, SiteConfig};
use crate::gallery::Scan;

/// A site's engine, and what is wrong with its folders.
pub(crate) struct OfflineSite {
    pub(crate) engine: SiteEngine,
    pub(crate) folder_problems: Vec<Problem>,
}

impl OfflineSite {
    /// Reads the folders of a site; `None` if its configuration has an error.
    pub(crate) fn open(site: &SiteConfig, vocabulary: &Arc<Vocabulary>) -> Option<Self> {
        let model = site.model.as_ref()?;
        let mut scan = Scan::default();
        if let Some(gallery) = &site.gallery {
            scan.walk(gallery, &GalleryPath::root(), vocabulary);
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
        let engine =
            SiteEngine::new(1, vocabulary, Arc::clone(model), folders, Arc::new(Rights::default()));
        Some(Self { engine, folder_problems })
    }

    /// Loads a configuration directory and one site of it.
    ///
    /// # Errors
    /// If the configuration has an error that concerns the site, or there is no such site.
    pub(crate) fn load(
        config: &Path,
        site: &SiteId,
        output: &mut Output,
    ) -> anyhow::Result<(Self, Arc<Vocabulary>)> {
        let vocabulary = Arc::new(Vocabulary::load()?);
        let configuration = Configuration::load(config, &vocabulary).map_err(|problems| {
            output.problems(&problems);
            anyhow!(BadInput("the configuration has an error".into()))
        })?;
        let Some(found) = configuration.site(site) else {
            return Err(anyhow!(NotFound(format!("there is no site `{site}`"))));
        };
        match Self::open(found, &vocabulary) {
            Some(offline) => Ok((offline, vocabulary)),
            None => {
                output.problems(&found.problems);
                Err(anyhow!(BadInput(format!(
                    "the configuration of the site `{site}` has an error"
                ))))
            }
        }
    }
}
