//! The named sizes of a rendition, and which of them a size in pixels needs.

/// A named size. Lengths are those of the long side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedSize {
    /// The smallest: 300 pixels unless configured.
    Thumbnail,
    /// What the gallery page shows: 800.
    Gallery,
    /// What the loupe shows: 1,200.
    Medium,
    /// 1,600.
    Large,
}

impl NamedSize {
    /// From small to large.
    pub const ALL: [NamedSize; 4] =
        [NamedSize::Thumbnail, NamedSize::Gallery, NamedSize::Medium, NamedSize::Large];

    /// The name in a URL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            NamedSize::Thumbnail => "thumbnail",
            NamedSize::Gallery => "gallery",
            NamedSize::Medium => "medium",
            NamedSize::Large => "large",
        }
    }

    /// The size of a name in a URL.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.name() == name)
    }
}

/// How many pixels each named size has on the long side, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sizes {
    /// Pixels of [`NamedSize::Thumbnail`].
    pub thumbnail: u32,
    /// Pixels of [`NamedSize::Gallery`].
    pub gallery: u32,
    /// Pixels of [`NamedSize::Medium`].
    pub medium: u32,
    /// Pixels of [`NamedSize::Large`].
    pub large: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { thumbnail: 300, gallery: 800, medium: 1200, large: 1600 }
    }
}

impl Sizes {
    /// Pixels on the long side.
    #[must_use]
    pub const fn pixels(&self, size: NamedSize) -> u32 {
        match size {
            NamedSize::Thumbnail => self.thumbnail,
            NamedSize::Gallery => self.gallery,
            NamedSize::Medium => self.medium,
            NamedSize::Large => self.large,
        }
    }

    /// The smallest named size that is at least as large (`permissions.md` 6): a request for so
    /// many pixels needs what that size needs. `None`: it needs what the original needs.
    #[must_use]
    pub fn covering(&self, pixels: u32) -> Option<NamedSize> {
        NamedSize::ALL.into_iter().find(|size| self.pixels(*size) >= pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_in_pixels_needs_the_smallest_that_covers_it() {
        let sizes = Sizes::default();
        assert_eq!(sizes.covering(2 * sizes.thumbnail), Some(NamedSize::Gallery));
        assert_eq!(sizes.covering(2 * sizes.gallery), Some(NamedSize::Large));
        assert_eq!(sizes.covering(2 * sizes.medium), None);
        assert_eq!(sizes.covering(1), Some(NamedSize::Thumbnail));
    }
}
