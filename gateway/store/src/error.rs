//! [`StoreError`]: what can go wrong, in the words of whom it concerns.

use std::fmt;
use std::io;
use std::path::PathBuf;

use vestibule_schema::{GroupId, ProviderId, SiteId, UserName};

/// Why the store did not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The state directory can't be made or written.
    #[error(
        "the state directory `{path}` is not writable; make it writable for the user that runs \
         the gateway, or set `state_dir`"
    )]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The database is no store or can't be opened.
    #[error("the store `{store}` can't be opened")]
    Open {
        /// The file, or the address without what is secret in it.
        store: String,
        /// What the database says.
        source: Cause,
    },
    /// The store could not be brought to this version, or a later version made it.
    #[error("the store `{store}` can't be brought to the version of this program")]
    Migrate {
        /// The file, or the address without what is secret in it.
        store: String,
        /// What the database says.
        source: Cause,
    },
    /// Another version of this program keeps the store, and whoever asked changes none.
    #[error(
        "the store `{store}` is of another version ({found}) than this program ({known}): use the \
         program that runs as the gateway, or start this one's once (`vestibule serve`), which \
         brings an older store to its version"
    )]
    OtherVersion {
        /// The file, or the address without what is secret in it.
        store: String,
        /// The store's version.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// The store does not answer. Nobody new gets in meanwhile.
    #[error("the store can't be reached")]
    Unavailable(#[source] Cause),
    /// A value that this crate did not write.
    #[error("the store holds a value that can't be read: table `{table}`, column `{column}`")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The name is taken, or differs in case only from one that is.
    #[error("the user name `{taken}` exists already")]
    NameTaken {
        /// The name that exists.
        taken: UserName,
    },
    /// An account has as many of something as it may.
    #[error("there are {most} already, and no more may be")]
    TooMany {
        /// How many it may have.
        most: u32,
    },
    /// Somebody at a provider has an account already.
    #[error("this person at `{provider}` has an account already")]
    IdentityTaken {
        /// The provider.
        provider: ProviderId,
    },
    /// The last enabled cluster administrator stays what they are.
    #[error(
        "`{user}` is the last enabled cluster administrator and can't be removed, disabled or \
         given another role"
    )]
    LastAdministrator {
        /// Whom it concerns.
        user: UserName,
    },
    /// There is no such user.
    #[error("there is no user `{user}`")]
    NoSuchUser {
        /// The name that was asked for.
        user: UserName,
    },
    /// There is no such account any more.
    #[error("the account does not exist any more")]
    NoSuchAccount,
    /// The session has ended.
    #[error("the session has ended")]
    NoSuchSession,
    /// There is no such grant.
    #[error("`{user}` holds no such grant on `{site}`")]
    NoSuchGrant {
        /// The site.
        site: SiteId,
        /// The user.
        user: UserName,
    },
    /// There is no such group mapping.
    #[error("the group `{group}` is not mapped so on `{site}`")]
    NoSuchMapping {
        /// The site.
        site: SiteId,
        /// The group.
        group: GroupId,
    },
    /// A node of this name is registered.
    #[error("a node `{node}` is registered already")]
    NodeTaken {
        /// The name.
        node: SiteId,
    },
    /// There is no such node, or a credential is not its.
    #[error("there is no registered node `{node}`")]
    NoSuchNode {
        /// The name.
        node: SiteId,
    },
    /// The join token is none, is over, or used up.
    #[error("the join token admits nobody")]
    NoSuchToken,
}

impl StoreError {
    /// Whether something that was named does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::NoSuchUser { .. }
                | Self::NoSuchAccount
                | Self::NoSuchSession
                | Self::NoSuchGrant { .. }
                | Self::NoSuchMapping { .. }
                | Self::NoSuchNode { .. }
                | Self::NoSuchToken
        )
    }

    /// Whether the request was understood and contradicts what is there.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::NameTaken { .. }
                | Self::IdentityTaken { .. }
                | Self::LastAdministrator { .. }
                | Self::NodeTaken { .. }
        )
    }
}

/// What the database says. Opaque, so that no other crate meets the database's own types.
pub struct Cause(pub(crate) Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cause({})", self.0)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Any failure of a statement: what a statement may meet in the ordinary course is looked up
/// before it is run.
pub(crate) fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(Cause(Box::new(error)))
}
