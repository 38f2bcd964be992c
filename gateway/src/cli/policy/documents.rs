//! A site with its documents as they were written, for verbs that say what to edit.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use vestibule_policies::Vocabulary;
use vestibule_policies::audit::documents::Documents;
use vestibule_schema::problem::{Problem, Source};

use super::site::OfflineSite;
use super::stored::StoredFacts;
use crate::cli::{BadInput, Output};
use crate::config::{Configuration, SiteConfig, folder_source_name, read_document};
use crate::gallery;

/// A configuration, and what the store adds to it.
pub(super) struct Opened {
    pub(super) configuration: Configuration,
    pub(super) stored: StoredFacts,
    vocabulary: Arc<Vocabulary>,
}

/// A site of it.
pub(super) struct OpenedSite {
    pub(super) site: OfflineSite,
    pub(super) documents: Documents,
}

impl Opened {
    /// Reads a configuration directory, with what the store says or without.
    ///
    /// # Errors
    /// If the gateway itself could not be configured so, or the store can't be read.
    pub(super) fn load(
        config: &Path,
        with_store: bool,
        output: &mut Output,
    ) -> anyhow::Result<Self> {
        let vocabulary = Arc::new(Vocabulary::load()?);
        let configuration = Configuration::load(config, &vocabulary).map_err(|problems| {
            output.problems(&problems);
            anyhow!(BadInput("the configuration has an error".into()))
        })?;
        let stored =
            if with_store { StoredFacts::read(&configuration)? } else { StoredFacts::default() };
        Ok(Self { configuration, stored, vocabulary })
    }

    /// One site; `None` if its configuration has an error.
    ///
    /// # Errors
    /// If a document can't be read a second time.
    pub(super) fn site(
        &self,
        site: &SiteConfig,
        output: &mut Output,
    ) -> anyhow::Result<Option<OpenedSite>> {
        let rights = self.stored.rights(&site.id);
        let Some(offline) = OfflineSite::open(site, &self.vocabulary, rights, output) else {
            return Ok(None);
        };
        let read = |file: &str| {
            let name = format!("config.d/sites/{}/{file}", site.id);
            read_document(&self.configuration.dir, &name).map_err(|problem| unread(&problem))
        };
        let permissions = read("permissions.toml")?.context("`permissions.toml` is gone")?;
        let mut folders = Vec::new();
        if let Some(root) = &site.gallery {
            for path in offline.engine.folders().keys() {
                let file = gallery::on_disk(root, path.as_str())
                    .join(vestibule_schema::document::FOLDER_FILE);
                // a folder of `folders.toml` has none; what can't be read is reported elsewhere
                let Ok(bytes) = std::fs::read(file) else { continue };
                let source = Source::from_bytes(&folder_source_name(path), &bytes);
                folders.extend(source.ok().map(|source| (path.clone(), source)));
            }
        }
        let described = read("folders.toml")?;
        let documents =
            Documents::read(permissions, read("grants.toml")?, described.as_ref(), folders);
        let model = offline.engine.model();
        let files: BTreeSet<&str> =
            model.custom.iter().map(|policy| &*policy.reference().source.file).collect();
        let policies = files.into_iter().map(|file| {
            read_document(&self.configuration.dir, file).map_err(|problem| unread(&problem))
        });
        let policies = policies.collect::<anyhow::Result<Vec<_>>>()?;
        let documents = documents.with_policies(policies.into_iter().flatten().collect());
        Ok(Some(OpenedSite { site: offline, documents }))
    }
}

fn unread(problem: &Problem) -> anyhow::Error {
    anyhow!(BadInput(problem.to_string()))
}
