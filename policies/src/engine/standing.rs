//! What documents and store say of one user at one site, before Cedar judges it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use vestibule_schema::{GalleryPath, GroupId, RoleName, UserName};

use super::SiteEngine;
use crate::model::{Grant, GroupMapping, Rights, SiteModel};
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

/// Grants and group mappings of a site as they count, found by user and by group.
#[derive(Debug)]
pub(super) struct RightsIndex {
    grants: HashMap<UserName, Vec<Grant>>,
    groups: HashMap<GroupId, Vec<GroupMapping>>,
    /// Some grant or mapping confines a role to a folder.
    has_paths: bool,
}

impl RightsIndex {
    /// A declared grant replaces all stored ones of that user, a declared mapping those of that
    /// group. A stored mapping to a role that the site does not have admits nobody.
    pub(super) fn new(model: &SiteModel, stored: &Rights) -> Self {
        let mut grants: HashMap<UserName, Vec<Grant>> = HashMap::new();
        let mut groups: HashMap<GroupId, Vec<GroupMapping>> = HashMap::new();
        for grant in &model.declared.grants {
            grants.entry(grant.user.clone()).or_default().push(grant.clone());
        }
        for mapping in &model.declared.groups {
            groups.entry(mapping.group.clone()).or_default().push(mapping.clone());
        }
        let declared_users: HashSet<_> = grants.keys().cloned().collect();
        let declared_groups: HashSet<_> = groups.keys().cloned().collect();
        for grant in stored.grants.iter().filter(|grant| !declared_users.contains(&grant.user)) {
            grants.entry(grant.user.clone()).or_default().push(grant.clone());
        }
        for mapping in &stored.groups {
            let counts = !declared_groups.contains(&mapping.group)
                && model.block.roles.contains_key(&mapping.role);
            if counts {
                groups.entry(mapping.group.clone()).or_default().push(mapping.clone());
            }
        }
        let has_paths = grants.values().flatten().any(|grant| grant.base_path.is_some())
            || groups.values().flatten().any(|mapping| mapping.base_path.is_some());
        Self { grants, groups, has_paths }
    }

    pub(super) fn has_paths(&self) -> bool {
        self.has_paths
    }

    fn grants(&self, user: &UserName) -> &[Grant] {
        self.grants.get(user).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a mapping names the group.
    pub(super) fn maps(&self, group: &GroupId) -> bool {
        self.groups.contains_key(group)
    }

    /// The mappings that concern somebody in these groups.
    pub(super) fn mappings_of<'a>(
        &'a self,
        groups: &'a BTreeSet<GroupId>,
    ) -> impl Iterator<Item = &'a GroupMapping> {
        groups.iter().filter_map(|group| self.groups.get(group)).flatten()
    }
}

impl SiteEngine {
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
        for grant in self.rights.grants(&user.name) {
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
            for mapping in self.rights.mappings_of(&user.groups) {
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
