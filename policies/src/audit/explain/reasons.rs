//! What stands in the way of a denied request, in words.

use vestibule_schema::Action;

use super::roles::lock;
use super::satisfied::Question;
use super::way::Step;
use super::{Asked, names};
use crate::decision::Denial;
use crate::model::CustomPolicy;

/// One line for each thing that would have to be otherwise.
pub(super) fn of_denial(
    asked: &Asked<'_>,
    held: &[String],
    (way, questions): (&[Step], &[Question]),
    denial: &Denial,
) -> Vec<String> {
    if let Some(fault) = denial.fault() {
        return vec![format!("it could not be decided: {fault}")];
    }
    let mut reasons = Vec::new();
    if !asked.principal.is_signed_in() && asked.action.is_write() {
        reasons.push("visitors never write, whatever their role says: sign in".to_owned());
    }
    if held.contains(&names::synthetic(asked.engine.id(), names::LOCKED))
        && let Some(lock) = lock(asked)
    {
        let place = lock.source.map(|source| format!(" at {source}")).unwrap_or_default();
        reasons.push(format!("locked out of the whole site by {}{place}", lock.text));
        return reasons;
    }
    for step in way.iter().filter(|step| step.counts) {
        reasons.extend(of_step(asked, step));
    }
    if asked.action == Action::SeeTechnicalDetails {
        let hiding = way.iter().filter_map(|step| step.hides_technical_details.as_ref());
        reasons.extend(hiding.map(|source| format!("`hide_technical_details` at {source}")));
    }
    reasons.extend(questions.iter().flat_map(|question| of_policies(asked, question)));
    reasons
}

/// The hand-written policies that forbid an action.
fn of_policies(asked: &Asked<'_>, question: &Question) -> Vec<String> {
    let custom: Vec<_> = asked.engine.model().custom.iter().map(CustomPolicy::reference).collect();
    let forbidding = question.forbids.iter().filter(|policy| custom.contains(policy));
    forbidding
        .map(|policy| {
            format!("the policy `{}` at {} forbids `{}`", policy.id, policy.source, question.action)
        })
        .collect()
}

fn of_step(asked: &Asked<'_>, step: &Step) -> Option<String> {
    let block = match &step.folder {
        None => "the site's block".to_owned(),
        Some(folder) => format!("the block of `{folder}`"),
    };
    if step.is_broken {
        let folder = step.folder.as_ref()?;
        return Some(format!("`{folder}` is closed: {} can't be used", step.source));
    }
    let needed = asked.needed();
    let lacking: Vec<_> = needed.iter().filter(|action| !step.grants.contains(action)).collect();
    if lacking.is_empty() {
        return None;
    }
    let lacking: Vec<_> = lacking.iter().map(|action| format!("`{action}`")).collect();
    let also = if step.governs { "" } else { " too" };
    Some(format!("{block} at {} must grant {}{also}", step.source, lacking.join(" and ")))
}
