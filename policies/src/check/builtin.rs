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

/// The six built-in roles.
#[derive(Debug, Clone)]
pub struct BuiltinRoles {
    roles: Arc<[(RoleDocument, SourceRef)]>,
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
        Ok(Self { roles: placed.collect() })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(RoleDocument, SourceRef)> {
        self.roles.iter()
    }

    /// One by its name.
    #[must_use]
    pub fn get(&self, name: &RoleName) -> Option<&(RoleDocument, SourceRef)> {
        self.roles.iter().find(|(role, _)| role.name.value == *name)
    }
}
