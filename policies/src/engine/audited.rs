//! What audits ask of an engine beside decisions.

use std::sync::Arc;

use vestibule_schema::GalleryPath;

use super::{Fault, SiteEngine, Vocabulary};
use crate::model::{Folders, Rights, SiteModel};
use crate::principal::Principal;

impl SiteEngine {
    /// The schema and the shipped policies.
    pub(crate) fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// The identifiers of the roles that admission gives the principal at a path, sorted.
    pub(crate) fn held_at(
        &self,
        principal: &Principal,
        path: &GalleryPath,
    ) -> Result<Vec<String>, Fault> {
        Ok(self.admission(principal, path)?.role_ids())
    }

    /// The engine of the same site, if its documents said something else. Nothing remembered is
    /// shared.
    pub(crate) fn varied(&self, model: SiteModel, folders: Folders, stored: Arc<Rights>) -> Self {
        let (model, folders) = (Arc::new(model), Arc::new(folders));
        Self::new(self.generation, &self.vocabulary, model, folders, stored)
    }
}
