//! What Cedar is given in every decision: the schema, its actions, the base policies.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use cedar_policy::{
    Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet,
    RestrictedExpression, Schema,
};
use vestibule_schema::Action;

use crate::check::BuiltinRoles;
use crate::compile::{self, CompileError};
use crate::decision::PolicyRef;
use crate::names::kind;

/// The schema and the shipped policies, parsed once and shared by all sites and generations.
#[derive(Debug)]
pub struct Vocabulary {
    schema: Schema,
    /// The actions in the order of [`Action::ALL`], each with all groups that it is in.
    actions: Vec<Entity>,
    types: HashMap<&'static str, EntityTypeName>,
    decide: Vec<(cedar_policy::Policy, PolicyRef)>,
    admit: PolicySet,
    admit_references: HashMap<PolicyId, PolicyRef>,
    manage: PolicySet,
    builtin: BuiltinRoles,
}

impl Vocabulary {
    /// Reads the shipped schema, policies and roles.
    ///
    /// # Errors
    /// If one of them has a mistake, which a test excludes.
    pub fn load() -> Result<Self, CompileError> {
        let shipped = |what: &'static str, cause: String| CompileError::Shipped { what, cause };
        let (schema, _) = Schema::from_cedarschema_str(vestibule_schema::CEDAR_SCHEMA)
            .map_err(|error| shipped("schema", error.to_string()))?;
        let hierarchy =
            schema.action_entities().map_err(|error| shipped("schema", error.to_string()))?;
        let mut types = HashMap::new();
        for name in [
            kind::SITE,
            kind::BLOCK,
            kind::FOLDER,
            kind::IMAGE,
            kind::ROLE,
            kind::GROUP,
            kind::USER,
            kind::VISITOR,
            kind::ACTION,
            kind::CLUSTER,
            kind::NODE,
            kind::OPERATOR,
        ] {
            let parsed = EntityTypeName::from_str(name)
                .map_err(|error| shipped("entity types", error.to_string()))?;
            types.insert(name, parsed);
        }
        let action = types.get(kind::ACTION);
        let action = action.ok_or_else(|| shipped("entity types", kind::ACTION.to_owned()))?;
        let actions = action_entities(&hierarchy, action);
        let admit = compile::base("base/admit.cedar", include_str!("../../base/admit.cedar"))?;
        let manage = compile::base("base/manage.cedar", include_str!("../../base/manage.cedar"))?;
        let admit_references =
            admit.iter().map(|(policy, reference)| (policy.id().clone(), reference.clone()));
        Ok(Self {
            actions,
            types,
            decide: compile::base("base/decide.cedar", include_str!("../../base/decide.cedar"))?,
            admit_references: admit_references.collect(),
            admit: PolicySet::from_policies(admit.into_iter().map(|(policy, _)| policy))
                .map_err(|error| shipped("base policies", error.to_string()))?,
            manage: PolicySet::from_policies(manage.into_iter().map(|(policy, _)| policy))
                .map_err(|error| shipped("base policies", error.to_string()))?,
            builtin: BuiltinRoles::load()
                .map_err(|error| shipped("built-in roles", error.to_string()))?,
            schema,
        })
    }

    /// The built-in roles.
    #[must_use]
    pub fn builtin(&self) -> &BuiltinRoles {
        &self.builtin
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The base policies of decisions about folders and images.
    pub(crate) fn decide(&self) -> &[(cedar_policy::Policy, PolicyRef)] {
        &self.decide
    }

    /// The admission policies.
    pub(crate) fn admit(&self) -> &PolicySet {
        &self.admit
    }

    /// The policies of who manages.
    pub(crate) fn manage(&self) -> &PolicySet {
        &self.manage
    }

    pub(crate) fn admit_reference(&self, id: &PolicyId) -> Option<&PolicyRef> {
        self.admit_references.get(id)
    }

    pub(crate) fn uid(&self, kind: &'static str, id: &str) -> Result<EntityUid, CompileError> {
        let name = self.types.get(kind).ok_or_else(|| CompileError::Entity(kind.to_owned()))?;
        Ok(EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id)))
    }

    /// An entity with attributes.
    pub(crate) fn entity(
        uid: EntityUid,
        attributes: HashMap<String, RestrictedExpression>,
        parents: HashSet<EntityUid>,
    ) -> Result<Entity, CompileError> {
        Entity::new(uid, attributes, parents)
            .map_err(|error| CompileError::Entity(error.to_string()))
    }

    /// One action, with the groups that it is in.
    pub(crate) fn action(&self, action: Action) -> Result<&Entity, CompileError> {
        let entity = self.actions.get(action.index());
        entity.ok_or_else(|| CompileError::Entity(action.to_string()))
    }

    /// Every action.
    pub(crate) fn all_actions(&self) -> impl Iterator<Item = &Entity> {
        self.actions.iter()
    }
}

fn action_entities(hierarchy: &Entities, kind: &EntityTypeName) -> Vec<Entity> {
    let entity = |action: &Action| {
        let id = EntityId::new(action.name());
        let uid = EntityUid::from_type_name_and_id(kind.clone(), id);
        let groups = hierarchy.ancestors(&uid).into_iter().flatten().cloned().collect();
        Entity::new_no_attrs(uid, groups)
    };
    Action::ALL.iter().map(entity).collect()
}
