//! [`ManagementAction`]: what may be done with accounts, grants, nodes and links. None of it opens
//! a picture.

use std::fmt;

/// Something that whoever manages does. Each is an action of the Cedar schema, in `manage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ManagementAction {
    /// See accounts, grants, group mappings, and who may enter which site by what.
    ReviewAccess,
    /// See and end sessions.
    EndSessions,
    /// Add, change and remove accounts.
    ManageUsers,
    /// Give and take away grants and group mappings.
    ManageAccess,
    /// Add, change and remove registered nodes and join tokens.
    ManageNodes,
    /// See, make and revoke share links.
    ManageShares,
}

impl ManagementAction {
    /// Every action.
    pub const ALL: [Self; 6] = [
        Self::ReviewAccess,
        Self::EndSessions,
        Self::ManageUsers,
        Self::ManageAccess,
        Self::ManageNodes,
        Self::ManageShares,
    ];

    /// The action's name in the schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReviewAccess => "review_access",
            Self::EndSessions => "end_sessions",
            Self::ManageUsers => "manage_users",
            Self::ManageAccess => "manage_access",
            Self::ManageNodes => "manage_nodes",
            Self::ManageShares => "manage_shares",
        }
    }
}

impl fmt::Display for ManagementAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
