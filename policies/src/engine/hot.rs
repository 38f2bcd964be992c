//! The first level: each thread remembers its last decisions, without a lock or a count.
//!
//! A page asks for the same pictures again and again. An entry is of one engine, which is
//! immutable, so there is nothing to invalidate: an engine that follows has another serial.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, Hash, Hasher as _};

use foldhash::fast::RandomState;
use vestibule_schema::GalleryPath;

use crate::decision::{Decision, Need};
use crate::principal::Principal;

/// How many decisions a thread remembers. A power of two.
const ENTRIES: usize = 1 << 11;

struct Table {
    hasher: RandomState,
    entries: Box<[Option<Entry>]>,
}

struct Entry {
    engine: u64,
    principal: Principal,
    need: Need,
    path: GalleryPath,
    decision: Decision,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::new(Table {
        hasher: RandomState::default(),
        entries: std::iter::repeat_with(|| None).take(ENTRIES).collect(),
    });
}

/// The decision that was made before, or that is made now. An error is not remembered.
// INVARIANT: all that a decision depends on is compared: the engine by its serial, principal,
// need and path by their contents. The hash only finds the place.
pub(super) fn remembered<E>(
    engine: u64,
    principal: &Principal,
    need: Need,
    path: &GalleryPath,
    decide: impl FnOnce() -> Result<Decision, E>,
) -> Result<Decision, E> {
    let known = TABLE.with_borrow(|table| {
        let entry = table.entries.get(table.place(principal, need, path))?.as_ref()?;
        let is_it = entry.engine == engine
            && entry.need == need
            && entry.path == *path
            && entry.principal.is(principal);
        is_it.then(|| entry.decision.clone())
    });
    if let Some(decision) = known {
        return Ok(decision);
    }
    let decision = decide()?;
    TABLE.with_borrow_mut(|table| {
        let place = table.place(principal, need, path);
        if let Some(slot) = table.entries.get_mut(place) {
            *slot = Some(Entry {
                engine,
                principal: principal.clone(),
                need,
                path: path.clone(),
                decision: decision.clone(),
            });
        }
    });
    Ok(decision)
}

impl Table {
    fn place(&self, principal: &Principal, need: Need, path: &GalleryPath) -> usize {
        let mut hasher = self.hasher.build_hasher();
        path.as_str().hash(&mut hasher);
        need.named().index().hash(&mut hasher);
        // the name spreads well; equality compares everything
        principal.user_name().map(|name| name.as_str()).hash(&mut hasher);
        usize::try_from(hasher.finish() % (1 << 11)).unwrap_or_default() % ENTRIES
    }
}
