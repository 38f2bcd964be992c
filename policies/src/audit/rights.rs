//! Grants and group mappings as they count: what a file declares replaces what the store says.

use std::collections::BTreeSet;

use vestibule_schema::{AccountRole, GalleryPath, GroupId, UserName};

use super::syntax;
use crate::engine::SiteEngine;
use crate::model::{Grant, GroupMapping};
use crate::principal::{Principal, UserFacts};

/// Where a grant or a mapping comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file of the configuration.
    Declared,
    /// The store.
    Stored,
}

impl Origin {
    /// The word for people and programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Stored => "stored",
        }
    }
}

/// The grants that count.
pub(super) fn grants(engine: &SiteEngine) -> impl Iterator<Item = (&Grant, Origin)> {
    let declared = &engine.model().declared.grants;
    let named: BTreeSet<_> = declared.iter().map(|grant| &grant.user).collect();
    let stored = engine.stored().grants.iter().filter(move |grant| !named.contains(&grant.user));
    let stored = stored.map(|grant| (grant, Origin::Stored));
    declared.iter().map(|grant| (grant, Origin::Declared)).chain(stored)
}

/// The grants of one user that count.
pub(super) fn grants_of<'a>(engine: &'a SiteEngine, user: &UserName) -> Vec<(&'a Grant, Origin)> {
    let of_user = |grants: &'a [Grant], origin| {
        let grants = grants.iter().filter(|grant| grant.user == *user);
        grants.map(|grant| (grant, origin)).collect::<Vec<_>>()
    };
    let declared = of_user(&engine.model().declared.grants, Origin::Declared);
    if declared.is_empty() { of_user(&engine.stored().grants, Origin::Stored) } else { declared }
}

/// The group mappings that count: a stored one to a role that the site lacks admits nobody.
pub(super) fn mappings(engine: &SiteEngine) -> impl Iterator<Item = (&GroupMapping, Origin)> {
    let declared = &engine.model().declared.groups;
    let named: BTreeSet<_> = declared.iter().map(|mapping| &mapping.group).collect();
    let roles = &engine.model().block.roles;
    let stored = engine.stored().groups.iter();
    let stored = stored
        .filter(move |m| !named.contains(&m.group) && roles.contains_key(&m.role))
        .map(|mapping| (mapping, Origin::Stored));
    declared.iter().map(|mapping| (mapping, Origin::Declared)).chain(stored)
}

/// The groups that the site admits, or that a folder block names.
pub(super) fn groups(engine: &SiteEngine) -> BTreeSet<GroupId> {
    let blocks = engine.folders().values().filter_map(|rules| rules.block.as_deref());
    let mut groups: BTreeSet<_> =
        blocks.flat_map(|block| block.group_roles.keys().cloned()).collect();
    groups.extend(mappings(engine).map(|(mapping, _)| mapping.group.clone()));
    groups
}

/// The folders where a decision can change, within a folder: those with rules of their own, and
/// those to which a grant or a mapping confines one of these principals.
pub(super) fn places<'a>(
    engine: &SiteEngine,
    principals: impl IntoIterator<Item = &'a Principal>,
    within: &GalleryPath,
) -> BTreeSet<GalleryPath> {
    let users: Vec<&UserFacts> = principals.into_iter().filter_map(facts).collect();
    let names: BTreeSet<_> = users.iter().map(|user| &user.name).collect();
    let member_of: BTreeSet<_> = users.iter().flat_map(|user| &user.groups).collect();
    let grants = grants(engine)
        .filter(|(grant, _)| names.contains(&grant.user))
        .flat_map(|(grant, _)| [&grant.base_path, &grant.upload_path]);
    let mappings = mappings(engine)
        .filter(|(mapping, _)| member_of.contains(&mapping.group))
        .flat_map(|(mapping, _)| [&mapping.base_path, &mapping.upload_path]);
    let mut places: BTreeSet<_> = grants.chain(mappings).flatten().cloned().collect();
    places.retain(|path| path.is_within(within));
    places.extend(engine.marked_below(within).cloned());
    places.insert(within.clone());
    places
}

/// Users of whom no rule speaks by name: of those whose facts are equal apart from the name one
/// answer holds for all.
pub(super) struct Alike {
    named: BTreeSet<UserName>,
}

impl Alike {
    pub(super) fn new(engine: &SiteEngine) -> Self {
        let mut named = engine.named_users();
        named.extend(engine.stored().grants.iter().map(|grant| grant.user.clone()));
        named.extend(syntax::named_users(engine));
        Self { named }
    }

    /// What the answers for a user depend on; `None` for somebody who must be asked for alone.
    pub(super) fn facts<'p>(
        &self,
        principal: &'p Principal,
    ) -> Option<(&'p AccountRole, &'p BTreeSet<GroupId>)> {
        let user = facts(principal).filter(|user| !self.named.contains(&user.name))?;
        Some((&user.account_role, &user.groups))
    }
}

fn facts(principal: &Principal) -> Option<&UserFacts> {
    principal.as_user().map(|user| &***user)
}
