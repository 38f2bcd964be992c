//! Hand-written policies that never match: their head or a condition is false for everybody,
//! everywhere and in any context. What Cedar's validator finds is told when they are read; this is
//! what takes the site's own names, and the clock.

use serde_json::Value;
use vestibule_schema::problem::nearest;
use vestibule_schema::{Problem, UserName};

use super::Site;
use crate::audit::syntax;
use crate::compile;
use crate::model::{Block, CustomPolicy};
use crate::names::{self, kind};

/// Why a part of a policy is always false, or always true.
struct Reason {
    /// After "never matches: ".
    why: String,
    /// The words of the policy that say it.
    words: String,
    help: String,
}

/// A condition whose value is certain.
type Fixed = Option<(bool, Reason)>;

pub(super) fn find(site: &Site<'_>) -> Vec<Problem> {
    let policies = site.engine.model().custom.iter();
    policies.filter_map(|policy| Some(problem(site, policy, reason(site, policy)?))).collect()
}

fn problem(site: &Site<'_>, policy: &CustomPolicy, reason: Reason) -> Problem {
    let reference = policy.reference();
    let message = format!("`{}` never matches: {}", reference.id, reason.why);
    let problem = Problem::warning("lint::never_matches", message);
    let placed = match site.documents.in_policy(&reference.source, &reason.words) {
        Some((source, span)) => problem.at(source, span, "so it has no effect"),
        None => problem.in_file(&reference.source.to_string()),
    };
    placed.help(reason.help)
}

fn reason(site: &Site<'_>, policy: &CustomPolicy) -> Option<Reason> {
    let tree = syntax::tree(policy);
    for part in ["principal", "resource"] {
        let head = tree.get(part)?;
        let within = head.get("in").unwrap_or(head);
        if let Some(reason) = within.get("entity").and_then(|entity| unknown(site, entity)) {
            return Some(reason);
        }
    }
    let conditions = tree.get("conditions").and_then(Value::as_array)?;
    conditions.iter().find_map(|condition| {
        let must_be = condition.get("kind").and_then(Value::as_str) == Some("when");
        let (value, reason) = fixed(site, condition.get("body")?)?;
        (value != must_be).then_some(reason)
    })
}

/// The value of a condition, where it is the same for every request.
fn fixed(site: &Site<'_>, node: &Value) -> Fixed {
    let (operator, operands) = node.as_object()?.iter().next()?;
    let side = |name: &str| operands.get(name);
    let of = |name: &str| fixed(site, side(name)?);
    match operator.as_str() {
        "!" => of("arg").map(|(value, reason)| (!value, reason)),
        "&&" | "||" => both(operator == "||", of("left"), of("right")),
        "is" => none_of(site, side("in")?),
        "in" => is_somebody(side("left")?).then(|| none_of(site, side("right")?))?,
        "==" => equal(site, side("left")?, side("right")?),
        "<" | "<=" => past(site, side("left")?, side("right")?, false)
            .or_else(|| past(site, side("right")?, side("left")?, true)),
        ">" | ">=" => past(site, side("left")?, side("right")?, true)
            .or_else(|| past(site, side("right")?, side("left")?, false)),
        _ => None,
    }
}

/// Of two conditions: one that is true decides `||`, one that is false decides `&&`; else both are
/// needed.
fn both(deciding: bool, left: Fixed, right: Fixed) -> Fixed {
    let decides = |side: &Fixed| side.as_ref().is_some_and(|(value, _)| *value == deciding);
    match (decides(&left), decides(&right)) {
        (true, _) => left,
        (false, true) => right,
        (false, false) => left.filter(|_| right.is_some()),
    }
}

fn is_somebody(node: &Value) -> bool {
    syntax::is_variable(node, "principal") || syntax::is_variable(node, "resource")
}

/// Whether nothing can be in an entity, or in any of a set.
fn none_of(site: &Site<'_>, node: &Value) -> Fixed {
    let entities = match node.get("Set").and_then(Value::as_array) {
        Some(items) => items.iter().collect(),
        None => vec![node],
    };
    let reasons = entities.into_iter().map(|entity| unknown(site, entity));
    let reasons = reasons.collect::<Option<Vec<_>>>()?;
    reasons.into_iter().next().map(|reason| (false, reason))
}

fn equal(site: &Site<'_>, left: &Value, right: &Value) -> Fixed {
    let (of, other) = if syntax::entity(left).is_some() || left.get("Value").is_some() {
        (right, left)
    } else {
        (left, right)
    };
    if is_somebody(of) {
        return none_of(site, other);
    }
    if syntax::context_attribute(of)? != "site" {
        return None;
    }
    let (name, own) = (other.get("Value")?.as_str()?, site.engine.id().as_str());
    (name != own).then(|| (false, other_site(name, own, format!("\"{name}\""))))
}

fn other_site(name: &str, own: &str, words: String) -> Reason {
    Reason {
        why: format!("this site is `{own}`, not `{name}`"),
        words,
        help: format!("write `{own}`, or move the policy to the other site"),
    }
}

/// `context.now` compared with a date that is over: by `>` always true, by `<` never again.
fn past(site: &Site<'_>, now: &Value, date: &Value, is_after: bool) -> Fixed {
    if syntax::context_attribute(now) != Some("now") || now.get(".").is_none() {
        return None;
    }
    let text = syntax::literal(date, "datetime")?;
    (syntax::moment(text)? < site.now).then(|| {
        let reason = Reason {
            why: format!("`{text}` is over"),
            words: format!("\"{text}\""),
            help: "remove it, or name a later date".to_owned(),
        };
        (is_after, reason)
    })
}

/// Why an entity is none that a request of this site can have.
fn unknown(site: &Site<'_>, node: &Value) -> Option<Reason> {
    let (kind, id) = syntax::entity(node)?;
    let own = site.engine.id();
    let words = format!("\"{}\"", id.escape_debug());
    match kind {
        kind::SITE => (id != own.as_str()).then(|| other_site(id, own.as_str(), words)),
        kind::ROLE => unknown_role(site, id).map(|help| Reason {
            why: format!("no block of the site has the role `{id}`"),
            words,
            help,
        }),
        kind::USER if !site.accounts.is_empty() => {
            let name = UserName::parse(id).ok();
            if name.is_some_and(|name| name.as_str() == id && site.accounts.contains_key(&name)) {
                return None;
            }
            let near = nearest(id, site.accounts.keys().map(UserName::as_str));
            Some(Reason {
                why: format!("no account is called `{id}`"),
                words,
                help: near.map_or_else(
                    || format!("correct the name, or add the account `{id}`"),
                    |near| format!("did you mean `{near}`?"),
                ),
            })
        }
        kind::FOLDER => {
            let path = id.strip_prefix(own.as_str()).and_then(|rest| rest.strip_prefix(':'))?;
            let missing = site.missing_folders.iter().any(|folder| folder.as_str() == path);
            missing.then(|| Reason {
                why: format!("the gallery has no folder `{path}`"),
                words,
                help: "correct the path, or make the folder".to_owned(),
            })
        }
        _ => None,
    }
}

/// The mend for a role that no block has.
fn unknown_role(site: &Site<'_>, id: &str) -> Option<String> {
    let model = site.engine.model();
    let mut known = vec![compile::owner_role(model), names::synthetic(&model.site, names::LOCKED)];
    let roles = |block: &Block| {
        let block_id = names::block(&model.site, block.folder.as_ref());
        let ids = block.roles.values().flat_map(|role| {
            let companion = role.scoped.then(|| names::upload_role(&block_id, &role.name));
            std::iter::once(names::role(&block_id, &role.name)).chain(companion)
        });
        ids.collect::<Vec<_>>()
    };
    known.extend(site.blocks().flat_map(roles));
    if known.iter().any(|role| role == id) {
        return None;
    }
    let near = nearest(id, known.iter().map(String::as_str));
    Some(near.map_or_else(
        || "write `Role::\"SITE:#name\"`, or `Role::\"SITE:/folder/#name\"` for a folder's".into(),
        |near| format!("did you mean `Role::\"{near}\"`?"),
    ))
}
