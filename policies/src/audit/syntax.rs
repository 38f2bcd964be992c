//! The syntax of hand-written policies, as far as audits read it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use vestibule_schema::UserName;

use crate::engine::SiteEngine;
use crate::model::CustomPolicy;
use crate::names::kind;

/// A policy's syntax tree, in Cedar's JSON form.
pub(super) fn tree(policy: &CustomPolicy) -> Value {
    policy.policy.to_json().unwrap_or_default()
}

/// Each node of a tree.
pub(super) fn nodes(tree: &Value) -> Vec<&Value> {
    let mut open = vec![tree];
    let mut all = Vec::new();
    while let Some(node) = open.pop() {
        match node {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
        all.push(node);
    }
    all
}

/// The attribute of the context that a node reads: `context.ip`, or `context has ip`.
pub(super) fn context_attribute(node: &Value) -> Option<&str> {
    let access = node.get(".").or_else(|| node.get("has"))?;
    is_variable(access.get("left")?, "context").then(|| access.get("attr")?.as_str())?
}

/// `principal`, `action`, `resource` or `context`.
pub(super) fn is_variable(node: &Value, name: &str) -> bool {
    node.get("Var").and_then(Value::as_str) == Some(name)
}

/// Type and identifier of an entity that a node names, in the head of a policy or in a condition.
pub(super) fn entity(node: &Value) -> Option<(&str, &str)> {
    let named = node.get("Value").and_then(|value| value.get("__entity")).unwrap_or(node);
    named.get("type").and_then(Value::as_str).zip(named.get("id").and_then(Value::as_str))
}

/// The only argument of `ip("…")`, `datetime("…")` or `duration("…")`.
pub(super) fn literal<'t>(node: &'t Value, function: &str) -> Option<&'t str> {
    node.get(function)?.as_array()?.first()?.get("Value")?.as_str()
}

/// The users that a site's hand-written policies name.
pub(super) fn named_users(engine: &SiteEngine) -> BTreeSet<UserName> {
    let trees: Vec<Value> = engine.model().custom.iter().map(tree).collect();
    let entities = trees.iter().flat_map(nodes).filter_map(entity);
    let users = entities.filter(|(kind, _)| *kind == kind::USER);
    users.filter_map(|(_, id)| UserName::parse(id).ok()).collect()
}

/// A literal of `datetime`: a day, which begins in UTC, or a moment.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(day) = text.parse::<Date>()
        && !text.contains('T')
    {
        return day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    }
    text.parse().ok()
}
