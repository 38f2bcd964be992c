//! Sessions that were shown on a connection to which they do not belong: told of once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use vestibule_store::SessionId;

/// How many are remembered. Beyond that they are told of again, rather than never.
const MOST: usize = 4096;

/// The sessions of which it has been told that somebody showed them without the client certificate
/// that they are bound to.
#[derive(Debug, Default)]
pub(crate) struct Misplaced(Mutex<BTreeSet<SessionId>>);

impl Misplaced {
    /// Whether it was told of one.
    pub(crate) fn knows(&self, session: SessionId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&session)
    }

    /// Notes that it is being told of one; not if it was before.
    pub(crate) fn is_new(&self, session: SessionId) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST {
            told.clear();
        }
        told.insert(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_has_a_bound() {
        let told = Misplaced::default();
        let session = SessionId::from_number;
        assert!(told.is_new(session(1)) && !told.is_new(session(1)) && told.knows(session(1)));
        assert!(!told.knows(session(2)));
        for number in 2..=4097 {
            assert!(told.is_new(session(number)));
        }
        assert!(told.0.lock().unwrap().len() <= MOST);
    }
}
