//! Folders' blocks that grant what a block above denies to everybody: under `restrict` every
//! block on the way must grant it.

use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, PermissionSet, Problem};

use super::{Site, list, title, ways};
use crate::model::{Block, Role};

pub(super) fn find(site: &Site<'_>) -> Vec<Problem> {
    if site.engine.model().cascade != Cascade::Restrict {
        return Vec::new();
    }
    let blocks = site.engine.folders().values().filter_map(|rules| rules.block.as_deref());
    blocks.filter_map(|block| by_role(site, block).or_else(|| by_people(site, block))).collect()
}

/// What all roles hold that a block gives to somebody.
fn most(site: &Site<'_>, block: &Block) -> PermissionSet {
    let roles = ways::given(&ways::into(site, block), block);
    let all = roles.iter().fold(PermissionSet::EMPTY, |set, role| set.union(role.all));
    if all.allows(Action::View) { all } else { PermissionSet::EMPTY }
}

/// Permissions that no role of a block above holds.
fn by_role(site: &Site<'_>, block: &Block) -> Option<Problem> {
    let given = ways::into(site, block);
    // `owner_access` means all there is to have in the folder, not each permission
    let roles = ways::given(&given, block).into_iter().filter(|role| !role.owner);
    let roles: Vec<&Role> = roles.collect();
    let granted = roles.iter().fold(PermissionSet::EMPTY, |set, role| set.union(role.all));
    for above in site.above(block.folder.as_ref()?) {
        let bound = most(site, above);
        let lost: PermissionSet = granted.actions().filter(|a| !bound.allows(*a)).collect();
        if lost.is_empty() {
            continue;
        }
        let message = format!(
            "{} grants {}, which {} denies to everybody",
            title(block),
            list(lost.actions()),
            title(above)
        );
        let first = roles.iter().find(|role| role.all.actions().any(|a| lost.allows(a)))?;
        let problem = Problem::warning("lint::shadowed_by_parent", message);
        let placed = site.place(problem, block, "without effect", |written| {
            written.role(&first.name).map(|role| role.name.span.clone())
        });
        return Some(placed.help(mend(above)));
    }
    None
}

/// People whom the block lets in and no block above does: each of them is asked for.
fn by_people(site: &Site<'_>, block: &Block) -> Option<Problem> {
    let folder = block.folder.as_ref()?;
    let above = site.above(folder);
    let nearest = above.last()?;
    let sees = |way: &ways::Way| {
        let mut roles = way.roles.iter().filter_map(|role| block.roles.get(role));
        roles.any(|role| role.all.allows(Action::View))
    };
    let let_in: Vec<_> = ways::into(site, block).into_iter().filter(sees).collect();
    let gets_in = |way: &ways::Way| site.engine.permissions(&way.who, folder).allows(Action::View);
    if let_in.is_empty() || let_in.iter().any(gets_in) {
        return None;
    }
    let message = format!("nobody whom {} lets in gets past {}", title(block), title(nearest));
    let problem = Problem::warning("lint::shadowed_by_parent", message);
    let placed = site.place(problem, block, "opens nothing", |_| None);
    Some(placed.help(mend(nearest)))
}

fn mend(above: &Block) -> String {
    format!(
        "grant it in {} at {} too, or set `cascade = \"nearest\"` in site.toml",
        title(above),
        above.source
    )
}
