//! The cascade: parents restrict. One forbid per folder block, so that it is Cedar's own rule
//! that a forbid beats every permit.

use std::collections::BTreeMap;

use vestibule_schema::{Action, GalleryPath, PermissionSet, SiteId};

use super::tree::{self, Head};
use super::{Citing, Generated};
use crate::model::Block;
use crate::names::{self, kind};

/// What the block does not grant is forbidden below the folder, except to the site's owners. The
/// list is positive: a list of what is lacking would take `upload` from who holds it alone, as
/// `manage_images` contains it.
pub(super) fn bound(site: &SiteId, path: &GalleryPath, block: &Block, cited: Citing) -> Generated {
    let block_id = names::block(site, Some(path));
    let viewers = role_ids(&block_id, block, Action::View);
    // actions that the same roles hold stand together
    let mut by_holders: BTreeMap<Vec<String>, PermissionSet> = BTreeMap::new();
    for action in Action::ALL {
        let holders = role_ids(&block_id, block, *action);
        if !holders.is_empty() {
            let set = by_holders.entry(holders).or_default();
            *set = set.with_action(*action);
        }
    }
    let granted = by_holders.iter().filter_map(|(holders, set)| {
        let actions = tree::action_in(&tree::action_names(*set));
        tree::principal_in(holders).map(|held| tree::and(actions, held))
    });
    let granted = tree::any(granted);
    let viewed = tree::principal_in(&viewers);
    let unbound = viewed.zip(granted).map(|(viewed, granted)| tree::and(viewed, granted));
    forbid_below(site, path, cited, unbound)
}

/// A folder whose block can't be read is closed to everybody but the site's owners.
pub(super) fn closed(site: &SiteId, path: &GalleryPath, cited: Citing) -> Generated {
    forbid_below(site, path, cited, None)
}

fn forbid_below(
    site: &SiteId,
    path: &GalleryPath,
    cited: Citing,
    unless: Option<serde_json::Value>,
) -> Generated {
    let owner = tree::principal_in(&[names::synthetic(site, names::OWNER)]);
    let head = Head {
        effect: "forbid",
        principal: tree::all(),
        action: tree::action_scope(&[tree::ANY]),
        resource: tree::in_resource(kind::FOLDER, &names::resource(site, path.as_str())),
    };
    tree::policy(cited, head, None, tree::any(owner.into_iter().chain(unless)))
}

fn role_ids(block_id: &str, block: &Block, action: Action) -> Vec<String> {
    block.holders(action).iter().map(|role| names::role(block_id, &role.name)).collect()
}
