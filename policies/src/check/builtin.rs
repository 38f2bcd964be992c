//! The built-in roles: shipped data, not code.

use std::sync::Arc;

use vestibule_schema::document::{PermissionsDocument, RoleDocument};
use vestibule_schema::problem::Source;
use vestibule_schema::{RoleName, SourceRef};

/// The name under which messages and policies cite the built-in roles.
pub(crate) const SOURCE_NAME: &str = "roles/builtin.toml";

/// The shipped built-in roles can't be read: a defect of the build.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the built-in roles can't be read: {0}")]
pub struct BuiltinError(String);

/// The table of the role of share links: its name, `visitor`, is one that no document may write.
const VISITOR: &str = "_visitor";

/// The six built-in roles, and the one of share links.
#[derive(Debug, Clone)]
pub struct BuiltinRoles {
    roles: Arc<[(RoleDocument, SourceRef)]>,
    visitor: Arc<(RoleDocument, SourceRef)>,
}

impl BuiltinRoles {
    /// Reads the shipped data.
    ///
    /// # Errors
    /// If the shipped data has a mistake, which a test excludes.
    pub fn load() -> Result<Self, BuiltinError> {
        let source = Source::new(SOURCE_NAME, include_str!("../../roles/builtin.toml"));
        let (document, problems) = PermissionsDocument::parse(&source);
        if let Some(problem) = problems.first() {
            return Err(BuiltinError(problem.to_string()));
        }
        let placed = document.roles.into_iter().map(|role| {
            let reference = source.reference(role.name.span.start);
            (role, reference)
        });
        let (visitor, roles): (Vec<_>, Vec<_>) =
            placed.partition(|(role, _)| role.name.value.as_str() == VISITOR);
        let missing = || BuiltinError(format!("there is no `[roles.{VISITOR}]`"));
        let (mut visitor, reference) = visitor.into_iter().next().ok_or_else(missing)?;
        visitor.name.value = RoleName::visitor();
        Ok(Self { roles: roles.into(), visitor: Arc::new((visitor, reference)) })
    }

    /// The role of share links. It is none of those that a block may name.
    #[must_use]
    pub fn visitor(&self) -> &(RoleDocument, SourceRef) {
        &self.visitor
    }

    /// All that a block may name.
    pub fn iter(&self) -> impl Iterator<Item = &(RoleDocument, SourceRef)> {
        self.roles.iter()
    }

    /// One by its name.
    #[must_use]
    pub fn get(&self, name: &RoleName) -> Option<&(RoleDocument, SourceRef)> {
        self.roles.iter().find(|(role, _)| role.name.value == *name)
    }
}
