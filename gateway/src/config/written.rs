//! [`Written`]: `vestibule.toml` as it is written, to tell what of it has changed since the start.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::read_document;

/// `vestibule.toml` as it is written. Never shown, as it may hold secrets (requirement S84).
#[derive(Clone, Default)]
pub(crate) struct Written(toml::Table);

impl Written {
    /// Reads it; nothing, where there is none or it can't be read, of which
    /// [`super::GatewayConfig::load`] says why.
    pub(super) fn read(dir: &Path) -> Self {
        let source = read_document(dir, "vestibule.toml").ok().flatten();
        Self(source.and_then(|source| source.text().parse().ok()).unwrap_or_default())
    }

    /// The keys that say something else than before, each with what that means: none of them is
    /// taken over while the gateway runs.
    pub(crate) fn waits_since(&self, before: &Self) -> Vec<String> {
        let keys: BTreeSet<_> = before.0.keys().chain(self.0.keys()).collect();
        let changed = keys.into_iter().filter(|key| before.0.get(*key) != self.0.get(*key));
        let said = |key| format!("`{key}` of vestibule.toml changes with a restart of the gateway");
        changed.map(said).collect()
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Written {
        Written(text.parse().unwrap())
    }

    #[test]
    fn what_changed_is_named_and_never_shown() {
        let before = written("threads = 4\nwatch = \"poll\"\n[sessions]\nidle = \"1d\"\n");
        let same = written("# one\nwatch = \"poll\"\nthreads = 4\n[sessions]\nidle = \"1d\"\n");
        assert_eq!(same.waits_since(&before), [""; 0]);
        let other = written("threads = 4\nstore = \"planted\"\n[sessions]\nidle = \"2d\"\n");
        let waits = other.waits_since(&before).join("\n");
        for key in ["sessions", "store", "watch"] {
            assert!(waits.contains(&format!("`{key}`")), "{waits}");
        }
        assert_eq!(waits.lines().count(), 3);
        assert!(!format!("{waits}{other:?}").contains("planted"));
    }
}
