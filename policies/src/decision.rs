//! The answer to a question: a [`Permit`] or a [`Denial`], both with the deciding policies.

use std::fmt;
use std::sync::Arc;

use vestibule_schema::{Action, GalleryPath, PermissionSet, SiteId, SourceRef};

use crate::cited::{Cited, Ground};
use crate::principal::{Principal, Share};

/// What a request needs beside `view`: any one of a few actions.
///
/// Most requests need one. The medium size needs `download_medium` or `use_zoom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    first: Action,
    or: Option<Action>,
}

impl Need {
    /// One action.
    #[must_use]
    pub const fn one(action: Action) -> Self {
        Self { first: action, or: None }
    }

    /// Either of two actions; a refusal names the first.
    #[must_use]
    pub const fn either(first: Action, second: Action) -> Self {
        Self { first, or: Some(second) }
    }

    /// The action that a refusal names.
    #[must_use]
    pub const fn named(self) -> Action {
        self.first
    }

    /// The actions of which one suffices.
    pub fn actions(self) -> impl Iterator<Item = Action> {
        std::iter::once(self.first).chain(self.or)
    }
}

/// A policy that took part in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyRef {
    /// The policy's `@id`.
    pub id: Arc<str>,
    /// The line it was made from; the base policies cite their own file.
    pub source: SourceRef,
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.source)
    }
}

/// The answer to a question.
#[derive(Debug, Clone)]
pub enum Decision {
    /// The request may go on, with this permit in hand.
    Allow(Permit),
    /// The request is refused.
    Deny(Denial),
}

impl Decision {
    /// The policies that decided.
    #[must_use]
    pub fn policies(&self) -> &[PolicyRef] {
        match self {
            Decision::Allow(permit) => permit.policies(),
            Decision::Deny(denial) => denial.policies(),
        }
    }

    /// Whether this is [`Decision::Allow`].
    #[must_use]
    pub fn is_allow(&self) -> bool {
        matches!(self, Decision::Allow(_))
    }
}

/// The proof that a request may go on. Only the engine can make one; whatever reaches an
/// upstream is made from it.
// INVARIANT: the field is private to this crate, and `engine` alone constructs a Permit.
#[derive(Debug, Clone)]
pub struct Permit(pub(crate) Arc<Permitted>);

/// What a permit says. Shared: a decision that was made before costs one count more.
#[derive(Debug)]
pub(crate) struct Permitted {
    pub(crate) ground: Arc<dyn Ground>,
    pub(crate) action: Action,
    pub(crate) path: GalleryPath,
    pub(crate) generation: u64,
    pub(crate) cited: Cited,
    /// The share by which alone it is allowed.
    pub(crate) share: Option<Arc<Share>>,
}

impl Permit {
    /// The site.
    #[must_use]
    pub fn site(&self) -> &SiteId {
        &self.0.ground.way().site.site
    }

    /// Who may.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        self.0.ground.principal()
    }

    /// What may be done: the action of the need that was allowed.
    #[must_use]
    pub fn action(&self) -> Action {
        self.0.action
    }

    /// The resource that was judged, and the only one that may be forwarded.
    #[must_use]
    pub fn path(&self) -> &GalleryPath {
        &self.0.path
    }

    /// The generation of the policies that allowed it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// The share link without which it would not be allowed.
    #[must_use]
    pub fn share(&self) -> Option<&Share> {
        self.0.share.as_deref()
    }

    /// The policies that allowed it; by a share those of its role and of its maker.
    #[must_use]
    pub fn policies(&self) -> &[PolicyRef] {
        self.0.cited.references(self.0.ground.way())
    }
}

/// What the principal lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// `view` on the resource, so that it must look as if it did not exist; also an error while
    /// deciding.
    View,
    /// With `view`, this action.
    Action(Action),
}

/// A refusal.
#[derive(Debug, Clone)]
pub struct Denial(pub(crate) Arc<Denied>);

/// What a denial says.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) missing: Missing,
    /// What decided; nothing, if nobody can tell.
    pub(crate) cited: Option<(Arc<dyn Ground>, Cited)>,
    pub(crate) generation: u64,
    pub(crate) fault: Option<String>,
}

impl Denial {
    /// What went wrong while deciding, for the log. Never for the client.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.0.fault.as_deref()
    }

    /// What is missing.
    #[must_use]
    pub fn missing(&self) -> Missing {
        self.0.missing
    }

    /// The generation of the policies that refused it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// The forbidding policies; none, if nothing permits.
    #[must_use]
    pub fn policies(&self) -> &[PolicyRef] {
        let cited = self.0.cited.as_ref();
        cited.map_or_else(Default::default, |(ground, cited)| cited.references(ground.way()))
    }
}

/// What a principal may do at one place: all 28 actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacePermissions {
    /// The place.
    pub folder: GalleryPath,
    /// What may be done there, and below it up to the next such place.
    pub permissions: PermissionSet,
    /// Which rules of its own the place was judged by.
    pub rules: OwnRules,
}

/// Which rules of its own a place has, as far as the engine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnRules {
    /// None: a hand-written policy names it, or a scope begins there.
    None,
    /// It hides technical details.
    Flags,
    /// It has a block, or one that can't be read.
    Block,
}
