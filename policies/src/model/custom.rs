//! A site's hand-written policies, checked.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{Effect, Policy};
use vestibule_schema::{Action, GalleryPath};

use crate::decision::PolicyRef;
use crate::scope::ActionMask;

/// One hand-written policy.
#[derive(Debug, Clone)]
pub struct CustomPolicy {
    pub(crate) policy: Policy,
    pub(crate) reference: PolicyRef,
    pub(crate) actions: ActionMask,
    pub(crate) reads_context: bool,
}

impl CustomPolicy {
    /// Its name and place.
    #[must_use]
    pub fn reference(&self) -> &PolicyRef {
        &self.reference
    }

    /// Whether it forbids.
    #[must_use]
    pub fn forbids(&self) -> bool {
        self.policy.effect() == Effect::Forbid
    }

    /// Whether it can apply to an action.
    #[must_use]
    pub fn applies_to(&self, action: Action) -> bool {
        self.actions.has(action)
    }

    /// Whether it reads the request's context.
    #[must_use]
    pub fn reads_context(&self) -> bool {
        self.reads_context
    }

    /// The policy in Cedar's language, as it was written.
    #[must_use]
    pub fn text(&self) -> String {
        self.policy.to_cedar().unwrap_or_else(|| self.policy.to_string())
    }
}

impl PartialEq for CustomPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.reference == other.reference && self.text() == other.text()
    }
}

impl Eq for CustomPolicy {}

/// A site's hand-written policies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomPolicies {
    pub(crate) policies: Vec<Arc<CustomPolicy>>,
    /// The folders that they name: each is judged by itself.
    pub(crate) folders: BTreeSet<GalleryPath>,
    /// The folders of whose blocks they name a role.
    pub(crate) role_folders: BTreeSet<GalleryPath>,
    pub(crate) affected: ActionMask,
    /// The actions that one of them can apply to that reads the context.
    pub(crate) contextual: ActionMask,
}

impl CustomPolicies {
    /// Each of them, by file and line.
    pub fn iter(&self) -> impl Iterator<Item = &CustomPolicy> {
        self.policies.iter().map(|policy| &**policy)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Whether one of them can change the answer for an action.
    #[must_use]
    pub fn affects(&self, action: Action) -> bool {
        self.affected.has(action)
    }

    /// Whether the answer for an action can depend on the request's context: it is asked for anew
    /// each time.
    #[must_use]
    pub fn reads_context_for(&self, action: Action) -> bool {
        self.contextual.has(action)
    }
}
