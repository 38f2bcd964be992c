//! `grants.toml`: declared grants and group mappings of a site.

use std::ops::Range;

use super::permissions::{group_id, of_provider, role_name, user_name};
use super::reader::{Reader, Spanned, Table};
use crate::ids::{GroupId, RoleName, UserName};
use crate::path::GalleryPath;
use crate::problem::{Problem, Source};

/// One `[[grants]]` entry: a user's access to the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantEntry {
    /// The user.
    pub user: Spanned<UserName>,
    /// The role; `None`, written `""`, inherits the account's.
    pub role: Option<Spanned<RoleName>>,
    /// Where a scoped role counts.
    pub base_path: Option<Spanned<GalleryPath>>,
    /// Where a contributor may upload, inside the base path.
    pub upload_path: Option<Spanned<GalleryPath>>,
    /// The entry.
    pub span: Range<usize>,
}

/// One `[[groups]]` entry: a security group that the site admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEntry {
    /// The group.
    pub group: Spanned<GroupId>,
    /// The role of its members.
    pub role: Spanned<RoleName>,
    /// Where a scoped role counts.
    pub base_path: Option<Spanned<GalleryPath>>,
    /// Where a contributor may upload.
    pub upload_path: Option<Spanned<GalleryPath>>,
    /// The entry.
    pub span: Range<usize>,
}

/// The whole document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantsDocument {
    /// The grants.
    pub grants: Vec<GrantEntry>,
    /// The group mappings.
    pub groups: Vec<GroupEntry>,
}

impl GrantsDocument {
    /// Reads a `grants.toml`.
    #[must_use]
    pub fn parse(source: &Source) -> (Self, Vec<Problem>) {
        let reader = Reader::new(source);
        let mut root = reader.root(source.text());
        let grants = root.tables("grants").into_iter().filter_map(read_grant).collect();
        let groups = root.tables("groups").into_iter().filter_map(read_group).collect();
        root.finish();
        (Self { grants, groups }, reader.into_problems())
    }
}

fn read_grant(mut table: Table<'_, '_>) -> Option<GrantEntry> {
    let reader = table.reader();
    let user = table.required_string("user").and_then(|user| user_name(reader, user));
    let role = match table.required_string("role") {
        None => None,
        Some(role) if role.value.is_empty() => Some(None),
        Some(role) => role_name(reader, role).map(Some),
    };
    let (base_path, upload_path) = read_paths(&mut table);
    let span = table.span().clone();
    table.finish();
    Some(GrantEntry { user: user?, role: role?, base_path, upload_path, span })
}

fn read_group(mut table: Table<'_, '_>) -> Option<GroupEntry> {
    let reader = table.reader();
    let group = table.required_string("group").and_then(|group| group_id(reader, group));
    let group = of_provider(&mut table, group);
    let role = table.required_string("role").and_then(|role| role_name(reader, role));
    let (base_path, upload_path) = read_paths(&mut table);
    let span = table.span().clone();
    table.finish();
    Some(GroupEntry { group: group?, role: role?, base_path, upload_path, span })
}

type Paths = (Option<Spanned<GalleryPath>>, Option<Spanned<GalleryPath>>);

fn read_paths(table: &mut Table<'_, '_>) -> Paths {
    let base_path = folder_key(table, "base_path");
    let upload_path = folder_key(table, "upload_path");
    if let Some(upload) = &upload_path {
        let inside = base_path.as_ref().is_some_and(|base| upload.value.is_within(&base.value));
        if !inside {
            table.reader().report(
                Problem::error(
                    "policy::upload_path_outside",
                    "`upload_path` does not lie inside `base_path`",
                )
                .at(table.reader().source(), upload.span.clone(), "outside")
                .help("choose a folder inside `base_path`"),
            );
        }
    }
    (base_path, upload_path)
}

fn folder_key(table: &mut Table<'_, '_>, key: &'static str) -> Option<Spanned<GalleryPath>> {
    let text = table.string(key)?;
    match GalleryPath::from_decoded(&text.value) {
        Ok(path) => Some(Spanned { value: path.as_folder(), span: text.span }),
        Err(error) => {
            let message = format!("`{}` is no folder of a gallery", text.value.escape_debug());
            table.reader().error("policy::bad_folder", message, &text.span, &error.to_string());
            None
        }
    }
}
