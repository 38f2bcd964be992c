//! Decisions.

use std::collections::BTreeMap;
use std::sync::Arc;

use vestibule_schema::{GalleryPath, PermissionSet, SiteId};

use crate::decision::{Decision, Denial, Missing, Need, PlacePermissions};
use crate::principal::Principal;

/// All sites' policies of one generation. Immutable: a reload makes a new one.
#[derive(Debug, Default)]
pub struct Engine {
    generation: u64,
    sites: BTreeMap<SiteId, Arc<SiteEngine>>,
}

impl Engine {
    /// The generation, which every decision carries.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// One site's engine.
    #[must_use]
    pub fn site(&self, site: &SiteId) -> Option<&Arc<SiteEngine>> {
        self.sites.get(site)
    }
}

/// One site's policies.
#[derive(Debug)]
pub struct SiteEngine {
    generation: u64,
}

impl SiteEngine {
    /// Decides one request: `view`, and the need.
    #[must_use]
    pub fn decide(&self, principal: &Principal, need: Need, path: &GalleryPath) -> Decision {
        let _ = (principal, need, path);
        Decision::Deny(Denial {
            missing: Missing::View,
            policies: Arc::from([]),
            generation: self.generation,
        })
    }

    /// All that the principal may do with a folder or image.
    #[must_use]
    pub fn permissions(&self, principal: &Principal, path: &GalleryPath) -> PermissionSet {
        let _ = (principal, path);
        PermissionSet::EMPTY
    }

    /// Every folder below this one that has rules of its own, with what the principal may do
    /// there, sorted by path.
    #[must_use]
    pub fn below(&self, principal: &Principal, folder: &GalleryPath) -> Vec<PlacePermissions> {
        let _ = (principal, folder);
        Vec::new()
    }

    /// Whether the principal holds a role in any block of the site.
    #[must_use]
    pub fn may_enter(&self, principal: &Principal) -> bool {
        let _ = principal;
        false
    }

    /// The topmost folders that the principal may view: the root alone for most.
    #[must_use]
    pub fn entrances(&self, principal: &Principal) -> Vec<GalleryPath> {
        let _ = principal;
        Vec::new()
    }
}
