//! The rules of a site for engines that know nothing of galleries: who has which role in which
//! block, what the roles hold, and which block is below which.
//!
//! Left out is what no question here needs: owners, the locked-out, groups, grants. The others
//! have fewer rules for it than the engine.

use std::collections::{BTreeMap, BTreeSet};

use vestibule_policies::Principal;
use vestibule_policies::model::Block;
use vestibule_schema::{Action, GalleryPath, PermissionSet};

use crate::sites::CheckedSite;

/// The rules of a site.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) site: BlockRules,
    pub(super) folders: BTreeMap<GalleryPath, BlockRules>,
}

/// The rules of one block.
#[derive(Debug)]
pub(super) struct BlockRules {
    /// What the roles hold that somebody has.
    pub(super) roles: BTreeMap<String, PermissionSet>,
    pub(super) users: BTreeMap<String, BTreeSet<String>>,
    pub(super) default: Option<String>,
    pub(super) public: Option<String>,
}

impl Rules {
    pub(super) fn of(site: &CheckedSite) -> Self {
        let blocks = site.folders().iter().filter_map(|(path, rules)| {
            rules.block.as_deref().map(|block| (path.clone(), BlockRules::of(block)))
        });
        Self { site: BlockRules::of(&site.model().block), folders: blocks.collect() }
    }

    /// The blocks that decide about a resource, the nearest first: those on the way to it, or the
    /// site's alone.
    pub(super) fn chain(&self, path: &GalleryPath) -> Vec<&BlockRules> {
        let way = path.ancestors().filter_map(|folder| self.folders.get(folder));
        let chain: Vec<_> = way.collect();
        if chain.is_empty() { vec![&self.site] } else { chain }
    }

    /// The folder whose block governs a resource.
    pub(super) fn governing<'p>(&self, path: &'p GalleryPath) -> Option<&'p str> {
        path.ancestors().find(|folder| self.folders.contains_key(*folder))
    }
}

impl BlockRules {
    fn of(block: &Block) -> Self {
        let name = |role: &vestibule_schema::RoleName| role.as_str().to_owned();
        let users: BTreeMap<_, BTreeSet<_>> = block
            .user_roles
            .iter()
            .map(|(user, entry)| (user.as_str().to_owned(), entry.roles.iter().map(name).collect()))
            .collect();
        let (default, public) =
            (block.default_role.as_ref().map(name), block.public_role.as_ref().map(name));
        let named: BTreeSet<_> = users.values().flatten().chain(&default).chain(&public).collect();
        let held = block.roles.values().filter(|role| named.contains(&name(&role.name)));
        let roles = held.map(|role| (name(&role.name), role.all)).collect();
        Self { roles, users, default, public }
    }

    /// The roles of somebody: his own, else the default; a visitor's is the public one.
    pub(super) fn roles_of(&self, principal: &Principal) -> Vec<&str> {
        let Some(user) = principal.user_name() else {
            return self.public.iter().map(String::as_str).collect();
        };
        match self.users.get(user.as_str()) {
            Some(roles) => roles.iter().map(String::as_str).collect(),
            None => self.default.iter().map(String::as_str).collect(),
        }
    }

    /// What these roles hold together: nothing without `view`.
    pub(super) fn held(&self, roles: &[&str]) -> PermissionSet {
        let sets = roles.iter().filter_map(|role| self.roles.get(*role));
        let all = sets.fold(PermissionSet::EMPTY, |all, set| all.union(*set));
        if all.allows(Action::View) { all } else { PermissionSet::EMPTY }
    }
}
