//! The identifiers of Cedar entities: written here and nowhere else.
//!
//! Injective: site and role names are `[A-Za-z0-9_-]`, so the first `:` and the last `#` delimit,
//! and the free part, a path, is between them. `@` keeps `@owner`, `@locked` and `@upload` out of
//! reach of every name that is read.

use vestibule_schema::{GalleryPath, ManagementAction, RoleName, SiteId};

/// Entity types of the schema.
pub(crate) mod kind {
    pub(crate) const SITE: &str = "Site";
    pub(crate) const BLOCK: &str = "Block";
    pub(crate) const FOLDER: &str = "Folder";
    pub(crate) const IMAGE: &str = "Image";
    pub(crate) const ROLE: &str = "Role";
    pub(crate) const GROUP: &str = "Group";
    pub(crate) const USER: &str = "User";
    pub(crate) const VISITOR: &str = "Visitor";
    pub(crate) const ACTION: &str = "Action";
    pub(crate) const CLUSTER: &str = "Cluster";
    pub(crate) const NODE: &str = "Node";
    pub(crate) const OPERATOR: &str = "Operator";
}

/// The action that asks whether somebody holds a role.
pub(crate) const ASSUME_ROLE: &str = "assume_role";
/// Whether an action is one of management, which no policy of a site speaks of.
pub(crate) fn is_management(action: &str) -> bool {
    action == "manage" || ManagementAction::ALL.iter().any(|known| known.name() == action)
}

/// The synthetic role of a site's owners.
pub(crate) const OWNER: &str = "@owner";
/// The synthetic role of who is locked out of a site.
pub(crate) const LOCKED: &str = "@locked";

/// A block: `family:`, or `family:/vip/` for a folder's.
pub(crate) fn block(site: &SiteId, folder: Option<&GalleryPath>) -> String {
    format!("{site}:{}", folder.map_or("", GalleryPath::as_str))
}

/// A role of a block: `family:/vip/#client`.
pub(crate) fn role(block: &str, role: &RoleName) -> String {
    format!("{block}#{role}")
}

/// What a role's identifier says: the folder of its block, `/vip/` of `family:/vip/#client`, if it
/// is none of the site's, and its name. `None`: no role of the site can be called so.
pub(crate) fn parts_of_role<'r>(
    site: &SiteId,
    role: &'r str,
) -> Option<(Option<GalleryPath>, &'r str)> {
    let rest = role.strip_prefix(site.as_str())?.strip_prefix(':')?;
    let Some((path, name)) = rest.rsplit_once('#') else {
        return [OWNER, LOCKED].contains(&rest).then_some((None, rest));
    };
    let known = name.strip_suffix("@upload").unwrap_or(name);
    RoleName::parse(known).ok()?;
    if path.is_empty() {
        return Some((None, name));
    }
    let folder = GalleryPath::from_decoded(path).ok().filter(GalleryPath::is_folder)?;
    Some((Some(folder), name))
}

/// The companion of a scoped role, which holds `upload` in the upload path.
pub(crate) fn upload_role(block: &str, role: &RoleName) -> String {
    format!("{block}#{role}@upload")
}

/// A folder or image: `family:/vip/a.jpg`.
pub(crate) fn resource(site: &SiteId, path: &str) -> String {
    format!("{site}:{path}")
}

/// A synthetic role of a site: `family:@owner`.
pub(crate) fn synthetic(site: &SiteId, name: &str) -> String {
    format!("{site}:{name}")
}
