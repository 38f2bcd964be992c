//! Admission: as what somebody enters a site, and by what. Kept with the session and shown.

use vestibule_schema::{GalleryPath, RoleName};

use super::rights::{self, Origin};
use crate::engine::SiteEngine;
use crate::model::{GroupMapping, Role};
use crate::principal::{Principal, UserFacts};

/// As what somebody enters a site, and by what, in words: `viewer, by a grant`. `None` if they may
/// not enter (`permissions.md` 2, and 4 rule 1).
#[must_use]
pub fn admission(engine: &SiteEngine, principal: &Principal) -> Option<String> {
    let ways = ways_in(engine, principal).into_iter();
    let words = ways.map(|way| match way.role {
        Some(role) => format!("{role}, {}", way.by),
        None => way.by,
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// One way into a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayIn {
    /// The role of the site; none for one that counts in some folder alone.
    pub role: Option<RoleName>,
    /// By what somebody has it, in words: `by a stored grant`.
    pub by: String,
}

/// As what somebody enters a site, each with by what. Empty: they may not enter.
#[must_use]
pub fn ways_in(engine: &SiteEngine, principal: &Principal) -> Vec<WayIn> {
    if !engine.may_enter(principal) {
        return Vec::new();
    }
    let root = GalleryPath::root();
    let held = engine.held_roles(principal, &root);
    let of_site = held.iter().filter(|held| held.block.folder.is_none());
    let ways: Vec<WayIn> = of_site
        .map(|held| {
            let role = Some(held.role.name.clone());
            WayIn { role, by: by_what(engine, principal, held.role) }
        })
        .collect();
    if !ways.is_empty() {
        return ways;
    }
    let confined = confined(engine, principal);
    if confined.is_empty() {
        return vec![WayIn { role: None, by: "by the rules of a folder".to_owned() }];
    }
    confined
}

/// The scoped roles that somebody has in some folder alone, each with the folder.
fn confined(engine: &SiteEngine, principal: &Principal) -> Vec<WayIn> {
    let Some(user) = principal.as_user() else { return Vec::new() };
    let inherited = user.account_role.inheritable();
    let by_grant =
        rights::grants_of(engine, &user.name).into_iter().filter_map(|(grant, origin)| {
            let role = grant.role.clone().or_else(|| inherited.clone())?;
            Some((role, grant.base_path.as_ref()?, format!("by a {} grant", origin.word())))
        });
    let by_group = rights::mappings(engine)
        .filter(|(mapping, _)| user.groups.contains(&mapping.group))
        .filter_map(|(mapping, origin)| {
            let by = by_group(mapping, origin);
            Some((mapping.role.clone(), mapping.base_path.as_ref()?, by))
        });
    let held = |role: &RoleName, base: &GalleryPath| {
        let held = engine.held_roles(principal, base);
        held.iter().any(|held| held.block.folder.is_none() && held.role.name == *role)
    };
    let ways = by_grant.chain(by_group).filter(|(role, base, _)| held(role, base));
    ways.map(|(role, base, by)| WayIn { role: Some(role), by: format!("{by}, in {base}") })
        .collect()
}

fn by_group(mapping: &GroupMapping, origin: Origin) -> String {
    format!("by the {} group {}", origin.word(), mapping.group)
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
        Some((mapping, origin)) => by_group(mapping, origin),
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
