//! Roles whose permissions open nothing, as nobody who holds them holds `can_view`.
//!
//! A block in which no role holds it is found when it is read; here it is people who lack it.

use std::collections::BTreeSet;

use vestibule_schema::{Action, Problem, RoleName};

use super::{Site, title, ways};
use crate::model::{Block, Role};

pub(super) fn find(site: &Site<'_>) -> Vec<Problem> {
    site.blocks().flat_map(|block| in_block(site, block)).collect()
}

fn in_block(site: &Site<'_>, block: &Block) -> Vec<Problem> {
    if block.holders(Action::View).is_empty() {
        return Vec::new();
    }
    let ways = ways::into(site, block);
    let sees = |roles: &BTreeSet<RoleName>| {
        let mut roles = roles.iter().filter_map(|role| block.roles.get(role));
        roles.any(|role| role.all.allows(Action::View))
    };
    // in a folder's block the roles of several groups are united
    let groups_see =
        block.folder.is_some() && block.group_roles.values().any(|entry| sees(&entry.roles));
    let is_blind = |role: &&Role| {
        let mut holders = ways.iter().filter(|way| way.roles.contains(&role.name)).peekable();
        let is_in_group =
            |way: &ways::Way| way.who.as_user().is_some_and(|user| !user.groups.is_empty());
        holders.peek().is_some()
            && !role.all.is_empty()
            && !role.all.allows(Action::View)
            && !holders.any(|way| sees(&way.roles) || (groups_see && is_in_group(way)))
    };
    let blind = block.roles.values().filter(is_blind);
    let problems = blind.map(|role| {
        let name = &role.name;
        let message = format!("`{name}` opens nothing: nobody who holds it may view");
        let problem = Problem::warning("lint::unreachable_permission", message);
        let label = format!("{} gives them no role with `can_view`", title(block));
        let problem = site.place(problem, block, &label, |written| {
            written.role(name).map(|role| role.name.span.clone())
        });
        problem.help("add `can_view = true`, or give its holders a second role that has it")
    });
    problems.collect()
}
