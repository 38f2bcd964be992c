//! The names that a folder hides.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

/// File extensions of RAW pictures, lower case.
pub const RAW_EXTENSIONS: [&str; 11] =
    ["dng", "arw", "cr2", "cr3", "crw", "nef", "orf", "raf", "rw2", "pef", "srw"];

/// The `hidden_images` of a folder. Names compare under Unicode NFC; a hidden image hides the RAW
/// files of its stem too, as they show the same picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HiddenNames(BTreeSet<String>);

impl HiddenNames {
    /// Whether nothing is hidden.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a file of this name is hidden.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let name: String = name.nfc().collect();
        self.0.contains(&name) || (is_raw_name(&name) && self.hides_stem(stem(&name)))
    }

    /// The names, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn hides_stem(&self, wanted: &str) -> bool {
        self.0.iter().any(|hidden| stem(hidden) == wanted)
    }
}

impl<'a> FromIterator<&'a str> for HiddenNames {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self(names.into_iter().map(|name| name.nfc().collect()).collect())
    }
}

/// Whether a file of this name is a RAW picture.
#[must_use]
pub fn is_raw_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        RAW_EXTENSIONS.iter().any(|raw| extension.eq_ignore_ascii_case(raw))
    })
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_under_nfc_and_hide_their_raw_files() {
        let hidden: HiddenNames = ["caf\u{e9}.jpg", "b.jpg"].into_iter().collect();
        assert!(hidden.contains("cafe\u{301}.jpg"));
        assert!(hidden.contains("b.DNG"));
        assert!(!hidden.contains("b.png") && !hidden.contains("B.jpg"));
        assert!(!hidden.contains("c.dng"));
    }
}
