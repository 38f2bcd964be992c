//! The gallery document of the seed: roles and who has them. The whole of a site's
//! `permissions.toml`, and the `[permissions]` table of a folder's front matter.

use std::ops::Range;

use super::reader::{Reader, Spanned, Table};
use crate::ids::{GroupId, IdError, ProviderId, RESERVED_NAMES, RoleName, UserName};
use crate::permission::{Action, OWNER_ACCESS, Permission, PermissionSet};
use crate::problem::{Problem, Source};

/// What may stand where a role is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleRef {
    /// `"none"`: explicitly nothing.
    None,
    /// A role of the block, or a built-in.
    Named(RoleName),
}

/// One `[roles.NAME]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDocument {
    /// The role's name.
    pub name: Spanned<RoleName>,
    /// `name`: how people see it.
    pub display_name: Option<String>,
    /// `inherits`: one parent.
    pub inherits: Option<Spanned<RoleName>>,
    /// The permissions that it sets to `true`, and `upload`.
    pub permissions: PermissionSet,
    /// `owner_access = true`.
    pub owner_access: Option<Spanned<()>>,
    /// The permissions that it sets to `false`.
    pub denied: Vec<Spanned<Permission>>,
    /// `rank`, which decides between groups.
    pub rank: Option<Spanned<i64>>,
    /// `scoped = true`: counts only inside a grant's base path.
    pub scoped: bool,
}

/// One `[[user_roles]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRoles {
    /// The user.
    pub user: Spanned<UserName>,
    /// The roles; none, or `"none"` alone, locks the user out.
    pub roles: Vec<Spanned<RoleRef>>,
    /// The entry.
    pub span: Range<usize>,
}

/// One `[[permissions.group_roles]]` entry of a folder block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRoles {
    /// The group.
    pub group: Spanned<GroupId>,
    /// The roles.
    pub roles: Vec<Spanned<RoleRef>>,
    /// The entry.
    pub span: Range<usize>,
}

/// A block as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionsDocument {
    /// The roles, in the order of the document.
    pub roles: Vec<RoleDocument>,
    /// Who has them.
    pub user_roles: Vec<UserRoles>,
    /// Which groups have them; folder blocks only.
    pub group_roles: Vec<GroupRoles>,
    /// `public_role`.
    pub public_role: Option<Spanned<RoleRef>>,
    /// `default_authenticated_role`.
    pub default_role: Option<Spanned<RoleRef>>,
    /// The table's header, or the document's first byte.
    pub span: Range<usize>,
}

/// Whose block a `[permissions]` table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockOf {
    Site,
    Folder,
}

impl PermissionsDocument {
    /// Reads a site's `permissions.toml`. The document is there even if problems are errors:
    /// with what could be read.
    #[must_use]
    pub fn parse(source: &Source) -> (Self, Vec<Problem>) {
        let reader = Reader::new(source);
        let document = Self::read(reader.root(source.text()), BlockOf::Site);
        (document, reader.into_problems())
    }

    pub(super) fn read(mut table: Table<'_, '_>, of: BlockOf) -> Self {
        let span = match of {
            BlockOf::Site => 0..0,
            BlockOf::Folder => table.span().clone(),
        };
        let document = Self {
            public_role: role_key(&mut table, "public_role"),
            default_role: role_key(&mut table, "default_authenticated_role"),
            roles: table.table("roles").map(read_roles).unwrap_or_default(),
            user_roles: table.tables("user_roles").into_iter().filter_map(read_user).collect(),
            group_roles: match of {
                BlockOf::Site => Vec::new(),
                BlockOf::Folder => {
                    table.tables("group_roles").into_iter().filter_map(read_group).collect()
                }
            },
            span,
        };
        table.finish();
        document
    }
}

fn role_key(table: &mut Table<'_, '_>, key: &'static str) -> Option<Spanned<RoleRef>> {
    let name = table.string(key)?;
    role_ref(table.reader(), name)
}

/// Reads a word that may be a role's name or `none`.
fn role_ref(reader: &Reader<'_>, name: Spanned<String>) -> Option<Spanned<RoleRef>> {
    if name.value == "none" {
        return Some(name.map(|_| RoleRef::None));
    }
    role_name(reader, name).map(|name| name.map(RoleRef::Named))
}

/// Reads a role's name, or reports why it is none.
pub(super) fn role_name(reader: &Reader<'_>, name: Spanned<String>) -> Option<Spanned<RoleName>> {
    match RoleName::parse(&name.value) {
        Ok(role) => Some(Spanned { value: role, span: name.span }),
        Err(error) => {
            let (code, help) = match error {
                IdError::Reserved => (
                    "policy::reserved_role",
                    format!(
                        "`{}` can't be defined, inherited or assigned; choose another name",
                        RESERVED_NAMES.join("`, `")
                    ),
                ),
                _ => (
                    "policy::bad_role_name",
                    "use up to 64 letters, digits, `_` and `-`".to_owned(),
                ),
            };
            reader.report(
                Problem::error(code, format!("`{}` is no name for a role", name.value))
                    .at(reader.source(), name.span, error.to_string())
                    .help(help),
            );
            None
        }
    }
}

fn read_roles(table: Table<'_, '_>) -> Vec<RoleDocument> {
    let reader = table.reader();
    let mut roles = Vec::new();
    for (name, mut table) in table.named_tables() {
        let name = role_name(reader, name);
        let mut role = RoleDocument {
            display_name: table.string("name").map(|name| name.value),
            inherits: table.string("inherits").and_then(|parent| role_name(reader, parent)),
            rank: table.integer("rank"),
            scoped: table.boolean("scoped").is_some_and(|scoped| scoped.value),
            permissions: PermissionSet::EMPTY,
            owner_access: None,
            denied: Vec::new(),
            name: match name {
                Some(name) => name,
                None => continue,
            },
        };
        if table.boolean("upload").is_some_and(|upload| upload.value) {
            role.permissions = role.permissions.with_action(Action::Upload);
        }
        if let Some(permissions) = table.table("permissions") {
            read_permissions(permissions, &mut role);
        }
        table.finish();
        roles.push(role);
    }
    roles
}

fn read_permissions(table: Table<'_, '_>, role: &mut RoleDocument) {
    let reader = table.reader();
    for (key, held) in table.named_booleans() {
        match (Permission::from_key(&key.value), held) {
            (Some(permission), true) => role.permissions = role.permissions.with(permission),
            (Some(permission), false) => role.denied.push(key.map(|_| permission)),
            (None, true) if key.value == OWNER_ACCESS => {
                role.owner_access = Some(key.map(|_| ()));
            }
            (None, false) if key.value == OWNER_ACCESS => {}
            (None, _) => reader.report(unknown_permission(reader, &key)),
        }
    }
}

fn unknown_permission(reader: &Reader<'_>, key: &Spanned<String>) -> Problem {
    let keys = Permission::ALL.iter().map(|permission| permission.key());
    let problem =
        Problem::error("policy::unknown_permission", format!("unknown permission `{}`", key.value))
            .at(reader.source(), key.span.clone(), "not a permission");
    let with_prefix = format!("can_{}", key.value);
    match Permission::from_key(&with_prefix) {
        Some(permission) => problem.help(format!("did you mean `{}`?", permission.key())),
        None => problem.suggest(&key.value, keys.chain([OWNER_ACCESS])),
    }
}

fn role_list(table: &mut Table<'_, '_>) -> Option<Vec<Spanned<RoleRef>>> {
    let reader = table.reader();
    let span = table.span().clone();
    let Some(names) = table.strings("roles") else {
        reader.report(
            Problem::error("document::missing_key", "`roles` is missing")
                .at(reader.source(), span, "this entry names no roles")
                .help("write `roles = []` to lock the user out"),
        );
        return None;
    };
    let roles: Vec<_> = names.into_iter().filter_map(|name| role_ref(reader, name)).collect();
    if roles.len() > 1 {
        for none in roles.iter().filter(|role| role.value == RoleRef::None) {
            reader.report(
                Problem::error("policy::none_beside_roles", "`none` stands beside other roles")
                    .at(reader.source(), none.span.clone(), "means explicitly nothing")
                    .help("name either `none` alone or roles"),
            );
        }
    }
    Some(roles)
}

fn read_user(mut table: Table<'_, '_>) -> Option<UserRoles> {
    let name = table.required_string("username");
    let roles = role_list(&mut table);
    let user = name.and_then(|name| user_name(table.reader(), name));
    let span = table.span().clone();
    table.finish();
    Some(UserRoles { user: user?, roles: roles?, span })
}

/// Reads a user's name, or reports why it is none.
pub(super) fn user_name(reader: &Reader<'_>, name: Spanned<String>) -> Option<Spanned<UserName>> {
    match UserName::parse(&name.value) {
        Ok(user) => Some(Spanned { value: user, span: name.span }),
        Err(error) => {
            let message = format!("`{}` is no name for a user", name.value.escape_debug());
            reader.error("policy::bad_user_name", message, &name.span, &error.to_string());
            None
        }
    }
}

/// Reads a group's identifier, or reports why it is none.
pub(super) fn group_id(reader: &Reader<'_>, name: Spanned<String>) -> Option<Spanned<GroupId>> {
    match GroupId::parse(&name.value) {
        Ok(group) => Some(Spanned { value: group, span: name.span }),
        Err(error) => {
            let message = format!("`{}` is no identifier of a group", name.value.escape_debug());
            reader.error("policy::bad_group", message, &name.span, &error.to_string());
            None
        }
    }
}

/// The group of the provider that the entry names with `provider`, if it names one.
pub(super) fn of_provider(
    table: &mut Table<'_, '_>,
    group: Option<Spanned<GroupId>>,
) -> Option<Spanned<GroupId>> {
    let Some(name) = table.string("provider") else { return group };
    match ProviderId::parse(&name.value) {
        Ok(provider) => group.map(|group| group.map(|group| group.at(&provider))),
        Err(error) => {
            let message = format!("`{}` is no name of a provider", name.value.escape_debug());
            table.reader().error("policy::bad_provider", message, &name.span, &error.to_string());
            None
        }
    }
}

fn read_group(mut table: Table<'_, '_>) -> Option<GroupRoles> {
    let name = table.required_string("group");
    let roles = role_list(&mut table);
    let group = name.and_then(|name| group_id(table.reader(), name));
    let group = of_provider(&mut table, group);
    let span = table.span().clone();
    table.finish();
    Some(GroupRoles { group: group?, roles: roles?, span })
}
