//! The entities of a site, in the JSON form that Cedar documents.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vestibule_schema::{GalleryPath, PathKind};

use crate::compile::owner_role;
use crate::engine::SiteEngine;
use crate::model::Block;
use crate::names::{self, kind};
use crate::principal::Principal;

/// The entities of a site: its folders, blocks and roles, and the given principals with all roles
/// that they hold anywhere in the site.
///
/// A role of a block counts only where that block governs, so that holding all at once changes no
/// answer; scoped roles do depend on the folder, and are left out.
#[must_use]
pub fn entities(engine: &SiteEngine, principals: &[Principal]) -> Value {
    let mut entities = vec![entity(kind::SITE, engine.id().as_str(), json!({}), Vec::new())];
    let site_block = &engine.model().block;
    let folder_blocks = engine.folders().values().filter_map(|rules| rules.block.as_deref());
    for block in std::iter::once(site_block).chain(folder_blocks) {
        block_entities(engine, block, &mut entities);
    }
    for name in [names::OWNER, names::LOCKED] {
        let id = names::synthetic(engine.id(), name);
        entities.push(role(engine, &names::block(engine.id(), None), &id, name, Vec::new()));
    }
    place_entities(engine, &mut entities);
    for principal in principals {
        entities.push(principal_entity(engine, principal));
    }
    Value::Array(entities)
}

fn uid(kind: &str, id: &str) -> Value {
    json!({ "type": kind, "id": id })
}

fn entity(kind: &str, id: &str, attributes: Value, parents: Vec<Value>) -> Value {
    let pairs = [("uid", uid(kind, id)), ("attrs", attributes), ("parents", Value::Array(parents))];
    Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn reference(kind: &str, id: &str) -> Value {
    json!({ "__entity": uid(kind, id) })
}

fn block_entities(engine: &SiteEngine, block: &Block, entities: &mut Vec<Value>) {
    let site = engine.id();
    let block_id = names::block(site, block.folder.as_ref());
    let mut attributes = serde_json::Map::from_iter([("groups".to_owned(), json!([]))]);
    for (key, name) in [("default_role", &block.default_role), ("public_role", &block.public_role)]
    {
        if let Some(name) = name {
            let id = names::role(&block_id, name);
            attributes.insert(key.to_owned(), reference(kind::ROLE, &id));
        }
    }
    let parents = vec![uid(kind::SITE, site.as_str())];
    entities.push(entity(kind::BLOCK, &block_id, Value::Object(attributes), parents));
    for one in block.roles.values() {
        let id = names::role(&block_id, &one.name);
        let mut parents = Vec::new();
        let parent = one.parent.as_ref();
        parents.extend(parent.map(|parent| uid(kind::ROLE, &names::role(&block_id, parent))));
        if one.own_owner && block.folder.is_none() {
            parents.push(uid(kind::ROLE, &owner_role(engine.model())));
        }
        entities.push(role(engine, &block_id, &id, one.name.as_str(), parents));
    }
}

fn role(engine: &SiteEngine, block: &str, id: &str, name: &str, parents: Vec<Value>) -> Value {
    let attributes = json!({
        "block": reference(kind::BLOCK, block),
        "site": reference(kind::SITE, engine.id().as_str()),
        "name": name,
        "groups": [],
        "outranked_by": [],
    });
    entity(kind::ROLE, id, attributes, parents)
}

fn place_entities(engine: &SiteEngine, entities: &mut Vec<Value>) {
    let mut places: BTreeSet<GalleryPath> = super::places(engine).into_iter().collect();
    let ancestors: Vec<_> = places
        .iter()
        .flat_map(|place| place.ancestors().filter_map(|a| GalleryPath::from_decoded(a).ok()))
        .collect();
    places.extend(ancestors);
    for place in places {
        let governing = place.ancestors().find(|folder| {
            engine.folders().get(*folder).is_some_and(|rules| rules.block.is_some())
        });
        let governing = governing.and_then(|folder| GalleryPath::from_decoded(folder).ok());
        let block = names::block(engine.id(), governing.as_ref());
        let parent = match place.parent() {
            Some(parent) => uid(kind::FOLDER, &names::resource(engine.id(), parent.as_str())),
            None => uid(kind::SITE, engine.id().as_str()),
        };
        let (kind, hidden) = match place.kind() {
            PathKind::Folder => (kind::FOLDER, is_hidden_folder(engine, &place)),
            PathKind::Image => (kind::IMAGE, is_hidden_image(engine, &place)),
        };
        let attributes = json!({ "block": reference(kind::BLOCK, &block), "hidden": hidden });
        let id = names::resource(engine.id(), place.as_str());
        entities.push(entity(kind, &id, attributes, vec![parent]));
    }
}

fn is_hidden_folder(engine: &SiteEngine, place: &GalleryPath) -> bool {
    let mut folders = place.ancestors().filter_map(|folder| engine.folders().get(folder));
    folders.any(|rules| rules.hidden)
}

fn is_hidden_image(engine: &SiteEngine, place: &GalleryPath) -> bool {
    let rules = engine.folders().get(&place.folder());
    rules.zip(place.name()).is_some_and(|(rules, name)| rules.hidden_images.contains(name))
}

fn principal_entity(engine: &SiteEngine, principal: &Principal) -> Value {
    let roles = engine.all_roles(principal);
    let parents: Vec<_> = roles.iter().map(|role| uid(kind::ROLE, role)).collect();
    match principal.as_user() {
        None => entity(kind::VISITOR, "", json!({}), parents),
        Some(facts) => {
            // what admission alone reads is empty: no other policy may
            let mut attributes = json!({
                "explicit": [], "granted": [], "by_account": [], "locked_out": [],
                "shared_folders": [], "shared_images": [],
            });
            let account_role = facts.account_role.inheritable();
            if let Some((fields, role)) = attributes.as_object_mut().zip(account_role) {
                fields.insert("account_role".to_owned(), json!(role.as_str()));
            }
            let groups = facts.groups.iter().map(|group| uid(kind::GROUP, group.as_str()));
            let parents = parents.into_iter().chain(groups).collect();
            entity(kind::USER, facts.name.as_str(), attributes, parents)
        }
    }
}
