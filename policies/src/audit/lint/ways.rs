//! How people come to the roles of a block.

use std::collections::BTreeSet;

use vestibule_schema::{AccountRole, GroupId, RoleName, UserName};

use super::Site;
use crate::audit::rights;
use crate::engine::SiteEngine;
use crate::model::{Block, Role};
use crate::principal::{Principal, UserFacts};

/// Somebody, and what a block gives him.
pub(super) struct Way {
    pub(super) who: Principal,
    pub(super) roles: BTreeSet<RoleName>,
}

/// Each way into a block: its users, each group alone, everybody who has signed in, visitors.
pub(super) fn into(site: &Site<'_>, block: &Block) -> Vec<Way> {
    let mut ways = Vec::new();
    for user in users(site, block) {
        let roles = of_user(site, block, &user);
        ways.push(Way { who: site.user(&user, None), roles });
    }
    let Some(stranger) = stranger(site.engine) else { return ways };
    for (group, role) in groups(site, block) {
        ways.push(Way { who: site.user(&stranger, Some(group)), roles: [role].into() });
    }
    if let Some(role) = &block.default_role {
        ways.push(Way { who: site.user(&stranger, None), roles: [role.clone()].into() });
    }
    if let Some(role) = &block.public_role {
        ways.push(Way { who: Principal::Visitor, roles: [role.clone()].into() });
    }
    ways
}

/// The users that a block names; the site's block names those of grants too.
pub(super) fn users(site: &Site<'_>, block: &Block) -> BTreeSet<UserName> {
    let mut users: BTreeSet<UserName> = block.user_roles.keys().cloned().collect();
    if block.folder.is_none() {
        users.extend(rights::grants(site.engine).map(|(grant, _)| grant.user.clone()));
    }
    users
}

/// What a block gives a user by name.
fn of_user(site: &Site<'_>, block: &Block, user: &UserName) -> BTreeSet<RoleName> {
    let entry = block.user_roles.get(user);
    let mut roles = entry.map(|entry| entry.roles.clone()).unwrap_or_default();
    if block.folder.is_none() {
        let account = site.accounts.get(user).and_then(AccountRole::inheritable);
        let grants = rights::grants(site.engine).filter(|(grant, _)| grant.user == *user);
        roles.extend(grants.filter_map(|(grant, _)| grant.role.clone().or(account.clone())));
    }
    roles
}

/// The groups that a block names, each with each of its roles.
fn groups(site: &Site<'_>, block: &Block) -> Vec<(GroupId, RoleName)> {
    if block.folder.is_none() {
        let mappings = rights::mappings(site.engine);
        return mappings.map(|(m, _)| (m.group.clone(), m.role.clone())).collect();
    }
    let entries = block.group_roles.iter();
    let named = entries.flat_map(|(group, entry)| {
        entry.roles.iter().map(move |role| (group.clone(), role.clone()))
    });
    named.collect()
}

/// The roles of a block that somebody is given.
pub(super) fn given<'a>(ways: &[Way], block: &'a Block) -> Vec<&'a Role> {
    let is_given = |role: &&Role| ways.iter().any(|way| way.roles.contains(&role.name));
    block.roles.values().filter(is_given).collect()
}

/// A name that nobody has.
pub(super) fn stranger(engine: &SiteEngine) -> Option<UserName> {
    let named = engine.named_users();
    let mut name = "somebody-else".to_owned();
    loop {
        let user = UserName::parse(&name).ok()?;
        if !named.contains(&user) {
            return Some(user);
        }
        name.push('-');
    }
}

impl Site<'_> {
    /// A user with the role of his account, and with a group.
    pub(super) fn user(&self, name: &UserName, group: Option<GroupId>) -> Principal {
        Principal::user(UserFacts {
            name: name.clone(),
            account_role: self.accounts.get(name).cloned().unwrap_or_default(),
            groups: group.into_iter().collect(),
        })
    }
}
