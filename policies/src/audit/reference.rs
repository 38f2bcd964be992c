//! The reference that the engine is held to: Cedar's own answer over every policy of the site,
//! with neither index nor slice nor anything remembered.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{PolicyId, PolicySet};
use vestibule_schema::{Action, GalleryPath};

use super::export;
use crate::compile::CompileError;
use crate::context::RequestContext;
use crate::decision::PolicyRef;
use crate::engine::SiteEngine;
use crate::principal::Principal;

/// All policies of a site in one set.
#[derive(Debug)]
pub struct Reference<'e> {
    engine: &'e SiteEngine,
    set: PolicySet,
    cited: HashMap<PolicyId, PolicyRef>,
}

/// Cedar's answer to one question about one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is allowed; an error of any policy is a denial.
    pub allowed: bool,
    /// Whether a policy could not be judged.
    pub failed: bool,
    /// The deciding policies, in order.
    pub policies: BTreeSet<PolicyRef>,
}

impl<'e> Reference<'e> {
    /// Compiles every policy of a site.
    ///
    /// # Errors
    /// If one is none: a defect of this crate.
    pub fn new(engine: &'e SiteEngine) -> Result<Self, CompileError> {
        let mut policies = Vec::new();
        let mut cited = HashMap::new();
        for one in export::generated(engine) {
            let policy = one.policy()?;
            cited.insert(policy.id().clone(), one.reference());
            policies.push(policy);
        }
        for (policy, reference) in engine.vocabulary().decide() {
            cited.insert(policy.id().clone(), reference.clone());
            policies.push(policy.clone());
        }
        for one in &engine.model().custom.policies {
            cited.insert(one.policy.id().clone(), one.reference.clone());
            policies.push(one.policy.clone());
        }
        let set = PolicySet::from_policies(policies)
            .map_err(|error| CompileError::Entity(error.to_string()))?;
        Ok(Self { engine, set, cited })
    }

    /// How many policies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cited.len()
    }

    /// Whether there are none: never, as the base policies are always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cited.is_empty()
    }

    /// Asks Cedar about one action alone: not of `view`, without which nothing is held.
    ///
    /// # Errors
    /// If the question can't be built.
    pub fn ask(
        &self,
        principal: &Principal,
        context: Option<&RequestContext<'_>>,
        action: Action,
        path: &GalleryPath,
    ) -> Result<Answer, CompileError> {
        let response = self.engine.ask_over(&self.set, (principal, context), action, path)?;
        let reasons = response.diagnostics().reason();
        let failed = response.diagnostics().errors().next().is_some();
        Ok(Answer {
            allowed: response.decision() == cedar_policy::Decision::Allow && !failed,
            failed,
            policies: reasons.filter_map(|id| self.cited.get(id)).cloned().collect(),
        })
    }
}
