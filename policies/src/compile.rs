//! Checked model to Cedar policies, as syntax trees with `@id` and `@source`.
//!
//! One file per kind of rule. Nothing here reads a path or a name into text that Cedar would
//! parse: identifiers travel as values of the tree (Cedar's JSON form of policies).

mod bound;
mod flags;
mod owner;
mod role;
mod tree;

use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{Policy, PolicyId, PolicySet};
use serde_json::Value;
use vestibule_schema::document::Cascade;
use vestibule_schema::{GalleryPath, SourceRef};

use crate::cited::Rule;
use crate::decision::PolicyRef;
use crate::model::{FolderRules, SiteModel};
use crate::names;

/// A generated policy, before Cedar has seen it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Generated {
    pub(crate) rule: Rule,
    pub(crate) id: Arc<str>,
    pub(crate) source: SourceRef,
    tree: Value,
}

impl Generated {
    /// What a decision cites.
    pub(crate) fn reference(&self) -> PolicyRef {
        PolicyRef { id: Arc::clone(&self.id), source: self.source.clone() }
    }

    /// The policy.
    pub(crate) fn policy(&self) -> Result<Policy, CompileError> {
        Policy::from_json(Some(PolicyId::new(&self.id)), self.tree.clone()).map_err(|error| {
            CompileError::Policy { id: self.id.to_string(), cause: error.to_string() }
        })
    }
}

/// A defect of this crate: what it generated is no policy. Whatever it concerns stays closed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A generated policy is none.
    #[error("the generated policy `{id}` is not valid: {cause}")]
    Policy {
        /// Its `@id`.
        id: String,
        /// What Cedar says.
        cause: String,
    },
    /// The shipped schema or base policies can't be read.
    #[error("the shipped {what} can't be read: {cause}")]
    Shipped {
        /// Which part.
        what: &'static str,
        /// What Cedar says.
        cause: String,
    },
    /// An entity could not be built.
    #[error("an entity could not be built: {0}")]
    Entity(String),
}

/// The policies of a site that hold wherever in it: owners, and the locked-out.
pub(crate) fn site_wide(site: &SiteModel) -> Vec<Generated> {
    vec![owner::permit(site), owner::locked(site)]
}

/// The policies of the site block: its roles and its hidden images.
pub(crate) fn site_block(site: &SiteModel) -> Vec<Generated> {
    let cite = |rule: Rule| Citing { reference: rule.of_site(site), rule };
    let mut policies = role::permits(&site.site, &site.block, &cite);
    policies.push(flags::hidden_in_block(&site.site, &site.block, cite(Rule::Hidden)));
    policies
}

/// A rule, and what its policy is cited as.
pub(crate) struct Citing {
    rule: Rule,
    reference: PolicyRef,
}

/// The policies of a folder's block for resources that it governs.
pub(crate) fn folder_block(
    site: &SiteModel,
    path: &GalleryPath,
    rules: &FolderRules,
) -> Vec<Generated> {
    let Some(block) = &rules.block else {
        return Vec::new();
    };
    let cite = |rule: Rule| Citing { reference: rule.of_folder(site, path, rules), rule };
    let mut policies = role::permits(&site.site, block, &cite);
    if site.cascade == Cascade::Nearest {
        policies.push(flags::hidden_in_block(&site.site, block, cite(Rule::Hidden)));
    }
    policies
}

/// The policies of a marked folder for everything below it, whoever governs it.
pub(crate) fn folder_subtree(
    site: &SiteModel,
    path: &GalleryPath,
    rules: &FolderRules,
) -> Vec<Generated> {
    let cite = |rule: Rule| Citing { reference: rule.of_folder(site, path, rules), rule };
    let mut policies = Vec::new();
    if rules.broken.is_some() {
        policies.push(bound::closed(&site.site, path, cite(Rule::Bound)));
    }
    if let Some(block) = &rules.block
        && site.cascade == Cascade::Restrict
    {
        policies.push(bound::bound(&site.site, path, block, cite(Rule::Bound)));
        policies.push(flags::hidden_below(&site.site, path, block, cite(Rule::Hidden)));
    }
    if rules.hide_technical_details.is_some() {
        let cited = cite(Rule::TechnicalDetails);
        policies.push(flags::technical_details(&site.site, path, cited));
    }
    policies
}

/// Hand-written base policies, each with its `@id` as identifier.
pub(crate) fn base(
    file: &'static str,
    text: &'static str,
) -> Result<Vec<(Policy, PolicyRef)>, CompileError> {
    let shipped = |cause: String| CompileError::Shipped { what: file, cause };
    let set = PolicySet::from_str(text).map_err(|error| shipped(error.to_string()))?;
    let mut policies = Vec::new();
    for policy in set.policies() {
        let id = policy.annotation("id").ok_or_else(|| shipped("a policy has no @id".into()))?;
        let marker = format!("@id(\"{id}\")");
        let line = text.lines().position(|line| line.trim() == marker).map_or(0, |at| at + 1);
        let source = SourceRef { file: Arc::from(file), line: u32::try_from(line).unwrap_or(0) };
        let reference = PolicyRef { id: Arc::from(id), source };
        policies.push((policy.new_id(PolicyId::new(id)), reference));
    }
    policies.sort_by(|(_, a), (_, b)| a.source.cmp(&b.source));
    Ok(policies)
}

/// The synthetic owner role of a site, which nothing in a folder can bound.
pub(crate) fn owner_role(site: &SiteModel) -> String {
    names::synthetic(&site.site, names::OWNER)
}
