//! What a gallery server is told of who asks, where its site wants to know.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use http::HeaderValue;
use vestibule_identity::{Assertion, SignedIn};
use vestibule_policies::Permit;
use vestibule_policies::engine::Judge;
use vestibule_schema::GroupId;

use super::{Question, bounds};
use crate::forward::ForwardError;

impl Question<'_> {
    /// The signed word about somebody, as the permit's resource sees them: the roles held there,
    /// what may be done with it, and of the groups only those that the rules on the way name.
    pub(super) fn assertion(
        &self,
        judge: Judge<'_>,
        permit: &Permit,
        signed_in: &SignedIn,
    ) -> Result<HeaderValue, ForwardError> {
        let (principal, path) = (permit.principal(), permit.path());
        let engine = self.world.engine(&self.site.id).ok_or(ForwardError::AnotherSite)?;
        let held = engine.held_roles(principal, path);
        // `permissions.md` 2, rule 2
        let order = held.iter().map(|held| {
            (held.role.rank, held.role.all.permission_count(), Reverse(held.role.name.as_str()))
        });
        let role = order.max().map(|(_, _, Reverse(name))| name);
        let roles: BTreeSet<&str> = held.iter().map(|held| held.role.name.as_str()).collect();
        let groups = engine.groups_that_count(principal, path);
        // S30: the group of one provider is none of another's of the same name
        let name = |group: &GroupId| match group.provider() {
            Some(provider) => format!("{provider}/{}", group.name()),
            None => group.name().to_owned(),
        };
        let groups: BTreeSet<String> = groups.iter().map(|group| name(group)).collect();
        let bounds = signed_in.app_password().map(|(_, bounds)| bounds);
        let permissions = judge.permissions(principal, path);
        let permissions =
            bounds.map_or(permissions, |bounds| bounds::narrowed(bounds, permissions));
        let token = self.gateway.identity.assertion(&Assertion {
            issuer: &self.gateway.public_url,
            site: &self.site.id,
            signed_in,
            email: signed_in.email.as_deref(),
            role,
            roles: &roles.into_iter().collect::<Vec<_>>(),
            groups: &groups.iter().map(String::as_str).collect::<Vec<_>>(),
            permissions,
            scope: bounds.map(|bounds| bounds.scope.as_str()),
        })?;
        let mut value = HeaderValue::try_from(token)?;
        value.set_sensitive(true);
        Ok(value)
    }
}
