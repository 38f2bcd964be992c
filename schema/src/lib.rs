//! The words of Vestibule: permissions, identifiers, paths, the TOML documents people write, and
//! the problems that point into them.
//!
//! This crate is *pure*: it reads no file and no clock, and knows neither Cedar nor HTTP. It is
//! not the place of any decision. Start at [`permission`], then [`path`], then [`document`].
//!
//! ```
//! use vestibule_schema::{Action, GalleryPath, Permission, PermissionSet};
//!
//! let path = GalleryPath::from_encoded("/clients/smith/a%20b.jpg")?;
//! assert_eq!(path.as_str(), "/clients/smith/a b.jpg");
//! assert_eq!(path.folder().as_str(), "/clients/smith/");
//!
//! let set = PermissionSet::EMPTY.with(Permission::ManageImages);
//! assert!(set.allows(Action::Upload));
//! # Ok::<(), vestibule_schema::PathError>(())
//! ```

pub mod document;
pub mod hidden;
pub mod ids;
pub mod management;
pub mod path;
pub mod permission;
pub mod problem;
pub mod size;

pub use hidden::HiddenNames;
pub use ids::{AccountRole, GroupId, IdError, ProviderId, RoleName, ShareId, SiteId, UserName};
pub use management::ManagementAction;
pub use path::{GalleryPath, PathError, PathKind};
pub use permission::{Action, Permission, PermissionSet};
pub use problem::{Problem, Severity, Source, SourceRef};
pub use size::{NamedSize, Sizes};

/// The Cedar schema that auditors read: entity types and actions.
pub const CEDAR_SCHEMA: &str = include_str!("../gallery.cedarschema");
