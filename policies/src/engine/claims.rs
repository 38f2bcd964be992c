//! Claims: what one folder's block says of one principal. Cedar gives the roles that follow.
//!
//! Claims name roles and no people: of two users whom a block says the same of, one is asked
//! about, under a name that stands for both (`permissions.md` 4, rule 1).

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, Request, RestrictedExpression,
};
use vestibule_schema::RoleName;

use super::Fault;
use super::vocabulary::Vocabulary;
use crate::compile::CompileError;
use crate::model::Block;
use crate::names::{self, kind};
use crate::principal::Principal;

/// The names that stand for any block, site and folder.
const BLOCK: &str = "b";
const SITE: &str = "s";
const FOLDER: &str = "f";
/// Nobody's name, and the group of who is in a group that the block names.
const SOMEBODY: &str = "";

/// What a block says of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Claims {
    /// Of who has not signed in.
    Visitor { public_role: Option<RoleName> },
    /// Of a user.
    User {
        /// An explicit assignment of nothing at the site.
        locked: bool,
        /// The entry that names the user.
        named: Option<BTreeSet<RoleName>>,
        /// The user is in a group that the block names, and has these roles by all such groups.
        grouped: Option<BTreeSet<RoleName>>,
        /// The block's default.
        default_role: Option<RoleName>,
    },
}

impl Claims {
    pub(super) fn of(principal: &Principal, block: &Block, locked: bool) -> Self {
        let Some(user) = principal.as_user() else {
            return Self::Visitor { public_role: block.public_role.clone() };
        };
        let mut grouped: Option<BTreeSet<RoleName>> = None;
        if !block.group_roles.is_empty() {
            for entry in user.groups.iter().filter_map(|group| block.group_roles.get(group)) {
                grouped.get_or_insert_default().extend(entry.roles.iter().cloned());
            }
        }
        Self::User {
            locked,
            named: block.user_roles.get(&user.name).map(|entry| entry.roles.clone()),
            grouped,
            default_role: block.default_role.clone(),
        }
    }

    /// About how many bytes they take.
    pub(super) fn weight(&self) -> usize {
        let roles = match self {
            Claims::Visitor { .. } => 1,
            Claims::User { named, grouped, .. } => {
                named.as_ref().map_or(0, BTreeSet::len) + grouped.as_ref().map_or(0, BTreeSet::len)
            }
        };
        size_of::<Self>() + 64 + 32 * roles
    }

    /// The roles that Cedar's admission policies give, in order.
    pub(super) fn judge(&self, vocabulary: &Vocabulary) -> Result<Vec<RoleName>, Fault> {
        let candidates: BTreeSet<&RoleName> = match self {
            Claims::Visitor { public_role } => public_role.iter().collect(),
            Claims::User { named, grouped, default_role, .. } => {
                let by_name = named.iter().chain(grouped).flatten();
                by_name.chain(default_role).collect()
            }
        };
        let hearing = Hearing { claims: self, vocabulary };
        let entities = hearing.entities(&candidates)?;
        let mut roles = Vec::new();
        for role in candidates {
            if hearing.assumes(role, &entities)? {
                roles.push(role.clone());
            }
        }
        Ok(roles)
    }
}

struct Hearing<'a> {
    claims: &'a Claims,
    vocabulary: &'a Vocabulary,
}

impl Hearing<'_> {
    fn principal(&self) -> Result<EntityUid, Fault> {
        let kind = match self.claims {
            Claims::Visitor { .. } => kind::VISITOR,
            Claims::User { .. } => kind::USER,
        };
        self.vocabulary.uid(kind, SOMEBODY)
    }

    fn role(&self, role: &RoleName) -> Result<EntityUid, Fault> {
        self.vocabulary.uid(kind::ROLE, &names::role(BLOCK, role))
    }

    fn assumes(&self, role: &RoleName, entities: &Entities) -> Result<bool, Fault> {
        let at = self.vocabulary.uid(kind::FOLDER, FOLDER)?;
        let at = RestrictedExpression::new_entity_uid(at);
        let context = Context::from_pairs([("at".to_owned(), at)]).map_err(|e| fault(&e))?;
        let action = self.vocabulary.uid(kind::ACTION, names::ASSUME_ROLE)?;
        let request = Request::new(self.principal()?, action, self.role(role)?, context, None)
            .map_err(|error| fault(&error))?;
        let response = Authorizer::new().is_authorized(&request, self.vocabulary.admit(), entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(fault(&error));
        }
        Ok(response.decision() == cedar_policy::Decision::Allow)
    }

    fn entities(&self, candidates: &BTreeSet<&RoleName>) -> Result<Entities, Fault> {
        let folder = self.vocabulary.uid(kind::FOLDER, FOLDER)?;
        let mut entities = vec![
            self.principal_entity()?,
            self.block_entity()?,
            Entity::new_no_attrs(folder, HashSet::new()),
        ];
        for role in candidates {
            entities.push(self.role_entity(role)?);
        }
        Entities::from_entities(entities, None).map_err(|error| fault(&error))
    }

    /// The groups that give a role, each as one that is named like it.
    fn groups(&self) -> Vec<&str> {
        let Claims::User { grouped: Some(roles), .. } = self.claims else { return Vec::new() };
        std::iter::once(SOMEBODY).chain(roles.iter().map(RoleName::as_str)).collect()
    }

    fn principal_entity(&self) -> Result<Entity, Fault> {
        let Claims::User { locked, named, .. } = self.claims else {
            return Ok(Entity::new_no_attrs(self.principal()?, HashSet::new()));
        };
        let granted = named.iter().flatten().map(|role| names::role(BLOCK, role));
        let attributes = [
            ("explicit", self.set(kind::BLOCK, named.is_some().then(|| BLOCK.to_owned()))?),
            ("granted", self.set(kind::ROLE, granted)?),
            ("by_account", self.set(kind::BLOCK, None)?),
            ("locked_out", self.set(kind::SITE, locked.then(|| SITE.to_owned()))?),
            ("shared_folders", self.set(kind::FOLDER, None)?),
            ("shared_images", self.set(kind::IMAGE, None)?),
        ];
        let groups = self.groups().into_iter().map(|name| self.vocabulary.uid(kind::GROUP, name));
        let groups = groups.collect::<Result<HashSet<_>, _>>()?;
        Vocabulary::entity(self.principal()?, owned(attributes), groups)
    }

    fn block_entity(&self) -> Result<Entity, Fault> {
        let groups = self.set(kind::GROUP, self.groups().into_iter().map(str::to_owned))?;
        let mut attributes = owned([("groups", groups)]);
        let (name, role) = match self.claims {
            Claims::Visitor { public_role } => ("public_role", public_role),
            Claims::User { default_role, .. } => ("default_role", default_role),
        };
        if let Some(role) = role {
            let role = RestrictedExpression::new_entity_uid(self.role(role)?);
            attributes.insert(name.to_owned(), role);
        }
        Vocabulary::entity(self.vocabulary.uid(kind::BLOCK, BLOCK)?, attributes, HashSet::new())
    }

    fn role_entity(&self, role: &RoleName) -> Result<Entity, Fault> {
        let uid = |kind, id: &str| {
            self.vocabulary.uid(kind, id).map(RestrictedExpression::new_entity_uid)
        };
        let mapped = match self.claims {
            Claims::User { grouped: Some(roles), .. } => roles.get(role),
            _ => None,
        };
        let attributes = [
            ("block", uid(kind::BLOCK, BLOCK)?),
            ("site", uid(kind::SITE, SITE)?),
            ("name", RestrictedExpression::new_string(role.to_string())),
            ("groups", self.set(kind::GROUP, mapped.map(ToString::to_string))?),
            ("outranked_by", self.set(kind::GROUP, None)?),
        ];
        Vocabulary::entity(self.role(role)?, owned(attributes), HashSet::new())
    }

    fn set(
        &self,
        kind: &'static str,
        ids: impl IntoIterator<Item = String>,
    ) -> Result<RestrictedExpression, Fault> {
        let uids = ids.into_iter().map(|id| self.vocabulary.uid(kind, &id));
        let items = uids.map(|uid| uid.map(RestrictedExpression::new_entity_uid));
        Ok(RestrictedExpression::new_set(items.collect::<Result<Vec<_>, _>>()?))
    }
}

fn owned<const N: usize>(
    pairs: [(&str, RestrictedExpression); N],
) -> HashMap<String, RestrictedExpression> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn fault(error: &impl ToString) -> Fault {
    CompileError::Entity(error.to_string())
}
