//! All actions' answers for one role set at one place, filled as they are asked.

use std::sync::{Arc, OnceLock};

use vestibule_schema::{Action, PermissionSet};

use super::index::MarkId;
use crate::decision::PolicyRef;

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

/// Everything that an answer depends on, beside the action. Typed, so that no two inputs share a
/// key by accident.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MaskKey {
    pub(super) visitor: bool,
    /// Sorted identifiers of the roles held.
    pub(super) roles: Arc<[String]>,
    pub(super) mark: MarkId,
    pub(super) variant: Variant,
}

/// Cedar's answer for one action.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    pub(super) policies: Arc<[PolicyRef]>,
}

/// The answers for one key.
#[derive(Debug)]
pub(super) struct Mask {
    key: MaskKey,
    verdicts: [OnceLock<Verdict>; Action::ALL.len()],
    whole: OnceLock<PermissionSet>,
}

impl Mask {
    pub(super) fn new(key: MaskKey) -> Self {
        Self {
            key,
            verdicts: [const { OnceLock::new() }; Action::ALL.len()],
            whole: OnceLock::new(),
        }
    }

    pub(super) fn key(&self) -> &MaskKey {
        &self.key
    }

    /// The answer for an action, if it was asked before.
    pub(super) fn verdict(&self, action: Action) -> Option<&Verdict> {
        self.verdicts.get(action.index()).and_then(OnceLock::get)
    }

    /// Keeps an answer; the first one kept stays.
    pub(super) fn keep(&self, action: Action, verdict: Verdict) {
        if let Some(slot) = self.verdicts.get(action.index()) {
            slot.get_or_init(|| verdict);
        }
    }

    /// All actions, if they were asked together before.
    pub(super) fn whole(&self) -> Option<PermissionSet> {
        self.whole.get().copied()
    }

    pub(super) fn remember(&self, set: PermissionSet) -> PermissionSet {
        *self.whole.get_or_init(|| set)
    }
}
