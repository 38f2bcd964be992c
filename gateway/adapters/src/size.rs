//! What a size in the query needs (`permissions.md` 6).

use vestibule_schema::{Action, NamedSize, Sizes};

use crate::ask::Wanted;
use crate::document::SizeUse;

/// A size as a query names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskedSize {
    Named(NamedSize),
    /// A named size at twice its pixels.
    Doubled(NamedSize),
    Original,
}

impl AskedSize {
    /// Reads a query value, exactly as written.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        match value.strip_suffix("@2x") {
            Some(name) => NamedSize::from_name(name).map(Self::Doubled),
            None if value == "original" => Some(Self::Original),
            None => NamedSize::from_name(value).map(Self::Named),
        }
    }

    /// What it needs beside `view`.
    pub(crate) fn wanted(self, used: SizeUse, sizes: &Sizes) -> Wanted {
        let covering = match self {
            Self::Named(size) => Some(size),
            Self::Doubled(size) => sizes.covering(sizes.pixels(size).saturating_mul(2)),
            Self::Original => None,
        };
        match (covering, used) {
            (Some(NamedSize::Thumbnail | NamedSize::Gallery), _) => Wanted::one(Action::View),
            (Some(NamedSize::Medium), SizeUse::Display) => {
                Wanted::either(Action::DownloadMedium, Action::UseZoom)
            }
            (Some(NamedSize::Medium), SizeUse::Download) => Wanted::one(Action::DownloadMedium),
            (Some(NamedSize::Large), _) => Wanted::one(Action::DownloadLarge),
            (None, _) => Wanted::one(Action::DownloadOriginal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_sizes_move_the_boundaries() {
        let check = |sizes: &Sizes, value: &str, expected: &str| {
            let asked = AskedSize::parse(value).unwrap();
            assert_eq!(asked.wanted(SizeUse::Display, sizes).to_string(), expected, "{value}");
        };
        let usual = Sizes::default();
        check(&usual, "thumbnail@2x", "view");
        check(&usual, "gallery@2x", "download_large");
        check(&usual, "medium@2x", "download_original");
        let wide = Sizes { thumbnail: 600, gallery: 700, medium: 1200, large: 3000 };
        check(&wide, "thumbnail@2x", "download_medium or use_zoom");
        check(&wide, "gallery@2x", "download_large");
        check(&wide, "large@2x", "download_original");
        let huge = Sizes { large: u32::MAX, ..usual };
        check(&huge, "large@2x", "download_large");
    }

    #[test]
    fn sizes_are_read_exactly() {
        for value in ["", "Large", "large ", "large@3x", "original@2x", "1600", "@2x"] {
            assert_eq!(AskedSize::parse(value), None, "{value}");
        }
    }
}
