//! What documents and store say of one user at one site, before Cedar judges it.

use std::collections::{BTreeMap, BTreeSet};

use vestibule_schema::{GalleryPath, GroupId, RoleName};

use super::SiteEngine;
use crate::model::{Grant, GroupMapping};
use crate::principal::UserFacts;

/// A user's data at the site block. Roles of folder blocks are looked up on the way to them.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The site block or a grant names the user.
    pub(super) explicit: bool,
    /// Roles by name.
    pub(super) granted: BTreeSet<RoleName>,
    /// A grant inherits the account's role.
    pub(super) by_account: bool,
    /// An explicit assignment of nothing.
    pub(super) locked: bool,
    /// Where scoped roles count: base paths by role.
    pub(super) bases: BTreeMap<RoleName, BTreeSet<GalleryPath>>,
    /// Where scoped roles may upload.
    pub(super) uploads: BTreeMap<RoleName, BTreeSet<GalleryPath>>,
}

impl SiteEngine {
    /// The user's grants: a declared one replaces all stored ones of that user.
    fn grants<'a>(&'a self, user: &'a UserFacts) -> Vec<&'a Grant> {
        let of_user = |grant: &&Grant| grant.user == user.name;
        let declared: Vec<_> = self.model.declared.grants.iter().filter(of_user).collect();
        if declared.is_empty() {
            self.stored.grants.iter().filter(of_user).collect()
        } else {
            declared
        }
    }

    /// The group mappings of the site: a declared one replaces the stored ones of that group. A
    /// stored mapping to a role that the site does not have admits nobody.
    pub(super) fn group_mappings(&self) -> impl Iterator<Item = &GroupMapping> {
        let declared = &self.model.declared.groups;
        let stored = self.stored.groups.iter().filter(|stored| {
            declared.iter().all(|declared| declared.group != stored.group)
                && self.model.block.roles.contains_key(&stored.role)
        });
        declared.iter().chain(stored)
    }

    /// The mappings that concern a user.
    pub(super) fn mappings_of<'a>(
        &'a self,
        groups: &'a BTreeSet<GroupId>,
    ) -> impl Iterator<Item = &'a GroupMapping> {
        self.group_mappings().filter(|mapping| groups.contains(&mapping.group))
    }

    /// What is assigned to the user by name, by grant and by group at the site block.
    pub(super) fn standing(&self, user: &UserFacts) -> Standing {
        let block = &self.model.block;
        let mut standing = Standing::default();
        let mut nothing_assigned = false;
        if let Some(entry) = block.user_roles.get(&user.name) {
            standing.explicit = true;
            nothing_assigned = entry.roles.is_empty();
            standing.granted.extend(entry.roles.iter().cloned());
        }
        for grant in self.grants(user) {
            standing.explicit = true;
            let role = match &grant.role {
                Some(role) => Some(role.clone()),
                None => {
                    standing.by_account = true;
                    user.account_role.inheritable()
                }
            };
            // a role that the site does not have is no role
            let Some(role) = role.filter(|role| block.roles.contains_key(role)) else { continue };
            if grant.role.is_some() {
                standing.granted.insert(role.clone());
            }
            standing.add_paths(&role, grant.base_path.as_ref(), grant.upload_path.as_ref());
        }
        let inherited = user.account_role.inheritable();
        let inherits =
            standing.by_account && inherited.is_some_and(|role| block.roles.contains_key(&role));
        let no_role = standing.granted.is_empty() && !inherits;
        standing.locked = nothing_assigned || (standing.explicit && no_role);
        if !standing.explicit {
            for mapping in self.mappings_of(&user.groups) {
                let (base, upload) = (mapping.base_path.as_ref(), mapping.upload_path.as_ref());
                standing.add_paths(&mapping.role, base, upload);
            }
        }
        standing
    }

    /// Whether the higher of two roles is the second: rank, then number of permissions, then name
    /// in byte order (`permissions.md` 2, rule 2).
    pub(super) fn is_outranked(&self, role: &RoleName, by: &RoleName) -> bool {
        let order = |name: &RoleName| {
            let role = self.model.block.roles.get(name);
            let (rank, held) =
                role.map_or((i64::MIN, 0), |role| (role.rank, role.all.permission_count()));
            (rank, held, std::cmp::Reverse(name.clone()))
        };
        order(by) > order(role)
    }
}

impl Standing {
    fn add_paths(
        &mut self,
        role: &RoleName,
        base: Option<&GalleryPath>,
        upload: Option<&GalleryPath>,
    ) {
        let bases = self.bases.entry(role.clone()).or_default();
        bases.extend(base.cloned());
        // an upload path outside the base path counts nowhere
        let inside = upload.filter(|path| base.is_some_and(|base| path.is_within(base)));
        let uploads = self.uploads.entry(role.clone()).or_default();
        uploads.extend(inside.cloned());
    }
}
