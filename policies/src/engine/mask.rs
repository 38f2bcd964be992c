//! All actions' answers for one role set at one place, filled as they are asked.

use std::sync::{Arc, OnceLock};

use vestibule_schema::{Action, PermissionSet, RoleName};

use super::Fault;
use super::shape::ChainId;
use crate::cited::{Deciding, Way};
use crate::compile::CompileError;
use crate::names;

/// What kind of resource is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Variant {
    Folder,
    Image,
    HiddenImage,
}

impl Variant {
    pub(super) const COUNT: usize = 3;

    pub(super) fn is_hidden(self) -> bool {
        self == Variant::HiddenImage
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// A role that somebody holds on the way to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Held {
    /// The site's block, 0, or that of the folder at this level of the way.
    pub(super) level: usize,
    pub(super) role: HeldKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum HeldKind {
    Role(RoleName),
    /// The companion of a scoped role, with `upload` alone.
    Upload(RoleName),
    /// Nothing, explicitly.
    Locked,
}

impl Held {
    /// The role's identifier on this way.
    pub(super) fn id(&self, way: &Way) -> String {
        let block = names::block(&way.site.site, way.folder(self.level));
        match &self.role {
            HeldKind::Role(role) => names::role(&block, role),
            HeldKind::Upload(role) => names::upload_role(&block, role),
            HeldKind::Locked => names::synthetic(&way.site.site, names::LOCKED),
        }
    }
}

/// Everything that an answer depends on, beside the action. Typed, so that no two inputs share a
/// key by accident.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MaskKey {
    pub(super) visitor: bool,
    /// The roles held, sorted.
    pub(super) roles: Arc<[Held]>,
    /// The rules on the way, whatever the folders are called.
    pub(super) chain: ChainId,
    pub(super) variant: Variant,
}

impl MaskKey {
    /// About how many bytes it takes, beside names that are shared.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + size_of::<Held>() * self.roles.len()
    }
}

/// Cedar's answer for one action.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    pub(super) deciding: Arc<[Deciding]>,
}

/// The answers for one key.
#[derive(Debug)]
pub(super) struct Mask {
    key: MaskKey,
    pub(super) answers: Answers,
}

impl Mask {
    /// About how many bytes one takes with all its answers, beside its key.
    pub(super) const WEIGHT: usize = size_of::<Self>() + Action::ALL.len() * 64;

    pub(super) fn new(key: MaskKey) -> Self {
        Self { key, answers: Answers::default() }
    }

    pub(super) fn key(&self) -> &MaskKey {
        &self.key
    }
}

/// One answer for each action, each kept when it was asked.
#[derive(Debug, Default)]
pub(super) struct Answers {
    verdicts: [OnceLock<Verdict>; Action::ALL.len()],
    whole: OnceLock<PermissionSet>,
}

impl Answers {
    /// The answer for an action, if it was asked before.
    pub(super) fn verdict(&self, action: Action) -> Option<&Verdict> {
        self.verdicts.get(action.index()).and_then(OnceLock::get)
    }

    /// Keeps an answer; the first one kept stays.
    pub(super) fn keep(&self, action: Action, verdict: Verdict) -> Result<&Verdict, Fault> {
        let slot = self.verdicts.get(action.index());
        let kept = slot.map(|slot| slot.get_or_init(|| verdict));
        kept.ok_or_else(|| CompileError::Entity("an action".into()))
    }

    /// All actions, if they were asked together before.
    pub(super) fn whole(&self) -> Option<PermissionSet> {
        self.whole.get().copied()
    }

    pub(super) fn remember(&self, set: PermissionSet) -> PermissionSet {
        *self.whole.get_or_init(|| set)
    }
}
