//! The comparison: index, slices and caches against Cedar's answer over the whole policy set.

use std::collections::BTreeSet;
use std::sync::Arc;

use vestibule_policies::audit::reference::{Answer, Reference};
use vestibule_policies::{
    Decision, Missing, Need, PolicyRef, Principal, RequestContext, SiteEngine, Vocabulary,
};
use vestibule_schema::{Action, GalleryPath};

use super::{Question, RandomSite, contexts, places, principals};

/// What a comparison came across, so that a test can tell a rich site from an empty one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) allowed: usize,
    pub(crate) denied: usize,
    /// Decided by a hand-written policy.
    pub(crate) by_hand_allowed: usize,
    pub(crate) by_hand_denied: usize,
}

impl Seen {
    pub(crate) fn add(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.by_hand_allowed += other.by_hand_allowed;
        self.by_hand_denied += other.by_hand_denied;
    }
}

/// What must come out: allowed or not, by which policies.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Allowed(BTreeSet<PolicyRef>),
    Denied(Missing, BTreeSet<PolicyRef>),
    Fault,
}

/// All questions of a site, each with all 28 actions: the answer and the deciding policies.
///
/// # Errors
/// The first difference, with everything that led to it.
pub(crate) fn index_and_whole_set(
    site: &RandomSite,
    questions: &[Question],
    vocabulary: &Arc<Vocabulary>,
) -> Result<Seen, String> {
    let engine = site.engine(vocabulary);
    let whole = Reference::new(&engine).map_err(|error| error.to_string())?;
    let (everybody, places, contexts) = (principals(), places(), contexts());
    let mut seen = Seen::default();
    for question in questions {
        let case = Case {
            engine: &engine,
            whole: &whole,
            who: &everybody[question.who],
            path: &places[question.place],
            context: contexts[question.context].as_ref(),
        };
        seen.add(case.hold().map_err(|difference| format!("{difference}\n{site:#?}"))?);
    }
    Ok(seen)
}

struct Case<'a> {
    engine: &'a SiteEngine,
    whole: &'a Reference<'a>,
    who: &'a Principal,
    path: &'a GalleryPath,
    context: Option<&'a RequestContext<'a>>,
}

impl Case<'_> {
    fn hold(&self) -> Result<Seen, String> {
        let mut seen = Seen::default();
        let mut held = BTreeSet::new();
        let mut fault = false;
        let gate = self.gate()?;
        for action in Action::ALL {
            let expected = self.expected(&gate, *action)?;
            let decision = match self.context {
                Some(context) => {
                    self.engine.on(context).decide(self.who, Need::one(*action), self.path)
                }
                None => self.engine.decide(self.who, Need::one(*action), self.path),
            };
            let got = read(&decision);
            if got != expected {
                let about = (self.who, action, self.path, self.context);
                return Err(format!("{about:?}\nwhole set: {expected:?}\nengine: {got:?}"));
            }
            fault |= got == Expected::Fault;
            let by_hand =
                decision.policies().iter().any(|policy| policy.id.starts_with("s:policies/"));
            match got {
                Expected::Fault => {}
                Expected::Allowed(_) => {
                    held.insert(action.name());
                    seen.allowed += 1;
                    seen.by_hand_allowed += usize::from(by_hand);
                }
                Expected::Denied(..) => {
                    seen.denied += 1;
                    seen.by_hand_denied += usize::from(by_hand);
                }
            }
        }
        self.hold_set(&held, fault)?;
        Ok(seen)
    }

    /// All actions at once say the same; of a folder no more than that.
    fn hold_set(&self, held: &BTreeSet<&str>, fault: bool) -> Result<(), String> {
        let set = match self.context {
            Some(context) => self.engine.on(context).permissions(self.who, self.path),
            None => self.engine.permissions(self.who, self.path),
        };
        let set: BTreeSet<_> = set.actions().map(|action| action.name()).collect();
        let exact = !self.path.is_folder() && !fault;
        if (exact && set != *held) || !set.is_subset(held) {
            let about = (self.who, self.path, self.context);
            return Err(format!("{about:?}\none by one: {held:?}\ntogether: {set:?}"));
        }
        Ok(())
    }

    /// `view`, and `see_hidden` where the image is hidden: without them nothing is held.
    fn gate(&self) -> Result<Vec<Answer>, String> {
        let hidden = !self.path.is_folder()
            && self.engine.folders().get(&self.path.folder()).is_some_and(|rules| {
                rules.hidden_images.contains(self.path.name().unwrap_or_default())
            });
        let gate = [Some(Action::View), hidden.then_some(Action::SeeHidden)];
        gate.into_iter().flatten().map(|action| self.ask(action)).collect()
    }

    fn expected(&self, gate: &[Answer], action: Action) -> Result<Expected, String> {
        for answer in gate {
            if answer.failed {
                return Ok(Expected::Fault);
            }
            if !answer.allowed {
                return Ok(Expected::Denied(Missing::View, answer.policies.clone()));
            }
        }
        let answer = self.ask(action)?;
        Ok(match (answer.failed, answer.allowed) {
            (true, _) => Expected::Fault,
            (false, true) => Expected::Allowed(answer.policies),
            (false, false) => Expected::Denied(Missing::Action(action), answer.policies),
        })
    }

    fn ask(&self, action: Action) -> Result<Answer, String> {
        let answer = self.whole.ask(self.who, self.context, action, self.path);
        answer.map_err(|error| error.to_string())
    }
}

fn read(decision: &Decision) -> Expected {
    let policies = decision.policies().iter().cloned().collect();
    match decision {
        Decision::Allow(_) => Expected::Allowed(policies),
        Decision::Deny(denial) if denial.fault().is_some() => Expected::Fault,
        Decision::Deny(denial) => Expected::Denied(denial.missing(), policies),
    }
}
