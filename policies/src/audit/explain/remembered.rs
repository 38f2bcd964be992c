//! Whether an answer is remembered: not where a policy that reads the context can apply.

use super::Asked;
use crate::audit::context::{HandWritten, hand_written};

/// Whether the engine remembers an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The policies that read the context and can apply: with one of them the answer is asked anew
    /// each time.
    pub unless: Vec<HandWritten>,
    /// The site has hand-written policies.
    pub has_policies: bool,
}

impl Remembered {
    pub(super) fn of(asked: &Asked<'_>) -> Self {
        let policies = hand_written(asked.engine);
        let has_policies = !policies.is_empty();
        let needed = asked.needed();
        let reads = |policy: &HandWritten| {
            !policy.reads.is_empty() && needed.iter().any(|action| policy.actions.allows(*action))
        };
        Self { unless: policies.into_iter().filter(reads).collect(), has_policies }
    }

    /// Whether it is remembered.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.unless.is_empty()
    }

    /// Why, in words.
    #[must_use]
    pub fn why(&self) -> String {
        let read = self.unless.iter().filter_map(|policy| {
            Some(format!("{} reads {}", policy.reference.source, policy.reads_in_words()?))
        });
        let read: Vec<_> = read.collect();
        match (read.is_empty(), self.has_policies) {
            (false, _) => read.join("; "),
            (true, true) => "no hand-written policy that can apply reads the context".to_owned(),
            (true, false) => "no hand-written policy".to_owned(),
        }
    }
}
