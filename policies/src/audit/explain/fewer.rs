//! Changes that may deny what is allowed.

use std::collections::BTreeSet;

use vestibule_schema::UserName;

use super::Asked;
use super::edits::{BUILTIN_ROLES, Candidate, Change, Edit, Reach, key};
use super::roles::{ancestors, blocks, grant_line, in_block, mapping_line};
use crate::audit::rights::{self, Origin};
use crate::model::{Block, Role};
use crate::principal::UserFacts;

pub(super) fn candidates(asked: &Asked<'_>, held: &[String]) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for block in blocks(asked) {
        if let Some(user) = asked.principal.as_user() {
            candidates.extend(entry(block, &user.name));
            candidates.extend(groups(block, user));
        }
        candidates.extend(keys(asked, block));
        for role in in_block(asked.engine, block, held) {
            for at in std::iter::once(role).chain(ancestors(block, role)) {
                candidates.extend(permission(asked, block, at));
            }
        }
    }
    if let Some(user) = asked.principal.as_user() {
        candidates.extend(rights(asked, user));
        candidates.push(lock_out(asked, &user.name));
    }
    candidates
}

/// The user's entry in a block, or one role of it.
fn entry(block: &Block, user: &UserName) -> Vec<Candidate> {
    let Some(entry) = block.user_roles.get(user) else { return Vec::new() };
    let candidate = |text: String, roles| Candidate {
        change: Change { text, source: Some(entry.source.clone()), reach: Reach::User },
        edit: Edit::UserEntry { of: block.folder.clone(), user: user.clone(), roles },
        size: 0,
    };
    let mut candidates = Vec::new();
    if entry.roles.len() > 1 {
        for role in &entry.roles {
            let mut left = entry.roles.clone();
            left.remove(role);
            let text = format!("take `{role}` out of the user entry of `{user}`");
            candidates.push(candidate(text, Some(left)));
        }
    }
    candidates.push(candidate(format!("remove the user entry of `{user}`"), None));
    candidates
}

/// Roles that a folder gives the user's groups.
fn groups(block: &Block, user: &UserFacts) -> Vec<Candidate> {
    let entries = block.group_roles.iter().filter(|(group, _)| user.groups.contains(*group));
    let roles = entries.flat_map(|(group, entry)| {
        entry.roles.iter().map(move |role| Candidate {
            change: Change {
                text: format!("take `{role}` from the group `{group}`"),
                source: Some(entry.source.clone()),
                reach: Reach::Group,
            },
            edit: Edit::GroupEntry {
                of: block.folder.clone(),
                group: group.clone(),
                without: role.clone(),
            },
            size: 2,
        })
    });
    roles.collect()
}

/// `public_role` and `default_authenticated_role`.
fn keys(asked: &Asked<'_>, block: &Block) -> Option<Candidate> {
    let written = asked.documents.block(block.folder.as_ref());
    let of = block.folder.clone();
    let (key, role, edit, written) = if asked.principal.is_signed_in() {
        let written = written.and_then(|w| Some(w.line(&w.block.default_role.as_ref()?.span)));
        let edit = Edit::Default { of, role: None };
        ("default_authenticated_role", &block.default_role, edit, written)
    } else {
        let written = written.and_then(|w| Some(w.line(&w.block.public_role.as_ref()?.span)));
        ("public_role", &block.public_role, Edit::Public { of, role: None }, written)
    };
    role.as_ref()?;
    let source = Some(written.unwrap_or_else(|| block.source.clone()));
    let text = format!("set `{key} = \"none\"`");
    Some(Candidate { change: Change { text, source, reach: Reach::Everybody }, edit, size: 3 })
}

/// A permission less for a role that the principal holds.
fn permission(asked: &Asked<'_>, block: &Block, role: &Role) -> Vec<Candidate> {
    // what is shipped is not for editing
    if &*role.source.file == BUILTIN_ROLES {
        return Vec::new();
    }
    let written = asked.documents.block(block.folder.as_ref());
    let line = |key: &str| {
        let line = written.and_then(|written| written.key_in_role(&role.name, key));
        Some(line.unwrap_or_else(|| role.source.clone()))
    };
    let of = || block.folder.clone();
    let candidate = |key: &str, edit| Candidate {
        change: Change {
            text: format!("remove `{key} = true` from role `{}`", role.name),
            source: line(key),
            reach: Reach::Role,
        },
        edit,
        size: 1,
    };
    let mut candidates = Vec::new();
    if role.own_owner {
        let edit = Edit::DropOwner { of: of(), role: role.name.clone() };
        candidates.push(candidate("owner_access", edit));
    }
    // the asked action before `view`, without which nothing is left
    let needed = asked.needed().into_iter().rev();
    for action in needed.filter(|action| role.own.allows(*action)) {
        let name = role.name.clone();
        let edit = Edit::Permission { of: of(), role: name, action, held: false };
        candidates.push(candidate(key(role, action), edit));
    }
    candidates
}

/// Grants and group mappings.
fn rights(asked: &Asked<'_>, user: &UserFacts) -> Vec<Candidate> {
    let mut candidates = revoked(asked, &user.name);
    let mappings = rights::mappings(asked.engine);
    for (mapping, from) in mappings.filter(|(one, _)| user.groups.contains(&one.group)) {
        let text = match from {
            Origin::Declared => format!("remove the mapping of the group `{}`", mapping.group),
            Origin::Stored => format!("deny the stored group `{}`", mapping.group),
        };
        let source = mapping_line(asked, (mapping, from));
        candidates.push(Candidate {
            change: Change { text, source, reach: Reach::Group },
            edit: Edit::DropMapping(mapping.group.clone(), mapping.role.clone()),
            size: 2,
        });
    }
    candidates
}

/// Each grant of a user, taken away.
pub(super) fn revoked(asked: &Asked<'_>, user: &UserName) -> Vec<Candidate> {
    let grants = rights::grants_of(asked.engine, user).into_iter();
    let candidate = |(grant, from)| {
        let text = match from {
            Origin::Declared => format!("remove the grant of `{user}`"),
            Origin::Stored => format!("revoke the stored grant of `{user}`"),
        };
        let source = grant_line(asked, (grant, from));
        let change = Change { text, source, reach: Reach::User };
        Candidate { change, edit: Edit::DropGrant(grant.clone()), size: 0 }
    };
    grants.map(candidate).collect()
}

/// Out of the whole site.
fn lock_out(asked: &Asked<'_>, user: &UserName) -> Candidate {
    let block = &asked.engine.model().block;
    let (text, source) = match block.user_roles.get(user) {
        Some(entry) => {
            (format!("set `roles = []` in the user entry of `{user}`"), entry.source.clone())
        }
        None => {
            let text = format!("add a user entry of `{user}` with `roles = []`, which locks out");
            (text, block.source.clone())
        }
    };
    let roles = Some(BTreeSet::new());
    Candidate {
        change: Change { text, source: Some(source), reach: Reach::User },
        edit: Edit::UserEntry { of: None, user: user.clone(), roles },
        size: 4,
    }
}
