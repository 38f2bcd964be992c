//! The audit log: who did what, where, and what was decided, as lines of JSON that are chained.
//!
//! [`Event`] lists what is written down, [`Entry`] says of whom and where, [`AuditLog`] writes.
//! `line` makes a line of an entry, `journal` keeps the files, `verify` proves that nothing was
//! changed. The shape of a record, and what it promises, stand in `gateway/docs/audit.md`.

mod actor;
mod error;
mod event;
mod journal;
mod line;
mod log;
mod read;
mod series;
mod verify;

pub use actor::{Actor, Entry};
pub use error::AuditError;
pub use event::{
    AuditedPolicy, Change, DeniedRequest, Ended, Event, Object, RefusedRequest, SignInRefusal, Verb,
};
pub use journal::AuditSettings;
pub use log::AuditLog;
pub use read::{Record, records};
pub use series::Series;
pub use verify::{Break, BreakKind, Verified, verify, verify_series};

#[cfg(test)]
mod tests;
