//! The 26 permissions and 28 actions: the one place that lists them.
//!
//! A permission is what a role holds (`can_view`); an action is what a request asks (`view`). Each
//! permission is an action, and `upload` and `organize` are two more, both members of the action
//! group `manage_images` (`permissions.md` 1).

use std::fmt;

macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What a role may hold. `owner_access`, the 27th key of a role, means all of them and is
        /// no permission of its own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Permission {
            /// Every permission, in the order of the documentation.
            pub const ALL: &'static [Permission] = &[$(Permission::$variant,)+];

            /// The name without `can_`, which is the name of the action in Cedar.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Permission::$variant => $name,)+ }
            }

            /// The key that a role in a TOML document uses.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Permission::$variant => concat!("can_", $name),)+ }
            }

            /// The action that asks for exactly this permission.
            #[must_use]
            pub const fn action(self) -> Action {
                match self { $(Permission::$variant => Action::$variant,)+ }
            }

            /// The permission of a TOML key such as `can_view`.
            #[must_use]
            pub fn from_key(key: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|permission| permission.key() == key)
            }
        }

        /// What a request may ask: the 26 permissions, and `upload` and `organize`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Action {
            $($(#[doc = $doc])+ $variant,)+
            /// Upload an image into a folder.
            Upload,
            /// Make a folder; move, copy, hide, unhide or delete images and folders.
            Organize,
        }

        impl Action {
            /// Every action, the permissions first.
            pub const ALL: &'static [Action] =
                &[$(Action::$variant,)+ Action::Upload, Action::Organize];

            /// The name in Cedar, and in every message: `view`, `download_original` …
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Action::$variant => $name,)+
                    Action::Upload => "upload",
                    Action::Organize => "organize",
                }
            }

            /// The permission that a role must hold for this action.
            #[must_use]
            pub const fn permission(self) -> Permission {
                match self {
                    $(Action::$variant => Permission::$variant,)+
                    Action::Upload | Action::Organize => Permission::ManageImages,
                }
            }
        }
    };
}

permissions! {
    /// View images; thumbnails and gallery size included. Needed for everything.
    View = "view",
    /// See images and folders that are marked as hidden.
    SeeHidden = "see_hidden",
    /// Run the analysis of an image.
    AnalyzeImages = "analyze_images",
    /// See generated keywords.
    SeeAiAnalysis = "see_ai_analysis",
    /// See generated alternative text.
    SeeAiAltText = "see_ai_alt_text",
    /// See exact dates, instead of "January 2026".
    SeeExactDates = "see_exact_dates",
    /// See coordinates, place names and maps.
    SeeLocation = "see_location",
    /// See camera, lens and exposure.
    SeeTechnicalDetails = "see_technical_details",
    /// Download the medium size.
    DownloadMedium = "download_medium",
    /// Download the large size.
    DownloadLarge = "download_large",
    /// Download original files.
    DownloadOriginal = "download_original",
    /// Download associated RAW files.
    DownloadRaw = "download_raw",
    /// Download folders as ZIP archives.
    DownloadGallery = "download_gallery",
    /// Use the loupe, which shows the medium size.
    UseZoom = "use_zoom",
    /// Use the tiled zoom.
    UseTileZoom = "use_tile_zoom",
    /// See comments, picks and tags.
    ReadMetadata = "read_metadata",
    /// See and fetch previous versions of an image.
    SeeVersions = "see_versions",
    /// Add comments.
    AddComments = "add_comments",
    /// Edit one's own comments.
    EditOwnComments = "edit_own_comments",
    /// Delete one's own comments.
    DeleteOwnComments = "delete_own_comments",
    /// Mark images as picks.
    SetPicks = "set_picks",
    /// Add tags.
    AddTags = "add_tags",
    /// Edit titles and descriptions.
    EditContent = "edit_content",
    /// Upload, move, copy, hide and delete images.
    ManageImages = "manage_images",
    /// Edit anybody's comments.
    EditAnyComments = "edit_any_comments",
    /// Delete anybody's comments.
    DeleteAnyComments = "delete_any_comments",
}

/// The key of a role that means every permission.
pub const OWNER_ACCESS: &str = "owner_access";

impl Action {
    /// The action of a Cedar name such as `view`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }

    /// The place of this action in [`Action::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether the action changes something, so that no visitor may ever do it.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            Action::AnalyzeImages
                | Action::AddComments
                | Action::EditOwnComments
                | Action::DeleteOwnComments
                | Action::SetPicks
                | Action::AddTags
                | Action::EditContent
                | Action::ManageImages
                | Action::EditAnyComments
                | Action::DeleteAnyComments
                | Action::Upload
                | Action::Organize
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of actions in 32 bits: bit *i* stands for the *i*-th of [`Action::ALL`].
///
/// Holding `manage_images` implies `upload` and `organize`; [`PermissionSet::with`] keeps that
/// true. `upload` alone is possible: a contributor's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct PermissionSet(u32);

impl PermissionSet {
    /// Nothing.
    pub const EMPTY: Self = Self(0);
    /// Everything: what an owner holds.
    pub const ALL: Self = Self((1 << Action::ALL.len()) - 1);

    /// The set that has these bits. Bits that stand for no action are dropped.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The bits, as the grant carries them.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// This set and a permission.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        let set = self.with_action(permission.action());
        if matches!(permission, Permission::ManageImages) {
            set.with_action(Action::Upload).with_action(Action::Organize)
        } else {
            set
        }
    }

    /// This set and one action, nothing implied.
    #[must_use]
    pub const fn with_action(self, action: Action) -> Self {
        Self(self.0 | 1 << action as u32)
    }

    /// This set without one action.
    #[must_use]
    pub const fn without_action(self, action: Action) -> Self {
        Self(self.0 & !(1 << action as u32))
    }

    /// Whether the set allows an action.
    #[must_use]
    pub const fn allows(self, action: Action) -> bool {
        self.0 & (1 << action as u32) != 0
    }

    /// Whether the set holds a permission.
    #[must_use]
    pub const fn holds(self, permission: Permission) -> bool {
        self.allows(permission.action())
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many permissions (not actions) the set holds.
    #[must_use]
    pub fn permission_count(self) -> usize {
        self.permissions().count()
    }

    /// The actions in the set, in the order of [`Action::ALL`].
    pub fn actions(self) -> impl Iterator<Item = Action> {
        Action::ALL.iter().copied().filter(move |action| self.allows(*action))
    }

    /// The permissions in the set, in the order of [`Permission::ALL`].
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.holds(*permission))
    }
}

impl FromIterator<Action> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        actions.into_iter().fold(Self::EMPTY, Self::with_action)
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.actions().map(Action::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_26_permissions_and_28_actions() {
        assert_eq!(Permission::ALL.len(), 26);
        assert_eq!(Action::ALL.len(), 28);
        for (index, action) in Action::ALL.iter().enumerate() {
            assert_eq!(action.index(), index);
            assert_eq!(Action::from_name(action.name()), Some(*action));
        }
        for permission in Permission::ALL {
            assert_eq!(Permission::from_key(permission.key()), Some(*permission));
            assert_eq!(permission.action().permission(), *permission);
        }
    }

    /// The Cedar schema and this file list the same actions.
    #[test]
    fn the_schema_names_every_action() {
        let schema = crate::CEDAR_SCHEMA;
        for action in Action::ALL {
            let named = schema
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .any(|word| word == action.name());
            assert!(named, "{action} is missing in gallery.cedarschema");
        }
    }

    #[test]
    fn manage_images_implies_upload_and_organize() {
        let manage = PermissionSet::EMPTY.with(Permission::ManageImages);
        assert!(manage.allows(Action::Upload) && manage.allows(Action::Organize));
        let upload = PermissionSet::EMPTY.with_action(Action::Upload);
        assert!(!upload.holds(Permission::ManageImages) && !upload.allows(Action::Organize));
        assert_eq!(upload.permission_count(), 0);
    }

    #[test]
    fn bits_that_stand_for_nothing_are_dropped() {
        assert_eq!(PermissionSet::from_bits(u32::MAX), PermissionSet::ALL);
    }
}
