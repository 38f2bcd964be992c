//! The roles that a principal holds, and where each of them comes from.

use vestibule_schema::{GalleryPath, RoleName, SourceRef};

use super::Asked;
use crate::audit::rights::{self, Origin as From};
use crate::compile::CompileError;
use crate::decision::PolicyRef;
use crate::engine::SiteEngine;
use crate::model::{Block, Grant, GroupMapping, Role};
use crate::names::{self, kind};
use crate::principal::UserFacts;

/// A role that the admission policies give the principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// As Cedar writes it: `Role::"family:/vip/#client"`.
    pub uid: String,
    /// The name.
    pub name: String,
    /// The folder whose block it belongs to; `None` for the site's.
    pub folder: Option<GalleryPath>,
    /// Where it is defined.
    pub defined: Option<SourceRef>,
    /// What it inherits from, the nearest first.
    pub inherits: Vec<RoleName>,
    /// Where the principal has it from.
    pub origins: Vec<Origin>,
    /// The admission policies that say so.
    pub admitted_by: Vec<PolicyRef>,
}

/// Where a role comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginKind {
    /// A `[[user_roles]]` entry.
    UserEntry,
    /// A grant in `grants.toml`.
    DeclaredGrant,
    /// A grant in the store.
    StoredGrant,
    /// A grant without a role: the account's counts.
    AccountRole,
    /// A security group, in a document.
    DeclaredGroup,
    /// A security group, in the store.
    StoredGroup,
    /// `default_authenticated_role`.
    Default,
    /// `public_role`.
    Public,
    /// An explicit assignment of nothing.
    LockedOut,
}

impl OriginKind {
    /// A stable word for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserEntry => "user_entry",
            Self::DeclaredGrant => "declared_grant",
            Self::StoredGrant => "stored_grant",
            Self::AccountRole => "account_role",
            Self::DeclaredGroup => "declared_group",
            Self::StoredGroup => "stored_group",
            Self::Default => "default",
            Self::Public => "public_role",
            Self::LockedOut => "locked_out",
        }
    }
}

/// Where a principal has a role from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What kind of place.
    pub kind: OriginKind,
    /// In words: "the user entry of `jane`".
    pub text: String,
    /// The line; what the store says has none.
    pub source: Option<SourceRef>,
}

/// The roles of a block that the principal holds.
pub(super) fn in_block<'a>(
    engine: &SiteEngine,
    block: &'a Block,
    held: &[String],
) -> Vec<&'a Role> {
    let block_id = names::block(engine.id(), block.folder.as_ref());
    let is_held = |role: &&Role| {
        let id = names::role(&block_id, &role.name);
        held.binary_search(&id).is_ok()
    };
    block.roles.values().filter(is_held).collect()
}

/// The site's block and the folders' on the way.
pub(super) fn blocks<'a>(asked: &Asked<'a>) -> Vec<&'a Block> {
    let folders = asked.engine.folders().values();
    let folders = folders.filter_map(|rules| rules.block.as_deref());
    std::iter::once(&asked.engine.model().block).chain(folders).collect()
}

/// Every role held, with its origins.
pub(super) fn held(asked: &Asked<'_>, held: &[String]) -> Result<Vec<HeldRole>, CompileError> {
    let vocabulary = asked.engine.vocabulary();
    let mut roles = Vec::new();
    for block in blocks(asked) {
        for role in in_block(asked.engine, block, held) {
            let block_id = names::block(asked.engine.id(), block.folder.as_ref());
            let uid = vocabulary.uid(kind::ROLE, &names::role(&block_id, &role.name))?;
            roles.push(HeldRole {
                uid: uid.to_string(),
                name: role.name.to_string(),
                folder: block.folder.clone(),
                defined: Some(role.source.clone()),
                inherits: ancestors(block, role).map(|role| role.name.clone()).collect(),
                origins: origins(asked, block, role),
                admitted_by: admitted_by(asked, &role.name, held),
            });
        }
    }
    let locked = names::synthetic(asked.engine.id(), names::LOCKED);
    if held.contains(&locked) {
        roles.push(HeldRole {
            uid: vocabulary.uid(kind::ROLE, &locked)?.to_string(),
            name: names::LOCKED.to_owned(),
            folder: None,
            defined: None,
            inherits: Vec::new(),
            origins: lock(asked).into_iter().collect(),
            admitted_by: Vec::new(),
        });
    }
    Ok(roles)
}

/// The role's parents, the nearest first.
pub(super) fn ancestors<'a>(block: &'a Block, role: &'a Role) -> impl Iterator<Item = &'a Role> {
    let above = |role: &&'a Role| role.parent.as_ref().and_then(|name| block.roles.get(name));
    std::iter::successors(above(&role), above).take(block.roles.len())
}

/// The admission policies that give a role. Two blocks may have a role of one name, of which the
/// engine is asked by name alone: none is cited then, as it could be the other's.
fn admitted_by(asked: &Asked<'_>, name: &RoleName, held: &[String]) -> Vec<PolicyRef> {
    let suffix = format!("#{name}");
    let same = held.iter().filter(|id| id.ends_with(&suffix)).count();
    if same != 1 {
        return Vec::new();
    }
    asked.engine.assumes(asked.principal, name, asked.path).policies().to_vec()
}

fn origins(asked: &Asked<'_>, block: &Block, role: &Role) -> Vec<Origin> {
    let written = asked.documents.block(block.folder.as_ref());
    let Some(user) = asked.principal.as_user() else {
        let key = written.and_then(|w| w.block.public_role.as_ref().map(|key| w.line(&key.span)));
        let source = key.unwrap_or_else(|| block.source.clone());
        return vec![origin(OriginKind::Public, "`public_role`".to_owned(), Some(source))];
    };
    let mut found = Vec::new();
    if let Some(entry) = block.user_roles.get(&user.name)
        && entry.roles.contains(&role.name)
    {
        let text = format!("the user entry of `{}`", user.name);
        found.push(origin(OriginKind::UserEntry, text, Some(entry.source.clone())));
    }
    if block.folder.is_none() {
        found.extend(granted(asked, user, role));
    }
    if !found.is_empty() {
        return found;
    }
    found.extend(by_group(asked, block, user, role));
    if found.is_empty() && block.default_role.as_ref() == Some(&role.name) {
        let key = written.and_then(|w| w.block.default_role.as_ref().map(|key| w.line(&key.span)));
        let source = key.unwrap_or_else(|| block.source.clone());
        let text = "`default_authenticated_role`".to_owned();
        found.push(origin(OriginKind::Default, text, Some(source)));
    }
    found
}

fn origin(kind: OriginKind, text: String, source: Option<SourceRef>) -> Origin {
    Origin { kind, text, source }
}

/// The line of a grant; one of the store has none.
pub(super) fn grant_line(asked: &Asked<'_>, (grant, from): (&Grant, From)) -> Option<SourceRef> {
    if from == From::Stored {
        return None;
    }
    let (source, document) = asked.documents.grants()?;
    let entry = document.grants.iter().find(|entry| {
        entry.user.value == grant.user
            && entry.role.as_ref().map(|role| &role.value) == grant.role.as_ref()
            && entry.base_path.as_ref().map(|path| &path.value) == grant.base_path.as_ref()
    })?;
    Some(source.reference(entry.span.start))
}

/// The line of a group mapping; one of the store has none.
pub(super) fn mapping_line(
    asked: &Asked<'_>,
    (mapping, from): (&GroupMapping, From),
) -> Option<SourceRef> {
    if from == From::Stored {
        return None;
    }
    let (source, document) = asked.documents.grants()?;
    let entry = document.groups.iter().find(|entry| {
        entry.group.value == mapping.group
            && entry.role.value == mapping.role
            && entry.base_path.as_ref().map(|path| &path.value) == mapping.base_path.as_ref()
    })?;
    Some(source.reference(entry.span.start))
}

fn granted(asked: &Asked<'_>, user: &UserFacts, role: &Role) -> Vec<Origin> {
    let mut found = Vec::new();
    for (grant, from) in rights::grants_of(asked.engine, &user.name) {
        let line = grant_line(asked, (grant, from));
        let (kind, place) = match from {
            From::Declared => (OriginKind::DeclaredGrant, "grant"),
            From::Stored => (OriginKind::StoredGrant, "stored grant"),
        };
        match &grant.role {
            Some(name) if *name == role.name => {
                found.push(origin(kind, format!("the {place} of `{}`", user.name), line));
            }
            None if user.account_role.inheritable().as_ref() == Some(&role.name) => {
                let text = format!(
                    "the role of the account of `{}`, by a {place} that names none",
                    user.name
                );
                found.push(origin(OriginKind::AccountRole, text, line));
            }
            _ => {}
        }
    }
    found
}

fn by_group(asked: &Asked<'_>, block: &Block, user: &UserFacts, role: &Role) -> Vec<Origin> {
    let mut found = Vec::new();
    if block.folder.is_some() {
        for (group, entry) in &block.group_roles {
            if user.groups.contains(group) && entry.roles.contains(&role.name) {
                let text = format!("the group `{group}`");
                found.push(origin(OriginKind::DeclaredGroup, text, Some(entry.source.clone())));
            }
        }
        return found;
    }
    for (mapping, from) in rights::mappings(asked.engine) {
        if mapping.role != role.name || !user.groups.contains(&mapping.group) {
            continue;
        }
        let (kind, place) = match from {
            From::Declared => (OriginKind::DeclaredGroup, "group"),
            From::Stored => (OriginKind::StoredGroup, "stored group"),
        };
        let text = format!("the {place} `{}`", mapping.group);
        found.push(origin(kind, text, mapping_line(asked, (mapping, from))));
    }
    found
}

/// What locks the user out.
pub(super) fn lock(asked: &Asked<'_>) -> Option<Origin> {
    let user = asked.principal.user_name()?;
    if let Some(entry) = asked.engine.model().block.user_roles.get(user)
        && entry.roles.is_empty()
    {
        let text = format!("the user entry of `{user}`, which names no role");
        return Some(origin(OriginKind::LockedOut, text, Some(entry.source.clone())));
    }
    let (grant, from) = *rights::grants_of(asked.engine, user).first()?;
    let place = match from {
        From::Declared => "grant",
        From::Stored => "stored grant",
    };
    let text = format!("the {place} of `{user}`, which yields no role");
    Some(origin(OriginKind::LockedOut, text, grant_line(asked, (grant, from))))
}
