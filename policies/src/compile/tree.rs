//! Cedar syntax trees, in the JSON form that Cedar documents.

use serde_json::{Value, json};
use vestibule_schema::{Action, PermissionSet};

use super::{Citing, Generated};
use crate::decision::PolicyRef;
use crate::names::kind;

pub(super) fn entity(kind: &str, id: &str) -> Value {
    json!({ "type": kind, "id": id })
}

fn value(kind: &str, id: &str) -> Value {
    json!({ "Value": { "__entity": entity(kind, id) } })
}

fn attribute(of: &str, name: &str) -> Value {
    json!({ ".": { "left": { "Var": of }, "attr": name } })
}

/// `resource.block == Block::"…"`.
pub(super) fn governed_by(block: &str) -> Value {
    json!({ "==": { "left": attribute("resource", "block"), "right": value(kind::BLOCK, block) } })
}

/// `resource.hidden`.
pub(super) fn resource_is_hidden() -> Value {
    attribute("resource", "hidden")
}

/// `principal in Role::"a"`, or `principal in [Role::"a", …]`; `None` for no role, as Cedar's
/// strict validation refuses the empty list.
pub(super) fn principal_in(roles: &[String]) -> Option<Value> {
    let set = match roles {
        [] => return None,
        [role] => value(kind::ROLE, role),
        roles => {
            let items: Vec<_> = roles.iter().map(|role| value(kind::ROLE, role)).collect();
            json!({ "Set": items })
        }
    };
    Some(json!({ "in": { "left": { "Var": "principal" }, "right": set } }))
}

/// `action == Action::"a"`, or `action in [Action::"a", …]`.
pub(super) fn action_in(actions: &[&str]) -> Value {
    let left = json!({ "Var": "action" });
    match actions {
        [action] if *action != Action::ManageImages.name() => {
            json!({ "==": { "left": left, "right": value(kind::ACTION, action) } })
        }
        actions => {
            let items: Vec<_> = actions.iter().map(|a| value(kind::ACTION, a)).collect();
            json!({ "in": { "left": left, "right": { "Set": items } } })
        }
    }
}

pub(super) fn and(left: Value, right: Value) -> Value {
    binary("&&", left, right)
}

fn binary(operator: &str, left: Value, right: Value) -> Value {
    object([(operator, object([("left", left), ("right", right)]))])
}

/// An object of values that are moved into it: the macro would copy them.
fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// `a || b || …`; `None` for nothing.
pub(super) fn any(parts: impl IntoIterator<Item = Value>) -> Option<Value> {
    parts.into_iter().reduce(|left, right| binary("||", left, right))
}

/// The names of Cedar actions for a set. `manage_images` is a group that contains `upload` and
/// `organize`, so these two are named only where a role holds them alone.
pub(super) fn action_names(set: PermissionSet) -> Vec<&'static str> {
    let managed = set.allows(Action::ManageImages);
    let implied = |action: &Action| managed && matches!(action, Action::Upload | Action::Organize);
    set.actions().filter(|action| !implied(action)).map(Action::name).collect()
}

/// The scope `action in [Action::"a", …]`, or `==` for one that is no group.
pub(super) fn action_scope(actions: &[&str]) -> Value {
    match actions {
        [action] if *action != Action::ManageImages.name() && *action != ANY => {
            json!({ "op": "==", "entity": entity(kind::ACTION, action) })
        }
        [action] => json!({ "op": "in", "entity": entity(kind::ACTION, action) }),
        actions => {
            let entities: Vec<_> = actions.iter().map(|a| entity(kind::ACTION, a)).collect();
            json!({ "op": "in", "entities": entities })
        }
    }
}

/// The action group of everything that a request may ask.
pub(super) const ANY: &str = "any";

/// Scopes of a policy's head.
pub(super) fn all() -> Value {
    json!({ "op": "All" })
}

/// `principal in Role::"…"`, as a scope.
pub(super) fn in_role(role: &str) -> Value {
    json!({ "op": "in", "entity": entity(kind::ROLE, role) })
}

/// `resource in Folder::"…"` or `resource in Site::"…"`, as a scope.
pub(super) fn in_resource(kind: &str, id: &str) -> Value {
    json!({ "op": "in", "entity": entity(kind, id) })
}

/// `resource is Image`, or `resource is Image in Folder::"…"`, as a scope.
pub(super) fn image_in(folder: Option<&str>) -> Value {
    match folder {
        None => json!({ "op": "is", "entity_type": kind::IMAGE }),
        Some(id) => json!({
            "op": "is", "entity_type": kind::IMAGE, "in": { "entity": entity(kind::FOLDER, id) }
        }),
    }
}

/// A policy in the making.
pub(super) struct Head {
    pub(super) effect: &'static str,
    pub(super) principal: Value,
    pub(super) action: Value,
    pub(super) resource: Value,
}

/// Puts a policy together.
pub(super) fn policy(
    Citing { rule, reference: PolicyRef { id, source } }: Citing,
    head: Head,
    when: Option<Value>,
    unless: Option<Value>,
) -> Generated {
    let condition = |kind: &str, body| object([("kind", Value::from(kind)), ("body", body)]);
    let mut conditions = Vec::new();
    conditions.extend(when.map(|body| condition("when", body)));
    conditions.extend(unless.map(|body| condition("unless", body)));
    let tree = object([
        ("effect", Value::from(head.effect)),
        ("principal", head.principal),
        ("action", head.action),
        ("resource", head.resource),
        ("conditions", Value::Array(conditions)),
        ("annotations", json!({ "id": &*id, "source": source.to_string() })),
    ]);
    Generated { rule, id, source, tree }
}
