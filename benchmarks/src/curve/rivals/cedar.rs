//! Cedar alone: `Authorizer::is_authorized` over all that is exported of the site. No index, no
//! slice, nothing remembered.

use std::collections::HashSet;
use std::str::FromStr as _;

use anyhow::Context as _;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request,
};
use vestibule_policies::Principal;
use vestibule_policies::audit::export;

use super::super::measures::Measure;
use super::super::subject::{Question, Subject};
use super::Rival;

/// How many blocks are exported at once.
const PART: usize = 30;

/// The policies and entities of a whole site, and requests.
pub(super) struct CedarAlone {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    site: String,
    requests: Vec<Request>,
}

impl CedarAlone {
    pub(super) fn new(subject: &Subject, accounts: &[Principal]) -> anyhow::Result<Self> {
        let engine = subject.checked.engine(&subject.vocabulary);
        let policies = exported(subject)?;
        let mut principals = accounts.to_vec();
        principals.push(Principal::Visitor);
        let entities = export::entities(&engine, &principals);
        let entities = Entities::from_json_value(entities, Some(subject.vocabulary.schema()))?;
        let (authorizer, site) = (Authorizer::new(), engine.id().to_string());
        Ok(Self { authorizer, policies, entities, site, requests: Vec::new() })
    }

    fn request(&self, question: &Question) -> anyhow::Result<Request> {
        let principal = match question.principal.user_name() {
            Some(name) => uid("User", name.as_str())?,
            None => uid("Visitor", "")?,
        };
        let action = uid("Action", question.action.name())?;
        let resource = uid("Image", &format!("{}:{}", self.site, question.image))?;
        Ok(Request::new(principal, action, resource, Context::empty(), None)?)
    }
}

/// All policies of the site. Exported and parsed in parts, as Cedar's formatter takes time with the
/// square of the text's length: what a block says does not depend on the others.
fn exported(subject: &Subject) -> anyhow::Result<PolicySet> {
    let mut policies = PolicySet::new();
    let mut seen = HashSet::new();
    for part in subject.checked.parts(PART) {
        let text = export::policies(&part.engine(&subject.vocabulary))?;
        for policy in PolicySet::from_str(&text)?.policies() {
            let id = policy.annotation("id").context("a policy without an `@id`")?;
            // those of the site are in each part
            if seen.insert(id.to_owned()) {
                policies.add(policy.new_id(PolicyId::new(id)))?;
            }
        }
    }
    Ok(policies)
}

impl Rival for CedarAlone {
    fn measure(&self) -> Measure {
        Measure::CedarAlone
    }

    fn prepare(&mut self, questions: &[Question]) -> anyhow::Result<()> {
        let requests = questions.iter().map(|question| self.request(question));
        self.requests = requests.collect::<Result<_, _>>()?;
        Ok(())
    }

    fn decide(&mut self, at: usize) -> anyhow::Result<bool> {
        let request = self.requests.get(at).context("no such request")?;
        let response = self.authorizer.is_authorized(request, &self.policies, &self.entities);
        Ok(response.decision() == Decision::Allow)
    }
}

fn uid(kind: &str, id: &str) -> anyhow::Result<EntityUid> {
    let kind = EntityTypeName::from_str(kind).context("an entity type")?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}
