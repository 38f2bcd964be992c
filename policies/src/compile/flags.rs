//! Hidden images and `hide_technical_details`: forbids that hold for everybody but the site's
//! owners, or who may see what is hidden.

use vestibule_schema::{Action, GalleryPath, SiteId};

use super::tree::{self, Head};
use super::{Citing, Generated};
use crate::model::Block;
use crate::names::{self, kind};

/// Hidden images that a block governs: in the site block, and everywhere under `nearest`.
pub(super) fn hidden_in_block(site: &SiteId, block: &Block, cited: Citing) -> Generated {
    let block_id = names::block(site, block.folder.as_ref());
    let when = tree::and(tree::resource_is_hidden(), tree::governed_by(&block_id));
    hidden(site, block, (tree::image_in(None), when), cited)
}

/// Hidden images below a folder block, under `restrict`.
pub(super) fn hidden_below(
    site: &SiteId,
    path: &GalleryPath,
    block: &Block,
    cited: Citing,
) -> Generated {
    let folder = names::resource(site, path.as_str());
    hidden(site, block, (tree::image_in(Some(&folder)), tree::resource_is_hidden()), cited)
}

fn hidden(
    site: &SiteId,
    block: &Block,
    (resource, when): (serde_json::Value, serde_json::Value),
    cited: Citing,
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
    tree::policy(cited, head, Some(when), tree::principal_in(&roles))
}

/// Nobody but the site's owners sees technical details below the folder.
pub(super) fn technical_details(site: &SiteId, path: &GalleryPath, cited: Citing) -> Generated {
    let owner = [names::synthetic(site, names::OWNER)];
    let head = Head {
        effect: "forbid",
        principal: tree::all(),
        action: tree::action_scope(&[Action::SeeTechnicalDetails.name()]),
        resource: tree::in_resource(kind::FOLDER, &names::resource(site, path.as_str())),
    };
    tree::policy(cited, head, None, tree::principal_in(&owner))
}
