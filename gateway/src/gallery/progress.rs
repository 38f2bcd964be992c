//! Word of a long walk, so that nobody thinks it hangs.

use std::time::{Duration, Instant};

/// How long nothing is said, and how long between two words.
const EVERY: Duration = Duration::from_secs(2);

/// Counts folders, and tells of them now and then.
pub(crate) struct Progress<'a> {
    folders: usize,
    next: Instant,
    told: bool,
    tell: &'a mut dyn FnMut(Walked),
}

/// How far a walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walked {
    /// So many folders were read by now.
    SoFar(usize),
    /// All of them; told only if something was told before.
    All(usize),
}

impl<'a> Progress<'a> {
    pub(crate) fn new(tell: &'a mut dyn FnMut(Walked)) -> Self {
        Self { folders: 0, next: Instant::now() + EVERY, told: false, tell }
    }

    pub(super) fn folder(&mut self) {
        self.folders += 1;
        let now = Instant::now();
        if now >= self.next {
            self.next = now + EVERY;
            self.told = true;
            (self.tell)(Walked::SoFar(self.folders));
        }
    }

    pub(super) fn end(self) {
        if self.told {
            (self.tell)(Walked::All(self.folders));
        }
    }
}
