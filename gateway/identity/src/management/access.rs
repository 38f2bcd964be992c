//! What a grant or a group mapping is to give, checked against the site.

use vestibule_schema::{GalleryPath, RoleName, SourceRef};
use vestibule_store::Access;

use super::{ManageError, Node};

/// What a grant or mapping is to give, as somebody wrote it.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessWanted<'r> {
    /// The role; none or an empty one inherits the account's.
    pub role: Option<&'r str>,
    /// The folder in which a scoped role counts.
    pub base_path: Option<&'r str>,
    /// The folder into which a contributor uploads.
    pub upload_path: Option<&'r str>,
}

impl AccessWanted<'_> {
    /// What it gives: a role that the site has, and a base path for a scoped one.
    pub(super) fn at(self, node: &Node) -> Result<Access, ManageError> {
        let role = match self.role {
            None | Some("") => None,
            Some(text) => Some(RoleName::parse(text).map_err(|error| {
                ManageError::BadInput(format!("`{text}` can't be granted: {error}"))
            })?),
        };
        let access = Access {
            role,
            base_path: folder(self.base_path)?,
            upload_path: folder(self.upload_path)?,
        };
        if let (Some(name), Some(model)) = (&access.role, &node.model) {
            let known = model.block.roles.get(name).ok_or_else(|| {
                let names = model.block.roles.keys().map(RoleName::as_str);
                let near = vestibule_schema::problem::nearest(name.as_str(), names.clone());
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let all = names.collect::<Vec<_>>().join(", ");
                let site = &node.site;
                ManageError::BadInput(format!(
                    "the site `{site}` has no role `{name}`{near}; it has {all}"
                ))
            })?;
            if known.scoped && access.base_path.is_none() {
                return Err(ManageError::BadInput(format!(
                    "`{name}` is scoped: say where it counts with a base path (`--base-path`)"
                )));
            }
        }
        let outside = access.upload_path.as_ref().is_some_and(|upload| {
            access.base_path.as_ref().is_none_or(|base| !upload.is_within(base))
        });
        if outside {
            let message = "the upload path (`--upload-path`) must lie inside the base path";
            return Err(ManageError::BadInput(message.into()));
        }
        Ok(access)
    }
}

fn folder(text: Option<&str>) -> Result<Option<GalleryPath>, ManageError> {
    let read = |text: &str| {
        let path = GalleryPath::from_decoded(text);
        path.map(|path| path.as_folder())
            .map_err(|error| ManageError::BadInput(format!("`{text}`: {error}")))
    };
    text.filter(|text| !text.is_empty()).map(read).transpose()
}

/// Where a grant or mapping is kept that no file declares.
pub(super) const STORE: &str = "store";

/// What is said where something was taken away from the store and a file still gives it.
pub(super) fn still_given(declared: Option<&SourceRef>) -> String {
    let still = declared.map(|place| format!("; still given by {place}: change it there"));
    still.unwrap_or_default()
}

/// A path as views have it.
pub(super) fn shown(path: Option<&GalleryPath>) -> Option<String> {
    path.map(ToString::to_string)
}
