//! Other engines on the same rules and requests. Each gets its requests ready-made: what is timed
//! is the decision alone.

mod casbin;
mod cedar;
mod regorus;

use anyhow::{Context as _, ensure};
use vestibule_policies::{Need, SiteEngine};

use super::measures::Measure;
use super::rules::Rules;
use super::subject::{Question, Subject};

/// More folder blocks than this are not given to Cedar alone: a policy takes 13 KB, and a
/// decision a tenth of a second.
const CEDAR_AT_MOST: usize = 10_000;

/// An engine that decides requests which it was given before.
pub(super) trait Rival {
    /// Which one it is.
    fn measure(&self) -> Measure;

    /// Takes requests over, in place of all it had.
    fn prepare(&mut self, questions: &[Question]) -> anyhow::Result<()>;

    /// Decides one of them.
    fn decide(&mut self, at: usize) -> anyhow::Result<bool>;
}

/// All rivals for a site.
pub(super) fn all(subject: &Subject) -> anyhow::Result<Vec<Box<dyn Rival>>> {
    let rules = std::sync::Arc::new(Rules::of(&subject.checked));
    let accounts = [subject.friend.clone(), subject.reader.clone()];
    let mut rivals: Vec<Box<dyn Rival>> = Vec::new();
    if subject.blocks <= CEDAR_AT_MOST {
        rivals.push(Box::new(cedar::CedarAlone::new(subject, &accounts)?));
    }
    rivals.push(Box::new(casbin::Casbin::new(std::sync::Arc::clone(&rules), &accounts)?));
    rivals.push(Box::new(regorus::Regorus::new(&rules)?));
    Ok(rivals)
}

/// Asks a rival and the engine the same; leaves the rival with these questions.
///
/// # Errors
/// If they disagree: then they have not the same rules, and no time of theirs says anything.
pub(super) fn agree(
    rival: &mut dyn Rival,
    engine: &SiteEngine,
    questions: &[Question],
) -> anyhow::Result<()> {
    rival.prepare(questions)?;
    for (at, question) in questions.iter().enumerate() {
        let Question { principal, action, image } = question;
        let own = engine.decide(principal, Need::one(*action), image).is_allow();
        let other = rival.decide(at).with_context(|| rival.measure().name())?;
        let name = rival.measure().name();
        ensure!(own == other, "{name} answers {other}, the engine {own}: {question:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::curve::subject::{ACTION, Subject};
    use vestibule_policies::Vocabulary;
    use vestibule_schema::Action;

    /// Two sets of folders: every kind of answer is among these.
    #[test]
    fn all_candidates_give_the_same_answers() {
        let vocabulary = Arc::new(Vocabulary::load().unwrap());
        let subject = Subject::new(&vocabulary, 20).unwrap();
        let engine = subject.engine();
        let questions = subject.agreed(20);
        let decides = |question: &Question| {
            let Question { principal, action, image } = question;
            engine.decide(principal, Need::one(*action), image).is_allow()
        };
        for action in [Action::View, ACTION] {
            let asked = questions.iter().filter(|question| question.action == action);
            let allowed = asked.filter(|question| decides(question)).count();
            assert!(allowed > 0, "{action} is never allowed");
        }
        // the folders below grant it, those above do not
        assert!(!questions.iter().any(|one| one.action == Action::SeeLocation && decides(one)));
        for mut rival in all(&subject).unwrap() {
            agree(rival.as_mut(), &engine, &questions).unwrap();
        }
    }
}
