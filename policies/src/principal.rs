//! Who asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use vestibule_schema::{AccountRole, GroupId, UserName};

/// What the gateway knows of a signed-in user: the input of admission.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserFacts {
    /// The canonical user name.
    pub name: UserName,
    /// The role of the account itself; an empty grant inherits it.
    pub account_role: AccountRole,
    /// The user's security groups, from OpenID Connect claims and directories.
    pub groups: BTreeSet<GroupId>,
}

/// The principal of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// Somebody who has not signed in.
    Visitor,
    /// A signed-in user. Compared by content, cheap to clone.
    User(Arc<UserFacts>),
}

impl Principal {
    /// A signed-in user.
    #[must_use]
    pub fn user(facts: UserFacts) -> Self {
        Self::User(Arc::new(facts))
    }

    /// Whether both are the same: at once, where they share their facts.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User(one), Self::User(another)) => Arc::ptr_eq(one, another) || one == another,
            _ => self == other,
        }
    }

    /// The user's name; a visitor has none.
    #[must_use]
    pub fn user_name(&self) -> Option<&UserName> {
        match self {
            Self::Visitor => None,
            Self::User(facts) => Some(&facts.name),
        }
    }

    /// Whether somebody has signed in.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        matches!(self, Self::User(_))
    }
}
