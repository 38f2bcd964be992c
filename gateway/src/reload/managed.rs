//! What of the configuration in force is managed.

use std::sync::Arc;

use vestibule_identity::management::Node;
use vestibule_policies::Vocabulary;

use super::Live;
use crate::config::PublicUrl;

impl Live {
    /// The sites, as they are managed.
    pub(crate) fn nodes(&self, portal: &PublicUrl) -> Vec<Node> {
        self.lock().sites.values().map(|site| site.node(portal)).collect()
    }

    /// What Cedar is asked with.
    pub(crate) const fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }
}
