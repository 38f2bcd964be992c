//! The first level: each thread remembers its last decisions, and whose roles it looked up, without
//! a lock or a count.
//!
//! A page asks for the same pictures again and again. An entry is of one engine, which is
//! immutable, so there is nothing to invalidate: an engine that follows has another serial. A
//! newer engine empties the table all the same, so that no old one is kept alive by it.

mod recent;

use std::cell::RefCell;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use foldhash::fast::RandomState;
use vestibule_schema::GalleryPath;

use super::admit::Admitted;
use crate::decision::{Decision, Need};
use crate::principal::Principal;
use recent::{Recent, Spread};

/// How many entries a thread remembers: of decisions, and of roles in a folder.
const DECISIONS: usize = 1 << 11;
const ADMISSIONS: usize = 1 << 13;

/// The longest folder whose roles are kept, in bytes: who asks for long names that are not there
/// shall not fill memory with them.
const LONGEST_FOLDER: usize = 512;
/// How many answers a full set turns away before it lets one in.
const PATIENCE: u32 = 15;

struct Table {
    hasher: RandomState,
    /// The newest engine that was seen.
    newest: u64,
    decisions: Recent<Decided>,
    admissions: Recent<Known>,
}

struct Decided {
    engine: u64,
    principal: Principal,
    need: Need,
    path: GalleryPath,
    decision: Decision,
}

struct Known {
    principal: Principal,
    folder: Box<str>,
    admitted: Arc<Admitted>,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::new(Table {
        hasher: RandomState::default(),
        newest: 0,
        decisions: Recent::new(DECISIONS, PATIENCE),
        // to look roles up again costs far more than to keep them
        admissions: Recent::new(ADMISSIONS, 0),
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
    let (at, known) = TABLE.with_borrow(|table| {
        let need_number = u32::try_from(need.named().index()).unwrap_or(u32::MAX);
        let at = table.spread(principal, path.as_str(), need_number);
        let entry = table.decisions.find(at, |entry| {
            entry.engine == engine
                && entry.need == need
                && entry.path == *path
                && entry.principal.is(principal)
        });
        (at, entry.map(|entry| entry.decision.clone()))
    });
    if let Some(decision) = known {
        return Ok(decision);
    }
    let decision = decide()?;
    TABLE.with_borrow_mut(|table| {
        table.see(engine);
        table.decisions.keep(at, || Decided {
            engine,
            principal: principal.clone(),
            need,
            path: path.clone(),
            decision: decision.clone(),
        });
    });
    Ok(decision)
}

/// The roles of somebody in a folder, as they were looked up before, or are now.
// INVARIANT: as above: engine, principal and folder are compared. The folder settles which marked
// folder stands for it, and which scoped roles count there.
pub(super) fn admitted<E>(
    engine: u64,
    principal: &Principal,
    folder: &str,
    look_up: impl FnOnce() -> Result<Arc<Admitted>, E>,
) -> Result<Arc<Admitted>, E> {
    let (at, known) = TABLE.with_borrow(|table| {
        let at = table.spread(principal, folder, 0);
        let entry = table.admissions.find(at, |entry| {
            entry.principal.is(principal)
                && *entry.folder == *folder
                && entry.admitted.engine() == engine
        });
        (at, entry.map(|entry| Arc::clone(&entry.admitted)))
    });
    if let Some(admitted) = known {
        return Ok(admitted);
    }
    let admitted = look_up()?;
    if folder.len() > LONGEST_FOLDER {
        return Ok(admitted);
    }
    TABLE.with_borrow_mut(|table| {
        table.see(engine);
        table.admissions.keep(at, || Known {
            principal: principal.clone(),
            folder: folder.into(),
            admitted: Arc::clone(&admitted),
        });
    });
    Ok(admitted)
}

impl Table {
    /// What spreads well is enough: equality compares everything.
    fn spread(&self, principal: &Principal, path: &str, number: u32) -> Spread {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(path.as_bytes());
        if let Some(name) = principal.user_name() {
            hasher.write(name.as_str().as_bytes());
        }
        if let Some(share) = principal.shares().first() {
            hasher.write_i64(share.id.number());
        }
        hasher.write_u32(number);
        Spread::of(hasher.finish())
    }

    fn see(&mut self, engine: u64) {
        if engine > self.newest {
            self.newest = engine;
            self.decisions.forget();
            self.admissions.forget();
        }
    }
}
