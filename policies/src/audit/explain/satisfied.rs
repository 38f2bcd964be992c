//! Which policies are satisfied, permits and forbids alike. A decision names only those that
//! decided: where a policy forbids, Cedar does not say what would have permitted.

use cedar_policy::{Effect, Policy, PolicySet};
use vestibule_schema::Action;

use super::Asked;
use crate::audit::export;
use crate::compile::CompileError;
use crate::decision::PolicyRef;

/// One action, and what Cedar's policies say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The action.
    pub action: Action,
    /// Whether it is allowed, by itself.
    pub allowed: bool,
    /// The policies that permit it.
    pub permits: Vec<PolicyRef>,
    /// The policies that forbid it.
    pub forbids: Vec<PolicyRef>,
    /// The policies that can't be judged, such as for an address that nobody knows: they deny.
    pub unjudged: Vec<PolicyRef>,
}

/// Asks every policy on its own.
pub(super) fn questions(asked: &Asked<'_>) -> Result<Vec<Question>, CompileError> {
    let shipped = asked.engine.vocabulary().decide().iter().cloned();
    let mut policies: Vec<(Policy, PolicyRef)> = shipped.collect();
    for one in export::generated(asked.engine) {
        policies.push((one.policy()?, one.reference()));
    }
    let custom = asked.engine.model().custom.policies.iter();
    policies.extend(custom.map(|one| (one.policy.clone(), one.reference.clone())));
    asked.needed().into_iter().map(|action| question(asked, &policies, action)).collect()
}

fn question(
    asked: &Asked<'_>,
    policies: &[(Policy, PolicyRef)],
    action: Action,
) -> Result<Question, CompileError> {
    let (mut permits, mut forbids, mut unjudged) = (Vec::new(), Vec::new(), Vec::new());
    for (policy, reference) in policies {
        let alone = PolicySet::from_policies([policy.clone()])
            .map_err(|error| CompileError::Entity(error.to_string()))?;
        let by = (asked.principal, Some(asked.context));
        let response = asked.engine.ask_over(&alone, by, action, asked.path)?;
        let said = response.diagnostics();
        let found = match (said.errors().next(), said.reason().next(), policy.effect()) {
            (Some(_), ..) => &mut unjudged,
            (None, None, _) => continue,
            (None, Some(_), Effect::Permit) => &mut permits,
            (None, Some(_), Effect::Forbid) => &mut forbids,
        };
        found.push(reference.clone());
    }
    permits.sort();
    forbids.sort();
    let allowed = forbids.is_empty() && unjudged.is_empty() && !permits.is_empty();
    Ok(Question { action, allowed, permits, forbids, unjudged })
}
