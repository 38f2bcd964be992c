//! The checked model of a site: what the documents mean once every name in them is resolved.
//!
//! A [`SiteModel`] holds no mistake: the only way to one is [`crate::check`]. It is compact, so
//! that a site may have a hundred thousand blocks, of which only the asked-for become policies.

mod custom;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;
use vestibule_schema::document::Cascade;
use vestibule_schema::{
    GalleryPath, GroupId, HiddenNames, PermissionSet, RoleName, SiteId, SourceRef, UserName,
};

pub use custom::{CustomPolicies, CustomPolicy};

/// A role of a block, with its parent resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The name.
    pub name: RoleName,
    /// How people see it.
    pub display_name: Option<String>,
    /// What the role holds by itself.
    pub own: PermissionSet,
    /// What it holds with its ancestors.
    pub all: PermissionSet,
    /// The role sets `owner_access` itself.
    pub own_owner: bool,
    /// The role or an ancestor sets `owner_access`.
    pub owner: bool,
    /// The parent: another role of the same block.
    pub parent: Option<RoleName>,
    /// Decides between groups: the higher wins.
    pub rank: i64,
    /// Counts only inside a grant's base path. Never in a folder block: there the folder is the
    /// scope.
    pub scoped: bool,
    /// Where the role is defined.
    pub source: SourceRef,
}

/// Which roles a name or group has, and where that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The roles; none means explicitly nothing.
    pub roles: BTreeSet<RoleName>,
    /// The entry.
    pub source: SourceRef,
}

/// A block: the site's, or one folder's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The folder; the site block has none.
    pub folder: Option<GalleryPath>,
    /// Every role that the block defines, and the built-ins it uses. The site block has all
    /// built-ins, as the store may grant any of them.
    pub roles: BTreeMap<RoleName, Role>,
    /// Roles by user.
    pub user_roles: BTreeMap<UserName, Assignment>,
    /// Roles by group; folder blocks only.
    pub group_roles: BTreeMap<GroupId, Assignment>,
    /// The visitor's role.
    pub public_role: Option<RoleName>,
    /// The role of who has no other.
    pub default_role: Option<RoleName>,
    /// Where the block begins.
    pub source: SourceRef,
}

impl Block {
    /// The roles that by themselves set one of the actions, or are owners.
    pub(crate) fn holders(&self, action: vestibule_schema::Action) -> Vec<&Role> {
        let holds = |role: &&Role| role.own.allows(action) || role.own_owner;
        self.roles.values().filter(holds).collect()
    }
}

/// What a folder says of itself, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRules {
    /// Its block.
    pub block: Option<Arc<Block>>,
    /// Its block can't be read: closed to everybody but the site's owners.
    pub broken: Option<SourceRef>,
    /// Not listed by what is outside.
    pub hidden: bool,
    /// Images denied to who lacks `see_hidden`.
    pub hidden_images: HiddenNames,
    /// Denies `see_technical_details` in the subtree.
    pub hide_technical_details: Option<SourceRef>,
}

impl FolderRules {
    /// A folder whose description can't be used.
    #[must_use]
    pub fn broken(source: SourceRef) -> Self {
        Self {
            block: None,
            broken: Some(source),
            hidden: false,
            hidden_images: HiddenNames::default(),
            hide_technical_details: None,
        }
    }

    /// Whether the folder changes any decision below it.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.block.is_some() || self.broken.is_some() || self.hide_technical_details.is_some()
    }

    /// Whether the folder says nothing that counts for access or listings.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.is_marked() && !self.hidden && self.hidden_images.is_empty()
    }
}

/// A user's access to a site, declared or stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub user: UserName,
    /// The role; `None` inherits the account's.
    pub role: Option<RoleName>,
    /// Where a scoped role counts.
    pub base_path: Option<GalleryPath>,
    /// Where a contributor may upload.
    pub upload_path: Option<GalleryPath>,
}

/// A security group that a site admits, declared or stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMapping {
    /// The group.
    pub group: GroupId,
    /// The role of its members.
    pub role: RoleName,
    /// Where a scoped role counts.
    pub base_path: Option<GalleryPath>,
    /// Where a contributor may upload.
    pub upload_path: Option<GalleryPath>,
}

/// Grants and group mappings: of one file, or of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// The grants.
    pub grants: Vec<Grant>,
    /// The group mappings.
    pub groups: Vec<GroupMapping>,
}

/// Where each declared grant and group mapping is written, in the order of [`Rights`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeclaredAt {
    /// Of the grants.
    pub grants: Vec<SourceRef>,
    /// Of the group mappings.
    pub groups: Vec<SourceRef>,
}

/// A site without its folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteModel {
    /// The site.
    pub site: SiteId,
    /// How folder blocks combine.
    pub cascade: Cascade,
    /// The site block.
    pub block: Block,
    /// Declared grants and group mappings.
    pub declared: Rights,
    /// Where those are written.
    pub declared_at: DeclaredAt,
    /// The hand-written policies.
    pub custom: CustomPolicies,
    /// Where the site's weekday and time of day are.
    pub zone: TimeZone,
}

/// The folders of a site that say anything, by path.
pub type Folders = BTreeMap<GalleryPath, Arc<FolderRules>>;
