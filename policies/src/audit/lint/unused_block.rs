//! Folders' blocks that change nothing: each is taken away, and everybody asked again.

use std::collections::BTreeSet;
use std::sync::Arc;

use vestibule_schema::{GalleryPath, GroupId, Problem, UserName};

use super::{Site, title, ways};
use crate::audit::rights;
use crate::engine::SiteEngine;
use crate::model::{Block, Folders};
use crate::principal::{Principal, UserFacts};

/// How many groups are asked in pairs as well.
const PAIRED_GROUPS: usize = 12;

pub(super) fn find(site: &Site<'_>) -> Vec<Problem> {
    let blocks = site.engine.folders().values().filter_map(|rules| rules.block.as_deref());
    let unused = blocks.filter(|block| changes_nothing(site, block) == Some(true));
    let problems = unused.map(|block| {
        let message = format!("{} changes nothing", title(block));
        let label = "everybody may do the same without it";
        let problem = Problem::warning("lint::unused_block", message);
        let problem = site.place(problem, block, label, |_| None);
        problem.help("remove it, or say what is to be different there")
    });
    problems.collect()
}

fn changes_nothing(site: &Site<'_>, block: &Block) -> Option<bool> {
    let folder = block.folder.as_ref()?;
    let engine = site.engine;
    let near = near(engine, folder);
    let mut without = near.clone();
    let mut rules = (**without.get(folder)?).clone();
    rules.block = None;
    without.insert(folder.clone(), Arc::new(rules));
    let places: Vec<GalleryPath> = near.range(folder.clone()..).map(|(p, _)| p.clone()).collect();
    let varied =
        |folders| engine.varied((**engine.model()).clone(), folders, Arc::clone(engine.stored()));
    let (with, without) = (varied(near), varied(without));
    let same =
        |who: &Principal, place| with.permissions(who, place) == without.permissions(who, place);
    let everybody = everybody(site, &with);
    Some(everybody.iter().all(|who| places.iter().all(|place| same(who, place))))
}

/// The folders on the way to one, and those below it: no other can matter there.
fn near(engine: &SiteEngine, folder: &GalleryPath) -> Folders {
    let folders = engine.folders();
    let way = folder.ancestors().filter_map(|step| folders.get_key_value(step));
    let below = folders.range(folder.clone()..).take_while(|(path, _)| path.is_within(folder));
    way.chain(below).map(|(path, rules)| (path.clone(), Arc::clone(rules))).collect()
}

/// One of each kind of people that the blocks tell apart, those first who show a difference
/// soonest: visitors, somebody unknown, who is named, who is in a group.
fn everybody(site: &Site<'_>, engine: &SiteEngine) -> Vec<Principal> {
    let near = Site { engine, ..*site };
    let named: BTreeSet<UserName> =
        near.blocks().flat_map(|block| ways::users(&near, block)).collect();
    let mut users: Vec<UserName> = ways::stranger(site.engine).into_iter().collect();
    users.extend(named);
    let groups: Vec<GroupId> = rights::groups(engine).into_iter().collect();
    let mut everybody = vec![Principal::Visitor];
    everybody.extend(users.iter().map(|user| site.user(user, None)));
    for user in &users {
        everybody.extend(groups.iter().map(|group| site.user(user, Some(group.clone()))));
    }
    if let Some(stranger) = users.first()
        && groups.len() <= PAIRED_GROUPS
    {
        for (number, first) in groups.iter().enumerate() {
            everybody.extend(groups.iter().skip(number + 1).map(|second| {
                Principal::user(UserFacts {
                    name: stranger.clone(),
                    account_role: vestibule_schema::AccountRole::default(),
                    groups: [first.clone(), second.clone()].into(),
                })
            }));
        }
    }
    everybody
}
