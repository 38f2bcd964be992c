//! Asks Cedar, over the slice of policies that can apply to one chain of shapes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, Request};
use vestibule_schema::{Action, PermissionSet};

use super::mask::{Mask, Verdict};
use super::slice::Slice;
use super::vocabulary::Vocabulary;
use super::{Fault, SiteEngine};
use crate::compile::CompileError;
use crate::names::kind;

/// One mask's question, but for the action.
struct Posed<'a> {
    slice: &'a Slice,
    asker: EntityUid,
    resource: &'a EntityUid,
    entities: Entities,
}

impl SiteEngine {
    /// The answer for one action: remembered, or Cedar's.
    pub(super) fn verdict<'m>(&self, mask: &'m Mask, action: Action) -> Result<&'m Verdict, Fault> {
        if let Some(verdict) = mask.answers.verdict(action) {
            return Ok(verdict);
        }
        let slice = self.shared.slice(mask.key().chain, &self.vocabulary)?;
        let around = slice.surroundings(&self.vocabulary, mask.key().variant)?;
        let principal = self.representative(mask, &slice)?;
        let asker = principal.uid();
        let asked = [principal, self.vocabulary.action(action)?.clone()];
        let entities = add(around.entities.clone(), asked)?;
        let posed = Posed { slice: &slice, asker, resource: &around.resource, entities };
        let verdict = self.evaluate(&posed, action)?;
        mask.answers.keep(action, verdict)
    }

    /// The answers for all actions, those that are remembered and Cedar's for the rest.
    pub(super) fn all_verdicts(&self, mask: &Mask) -> Result<PermissionSet, Fault> {
        let slice = self.shared.slice(mask.key().chain, &self.vocabulary)?;
        let around = slice.surroundings(&self.vocabulary, mask.key().variant)?;
        let principal = self.representative(mask, &slice)?;
        let asker = principal.uid();
        let actions = self.vocabulary.all_actions().cloned();
        let entities = add(around.entities.clone(), actions.chain([principal]))?;
        let posed = Posed { slice: &slice, asker, resource: &around.resource, entities };
        let mut set = PermissionSet::EMPTY;
        for action in Action::ALL {
            let allowed = match mask.answers.verdict(*action) {
                Some(verdict) => verdict.allowed,
                None => {
                    let verdict = self.evaluate(&posed, *action)?;
                    mask.answers.keep(*action, verdict)?.allowed
                }
            };
            if allowed {
                set = set.with_action(*action);
            }
        }
        Ok(set)
    }

    fn evaluate(&self, posed: &Posed<'_>, action: Action) -> Result<Verdict, Fault> {
        let slice = posed.slice;
        let request = Request::new(
            posed.asker.clone(),
            self.vocabulary.action(action)?.uid(),
            posed.resource.clone(),
            // no generated policy reads the context
            Context::empty(),
            None,
        )
        .map_err(|error| CompileError::Entity(error.to_string()))?;
        let response =
            Authorizer::new().is_authorized(&request, slice.set(action)?, &posed.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(CompileError::Entity(error.to_string()));
        }
        Ok(Verdict {
            allowed: response.decision() == cedar_policy::Decision::Allow,
            deciding: slice.deciding(&response).into(),
        })
    }

    /// Who stands for everybody with the roles of a mask: the empty text is nobody's name.
    fn representative(&self, mask: &Mask, slice: &Slice) -> Result<Entity, Fault> {
        let key = mask.key();
        let kind = if key.visitor { kind::VISITOR } else { kind::USER };
        let roles =
            key.roles.iter().map(|role| self.vocabulary.uid(kind::ROLE, &role.id(slice.way())));
        let roles = roles.collect::<Result<HashSet<_>, _>>()?;
        Vocabulary::entity(self.vocabulary.uid(kind, "")?, HashMap::new(), roles)
    }

    /// The policies of the very folder: what is written by hand names folders.
    pub(super) fn slice(&self, mark: super::index::MarkId) -> Result<Arc<Slice>, Fault> {
        self.slices
            .try_get_with(mark, || {
                let policies = self.shared.policies(&self.vocabulary)?;
                Slice::compile(policies, &self.index.way(mark)).map(Arc::new)
            })
            .map_err(|fault: Arc<Fault>| (*fault).clone())
    }
}

/// Entities with a few more.
pub(super) fn add(
    entities: Entities,
    more: impl IntoIterator<Item = Entity>,
) -> Result<Entities, Fault> {
    entities.add_entities(more, None).map_err(|error| CompileError::Entity(error.to_string()))
}
