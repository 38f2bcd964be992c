//! Which policies are satisfied, permits and forbids alike. A decision names only those that
//! decided: where a policy forbids, Cedar does not say what would have permitted.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Effect, Entities, Entity, EntityUid, Policy, PolicySet, Request,
    RestrictedExpression,
};
use vestibule_schema::{Action, GalleryPath, PathKind, SourceRef};

use super::Asked;
use crate::audit::export;
use crate::compile::{self, CompileError};
use crate::decision::PolicyRef;
use crate::engine::Vocabulary;
use crate::names::{self, kind};
use crate::principal::Principal;

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
}

/// Asks every policy on its own.
pub(super) fn questions(asked: &Asked<'_>, held: &[String]) -> Result<Vec<Question>, CompileError> {
    let text = export::policies(asked.engine)?;
    let set = PolicySet::from_str(&text).map_err(|error| entity_error(&error))?;
    let policies: Vec<Policy> = set.policies().cloned().collect();
    let court = Court::new(asked, held)?;
    let actions = asked.needed().into_iter();
    actions.map(|action| court.question(asked, &policies, action)).collect()
}

fn entity_error(error: &impl ToString) -> CompileError {
    CompileError::Entity(error.to_string())
}

/// The principal, the resource, and what is around them.
struct Court {
    principal: EntityUid,
    resource: EntityUid,
    entities: Entities,
}

impl Court {
    fn new(asked: &Asked<'_>, held: &[String]) -> Result<Self, CompileError> {
        let vocabulary = asked.engine.vocabulary();
        let mut entities = role_entities(asked)?;
        let roles = held.iter().map(|id| vocabulary.uid(kind::ROLE, id));
        let principal = match asked.principal {
            Principal::Visitor => vocabulary.uid(kind::VISITOR, "")?,
            Principal::User(facts) => vocabulary.uid(kind::USER, facts.name.as_str())?,
        };
        let parents = roles.collect::<Result<HashSet<_>, _>>()?;
        entities.push(Entity::new_no_attrs(principal.clone(), parents));
        let resource = resource_entities(asked, &mut entities)?;
        Ok(Self { principal, resource, entities: vocabulary.entities(entities)? })
    }

    fn question(
        &self,
        asked: &Asked<'_>,
        policies: &[Policy],
        action: Action,
    ) -> Result<Question, CompileError> {
        let vocabulary = asked.engine.vocabulary();
        let request = Request::new(
            self.principal.clone(),
            vocabulary.uid(kind::ACTION, action.name())?,
            self.resource.clone(),
            Context::empty(),
            None,
        )
        .map_err(|error| entity_error(&error))?;
        let (mut permits, mut forbids) = (Vec::new(), Vec::new());
        for policy in policies {
            let alone =
                PolicySet::from_policies([policy.clone()]).map_err(|error| entity_error(&error))?;
            let response = Authorizer::new().is_authorized(&request, &alone, &self.entities);
            if response.diagnostics().reason().next().is_none() {
                continue;
            }
            let satisfied = match policy.effect() {
                Effect::Permit => &mut permits,
                Effect::Forbid => &mut forbids,
            };
            satisfied.push(reference(vocabulary, policy));
        }
        permits.sort();
        forbids.sort();
        let allowed = forbids.is_empty() && !permits.is_empty();
        Ok(Question { action, allowed, permits, forbids })
    }
}

/// What a policy is called, and its line.
fn reference(vocabulary: &Vocabulary, policy: &Policy) -> PolicyRef {
    let id = policy.annotation("id").unwrap_or_default();
    let mut shipped = vocabulary.decide().iter().map(|(_, reference)| reference);
    if let Some(shipped) = shipped.find(|reference| *reference.id == *id) {
        return shipped.clone();
    }
    let source = policy.annotation("source").unwrap_or_default();
    let (file, line) = source.rsplit_once(':').unwrap_or((source, ""));
    let source = SourceRef { file: Arc::from(file), line: line.parse().unwrap_or(0) };
    PolicyRef { id: Arc::from(id), source }
}

/// The roles of the site's block and of those on the way, with their parents.
fn role_entities(asked: &Asked<'_>) -> Result<Vec<Entity>, CompileError> {
    let (engine, vocabulary) = (asked.engine, asked.engine.vocabulary());
    let folder_blocks = engine.folders().values().filter_map(|rules| rules.block.as_deref());
    let owner = vocabulary.uid(kind::ROLE, &compile::owner_role(engine.model()))?;
    let mut entities = vec![Entity::new_no_attrs(owner.clone(), HashSet::new())];
    for block in std::iter::once(&engine.model().block).chain(folder_blocks) {
        let block_id = names::block(engine.id(), block.folder.as_ref());
        let uid = |name| vocabulary.uid(kind::ROLE, &names::role(&block_id, name));
        for role in block.roles.values() {
            let mut parents = HashSet::new();
            if let Some(parent) = &role.parent {
                parents.insert(uid(parent)?);
            }
            if role.own_owner && block.folder.is_none() {
                parents.insert(owner.clone());
            }
            entities.push(Entity::new_no_attrs(uid(&role.name)?, parents));
        }
    }
    Ok(entities)
}

/// The site, the folders on the way and the resource; returns the resource.
fn resource_entities(
    asked: &Asked<'_>,
    entities: &mut Vec<Entity>,
) -> Result<EntityUid, CompileError> {
    let (engine, vocabulary) = (asked.engine, asked.engine.vocabulary());
    let mut governing = None;
    let mut parent = vocabulary.uid(kind::SITE, engine.id().as_str())?;
    entities.push(Entity::new_no_attrs(parent.clone(), HashSet::new()));
    let place = |id: &str, kind, hidden: bool, governing: Option<&GalleryPath>, above| {
        let uid = vocabulary.uid(kind, &names::resource(engine.id(), id))?;
        let block = vocabulary.uid(kind::BLOCK, &names::block(engine.id(), governing))?;
        let attributes = HashMap::from([
            ("block".to_owned(), RestrictedExpression::new_entity_uid(block)),
            ("hidden".to_owned(), RestrictedExpression::new_bool(hidden)),
        ]);
        Vocabulary::entity(uid.clone(), attributes, HashSet::from([above])).map(|one| (uid, one))
    };
    let mut way: Vec<&str> = asked.path.ancestors().collect();
    way.reverse();
    for step in way {
        let rules = engine.folders().get_key_value(step);
        if let Some((folder, _)) = rules.filter(|(_, rules)| rules.block.is_some()) {
            governing = Some(folder);
        }
        let hidden = rules.is_some_and(|(_, rules)| rules.hidden);
        let (uid, folder) = place(step, kind::FOLDER, hidden, governing, parent)?;
        entities.push(folder);
        parent = uid;
    }
    if asked.path.kind() == PathKind::Image {
        let hidden = asked.is_hidden_image();
        let (uid, image) = place(asked.path.as_str(), kind::IMAGE, hidden, governing, parent)?;
        entities.push(image);
        parent = uid;
    }
    Ok(parent)
}
