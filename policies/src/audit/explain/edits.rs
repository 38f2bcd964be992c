//! Single changes of the documents, tried on a copy of the model with an engine of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vestibule_schema::document::Cascade;
use vestibule_schema::{
    Action, GalleryPath, GroupId, PermissionSet, RoleName, SourceRef, UserName,
};

use super::{Asked, fewer, more, otherwise};
use crate::decision::{Need, PolicyRef};
use crate::engine::SiteEngine;
use crate::model::{
    Assignment, Block, CustomPolicy, FolderRules, Folders, Grant, GroupMapping, Rights, Role,
    SiteModel,
};

/// How many changes are named at most.
const NAMED: usize = 5;
/// The document of the built-in roles, which nobody edits.
pub(super) const BUILTIN_ROLES: &str = "roles/builtin.toml";

/// Whom a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This user alone.
    User,
    /// Everybody who holds the role.
    Role,
    /// Everybody in the group.
    Group,
    /// Everybody.
    Everybody,
    /// This request alone: no document changes, another context does.
    Request,
}

impl Reach {
    /// A stable word for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Group => "group",
            Self::Everybody => "everybody",
            Self::Request => "request",
        }
    }
}

/// A single change of one document, or of what the request says, that gives the other answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What to do: "add `can_download_original = true` to role `family`".
    pub text: String,
    /// Where; what the store or the request says has no line.
    pub source: Option<SourceRef>,
    /// Whom it concerns.
    pub reach: Reach,
}

/// A change that may be worth trying.
pub(super) struct Candidate {
    pub(super) change: Change,
    pub(super) edit: Edit,
    /// The smaller is tried first.
    pub(super) size: u8,
}

/// A block: the site's, or a folder's.
pub(super) type Of = Option<GalleryPath>;

/// A single change of the model.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    Permission { of: Of, role: RoleName, action: Action, held: bool },
    DropOwner { of: Of, role: RoleName },
    UserEntry { of: Of, user: UserName, roles: Option<BTreeSet<RoleName>> },
    GroupEntry { of: Of, group: GroupId, without: RoleName },
    Public { of: Of, role: Option<RoleName> },
    Default { of: Of, role: Option<RoleName> },
    DropGrant(Grant),
    AddGroupEntry { of: GalleryPath, group: GroupId, role: RoleName },
    DropMapping(GroupId, RoleName),
    Admit(GroupMapping),
    DropPolicy(PolicyRef),
    ShowTechnicalDetails(GalleryPath),
    Unhide(GalleryPath, String),
    Nearest,
}

/// The changes that give the other answer, the smallest first.
pub(super) fn flipping(asked: &Asked<'_>, held: &[String], allowed: bool) -> Vec<Change> {
    let mut candidates =
        if allowed { fewer::candidates(asked, held) } else { more::candidates(asked, held) };
    candidates.sort_by_key(|candidate| candidate.size);
    candidates.extend(policies(asked));
    candidates.sort_by_key(|candidate| candidate.size);
    let flips = |candidate: &Candidate| {
        let changed = changed(asked.engine, &candidate.edit);
        let judge = changed.on(asked.context);
        let answer = judge.decide(asked.principal, Need::one(asked.action), asked.path);
        answer.is_allow() != allowed
    };
    // what needs no edit comes first, unless an edit was asked for: how to keep somebody out
    let otherwise = otherwise::flipping(asked, allowed);
    let (mut changes, last) =
        if allowed { (Vec::new(), otherwise) } else { (otherwise, Vec::new()) };
    for candidate in candidates {
        if changes.len() == NAMED {
            break;
        }
        if !changes.contains(&candidate.change) && flips(&candidate) {
            changes.push(candidate.change);
        }
    }
    changes.extend(last);
    changes
}

/// Each hand-written policy that can apply, taken away.
fn policies(asked: &Asked<'_>) -> Vec<Candidate> {
    let needed = asked.needed();
    let custom = asked.engine.model().custom.iter();
    let applies = |one: &&CustomPolicy| needed.iter().any(|action| one.applies_to(*action));
    let candidate = |one: &CustomPolicy| Candidate {
        change: Change {
            text: format!("remove or narrow the policy `{}`", one.reference().id),
            source: Some(one.reference().source.clone()),
            reach: Reach::Everybody,
        },
        edit: Edit::DropPolicy(one.reference().clone()),
        size: 3,
    };
    custom.filter(applies).map(candidate).collect()
}

/// An engine of the changed documents.
fn changed(engine: &SiteEngine, edit: &Edit) -> SiteEngine {
    let mut world = World {
        model: (**engine.model()).clone(),
        folders: (**engine.folders()).clone(),
        stored: (**engine.stored()).clone(),
    };
    world.apply(edit);
    engine.varied(world.model, world.folders, Arc::new(world.stored))
}

struct World {
    model: SiteModel,
    folders: Folders,
    stored: Rights,
}

impl World {
    fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Permission { .. } | Edit::DropOwner { .. } => self.role(edit),
            Edit::UserEntry { of, user, roles } => self.block(of, |block| match roles {
                None => {
                    block.user_roles.remove(user);
                }
                Some(roles) => {
                    let source = block.source.clone();
                    let entry = Assignment { roles: roles.clone(), source };
                    block.user_roles.insert(user.clone(), entry);
                }
            }),
            Edit::GroupEntry { of, group, without } => self.block(of, |block| {
                if let Some(entry) = block.group_roles.get_mut(group) {
                    entry.roles.remove(without);
                }
            }),
            Edit::Public { of, role } => self.block(of, |block| block.public_role.clone_from(role)),
            Edit::Default { of, role } => {
                self.block(of, |block| block.default_role.clone_from(role));
            }
            Edit::DropGrant(grant) => {
                self.rights(|rights| rights.grants.retain(|other| other != grant));
            }
            Edit::AddGroupEntry { of, group, role } => self.block(&Some(of.clone()), |block| {
                let source = block.source.clone();
                let nothing = Assignment { roles: BTreeSet::new(), source };
                let entry = block.group_roles.entry(group.clone()).or_insert(nothing);
                entry.roles.insert(role.clone());
            }),
            Edit::Admit(mapping) => {
                self.rights(|rights| rights.groups.retain(|other| other.group != mapping.group));
                self.model.declared.groups.push(mapping.clone());
            }
            Edit::DropPolicy(policy) => {
                self.model.custom.policies.retain(|one| one.reference != *policy);
            }
            Edit::DropMapping(group, role) => self.rights(|rights| {
                rights.groups.retain(|other| other.group != *group || other.role != *role);
            }),
            Edit::ShowTechnicalDetails(folder) => {
                self.folder(folder, |rules| rules.hide_technical_details = None);
            }
            Edit::Unhide(folder, name) => self.folder(folder, |rules| {
                let left = rules.hidden_images.iter().filter(|hidden| *hidden != name.as_str());
                rules.hidden_images = left.collect();
            }),
            Edit::Nearest => self.model.cascade = Cascade::Nearest,
        }
    }

    fn role(&mut self, edit: &Edit) {
        let (Edit::Permission { of, role: name, .. } | Edit::DropOwner { of, role: name }) = edit
        else {
            return;
        };
        self.block(of, |block| {
            if let Some(role) = block.roles.get_mut(name) {
                match edit {
                    Edit::Permission { action, held: true, .. } => {
                        role.own = with(role.own, *action);
                    }
                    Edit::Permission { action, .. } => role.own = without(role.own, *action),
                    _ => role.own_owner = false,
                }
            }
            settle(block);
        });
    }

    fn rights(&mut self, change: impl Fn(&mut Rights)) {
        change(&mut self.model.declared);
        change(&mut self.stored);
    }

    fn folder(&mut self, folder: &GalleryPath, change: impl FnOnce(&mut FolderRules)) {
        if let Some(rules) = self.folders.get_mut(folder) {
            change(Arc::make_mut(rules));
        }
    }

    fn block(&mut self, of: &Of, change: impl FnOnce(&mut Block)) {
        match of {
            None => change(&mut self.model.block),
            Some(folder) => self.folder(folder, |rules| {
                if let Some(block) = &mut rules.block {
                    change(Arc::make_mut(block));
                }
            }),
        }
    }
}

/// What the key of an action in a role gives: `can_manage_images` gives `upload` and `organize`.
fn with(set: PermissionSet, action: Action) -> PermissionSet {
    match action {
        Action::Upload => set.with_action(action),
        action => set.with(action.permission()),
    }
}

/// What is left without that key.
fn without(set: PermissionSet, action: Action) -> PermissionSet {
    let managing = [Action::ManageImages, Action::Upload, Action::Organize];
    if set.allows(Action::ManageImages) && managing.contains(&action) {
        return managing.into_iter().fold(set, PermissionSet::without_action);
    }
    set.without_action(action)
}

/// The key of a role that gives an action, or that would.
pub(super) fn key(role: &Role, action: Action) -> &'static str {
    match action {
        Action::Upload if !role.own.allows(Action::ManageImages) => "upload",
        action => action.permission().key(),
    }
}

/// Resolves again what each role of a block holds with its ancestors.
fn settle(block: &mut Block) {
    let own: BTreeMap<RoleName, (PermissionSet, bool, Option<RoleName>)> = block
        .roles
        .iter()
        .map(|(name, role)| (name.clone(), (role.own, role.own_owner, role.parent.clone())))
        .collect();
    for (name, role) in &mut block.roles {
        let (mut all, mut owner) = (PermissionSet::EMPTY, false);
        let mut at = Some(name);
        for _ in 0..own.len() {
            let Some((held, is_owner, parent)) = at.and_then(|name| own.get(name)) else { break };
            all = all.union(*held);
            owner |= is_owner;
            at = parent.as_ref();
        }
        role.owner = owner;
        role.all = if owner { PermissionSet::ALL } else { all };
    }
}
