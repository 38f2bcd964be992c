//! The roles that a principal holds where a path is judged: what auditors read beside a decision.

use vestibule_schema::document::Cascade;
use vestibule_schema::{GalleryPath, RoleName};

use super::SiteEngine;
use crate::model::{Block, Role};
use crate::names;
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
        let Ok(admitted) = self.admission(principal, &self.place(path)) else {
            return Vec::new();
        };
        let on_the_way = self.judged_by(path);
        let mut blocks: Vec<&Block> = on_the_way
            .iter()
            .filter_map(|folder| self.folders.get(folder).and_then(|rules| rules.block.as_deref()))
            .collect();
        if self.model.cascade == Cascade::Nearest {
            blocks = blocks.pop().into_iter().collect();
        }
        let below_a_block = !blocks.is_empty();
        blocks.insert(0, &self.model.block);
        let mut held = Vec::new();
        for block in blocks {
            let block_id = names::block(&self.model.site, block.folder.as_ref());
            let owners_only = below_a_block && block.folder.is_none();
            for id in admitted.roles().iter() {
                let role = role_of(block, &block_id, id).filter(|role| role.owner || !owners_only);
                held.extend(role.map(|role| HeldRole { block, role }));
            }
        }
        held
    }

    /// The folders strictly below a folder that have rules of their own, in order.
    pub(crate) fn marked_below(&self, folder: &GalleryPath) -> impl Iterator<Item = &GalleryPath> {
        self.index.below(folder)
    }
}

/// The role of a block that an identifier names.
fn role_of<'a>(block: &'a Block, block_id: &str, id: &str) -> Option<&'a Role> {
    let name = id.strip_prefix(block_id)?.strip_prefix('#')?;
    block.roles.get(&RoleName::parse(name).ok()?)
}
