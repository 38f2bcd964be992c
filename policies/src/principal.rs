//! Who asks.

mod memo;
mod share;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use vestibule_schema::{AccountRole, GroupId, UserName};

pub(crate) use memo::Memo;
pub use share::{Bearer, Share};

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

/// A signed-in user. Compared by the facts alone, which it stands for everywhere.
#[derive(Debug)]
pub struct User {
    facts: UserFacts,
    /// What engines found out about the user, so that it goes when the user's session does.
    pub(crate) memo: Memo,
}

impl Deref for User {
    type Target = UserFacts;

    fn deref(&self) -> &UserFacts {
        &self.facts
    }
}

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        self.facts == other.facts
    }
}

impl Eq for User {}

impl Hash for User {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.facts.hash(state);
    }
}

impl PartialOrd for User {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for User {
    fn cmp(&self, other: &Self) -> Ordering {
        self.facts.cmp(&other.facts)
    }
}

/// The principal of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// Somebody who has not signed in.
    Visitor,
    /// A signed-in user. Compared by content, cheap to clone.
    User(Arc<User>),
    /// Either of them, with share links that they opened.
    Bearer(Arc<Bearer>),
}

impl Principal {
    /// A signed-in user.
    #[must_use]
    pub fn user(facts: UserFacts) -> Self {
        Self::User(Arc::new(User { facts, memo: Memo::default() }))
    }

    /// The same with share links that were opened: those that stand, in any order.
    #[must_use]
    pub fn with_shares(self, shares: impl IntoIterator<Item = Arc<Share>>) -> Self {
        let (own, before) = match self {
            Self::Bearer(bearer) => (bearer.own().clone(), bearer.shares().to_vec()),
            own => (own, Vec::new()),
        };
        match Bearer::new(own, before.into_iter().chain(shares)) {
            Ok(bearer) => Self::Bearer(Arc::new(bearer)),
            Err(own) => own,
        }
    }

    /// Who it is without share links.
    #[must_use]
    pub fn own(&self) -> &Self {
        match self {
            Self::Visitor | Self::User(_) => self,
            Self::Bearer(bearer) => bearer.own(),
        }
    }

    /// The share links that were opened.
    #[must_use]
    pub fn shares(&self) -> &[Arc<Share>] {
        match self {
            Self::Visitor | Self::User(_) => &[],
            Self::Bearer(bearer) => bearer.shares(),
        }
    }

    /// The user, if somebody has signed in.
    #[must_use]
    pub fn as_user(&self) -> Option<&Arc<User>> {
        match self.own() {
            Self::User(user) => Some(user),
            Self::Visitor | Self::Bearer(_) => None,
        }
    }

    /// Whether both are the same: at once, where they share their facts.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User(one), Self::User(another)) => Arc::ptr_eq(one, another) || one == another,
            (Self::Bearer(one), Self::Bearer(another)) => {
                Arc::ptr_eq(one, another) || one == another
            }
            _ => self == other,
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Visitor => size_of::<Self>(),
            Self::User(user) => {
                let groups = user.groups.iter().map(|group| 32 + group.as_str().len());
                size_of::<User>() + user.name.as_str().len() + groups.sum::<usize>()
            }
            Self::Bearer(bearer) => bearer.weight(),
        }
    }

    /// The user's name; a visitor has none.
    #[must_use]
    pub fn user_name(&self) -> Option<&UserName> {
        self.as_user().map(|user| &user.name)
    }

    /// Whether somebody has signed in.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        self.as_user().is_some()
    }
}
