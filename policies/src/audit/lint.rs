//! Lint: rules that are valid and likely not what their author meant.
//!
//! One file for each rule. Where a rule can be held against decisions it is: what is said to
//! change nothing was taken away, and what somebody loses was asked for.

mod gathered;
mod never_matches;
mod shadowed;
mod signing_in;
mod unassigned;
mod unreachable;
mod unused_block;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;
use vestibule_schema::problem::{self, Problem, Source};
use vestibule_schema::{AccountRole, GalleryPath, UserName};

use crate::audit::documents::{Documents, Written};
use crate::engine::SiteEngine;
use crate::model::Block;

/// A rule, as it is shown to people and programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// A stable name: `lint::unassigned_role`.
    pub code: &'static str,
    /// What it finds, in one line.
    pub title: &'static str,
    /// Why that matters, and the mend.
    pub help: &'static str,
}

/// Every rule.
pub static RULES: [Rule; 11] = [
    Rule {
        code: "lint::unassigned_role",
        title: "A role that nobody is given",
        help: "No user entry, grant, group, default or public role names it, and no role that is \
               given inherits from it. Assign it, or remove it.",
    },
    Rule {
        code: "lint::unknown_user",
        title: "A name that no account has",
        help: "Names count letter by letter: such an entry counts for nobody until an account of \
               just this name exists. Correct the name, or add the account.",
    },
    Rule {
        code: "lint::unused_block",
        title: "A folder's block that changes nothing",
        help: "Without it everybody could do the same there and below. Remove it, or say what is \
               to be different.",
    },
    Rule {
        code: "lint::false_removes_nothing",
        title: "A permission set to false that the role inherits",
        help: "A role's permissions are a union: `false` takes nothing away. Inherit from a \
               smaller role.",
    },
    Rule {
        code: "lint::default_owner",
        title: "A default role that is an owner",
        help: "Everybody who signs in owns the site or the folder. Name the owners in \
               `user_roles`.",
    },
    Rule {
        code: "lint::lost_by_signing_in",
        title: "A visitor loses something by signing in",
        help: "The public role is never that of somebody who has signed in. Give \
               `default_authenticated_role` at least what `public_role` holds.",
    },
    Rule {
        code: "lint::unreachable_permission",
        title: "Permissions that open nothing",
        help: "`can_view` is needed for everything. Nobody who holds the role holds `can_view`, by \
               it or by another one. Add `can_view = true`.",
    },
    Rule {
        code: "lint::shadowed_by_parent",
        title: "A folder's block grants what a block above denies",
        help: "With `cascade = \"restrict\"` every block on the way must grant it. Grant it above \
               too, or set `cascade = \"nearest\"`.",
    },
    Rule {
        code: "lint::hides_nothing",
        title: "A hidden image that is not there",
        help: "`hidden_images` names a file that the folder does not have: a picture may be seen \
               that was meant to be hidden. Correct the name.",
    },
    Rule {
        code: "lint::never_matches",
        title: "A hand-written policy that never matches",
        help: "Its head or a condition is false for every request: it names what the site does not \
               have, or a date that is over. Correct it, or remove it.",
    },
    Rule {
        code: "lint::warning",
        title: "Another warning of the configuration",
        help: "What `vestibule check` warns of as well; the message says the mend.",
    },
];

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The rules in force.
    pub engine: &'a SiteEngine,
    /// The documents they come from.
    pub documents: &'a Documents,
    /// The accounts that are known, with their roles.
    pub accounts: &'a BTreeMap<UserName, AccountRole>,
    /// Of [`named_folders`] those that the gallery does not have.
    pub missing_folders: &'a BTreeSet<GalleryPath>,
    /// The present.
    pub now: Timestamp,
}

/// Everything found in a site, sorted by place. Of the warnings that reading its documents gave
/// each is a finding too.
#[must_use]
pub fn site(site: &Site<'_>, warnings: &[Problem]) -> Vec<Problem> {
    let mut found: Vec<Problem> = warnings.iter().filter_map(gathered::finding).collect();
    found.extend(unassigned::find(site));
    found.extend(unused_block::find(site));
    found.extend(signing_in::find(site));
    found.extend(unreachable::find(site));
    found.extend(shadowed::find(site));
    found.extend(never_matches::find(site));
    problem::sort(&mut found);
    found
}

/// Every user that the documents name, with the place of the name: who knows the accounts can
/// tell which are nobody's.
#[must_use]
pub fn named_users(documents: &Documents) -> Vec<(UserName, Source, Range<usize>)> {
    let mut named = Vec::new();
    for written in documents.blocks() {
        for entry in &written.block.user_roles {
            let (user, span) = (entry.user.value.clone(), entry.user.span.clone());
            named.push((user, written.source.clone(), span));
        }
    }
    if let Some((source, grants)) = documents.grants() {
        for grant in &grants.grants {
            let (user, span) = (grant.user.value.clone(), grant.user.span.clone());
            named.push((user, source.clone(), span));
        }
    }
    named
}

/// The folders that hand-written policies name: who knows the gallery can tell which are missing.
#[must_use]
pub fn named_folders(engine: &SiteEngine) -> BTreeSet<GalleryPath> {
    engine.model().custom.folders.clone()
}

impl<'a> Site<'a> {
    /// The site's block, and those of its folders.
    fn blocks(&self) -> impl Iterator<Item = &'a Block> + use<'a> {
        let folders = self.engine.folders().values();
        let folders = folders.filter_map(|rules| rules.block.as_deref());
        std::iter::once(&self.engine.model().block).chain(folders)
    }

    /// The folders above one that have a block, the outermost first.
    fn above(&self, folder: &GalleryPath) -> Vec<&'a Block> {
        let way = folder.ancestors().skip(1);
        let blocks = way.filter_map(|step| self.engine.folders().get(step)?.block.as_deref());
        let mut blocks: Vec<_> = blocks.collect();
        blocks.reverse();
        blocks
    }

    /// Places a problem in a block's document.
    fn place(
        &self,
        problem: Problem,
        block: &Block,
        label: &str,
        span: impl FnOnce(Written<'a>) -> Option<Range<usize>>,
    ) -> Problem {
        match self.documents.block(block.folder.as_ref()) {
            Some(written) => {
                let span = span(written).unwrap_or_else(|| written.block.span.clone());
                problem.at(written.source, span, label)
            }
            None => problem.in_file(&block.source.to_string()),
        }
    }
}

/// `the site's block`, or `the block of /a/`.
fn title(block: &Block) -> String {
    match &block.folder {
        None => "the site's block".to_owned(),
        Some(folder) => format!("the block of `{folder}`"),
    }
}

/// Names in backticks, of which at most four.
fn list<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.get(..4) {
        Some(first) if quoted.len() > 4 => {
            format!("{} and {} more", first.join(", "), quoted.len() - 4)
        }
        _ => quoted.join(", "),
    }
}
