//! The TOML documents that people write, as types that remember where each value stands.
//!
//! Each reader returns what it could read *and* all problems it found, sorted by position. A
//! document with an error is never used: see `permissions.md` 5.

mod features;
mod folder;
mod grants;
mod permissions;
mod reader;
mod site;

pub use features::{DisabledFeatures, disabled as disabled_features};
pub use folder::{FOLDER_FILE, FolderDocument, FoldersDocument};
pub use grants::{GrantEntry, GrantsDocument, GroupEntry};
pub use permissions::{GroupRoles, PermissionsDocument, RoleDocument, RoleRef, UserRoles};
pub use reader::{Reader, Spanned, Table};
pub use site::{
    Cascade, HeaderSecret, IdentityHeadersDocument, Mount, SecretSource, SiteDocument,
    UpstreamAddress,
};

#[cfg(test)]
mod tests;
