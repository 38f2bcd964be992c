//! Roles: one permit for each role that grants something by itself. What a role inherits comes
//! through `Role in [Role]`, so the deciding policy is the line where the permission is written.

use vestibule_schema::{Action, PermissionSet, SiteId};

use super::tree::{self, Head};
use super::{Citing, Generated};
use crate::cited::Rule;
use crate::model::{Block, Role};
use crate::names;

pub(super) fn permits(
    site: &SiteId,
    block: &Block,
    cite: &dyn Fn(Rule) -> Citing,
) -> Vec<Generated> {
    let block_id = names::block(site, block.folder.as_ref());
    let viewers: Vec<String> =
        block.holders(Action::View).iter().map(|role| names::role(&block_id, &role.name)).collect();
    let mut policies = Vec::new();
    for role in block.roles.values() {
        policies.extend(permit(block, &block_id, (role, cite), &viewers));
        if role.scoped {
            policies.push(upload(&block_id, role, cite));
        }
    }
    policies
}

fn permit(
    block: &Block,
    block_id: &str,
    (role, cite): (&Role, &dyn Fn(Rule) -> Citing),
    viewers: &[String],
) -> Option<Generated> {
    let is_site = block.folder.is_none();
    let role_id = names::role(block_id, &role.name);
    let (actions, needs_view) = match (role.own_owner, is_site) {
        // the owners of the site have one policy for the whole of it
        (true, true) => return None,
        (true, false) => (vec![tree::ANY], false),
        (false, _) => (tree::action_names(role.own), !role.all.allows(Action::View)),
    };
    if actions.is_empty() {
        return None;
    }
    let mut when = tree::governed_by(block_id);
    if needs_view {
        // a role without `view` counts for those who have it from another role of the block
        when = tree::and(when, tree::principal_in(viewers)?);
    }
    let head = Head {
        effect: "permit",
        principal: tree::in_role(&role_id),
        action: tree::action_scope(&actions),
        resource: tree::all(),
    };
    Some(tree::policy(cite(Rule::Role(role.name.clone())), head, Some(when), None))
}

/// The companion of a scoped role: `upload` alone, where its grant's upload path says so.
fn upload(block_id: &str, role: &Role, cite: &dyn Fn(Rule) -> Citing) -> Generated {
    let id = names::upload_role(block_id, &role.name);
    let actions = tree::action_names(PermissionSet::EMPTY.with_action(Action::Upload));
    let scope = tree::principal_in(&[names::role(block_id, &role.name)]);
    let governed = tree::governed_by(block_id);
    let when = match scope {
        // an upload path lies inside the base path, and `view` comes from there
        Some(scope) => tree::and(governed, scope),
        None => governed,
    };
    let head = Head {
        effect: "permit",
        principal: tree::in_role(&id),
        action: tree::action_scope(&actions),
        resource: tree::all(),
    };
    tree::policy(cite(Rule::Upload(role.name.clone())), head, Some(when), None)
}
