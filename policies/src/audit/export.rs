//! Export: what the official `cedar` command needs to come to the same decisions.
//!
//! The policies of a whole site as formatted text, its entities, and sampled requests with the
//! gateway's own answers, so that anybody can hold one against the other.

mod contexts;
mod entities;

use std::collections::BTreeSet;

use cedar_policy::{PolicySet, ValidationMode, Validator};
use serde_json::{Value, json};
use vestibule_schema::{Action, GalleryPath, PathKind};

use crate::compile::{self, CompileError, Generated};
use crate::context::RequestContext;
use crate::decision::{Need, PolicyRef};
use crate::engine::{SiteEngine, Vocabulary};
use crate::names::{self, kind};
use crate::principal::Principal;

use contexts::Contexts;
pub use entities::entities;

/// The width of exported policies, in characters.
const WIDTH: usize = 100;

/// One sampled request, with the gateway's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The request, as `cedar authorize --request-json` reads it.
    pub request: Value,
    /// What the gateway decides.
    pub allowed: bool,
    /// The policies that decided.
    pub policies: Vec<PolicyRef>,
}

/// All generated policies of a site, in a stable order.
pub(crate) fn generated(engine: &SiteEngine) -> Vec<Generated> {
    let site = engine.model();
    let mut all = compile::site_wide(site);
    all.extend(compile::site_block(site));
    for (path, rules) in engine.folders().iter() {
        all.extend(compile::folder_block(site, path, rules));
        all.extend(compile::folder_subtree(site, path, rules));
    }
    all
}

/// The policies of a site as Cedar text: the base policies, then the generated ones.
///
/// # Errors
/// If a generated policy is none: a defect of this crate.
pub fn policies(engine: &SiteEngine) -> Result<String, CompileError> {
    let mut text = String::from(include_str!("../../base/decide.cedar"));
    text.push('\n');
    text.push_str(&generated_text(engine)?);
    for policy in engine.model().custom.iter() {
        text.push('\n');
        text.push_str(&policy.text());
        text.push('\n');
    }
    Ok(text)
}

/// The generated policies of a site alone.
///
/// # Errors
/// As [`policies`].
pub fn generated_text(engine: &SiteEngine) -> Result<String, CompileError> {
    let config = cedar_policy_formatter::Config { line_width: WIDTH, indent_width: 2 };
    let mut formatted = Vec::new();
    // one by one: the formatter's time grows with the square of the text
    for one in generated(engine) {
        let text = one.policy()?.to_cedar().unwrap_or_default();
        let text =
            cedar_policy_formatter::policies_str_to_pretty(&text, &config).map_err(|error| {
                CompileError::Policy { id: one.id.to_string(), cause: error.to_string() }
            })?;
        formatted.push(text.trim().to_owned());
    }
    Ok(formatted.join("\n\n") + "\n")
}

/// Validates a whole site strictly. What Cedar only warns of is an error too: the policies are
/// generated, and nothing generated is impossible.
///
/// # Errors
/// What Cedar says, one line a finding.
pub fn validate(engine: &SiteEngine, vocabulary: &Vocabulary) -> Result<usize, Vec<String>> {
    let mut set = PolicySet::new();
    let mut findings = Vec::new();
    for one in generated(engine) {
        let added = one.policy().map(|policy| set.add(policy).map_err(|error| error.to_string()));
        match added {
            Ok(Ok(())) => {}
            Ok(Err(error)) => findings.push(error),
            Err(error) => findings.push(error.to_string()),
        }
    }
    for (policy, _) in vocabulary.decide() {
        findings.extend(set.add(policy.clone()).err().map(|error| error.to_string()));
    }
    for policy in vocabulary.admit().policies() {
        findings.extend(set.add(policy.clone()).err().map(|error| error.to_string()));
    }
    for one in &engine.model().custom.policies {
        findings.extend(set.add(one.policy.clone()).err().map(|error| error.to_string()));
    }
    let validator = Validator::new(vocabulary.schema().clone());
    let result = validator.validate(&set, ValidationMode::Strict);
    findings.extend(result.validation_errors().map(ToString::to_string));
    // what is suspicious in hand-written policies was told when they were read
    let is_custom = |id: &cedar_policy::PolicyId| {
        engine.model().custom.policies.iter().any(|one| one.policy.id() == id)
    };
    let warnings = result.validation_warnings().filter(|warning| !is_custom(warning.policy_id()));
    findings.extend(warnings.map(ToString::to_string));
    if findings.is_empty() { Ok(set.num_of_policies()) } else { Err(findings) }
}

/// The places that an export speaks of: the root, each folder that says anything, an image in
/// each, and the hidden images.
#[must_use]
pub fn places(engine: &SiteEngine) -> Vec<GalleryPath> {
    let root = GalleryPath::root();
    let mut folders: BTreeSet<&GalleryPath> = engine.folders().keys().collect();
    folders.insert(&root);
    let mut places = Vec::new();
    for folder in folders {
        places.push(folder.clone());
        let hidden = engine.folders().get(folder).map(|rules| &rules.hidden_images);
        let names = std::iter::once("sample.jpg").chain(hidden.into_iter().flat_map(|h| h.iter()));
        places.extend(names.filter_map(|name| folder.join(name, PathKind::Image).ok()));
    }
    places
}

/// Samples requests of the principals evenly over principals, places and actions, in contexts that
/// hand-written policies judge in both ways.
#[must_use]
pub fn samples(engine: &SiteEngine, principals: &[Principal], count: usize) -> Vec<Sample> {
    let (places, contexts) = (places(engine), Contexts::of(engine));
    let total = principals.len() * places.len() * Action::ALL.len();
    // without hand-written policies the context changes nothing: each request once
    let most = if engine.reads_context() { usize::MAX } else { total };
    let picked = (0..count.min(most)).filter_map(|number| {
        let at = scattered(number, total);
        let action = Action::ALL.get(at % Action::ALL.len())?;
        let place = places.get(at / Action::ALL.len() % places.len())?;
        let principal = principals.get(at / Action::ALL.len() / places.len())?;
        Some(sample(engine, (principal, &contexts.pick(number)), *action, place))
    });
    picked.collect()
}

/// The number of a sample among all there are: everything once before it repeats.
fn scattered(number: usize, total: usize) -> usize {
    // a step that shares no factor with the total
    let mut step = (total * 618 / 1000).max(1);
    while total > 1 && gcd(step, total) != 1 {
        step += 1;
    }
    (number % total.max(1)) * step % total.max(1)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn sample(
    engine: &SiteEngine,
    (principal, context): (&Principal, &RequestContext<'_>),
    action: Action,
    place: &GalleryPath,
) -> Sample {
    let (principal_kind, name) = match principal.as_user() {
        None => (kind::VISITOR, ""),
        Some(user) => (kind::USER, user.name.as_str()),
    };
    let resource_kind = match place.kind() {
        PathKind::Folder => kind::FOLDER,
        PathKind::Image => kind::IMAGE,
    };
    let uid = |kind: &str, id: &str| json!({ "type": kind, "id": id });
    let resource = names::resource(engine.id(), place.as_str());
    let request = json!({
        "principal": uid_text(&uid(principal_kind, name)),
        "action": uid_text(&uid(kind::ACTION, action.name())),
        "resource": uid_text(&uid(resource_kind, &resource)),
        "context": engine.context_value(context),
    });
    let decision = engine.on(context).decide(principal, Need::one(action), place);
    Sample { request, allowed: decision.is_allow(), policies: decision.policies().to_vec() }
}

/// `Type::"id"`, escaped as Cedar reads it.
fn uid_text(uid: &Value) -> String {
    match cedar_policy::EntityUid::from_json(uid.clone()) {
        Ok(uid) => uid.to_string(),
        Err(_) => String::new(),
    }
}
