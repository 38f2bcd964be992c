//! Who may manage what: asked of the same Cedar that judges pictures, over policies of their own
//! (`base/manage.cedar`). An error while deciding is a no.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, Request, RestrictedExpression,
};
use vestibule_schema::{GalleryPath, ManagementAction, RoleName, SiteId};

use crate::compile::CompileError;
use crate::engine::{SiteEngine, Vocabulary};
use crate::names::{self, kind};
use crate::principal::{Principal, UserFacts};

/// Who manages.
#[derive(Debug, Clone, Copy)]
pub enum Manager<'a> {
    /// Whoever owns the state directory, at the command line.
    Operator,
    /// Somebody. Visitors manage nothing.
    Principal(&'a Principal),
}

/// What is managed.
#[derive(Debug, Clone, Copy)]
pub enum Managed<'a> {
    /// The cluster as a whole.
    Cluster,
    /// One site.
    Node {
        /// Its name.
        site: &'a SiteId,
        /// Its rules, by which its owners and managers are known; without them it has none.
        engine: Option<&'a SiteEngine>,
        /// The folder or image in question, which may have an owner of its own.
        at: Option<&'a GalleryPath>,
    },
}

/// The one cluster.
const CLUSTER: &str = "cluster";
/// The one operator.
const OPERATOR: &str = "operator";
/// The role whose holders manage a site.
const MANAGER: &str = "manager";

impl Vocabulary {
    /// Whether somebody may do something with what is managed.
    #[must_use]
    pub fn may_manage(
        &self,
        manager: Manager<'_>,
        action: ManagementAction,
        managed: Managed<'_>,
    ) -> bool {
        self.asked(manager, action, managed).unwrap_or(false)
    }

    fn asked(
        &self,
        manager: Manager<'_>,
        action: ManagementAction,
        managed: Managed<'_>,
    ) -> Result<bool, CompileError> {
        let principal = match manager {
            Manager::Operator => {
                Entity::new_no_attrs(self.uid(kind::OPERATOR, OPERATOR)?, HashSet::new())
            }
            Manager::Principal(principal) => {
                let Some(user) = principal.as_user() else { return Ok(false) };
                self.managing_user(user, self.roles_at(principal.own(), managed)?)?
            }
        };
        let resource = self.managed_entity(managed)?;
        let action = self.uid(kind::ACTION, action.name())?;
        let (who, what) = (principal.uid(), resource.uid());
        let schema = Some(self.schema());
        let cluster = Entity::new_no_attrs(self.uid(kind::CLUSTER, CLUSTER)?, HashSet::new());
        let mut entities = vec![principal];
        // the cluster itself is what is asked about, or what that is in
        if what != cluster.uid() {
            entities.push(cluster);
        }
        entities.push(resource);
        let entities = Entities::from_entities(entities, schema).map_err(|e| fault(&e))?;
        let request = Request::new(who, action, what, Context::empty(), schema);
        let request = request.map_err(|error| fault(&error))?;
        let response = Authorizer::new().is_authorized(&request, self.manage(), &entities);
        let failed = response.diagnostics().errors().next().is_some();
        Ok(!failed && response.decision() == cedar_policy::Decision::Allow)
    }

    fn managed_entity(&self, managed: Managed<'_>) -> Result<Entity, CompileError> {
        let cluster = self.uid(kind::CLUSTER, CLUSTER)?;
        let Managed::Node { site, .. } = managed else {
            return Ok(Entity::new_no_attrs(cluster, HashSet::new()));
        };
        let role = |id: &str| self.uid(kind::ROLE, id).map(RestrictedExpression::new_entity_uid);
        let attributes = HashMap::from([
            ("owners".to_owned(), role(&names::synthetic(site, names::OWNER))?),
            ("managers".to_owned(), role(&managers(site)?)?),
        ]);
        let node = self.uid(kind::NODE, site.as_str())?;
        Self::entity(node, attributes, HashSet::from([cluster]))
    }

    /// The user with their roles as parents, as when a picture is judged.
    fn managing_user(
        &self,
        user: &UserFacts,
        roles: HashSet<EntityUid>,
    ) -> Result<Entity, CompileError> {
        let none = || RestrictedExpression::new_set([]);
        let sets =
            ["explicit", "granted", "by_account", "locked_out", "shared_folders", "shared_images"];
        let mut attributes: HashMap<_, _> =
            sets.iter().map(|name| ((*name).to_owned(), none())).collect();
        let role = user.account_role.as_str();
        if !role.is_empty() {
            let role = RestrictedExpression::new_string(role.to_owned());
            attributes.insert("account_role".to_owned(), role);
        }
        Self::entity(self.uid(kind::USER, user.name.as_str())?, attributes, roles)
    }

    /// What somebody is at a site: one of its owners, of its managers, or neither.
    fn roles_at(
        &self,
        principal: &Principal,
        managed: Managed<'_>,
    ) -> Result<HashSet<EntityUid>, CompileError> {
        let mut roles = HashSet::new();
        let Managed::Node { site, engine: Some(engine), at } = managed else { return Ok(roles) };
        let root = GalleryPath::root();
        // where a folder or image is in question, its own owner counts as well
        if engine.owns(principal, at.unwrap_or(&root)) {
            roles.insert(self.uid(kind::ROLE, &names::synthetic(site, names::OWNER))?);
        }
        for held in engine.held_roles(principal, &root) {
            if held.block.folder.is_none() && held.role.name.as_str() == MANAGER {
                roles.insert(self.uid(kind::ROLE, &managers(site)?)?);
            }
        }
        Ok(roles)
    }
}

fn managers(site: &SiteId) -> Result<String, CompileError> {
    let role = RoleName::parse(MANAGER).map_err(|error| fault(&error))?;
    Ok(names::role(&names::block(site, None), &role))
}

fn fault(error: &dyn std::error::Error) -> CompileError {
    CompileError::Entity(error.to_string())
}

#[cfg(test)]
mod tests;
