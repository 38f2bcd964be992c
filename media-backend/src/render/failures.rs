//! The files that could not be decoded.

use moka::sync::Cache;

use crate::library::{Ident, Opened};
use crate::media::Kind;
use crate::refusal::Refusal;

/// Remembers them, each until it changes. Cheap to clone: all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Failures(Cache<(Ident, Kind), ()>);

impl Failures {
    pub(super) fn new() -> Self {
        Self(Cache::new(100_000))
    }

    /// Notes a failure, if it is the file's.
    pub(super) fn note(&self, file: (Ident, Kind), refusal: Refusal) {
        if matches!(refusal, Refusal::Unsupported(_) | Refusal::Unprocessable(_)) {
            self.0.insert(file, ());
        }
    }

    /// Whether a file could not be decoded.
    pub(crate) fn hold(&self, opened: &Opened, kind: Kind) -> bool {
        self.0.contains_key(&(opened.ident, kind))
    }
}
