//! Asks Cedar, over the slice of policies that can apply to one chain of blocks.
//!
//! Sound: each policy left out needs the resource to be governed by another block, or to lie in a
//! folder that is no ancestor. Each is false and none can err, so decision and deciding policies
//! are those of the whole set (`cedar-encoding.md`, "The slice").

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, PolicyId, PolicySet, Request, Response,
    RestrictedExpression,
};
use vestibule_schema::{Action, GalleryPath, PermissionSet};

use super::index::Chain;
use super::mask::{Mask, Variant, Verdict};
use super::vocabulary::Vocabulary;
use super::{Fault, Place, SiteEngine};
use crate::compile::{self, CompileError};
use crate::decision::PolicyRef;
use crate::model::SiteModel;
use crate::names::{self, kind};

/// The policies that can apply below one marked folder.
#[derive(Debug)]
pub(super) struct Slice {
    policies: PolicySet,
    references: HashMap<PolicyId, PolicyRef>,
    at: GalleryPath,
    /// The marked folders on the way, the root's first.
    way: Vec<GalleryPath>,
    governing: String,
    /// The roles of the blocks that count, with their parents.
    parents: BTreeMap<String, Vec<String>>,
}

impl Slice {
    pub(super) fn compile(
        vocabulary: &Vocabulary,
        site: &SiteModel,
        chain: &Chain<'_>,
    ) -> Result<Self, Fault> {
        let mut generated = compile::site_wide(site);
        match chain.governing() {
            None => generated.extend(compile::site_block(site)),
            Some((_, rules)) => generated.extend(compile::folder_block(site, rules)),
        }
        for (path, rules) in &chain.folders {
            generated.extend(compile::folder_subtree(site, path, rules));
        }
        let mut policies = Vec::new();
        let mut references = HashMap::new();
        for (policy, reference) in vocabulary.decide() {
            references.insert(policy.id().clone(), reference.clone());
            policies.push(policy.clone());
        }
        for one in generated {
            let policy = one.policy()?;
            references.insert(policy.id().clone(), one.reference());
            policies.push(policy);
        }
        let governing = chain.governing().map(|(path, _)| path);
        Ok(Self {
            policies: PolicySet::from_policies(policies)
                .map_err(|error| CompileError::Entity(error.to_string()))?,
            references,
            at: chain.at.clone(),
            way: chain.folders.iter().map(|(path, _)| (*path).clone()).collect(),
            governing: names::block(&site.site, governing),
            parents: role_parents(site, chain),
        })
    }

    fn references(&self, response: &Response) -> Arc<[PolicyRef]> {
        let reasons = response.diagnostics().reason();
        let cited: BTreeSet<_> = reasons.filter_map(|id| self.references.get(id)).collect();
        cited.into_iter().cloned().collect()
    }
}

/// The parents of each role of the site block and of the blocks on the way.
pub(crate) fn role_parents(site: &SiteModel, chain: &Chain<'_>) -> BTreeMap<String, Vec<String>> {
    let mut parents = BTreeMap::new();
    for block in std::iter::once(&site.block).chain(chain.blocks().map(|block| &**block)) {
        let block_id = names::block(&site.site, block.folder.as_ref());
        for role in block.roles.values() {
            let mut of_role = Vec::new();
            of_role.extend(role.parent.as_ref().map(|parent| names::role(&block_id, parent)));
            if role.own_owner && block.folder.is_none() {
                of_role.push(compile::owner_role(site));
            }
            parents.insert(names::role(&block_id, &role.name), of_role);
        }
    }
    parents
}

/// One mask's question, but for the action: what all 28 have in common.
struct Prepared {
    slice: Arc<Slice>,
    principal: EntityUid,
    resource: EntityUid,
    entities: Entities,
}

impl SiteEngine {
    /// The answer for one action: remembered, or Cedar's.
    pub(super) fn verdict<'m>(
        &self,
        mask: &'m Mask,
        place: &Place<'_>,
        action: Action,
    ) -> Result<&'m Verdict, Fault> {
        if let Some(verdict) = mask.verdict(action) {
            return Ok(verdict);
        }
        let verdict = self.evaluate(&self.prepare(mask, place)?, action)?;
        mask.keep(action, verdict).ok_or_else(|| CompileError::Entity(action.to_string()))
    }

    /// The answers for all actions, those that are remembered and Cedar's for the rest.
    pub(super) fn all_verdicts(
        &self,
        mask: &Mask,
        place: &Place<'_>,
    ) -> Result<PermissionSet, Fault> {
        let prepared = self.prepare(mask, place)?;
        let mut set = PermissionSet::EMPTY;
        for action in Action::ALL {
            let allowed = match mask.verdict(*action) {
                Some(verdict) => verdict.allowed,
                None => {
                    let verdict = self.evaluate(&prepared, *action)?;
                    let allowed = verdict.allowed;
                    mask.keep(*action, verdict);
                    allowed
                }
            };
            if allowed {
                set = set.with_action(*action);
            }
        }
        Ok(set)
    }

    fn prepare(&self, mask: &Mask, place: &Place<'_>) -> Result<Prepared, Fault> {
        let slice = self.slice(place.mark)?;
        let (principal, resource, entities) = self.entities(&slice, mask)?;
        Ok(Prepared { slice, principal, resource, entities })
    }

    fn evaluate(&self, prepared: &Prepared, action: Action) -> Result<Verdict, Fault> {
        let request = Request::new(
            prepared.principal.clone(),
            self.vocabulary.uid(kind::ACTION, action.name())?,
            prepared.resource.clone(),
            // no generated policy reads the context
            Context::empty(),
            None,
        )
        .map_err(|error| CompileError::Entity(error.to_string()))?;
        let slice = &prepared.slice;
        let response =
            Authorizer::new().is_authorized(&request, &slice.policies, &prepared.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(CompileError::Entity(error.to_string()));
        }
        Ok(Verdict {
            allowed: response.decision() == cedar_policy::Decision::Allow,
            policies: slice.references(&response),
        })
    }

    /// The principal with its roles, a resource that stands for all below the marked folder, and
    /// what is around them.
    fn entities(
        &self,
        slice: &Slice,
        mask: &Mask,
    ) -> Result<(EntityUid, EntityUid, Entities), Fault> {
        let vocabulary = &self.vocabulary;
        let key = mask.key();
        let mut entities = Vec::new();
        let roles = self.role_entities(slice, &key.roles, &mut entities)?;
        let principal_kind = if key.visitor { kind::VISITOR } else { kind::USER };
        // the empty text is nobody's name: who has these roles gets this answer
        let principal = vocabulary.uid(principal_kind, "")?;
        entities.push(Vocabulary::entity(principal.clone(), HashMap::new(), roles)?);

        let site = &self.model.site;
        let mut parent = vocabulary.uid(kind::SITE, site.as_str())?;
        entities.push(Entity::new_no_attrs(parent.clone(), HashSet::new()));
        let attributes = |hidden: bool| -> Result<HashMap<String, RestrictedExpression>, Fault> {
            let block = vocabulary.uid(kind::BLOCK, &slice.governing)?;
            Ok(HashMap::from([
                ("block".to_owned(), RestrictedExpression::new_entity_uid(block)),
                ("hidden".to_owned(), RestrictedExpression::new_bool(hidden)),
            ]))
        };
        let mut way: Vec<&GalleryPath> = slice.way.iter().collect();
        if way.last() != Some(&&slice.at) {
            way.push(&slice.at);
        }
        for folder in way {
            let uid = vocabulary.uid(kind::FOLDER, &names::resource(site, folder.as_str()))?;
            let parents = HashSet::from([parent]);
            entities.push(Vocabulary::entity(uid.clone(), attributes(false)?, parents)?);
            parent = uid;
        }
        let resource = match key.variant {
            Variant::Folder => parent,
            Variant::Image | Variant::HiddenImage => {
                // `*` is this place's images, whatever their names
                let id = names::resource(site, &format!("{}*", slice.at));
                let uid = vocabulary.uid(kind::IMAGE, &id)?;
                let attributes = attributes(key.variant.is_hidden())?;
                let parents = HashSet::from([parent]);
                entities.push(Vocabulary::entity(uid.clone(), attributes, parents)?);
                uid
            }
        };
        Ok((principal, resource, vocabulary.entities(entities)?))
    }

    /// The roles held and their ancestors; returns the roles held.
    fn role_entities(
        &self,
        slice: &Slice,
        held: &[String],
        entities: &mut Vec<Entity>,
    ) -> Result<HashSet<EntityUid>, Fault> {
        let vocabulary = &self.vocabulary;
        let mut open: Vec<&str> = held.iter().map(String::as_str).collect();
        let mut seen = BTreeSet::new();
        while let Some(role) = open.pop() {
            if !seen.insert(role) {
                continue;
            }
            let parents = slice.parents.get(role).map(Vec::as_slice).unwrap_or_default();
            open.extend(parents.iter().map(String::as_str));
            let parents = parents.iter().map(|parent| vocabulary.uid(kind::ROLE, parent));
            let uid = vocabulary.uid(kind::ROLE, role)?;
            entities.push(Entity::new_no_attrs(uid, parents.collect::<Result<_, _>>()?));
        }
        held.iter().map(|role| vocabulary.uid(kind::ROLE, role)).collect()
    }
}
