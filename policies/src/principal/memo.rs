//! [`Memo`]: what the engines of a few sites found out about one user.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// How many engines' findings are kept: of one generation, a user meets few sites.
const KEPT: usize = 4;

/// Findings by the serial of the engine, which no other engine of the process has.
#[derive(Default)]
pub(crate) struct Memo(Mutex<Vec<(u64, Arc<dyn Any + Send + Sync>)>>);

impl Memo {
    /// What this engine found out.
    pub(crate) fn find<T: Send + Sync + 'static>(&self, engine: u64) -> Option<Arc<T>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, finding) = found.iter().find(|(of, _)| *of == engine)?;
        Arc::clone(finding).downcast().ok()
    }

    /// Keeps what this engine found out; the oldest finding gives way.
    pub(crate) fn keep<T: Send + Sync + 'static>(&self, engine: u64, finding: Arc<T>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.retain(|(of, _)| *of != engine);
        if found.len() >= KEPT {
            found.remove(0);
        }
        found.reserve_exact(1);
        found.push((engine, finding));
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_finds_its_own() {
        let memo = Memo::default();
        assert_eq!(memo.find::<u8>(1), None);
        for engine in 1..=5 {
            memo.keep(engine, Arc::new(engine));
        }
        let found = (1..=5).map(|engine| memo.find::<u64>(engine).map(|found| *found));
        assert_eq!(found.collect::<Vec<_>>(), [None, Some(2), Some(3), Some(4), Some(5)]);
        memo.keep(3, Arc::new(30_u64));
        assert_eq!(memo.find::<u64>(3).as_deref(), Some(&30));
        assert_eq!(memo.find::<u8>(3), None, "of another kind");
    }
}
