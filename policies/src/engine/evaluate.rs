//! Asks Cedar, over the slice of policies that can apply to one chain of blocks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, Request};
use vestibule_schema::{Action, PermissionSet};

use super::mask::{Mask, Verdict};
use super::slice::Slice;
use super::vocabulary::Vocabulary;
use super::{Fault, Place, SiteEngine};
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
    pub(super) fn verdict(
        &self,
        mask: &Mask,
        place: &Place<'_>,
        action: Action,
    ) -> Result<Verdict, Fault> {
        if let Some(verdict) = mask.verdict(action) {
            return Ok(verdict.clone());
        }
        let slice = self.slice(place.mark)?;
        let around = slice.surroundings(&self.vocabulary, &self.model, mask.key().variant)?;
        let principal = self.representative(mask)?;
        let asker = principal.uid();
        let asked = [principal, self.vocabulary.action(action)?.clone()];
        let entities = add(around.entities.clone(), asked)?;
        let posed = Posed { slice: &slice, asker, resource: &around.resource, entities };
        let verdict = self.evaluate(&posed, action)?;
        mask.keep(action, verdict.clone());
        Ok(verdict)
    }

    /// The answers for all actions, those that are remembered and Cedar's for the rest.
    pub(super) fn all_verdicts(
        &self,
        mask: &Mask,
        place: &Place<'_>,
    ) -> Result<PermissionSet, Fault> {
        let slice = self.slice(place.mark)?;
        let around = slice.surroundings(&self.vocabulary, &self.model, mask.key().variant)?;
        let principal = self.representative(mask)?;
        let asker = principal.uid();
        let actions = self.vocabulary.all_actions().cloned();
        let entities = add(around.entities.clone(), actions.chain([principal]))?;
        let posed = Posed { slice: &slice, asker, resource: &around.resource, entities };
        let mut set = PermissionSet::EMPTY;
        for action in Action::ALL {
            let allowed = match mask.verdict(*action) {
                Some(verdict) => verdict.allowed,
                None => {
                    let verdict = self.evaluate(&posed, *action)?;
                    mask.keep(*action, verdict.clone());
                    verdict.allowed
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
            policies: slice.references(&response),
        })
    }

    /// Who stands for everybody with the roles of a mask: the empty text is nobody's name.
    fn representative(&self, mask: &Mask) -> Result<Entity, Fault> {
        let key = mask.key();
        let kind = if key.visitor { kind::VISITOR } else { kind::USER };
        let roles = key.roles.iter().map(|role| self.vocabulary.uid(kind::ROLE, role));
        let roles = roles.collect::<Result<HashSet<_>, _>>()?;
        Vocabulary::entity(self.vocabulary.uid(kind, "")?, HashMap::new(), roles)
    }

    pub(super) fn slice(&self, mark: super::index::MarkId) -> Result<Arc<Slice>, Fault> {
        self.slices
            .try_get_with(mark, || {
                let chain = self.index.chain(mark, &self.folders);
                Slice::compile(self.site_policies()?, &self.model, &chain).map(Arc::new)
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
