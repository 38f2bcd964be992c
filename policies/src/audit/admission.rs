//! Admission: as what somebody enters a site, and by what. Kept with the session and shown.

use vestibule_schema::GalleryPath;

use super::rights;
use crate::engine::SiteEngine;
use crate::model::Role;
use crate::principal::{Principal, UserFacts};

/// As what somebody enters a site, and by what, in words: `viewer, by a grant`. `None` if they may
/// not enter (`permissions.md` 2, and 4 rule 1).
#[must_use]
pub fn admission(engine: &SiteEngine, principal: &Principal) -> Option<String> {
    if !engine.may_enter(principal) {
        return None;
    }
    let root = GalleryPath::root();
    let roles: Vec<String> = engine
        .held_roles(principal, &root)
        .iter()
        .filter(|held| held.block.folder.is_none())
        .map(|held| format!("{}, {}", held.role.name, by_what(engine, principal, held.role)))
        .collect();
    if roles.is_empty() {
        // a role that counts in some folder alone
        return Some("by the rules of a folder".to_owned());
    }
    Some(roles.join("; "))
}

/// By what somebody has a role of the site, in the order in which the sources count.
fn by_what(engine: &SiteEngine, principal: &Principal, role: &Role) -> String {
    let Some(user) = principal.as_user() else { return "for everybody".to_owned() };
    let block = &engine.model().block;
    let entry = block.user_roles.get(&user.name);
    if entry.is_some_and(|entry| entry.roles.contains(&role.name)) {
        return format!("by the user entry ({})", entry.map_or(&role.source, |e| &e.source));
    }
    if let Some(by_grant) = by_grant(engine, user, role) {
        return by_grant;
    }
    let group = rights::mappings(engine)
        .find(|(mapping, _)| mapping.role == role.name && user.groups.contains(&mapping.group));
    match group {
        Some((mapping, origin)) => format!("by the {} group {}", origin.word(), mapping.group),
        None if block.default_role.as_ref() == Some(&role.name) => "by default".to_owned(),
        None => "by another role".to_owned(),
    }
}

fn by_grant(engine: &SiteEngine, user: &UserFacts, role: &Role) -> Option<String> {
    let inherited = user.account_role.inheritable();
    rights::grants_of(engine, &user.name).iter().find_map(|(grant, origin)| match &grant.role {
        Some(name) if *name == role.name => Some(format!("by a {} grant", origin.word())),
        None if inherited.as_ref() == Some(&role.name) => {
            Some(format!("by the account's role and a {} grant", origin.word()))
        }
        _ => None,
    })
}
