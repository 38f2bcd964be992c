//! The blocks on the way to a resource, and what each of them says of the principal.

use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, GalleryPath, SourceRef};

use super::Asked;
use super::roles::in_block;
use crate::model::{Block, FolderRules};

/// The site's block, or a folder on the way that has rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The folder; `None` for the site's block.
    pub folder: Option<GalleryPath>,
    /// Where the block begins, or what else the folder says.
    pub source: SourceRef,
    /// It has a block.
    pub is_block: bool,
    /// It can't be used: closed to everybody but the site's owners.
    pub is_broken: bool,
    /// The place of `hide_technical_details = true`.
    pub hides_technical_details: Option<SourceRef>,
    /// Its roles are those that count at the resource.
    pub governs: bool,
    /// It has a say: it governs, or bounds what is below it.
    pub counts: bool,
    /// Of the actions that the answer needs those that it grants to the principal.
    pub grants: Vec<Action>,
}

/// All of them, the outermost first.
pub(super) fn steps(asked: &Asked<'_>, held: &[String]) -> Vec<Step> {
    let engine = asked.engine;
    let marked: Vec<(&GalleryPath, &FolderRules)> = engine
        .folders()
        .iter()
        .filter(|(folder, rules)| rules.is_marked() && asked.path.is_within(folder))
        .map(|(folder, rules)| (folder, &**rules))
        .collect();
    let nearest = marked.iter().rev().find(|(_, rules)| rules.block.is_some());
    let governing = nearest.map(|(folder, _)| *folder);
    let site = &engine.model().block;
    let mut steps = vec![Step {
        folder: None,
        source: site.source.clone(),
        is_block: true,
        is_broken: false,
        hides_technical_details: None,
        governs: governing.is_none(),
        counts: governing.is_none(),
        grants: granted(asked, site, held),
    }];
    for (folder, rules) in marked {
        let governs = governing == Some(folder);
        let places = [
            rules.block.as_ref().map(|block| &block.source),
            rules.broken.as_ref(),
            rules.hide_technical_details.as_ref(),
        ];
        let Some(source) = places.into_iter().flatten().next() else { continue };
        let bounds = rules.block.is_some() && engine.model().cascade == Cascade::Restrict;
        let block = rules.block.as_deref();
        steps.push(Step {
            folder: Some(folder.clone()),
            source: source.clone(),
            is_block: block.is_some(),
            is_broken: rules.broken.is_some(),
            hides_technical_details: rules.hide_technical_details.clone(),
            governs,
            counts: governs || bounds || rules.broken.is_some(),
            grants: block.map(|block| granted(asked, block, held)).unwrap_or_default(),
        });
    }
    steps
}

/// What the principal's roles in a block hold of what the answer needs.
fn granted(asked: &Asked<'_>, block: &Block, held: &[String]) -> Vec<Action> {
    let roles = in_block(asked.engine, block, held);
    let holds = |action: &Action| roles.iter().any(|role| role.all.allows(*action));
    asked.needed().into_iter().filter(holds).collect()
}
