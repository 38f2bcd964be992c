//! The roles that a principal holds where a path is judged: what auditors read beside a decision.

use vestibule_schema::{GalleryPath, GroupId};

use super::SiteEngine;
use super::mask::HeldKind;
use crate::cited::Ground as _;
use crate::model::{Block, Role};
use crate::principal::Principal;

/// A role that somebody holds, and the block it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct HeldRole<'a> {
    /// The block: the site's or a folder's.
    pub block: &'a Block,
    /// The role, as that block means it.
    pub role: &'a Role,
}

impl SiteEngine {
    /// The roles of the principal in the blocks that decide about a path, the outermost first.
    /// Below a folder block a role of the site counts only if its holders own the site.
    #[must_use]
    pub fn held_roles(&self, principal: &Principal, path: &GalleryPath) -> Vec<HeldRole<'_>> {
        let Ok(admitted) = self.admission(principal, path) else {
            return Vec::new();
        };
        let below_a_block = admitted.way().governing().is_some();
        let found = admitted.held().iter().filter_map(|held| {
            let HeldKind::Role(name) = &held.role else { return None };
            let block = match admitted.way().folder(held.level) {
                None => &self.model.block,
                Some(folder) => self.folders.get(folder)?.block.as_deref()?,
            };
            let role = block.roles.get(name)?;
            let counts = role.owner || !below_a_block || block.folder.is_some();
            counts.then_some(HeldRole { block, role })
        });
        found.collect()
    }

    /// The groups of the principal that count on the way to a path: those that a mapping of the
    /// site or a block on the way names. What else a directory says of somebody is nobody's
    /// business.
    #[must_use]
    pub fn groups_that_count<'p>(
        &self,
        principal: &'p Principal,
        path: &GalleryPath,
    ) -> Vec<&'p GroupId> {
        let Principal::User(user) = principal else { return Vec::new() };
        if user.groups.is_empty() {
            return Vec::new();
        }
        // who is named by name is admitted by that, and by no mapping
        let by_mapping = !self.standing(user).explicit;
        let way = self.judged_by(path);
        let blocks = way.iter().filter_map(|folder| self.folders.get(folder)?.block.as_deref());
        let blocks: Vec<&Block> = blocks.collect();
        let counts = |group: &&GroupId| {
            (by_mapping && self.rights.maps(group))
                || blocks.iter().any(|block| block.group_roles.contains_key(*group))
        };
        user.groups.iter().filter(counts).collect()
    }

    /// The folders strictly below a folder that have rules of their own, in order.
    pub(crate) fn marked_below(&self, folder: &GalleryPath) -> impl Iterator<Item = &GalleryPath> {
        self.index.below(folder)
    }
}
