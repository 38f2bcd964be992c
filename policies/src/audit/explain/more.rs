//! Changes that may allow what is denied.

use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, GroupId, RoleName, SourceRef};

use super::edits::{BUILTIN_ROLES, Candidate, Change, Edit, Reach, key};
use super::roles::{ancestors, blocks, in_block, mapping_line};
use super::{Asked, fewer};
use crate::audit::rights;
use crate::model::{Block, GroupMapping, Role};
use crate::names;
use crate::principal::UserFacts;

pub(super) fn candidates(asked: &Asked<'_>, held: &[String]) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let locked = held.contains(&names::synthetic(asked.engine.id(), names::LOCKED));
    if locked {
        candidates.extend(unlock(asked));
        return candidates;
    }
    for block in blocks(asked) {
        candidates.extend(permissions(asked, block, held));
        candidates.extend(roles(asked, block));
    }
    candidates.extend(flags(asked));
    candidates
}

/// A permission more for a role that the principal holds.
fn permissions(asked: &Asked<'_>, block: &Block, held: &[String]) -> Vec<Candidate> {
    let written = asked.documents.block(block.folder.as_ref());
    let mut candidates = Vec::new();
    for role in in_block(asked.engine, block, held) {
        for at in std::iter::once(role).chain(ancestors(block, role)) {
            // what is shipped is not for editing
            if &*at.source.file == BUILTIN_ROLES {
                continue;
            }
            let lacking = asked.needed().into_iter().filter(|action| !at.all.allows(*action));
            for action in lacking {
                let key = key(at, action);
                let denied =
                    written.and_then(|w| Some((w, w.role(&at.name)?))).and_then(|(w, role)| {
                        let denied = role.denied.iter().find(|d| d.value.key() == key)?;
                        Some(w.line(&denied.span))
                    });
                let name = &at.name;
                let (text, source) = match denied {
                    Some(line) => (format!("set `{key} = true` in role `{name}`"), line),
                    None => (format!("add `{key} = true` to role `{name}`"), at.source.clone()),
                };
                candidates.push(Candidate {
                    change: Change { text, source: Some(source), reach: Reach::Role },
                    edit: Edit::Permission {
                        of: block.folder.clone(),
                        role: at.name.clone(),
                        action,
                        held: true,
                    },
                    size: 0,
                });
            }
        }
    }
    candidates
}

/// The roles of a block that grant all that the answer needs, those that hold least first. Owners
/// are never proposed, and a scoped role counts nowhere by itself.
fn sufficient<'a>(asked: &Asked<'_>, block: &'a Block) -> Vec<&'a Role> {
    let needed = asked.needed();
    let suffices = |role: &&Role| {
        !role.owner && !role.scoped && needed.iter().all(|action| role.all.allows(*action))
    };
    let mut roles: Vec<&Role> = block.roles.values().filter(suffices).collect();
    roles.sort_by_key(|role| role.all.permission_count());
    roles
}

/// A role of the block for the user, or for everybody.
fn roles(asked: &Asked<'_>, block: &Block) -> Vec<Candidate> {
    let Some(role) = sufficient(asked, block).first().map(|role| &role.name) else {
        return Vec::new();
    };
    let everybody = |edit: Edit, key: &str| Candidate {
        change: Change {
            text: format!("set `{key} = \"{role}\"`"),
            source: Some(block.source.clone()),
            reach: Reach::Everybody,
        },
        edit,
        size: 3,
    };
    let of = block.folder.clone();
    let Some(user) = asked.principal.as_user() else {
        let edit = Edit::Public { of, role: Some(role.clone()) };
        return vec![everybody(edit, "public_role")];
    };
    let entry = block.user_roles.get(&user.name);
    let mut roles = entry.map(|entry| entry.roles.clone()).unwrap_or_default();
    roles.insert(role.clone());
    let (text, source, size) = match entry {
        Some(entry) => {
            let text = format!("add `{role}` to the user entry of `{}`", user.name);
            (text, entry.source.clone(), 1)
        }
        None => {
            let text = format!("add a user entry of `{}` with the role `{role}`", user.name);
            (text, block.source.clone(), 2)
        }
    };
    let edit = Edit::UserEntry { of: of.clone(), user: user.name.clone(), roles: Some(roles) };
    let change = Change { text, source: Some(source), reach: Reach::User };
    let mut candidates = vec![
        Candidate { change, edit, size },
        everybody(Edit::Default { of, role: Some(role.clone()) }, "default_authenticated_role"),
    ];
    candidates.extend(groups(asked, block, user, role));
    candidates
}

/// A role of the block for a group of the user.
fn groups(asked: &Asked<'_>, block: &Block, user: &UserFacts, role: &RoleName) -> Vec<Candidate> {
    let of_group = |group: &GroupId| {
        let (text, source, edit) = match &block.folder {
            Some(folder) => {
                let text = format!("give the group `{group}` the role `{role}`");
                let source = block.group_roles.get(group).map_or(&block.source, |e| &e.source);
                let edit = Edit::AddGroupEntry {
                    of: folder.clone(),
                    group: group.clone(),
                    role: role.clone(),
                };
                (text, Some(source.clone()), edit)
            }
            None => admitted(asked, group, role),
        };
        Candidate { change: Change { text, source, reach: Reach::Group }, edit, size: 2 }
    };
    user.groups.iter().map(of_group).collect()
}

/// A mapping of a group to a role of the site: one that is there names another role.
fn admitted(
    asked: &Asked<'_>,
    group: &GroupId,
    role: &RoleName,
) -> (String, Option<SourceRef>, Edit) {
    let mut there = rights::mappings(asked.engine).filter(|(one, _)| one.group == *group);
    let there = there.next();
    let mapping = GroupMapping {
        group: group.clone(),
        role: role.clone(),
        base_path: None,
        upload_path: None,
    };
    let text = format!("admit the group `{group}` with the role `{role}`");
    let line = there.and_then(|there| mapping_line(asked, there));
    let edit = Edit::Admit(mapping);
    match (line, there) {
        (Some(line), _) => (format!("{text} instead"), Some(line), edit),
        (None, Some(_)) => (format!("{text} in the store instead"), None, edit),
        (None, None) => {
            let file = format!("config.d/sites/{}/grants.toml", asked.engine.id());
            (format!("{text} in {file}"), None, edit)
        }
    }
}

/// What folders hide, and how blocks combine.
fn flags(asked: &Asked<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let everybody = |text: String, source, edit, size| Candidate {
        change: Change { text, source, reach: Reach::Everybody },
        edit,
        size,
    };
    if asked.action == Action::SeeTechnicalDetails {
        for (folder, rules) in asked.engine.folders().iter() {
            if let Some(source) = &rules.hide_technical_details {
                let text = "remove `hide_technical_details = true`".to_owned();
                let edit = Edit::ShowTechnicalDetails(folder.clone());
                candidates.push(everybody(text, Some(source.clone()), edit, 0));
            }
        }
    }
    if asked.is_hidden_image() {
        candidates.extend(unhide(asked));
    }
    if asked.engine.model().cascade == Cascade::Restrict {
        let file = format!("config.d/sites/{}/site.toml", asked.engine.id());
        let text = format!("set `cascade = \"nearest\"` in {file}");
        candidates.push(everybody(text, None, Edit::Nearest, 4));
    }
    candidates
}

fn unhide(asked: &Asked<'_>) -> Vec<Candidate> {
    let folder = asked.path.folder();
    let Some(rules) = asked.engine.folders().get(&folder) else { return Vec::new() };
    let document = asked.documents.folder(&folder);
    let place = |name: &str| {
        let (source, document) = document?;
        let found = document.hidden_images.iter().find(|hidden| hidden.value == name)?;
        Some(source.reference(found.span.start))
    };
    let names = rules.hidden_images.iter();
    names
        .map(|name| Candidate {
            change: Change {
                text: format!("take `{name}` out of `hidden_images`"),
                source: place(name),
                reach: Reach::Everybody,
            },
            edit: Edit::Unhide(folder.clone(), name.to_owned()),
            size: 1,
        })
        .collect()
}

/// What locks the user out goes away.
fn unlock(asked: &Asked<'_>) -> Vec<Candidate> {
    let Some(user) = asked.principal.as_user() else { return Vec::new() };
    let block = &asked.engine.model().block;
    let mut candidates = Vec::new();
    let mut propose = |text: String, source, edit, size| {
        let change = Change { text, source, reach: Reach::User };
        candidates.push(Candidate { change, edit, size });
    };
    let entry = |roles| Edit::UserEntry { of: None, user: user.name.clone(), roles };
    if let Some(locked) = block.user_roles.get(&user.name) {
        let source = Some(locked.source.clone());
        let text = format!("remove the user entry of `{}`", user.name);
        propose(text, source.clone(), entry(None), 0);
        if let Some(role) = sufficient(asked, block).first() {
            let roles: std::collections::BTreeSet<RoleName> = [role.name.clone()].into();
            let text =
                format!("name the role `{}` in the user entry of `{}`", role.name, user.name);
            propose(text, source, entry(Some(roles)), 1);
        }
    }
    candidates.extend(fewer::revoked(asked, &user.name));
    candidates
}
