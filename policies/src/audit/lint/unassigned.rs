//! Roles that nobody is given.

use std::collections::BTreeSet;

use vestibule_schema::{Problem, RoleName};

use super::{Site, ways};
use crate::audit::rights;
use crate::model::Block;

pub(super) fn find(site: &Site<'_>) -> Vec<Problem> {
    site.blocks().flat_map(|block| in_block(site, block)).collect()
}

fn in_block(site: &Site<'_>, block: &Block) -> Vec<Problem> {
    let Some(written) = site.documents.block(block.folder.as_ref()) else { return Vec::new() };
    if block.folder.is_none() && any_role_may_be_an_account_s(site) {
        return Vec::new();
    }
    let ways = ways::into(site, block);
    let mut used: BTreeSet<&RoleName> = BTreeSet::new();
    for role in ways::given(&ways, block) {
        let mut at = Some(role);
        while let Some(role) = at.filter(|role| used.insert(&role.name)) {
            at = role.parent.as_ref().and_then(|parent| block.roles.get(parent));
        }
    }
    let unused = written.block.roles.iter().filter(|role| !used.contains(&role.name.value));
    let problems = unused.map(|role| {
        let name = &role.name.value;
        let entry = match &block.folder {
            None => "[[user_roles]]",
            Some(_) => "[[permissions.user_roles]]",
        };
        Problem::warning("lint::unassigned_role", format!("nobody is given the role `{name}`"))
            .at(
                written.source,
                role.name.span.clone(),
                "named by no entry, grant, group or default",
            )
            .help(format!("assign it, such as in `{entry}`, or remove it"))
    });
    problems.collect()
}

/// A grant means the role of an account that is not known here: any role may be that.
fn any_role_may_be_an_account_s(site: &Site<'_>) -> bool {
    let mut grants = rights::grants(site.engine);
    grants.any(|(grant, _)| grant.role.is_none() && !site.accounts.contains_key(&grant.user))
}
