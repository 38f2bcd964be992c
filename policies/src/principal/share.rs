//! [`Share`]: a share link that was opened, and [`Bearer`]: who opened some.

use std::sync::Arc;

use vestibule_schema::{GalleryPath, RoleName, ShareId, SiteId};

use super::Principal;

/// A share link that somebody opened. What makes it end (time, number of openings, revocation, its
/// maker's account) is for whoever hands it in: here it stands, as far as its maker's right goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Share {
    /// Its public number.
    pub id: ShareId,
    /// The site.
    pub site: SiteId,
    /// The folder or the image that is shared.
    pub path: GalleryPath,
    /// The role that it gives there, as the block means it that governs the path.
    pub role: RoleName,
    /// Who made it, as they are now: it gives nothing that they may not.
    pub maker: Principal,
}

impl Share {
    /// Whether a resource is what is shared, or lies in it.
    #[must_use]
    pub fn reaches(&self, path: &GalleryPath) -> bool {
        if self.path.is_folder() { path.is_within(&self.path) } else { *path == self.path }
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.path.as_str().len() + self.maker.weight()
    }
}

/// Somebody who opened share links.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bearer {
    own: Principal,
    /// Sorted, each once, so that equal ones are equal.
    shares: Box<[Arc<Share>]>,
}

impl Bearer {
    /// Somebody with shares; with none they are who they are.
    pub(super) fn new(
        own: Principal,
        shares: impl Iterator<Item = Arc<Share>>,
    ) -> Result<Self, Principal> {
        let mut shares: Vec<_> = shares.collect();
        shares.sort();
        shares.dedup();
        if shares.is_empty() { Err(own) } else { Ok(Self { own, shares: shares.into() }) }
    }

    /// Who it is without the shares.
    #[must_use]
    pub fn own(&self) -> &Principal {
        &self.own
    }

    /// The shares.
    #[must_use]
    pub fn shares(&self) -> &[Arc<Share>] {
        &self.shares
    }

    pub(super) fn weight(&self) -> usize {
        let shares = self.shares.iter().map(|share| share.weight());
        size_of::<Self>() + self.own.weight() + shares.sum::<usize>()
    }
}
