//! Names of entries: no two the same, also not where case or Unicode forms don't count.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization as _;

use crate::media::stem;

/// The names of one folder of the archive.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// Takes a name, or one like it that is free.
    pub(super) fn take(&mut self, name: &str) -> String {
        if self.taken.insert(fold(name)) {
            return name.to_owned();
        }
        let (stem, extension) = (stem(name), name.get(stem(name).len()..).unwrap_or_default());
        let mut number = 2_u32;
        loop {
            let other = format!("{stem} ({number}){extension}");
            if self.taken.insert(fold(&other)) {
                return other;
            }
            number += 1;
        }
    }
}

fn fold(name: &str) -> String {
    name.nfc().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_entries_collide_on_any_system() {
        let mut names = Names::default();
        let given = ["a.jpg", "A.jpg", "a.JPG", "é.jpg", "e\u{301}.jpg", "a (2).jpg"];
        let taken: Vec<_> = given.iter().map(|name| names.take(name)).collect();
        assert_eq!(
            taken,
            ["a.jpg", "A (2).jpg", "a (3).JPG", "é.jpg", "e\u{301} (2).jpg", "a (2) (2).jpg"]
        );
    }
}
