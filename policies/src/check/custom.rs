//! A site's hand-written policies: `policies/*.cedar`, read and held against the schema.

mod place;
mod reads;

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator,
};
use miette::Diagnostic;
use vestibule_schema::problem::{self, Problem, Source};
use vestibule_schema::{ManagementAction, SiteId, SourceRef};

use crate::decision::PolicyRef;
use crate::engine::Vocabulary;
use crate::model::{CustomPolicies, CustomPolicy};
use crate::names;
use crate::scope::ActionMask;
use reads::Reads;

/// Reads the hand-written policies of a site. With an error among the problems none may be used:
/// the site is closed, or keeps its last good ones.
#[must_use]
pub fn custom(
    site: &SiteId,
    sources: &[Source],
    may_permit: bool,
    vocabulary: &Vocabulary,
) -> (CustomPolicies, Vec<Problem>) {
    let mut reader = Reader {
        site,
        may_permit,
        validator: Validator::new(vocabulary.schema().clone()),
        found: CustomPolicies::default(),
        taken: BTreeMap::new(),
        problems: Vec::new(),
    };
    for source in sources {
        reader.read(source);
    }
    let Reader { mut found, mut problems, .. } = reader;
    problem::sort(&mut problems);
    let actions = |policies: &mut dyn Iterator<Item = &Arc<CustomPolicy>>| {
        policies.map(|one| one.actions).fold(ActionMask::NONE, ActionMask::or)
    };
    found.affected = actions(&mut found.policies.iter());
    found.contextual = actions(&mut found.policies.iter().filter(|one| one.reads_context));
    (found, problems)
}

struct Reader<'a> {
    site: &'a SiteId,
    may_permit: bool,
    validator: Validator,
    found: CustomPolicies,
    /// The names that are taken, with their places.
    taken: BTreeMap<String, SourceRef>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn read(&mut self, source: &Source) {
        let set = match PolicySet::from_str(source.text()) {
            Ok(set) => set,
            Err(errors) => {
                let errors = errors.iter().map(|error| told("custom::syntax", error, source));
                self.problems.extend(errors);
                return;
            }
        };
        let places = place::policies(source.text());
        if set.templates().next().is_some() {
            self.error("custom::template", "a policy has a slot (`?principal`)", source, 0..0);
            return;
        }
        self.validate(&set, source);
        let mut policies: Vec<&Policy> = set.policies().collect();
        // Cedar numbers the policies of a text in their order
        policies.sort_by_key(|policy| number(policy.id()));
        for (policy, place) in policies.into_iter().zip(places) {
            self.take(policy, source, place);
        }
    }

    fn validate(&mut self, set: &PolicySet, source: &Source) {
        let result = self.validator.validate(set, ValidationMode::Strict);
        let errors = result.validation_errors();
        let errors: Vec<_> = errors.map(|error| told("custom::invalid", error, source)).collect();
        if !errors.is_empty() {
            // what is only suspicious follows from what is wrong
            self.problems.extend(one_for_each_place(errors));
            return;
        }
        let warnings = result.validation_warnings().map(|warning| {
            let severity = problem::Severity::Warning;
            Problem { severity, ..told("custom::suspicious", warning, source) }
        });
        self.problems.extend(one_for_each_place(warnings.collect()));
    }

    fn take(&mut self, policy: &Policy, source: &Source, place: Range<usize>) {
        if policy.effect() == Effect::Permit && !self.may_permit {
            self.problems.push(
                Problem::error("custom::permit", "a hand-written policy may only forbid")
                    .at(source, place, "permits")
                    .help(
                        "say what is allowed in permissions.toml, or write \
                         `custom_permits = true` in site.toml",
                    ),
            );
            return;
        }
        let reads = match Reads::of(policy, self.site) {
            Ok(reads) => reads,
            Err(misuse) => {
                let problem = Problem::error(misuse.code, misuse.message);
                self.problems.push(problem.at(source, place, "in this policy").help(misuse.help));
                return;
            }
        };
        if names_a_group_as_action(policy) {
            let problem = Problem::error("custom::action", "the policy can apply to no request");
            self.problems.push(problem.at(source, place, "its action").help(
                "name actions that requests ask, or `action in Action::\"any\"` for all of them",
            ));
            return;
        }
        let at = source.reference(place.start);
        let file = source.name().rsplit('/').next().unwrap_or_default();
        let name = match policy.annotation("id") {
            Some(name) => format!("{}:policies/{name}", self.site),
            None => format!("{}:policies/{file}:{}", self.site, at.line),
        };
        if let Some(first) = self.taken.insert(name.clone(), at.clone()) {
            let message = format!("two policies are called `{name}`");
            let problem = Problem::error("custom::same_id", message);
            self.problems
                .push(problem.at(source, place, "the second").help(format!("the first: {first}")));
            return;
        }
        self.found.folders.extend(reads.folders);
        self.found.role_folders.extend(reads.role_folders);
        self.found.policies.push(Arc::new(CustomPolicy {
            actions: ActionMask::of(policy),
            policy: policy.new_id(PolicyId::new(&name)),
            reference: PolicyRef { id: Arc::from(name), source: at },
            reads_context: reads.context,
        }));
    }

    fn error(&mut self, code: &'static str, message: &str, source: &Source, place: Range<usize>) {
        self.problems.push(Problem::error(code, message).at(source, place, ""));
    }
}

/// `action == Action::"any"`: a group of actions, which no request asks.
fn names_a_group_as_action(policy: &Policy) -> bool {
    let ActionConstraint::Eq(action) = policy.action_constraint() else { return false };
    ["any", "write"].contains(&action.id().unescaped())
}

fn number(id: &PolicyId) -> u64 {
    let text: &str = id.as_ref();
    text.trim_start_matches("policy").parse().unwrap_or(u64::MAX)
}

/// Cedar tells a mistake for each action that a policy may apply to: one of them says enough.
fn one_for_each_place(mut told: Vec<Problem>) -> Vec<Problem> {
    // the actions that nobody thinks of come last
    let rank = |problem: &Problem| is_of_no_picture(&problem.message);
    told.sort_by(|a, b| {
        let place = (a.span.start, a.span.end).cmp(&(b.span.start, b.span.end));
        place.then(rank(a).cmp(&rank(b))).then_with(|| a.message.cmp(&b.message))
    });
    told.dedup_by(|later, first| later.span == first.span);
    told
}

/// Whether Cedar speaks of an action that `action` alone means as well: who holds a role, or
/// manages.
fn is_of_no_picture(message: &str) -> bool {
    let named = |action: &str| message.contains(&format!("Action::\"{action}\""));
    let mut management = ManagementAction::ALL.iter();
    named(names::ASSUME_ROLE) || management.any(|action| named(action.name()))
}

/// What Cedar says, with its own place and suggestion.
fn told(code: &'static str, said: &dyn Diagnostic, source: &Source) -> Problem {
    let label = said.labels().and_then(|mut labels| labels.next());
    let place = label.as_ref().map_or(0..0, |label| {
        let end = source.text().len();
        label.offset().min(end)..(label.offset() + label.len()).min(end)
    });
    let words = label.as_ref().and_then(|label| label.label()).unwrap_or("here").to_owned();
    let message = said.to_string();
    // Cedar's own number of a policy says less than the place
    let shorter = message.strip_prefix("for policy `policy").and_then(|m| m.split_once("`, "));
    let message = shorter.map_or(message.as_str(), |(_, rest)| rest).to_owned();
    let help = if is_of_no_picture(&message) {
        Some("write `action in Action::\"any\"`: `action` alone also means who holds a role".into())
    } else {
        said.help().map(|help| help.to_string())
    };
    let problem = Problem::error(code, message).at(source, place, words);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}
