//! The first level: each thread remembers its last decisions, and whose roles it looked up, without
//! a lock or a count.
//!
//! A page asks for the same pictures again and again. An entry is of one engine, which is
//! immutable, so there is nothing to invalidate: an engine that follows has another serial. A
//! newer engine empties the table all the same, so that no old one is kept alive by it.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, Hash, Hasher as _};
use std::sync::Arc;

use foldhash::fast::RandomState;
use vestibule_schema::GalleryPath;

use super::admit::Admitted;
use super::index::MarkId;
use crate::decision::{Decision, Need};
use crate::principal::Principal;

/// How many entries of each kind a thread remembers. A power of two.
const ENTRIES: usize = 1 << 11;

struct Table {
    hasher: RandomState,
    /// The newest engine that was seen.
    newest: u64,
    decisions: Box<[Option<Decided>]>,
    admissions: Box<[Option<Known>]>,
}

struct Decided {
    engine: u64,
    principal: Principal,
    need: Need,
    path: GalleryPath,
    decision: Decision,
}

struct Known {
    engine: u64,
    principal: Principal,
    mark: MarkId,
    admitted: Arc<Admitted>,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::new(Table {
        hasher: RandomState::default(),
        newest: 0,
        decisions: empty(),
        admissions: empty(),
    });
}

fn empty<T>() -> Box<[Option<T>]> {
    std::iter::repeat_with(|| None).take(ENTRIES).collect()
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
    let (place, known) = TABLE.with_borrow(|table| {
        let place = table.place(principal, (path.as_str(), need.named().index()));
        let entry = table.decisions.get(place).and_then(Option::as_ref).filter(|entry| {
            entry.engine == engine
                && entry.need == need
                && entry.path == *path
                && entry.principal.is(principal)
        });
        (place, entry.map(|entry| entry.decision.clone()))
    });
    if let Some(decision) = known {
        return Ok(decision);
    }
    let decision = decide()?;
    TABLE.with_borrow_mut(|table| {
        table.see(engine);
        if let Some(slot) = table.decisions.get_mut(place) {
            let (principal, path) = (principal.clone(), path.clone());
            let decision = decision.clone();
            *slot = Some(Decided { engine, principal, need, path, decision });
        }
    });
    Ok(decision)
}

/// The roles of somebody at a marked folder, as they were looked up before, or are now.
// INVARIANT: as above: engine, principal and marked folder are compared. Whoever holds a scoped
// role is not looked up here, as that depends on the very folder.
pub(super) fn admitted<E>(
    engine: u64,
    principal: &Principal,
    mark: MarkId,
    look_up: impl FnOnce() -> Result<Arc<Admitted>, E>,
) -> Result<Arc<Admitted>, E> {
    let (place, known) = TABLE.with_borrow(|table| {
        let place = table.place(principal, mark);
        let entry = table.admissions.get(place).and_then(Option::as_ref).filter(|entry| {
            entry.engine == engine && entry.mark == mark && entry.principal.is(principal)
        });
        (place, entry.map(|entry| Arc::clone(&entry.admitted)))
    });
    if let Some(admitted) = known {
        return Ok(admitted);
    }
    let admitted = look_up()?;
    TABLE.with_borrow_mut(|table| {
        table.see(engine);
        if let Some(slot) = table.admissions.get_mut(place) {
            let (principal, admitted) = (principal.clone(), Arc::clone(&admitted));
            *slot = Some(Known { engine, principal, mark, admitted });
        }
    });
    Ok(admitted)
}

impl Table {
    fn place(&self, principal: &Principal, what: impl Hash) -> usize {
        let mut hasher = self.hasher.build_hasher();
        what.hash(&mut hasher);
        // the name spreads well; equality compares everything
        principal.user_name().map(|name| name.as_str()).hash(&mut hasher);
        usize::try_from(hasher.finish() % (1 << 11)).unwrap_or_default() % ENTRIES
    }

    fn see(&mut self, engine: u64) {
        if engine > self.newest {
            self.newest = engine;
            self.decisions.fill_with(|| None);
            self.admissions.fill_with(|| None);
        }
    }
}
