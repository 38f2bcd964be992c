//! Hidden images and `hide_technical_details`: forbids that hold for everybody but the site's
//! owners, or who may see what is hidden.

use vestibule_schema::{Action, GalleryPath, SiteId, SourceRef};

use super::Generated;
use super::tree::{self, Head};
use crate::model::Block;
use crate::names::{self, kind};

/// Hidden images that a block governs: in the site block, and everywhere under `nearest`.
pub(super) fn hidden_in_block(site: &SiteId, block: &Block) -> Generated {
    let block_id = names::block(site, block.folder.as_ref());
    let when = tree::and(tree::resource_is_hidden(), tree::governed_by(&block_id));
    hidden(site, block, tree::image_in(None), when)
}

/// Hidden images below a folder block, under `restrict`.
pub(super) fn hidden_below(site: &SiteId, path: &GalleryPath, block: &Block) -> Generated {
    let folder = names::resource(site, path.as_str());
    hidden(site, block, tree::image_in(Some(&folder)), tree::resource_is_hidden())
}

fn hidden(
    site: &SiteId,
    block: &Block,
    resource: serde_json::Value,
    when: serde_json::Value,
) -> Generated {
    let block_id = names::block(site, block.folder.as_ref());
    let mut roles = vec![names::synthetic(site, names::OWNER)];
    let holders = block.holders(Action::SeeHidden);
    roles.extend(holders.iter().map(|role| names::role(&block_id, &role.name)));
    let head = Head {
        effect: "forbid",
        principal: tree::all(),
        action: tree::action_scope(&[tree::ANY]),
        resource,
    };
    let id = format!("{block_id}!hidden");
    tree::policy(id, &block.source, head, Some(when), tree::principal_in(&roles))
}

/// Nobody but the site's owners sees technical details below the folder.
pub(super) fn technical_details(
    site: &SiteId,
    path: &GalleryPath,
    source: &SourceRef,
) -> Generated {
    let owner = [names::synthetic(site, names::OWNER)];
    let head = Head {
        effect: "forbid",
        principal: tree::all(),
        action: tree::action_scope(&[Action::SeeTechnicalDetails.name()]),
        resource: tree::in_resource(kind::FOLDER, &names::resource(site, path.as_str())),
    };
    let id = format!("{}!hide_technical_details", names::block(site, Some(path)));
    tree::policy(id, source, head, None, tree::principal_in(&owner))
}
