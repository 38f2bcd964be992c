//! Documents to checked model: resolves every name, collects all problems.

mod block;
mod builtin;
mod custom;

use std::sync::Arc;

use jiff::tz::TimeZone;
use vestibule_schema::document::{Cascade, FolderDocument, GrantsDocument, PermissionsDocument};
use vestibule_schema::problem::{self, Problem, Source};
use vestibule_schema::{GalleryPath, RoleName, SiteId, SourceRef};

use crate::model::{
    CustomPolicies, DeclaredAt, FolderRules, Grant, GroupMapping, Rights, SiteModel,
};
pub use builtin::{BuiltinError, BuiltinRoles};
pub use custom::custom;

/// Checks a site's `permissions.toml` and `grants.toml`.
///
/// # Errors
/// All problems, if one of them is an error; the site is closed then. The problems beside a model
/// are warnings.
pub fn site(
    site: &SiteId,
    cascade: Cascade,
    permissions: &Source,
    grants: Option<&Source>,
    builtin: &BuiltinRoles,
) -> Result<(SiteModel, Vec<Problem>), Vec<Problem>> {
    let (document, mut problems) = PermissionsDocument::parse(permissions);
    let checked = block::check(&document, permissions, None, builtin);
    problems.extend(checked.problems);
    let mut declared = (Rights::default(), DeclaredAt::default());
    if let Some(source) = grants {
        let (document, found) = GrantsDocument::parse(source);
        problems.extend(found);
        let known = block::Known { block: &checked.block, builtin };
        declared = rights(&document, source, &known, &mut problems);
    }
    problem::sort(&mut problems);
    if problem::has_errors(&problems) {
        return Err(problems);
    }
    let (declared, declared_at) = declared;
    let model = SiteModel {
        site: site.clone(),
        cascade,
        block: checked.block,
        declared,
        declared_at,
        custom: CustomPolicies::default(),
        zone: TimeZone::UTC,
    };
    Ok((model, problems))
}

/// The time zone of a name, as the IANA database has it: `Europe/Berlin`.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// Checks a folder's `_folder.md`. With an error the folder is [`FolderRules::broken`], never as
/// if it said nothing.
#[must_use]
pub fn folder(
    path: &GalleryPath,
    source: &Source,
    builtin: &BuiltinRoles,
) -> (FolderRules, Vec<Problem>) {
    let (document, problems) = FolderDocument::parse(source);
    folder_document(path, &document, source, problems, builtin)
}

/// Checks a folder that was already read, from `_folder.md` or from `folders.toml`.
#[must_use]
pub fn folder_document(
    path: &GalleryPath,
    document: &FolderDocument,
    source: &Source,
    mut problems: Vec<Problem>,
    builtin: &BuiltinRoles,
) -> (FolderRules, Vec<Problem>) {
    let checked = document
        .permissions
        .as_ref()
        .map(|permissions| block::check(permissions, source, Some(path), builtin));
    let mut block = None;
    if let Some(checked) = checked {
        problems.extend(checked.problems);
        block = Some(Arc::new(checked.block));
    }
    problem::sort(&mut problems);
    if problem::has_errors(&problems) {
        let first = problems.iter().find(|p| p.severity == problem::Severity::Error);
        let line = first.map_or(1, |problem| problem.line_column().0);
        let place = SourceRef { file: Arc::from(source.name()), line };
        return (FolderRules::broken(place), problems);
    }
    let rules = FolderRules {
        block,
        broken: None,
        hidden: document.hidden,
        hidden_images: document.hidden_names(),
        hide_technical_details: document
            .hide_technical_details
            .as_ref()
            .map(|span| source.reference(span.start)),
    };
    (rules, problems)
}

fn rights(
    document: &GrantsDocument,
    source: &Source,
    known: &block::Known<'_>,
    problems: &mut Vec<Problem>,
) -> (Rights, DeclaredAt) {
    let block = known.block;
    let mut rights = Rights::default();
    let mut places = DeclaredAt::default();
    for grant in &document.grants {
        if let Some(role) = &grant.role
            && !block.roles.contains_key(&role.value)
        {
            problems.push(block::unknown_role(source, &role.value, &role.span, known));
            continue;
        }
        places.grants.push(source.reference(grant.span.start));
        rights.grants.push(Grant {
            user: grant.user.value.clone(),
            role: grant.role.as_ref().map(|role| role.value.clone()),
            base_path: grant.base_path.as_ref().map(|path| path.value.clone()),
            upload_path: grant.upload_path.as_ref().map(|path| path.value.clone()),
        });
    }
    for group in &document.groups {
        let Some(role) = block.roles.get(&group.role.value) else {
            problems.push(block::unknown_role(source, &group.role.value, &group.role.span, known));
            continue;
        };
        if role.scoped && group.base_path.is_none() {
            problems.push(scoped_without_base(source, &role.name, &group.span));
        }
        places.groups.push(source.reference(group.span.start));
        rights.groups.push(GroupMapping {
            group: group.group.value.clone(),
            role: role.name.clone(),
            base_path: group.base_path.as_ref().map(|path| path.value.clone()),
            upload_path: group.upload_path.as_ref().map(|path| path.value.clone()),
        });
    }
    (rights, places)
}

fn scoped_without_base(source: &Source, role: &RoleName, span: &std::ops::Range<usize>) -> Problem {
    Problem::error(
        "policy::scoped_without_base",
        format!("the scoped role `{role}` is mapped without `base_path`"),
    )
    .at(source, span.clone(), "would count nowhere")
    .help(r#"add `base_path = "/folder/"`"#)
}
