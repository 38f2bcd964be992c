//! What a grant says.

use serde::{Deserialize, Serialize};
use vestibule_schema::{GalleryPath, PermissionSet};

/// The request that a grant is for. A grant verifies for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The site's name.
    pub site: &'a str,
    /// The request's method, upper case.
    pub method: &'a str,
    /// Path and query exactly as forwarded.
    pub target: &'a str,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Somebody who has not signed in.
    Visitor,
    /// A signed-in user.
    User {
        /// The canonical user name.
        name: String,
    },
}

/// The permissions of a folder that has rules of its own below the one asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Below {
    /// The folder, at its canonical path.
    pub folder: GalleryPath,
    /// What the subject may do there, and below it up to the next such folder.
    pub permissions: PermissionSet,
    /// Which of its rules the gateway knew.
    pub rules: KnownRules,
}

/// Which rules of a folder the gateway knew when it made the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum KnownRules {
    /// None: the gateway has another reason to list it.
    None,
    /// That it hides technical details.
    Flags,
    /// Its block, or that it has one which can't be read.
    Block,
}

impl From<KnownRules> for u8 {
    fn from(rules: KnownRules) -> Self {
        match rules {
            KnownRules::None => 0,
            KnownRules::Flags => 1,
            KnownRules::Block => 2,
        }
    }
}

impl TryFrom<u8> for KnownRules {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            0 => Ok(Self::None),
            1 => Ok(Self::Flags),
            2 => Ok(Self::Block),
            _ => Err("no such kind of rules"),
        }
    }
}

/// What the gateway says of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who asks.
    pub subject: Subject,
    /// The path under which the browser sees the site, without slash at the end: empty, or
    /// `/i/family`. Links in pages and JSON begin with it.
    pub base: String,
    /// What the subject may do with the resource that the target names.
    pub permissions: PermissionSet,
    /// The folders on the way to the resource, itself included, that have rules of their own: by
    /// these it was judged. A folder on the way with a block that is not listed here appeared
    /// after that, and must be treated as closed.
    pub above: Vec<GalleryPath>,
    /// For a folder: *every* folder beneath it, within `reach`, that has rules of its own (a block,
    /// an error in one, a flag), sorted by path. A folder with a block that is not listed here was not yet
    /// known to the gateway and must be treated as closed.
    pub below: Vec<Below>,
    /// How many levels deep `below` tells of them all; `None`: to the bottom. Deeper folders must
    /// be treated as closed, whatever they say of themselves.
    pub reach: Option<usize>,
    /// Whether the site lets RAW files go out with their metadata to who lacks the permission
    /// to see it.
    pub raw_keeps_metadata: bool,
}

impl Claims {
    /// The permissions at a folder or image: those of the nearest listed folder above it, else
    /// those of the resource itself.
    #[must_use]
    pub fn permissions_at(&self, path: &GalleryPath) -> PermissionSet {
        path.ancestors()
            .find_map(|folder| {
                let found = self.below.binary_search_by(|below| below.folder.as_str().cmp(folder));
                found.ok().and_then(|index| self.below.get(index))
            })
            .map_or(self.permissions, |below| below.permissions)
    }

    /// Whether the gateway judged by the rules of this folder, which is on the way to the resource.
    #[must_use]
    pub fn was_judged_by(&self, folder: &str) -> bool {
        self.above.iter().any(|known| known.as_str() == folder)
    }

    /// Which rules the gateway knew of this folder, which is below the resource.
    #[must_use]
    pub fn known_rules(&self, folder: &GalleryPath) -> KnownRules {
        let found = self.below.binary_search_by(|below| below.folder.cmp(folder)).ok();
        found.and_then(|at| self.below.get(at)).map_or(KnownRules::None, |below| below.rules)
    }
}

/// The claims as they travel: short names, plain types.
#[derive(Serialize, Deserialize)]
pub(crate) struct Wire {
    pub(crate) site: String,
    pub(crate) method: String,
    pub(crate) target: String,
    /// Seconds since 1970, UTC.
    pub(crate) not_after: u64,
    subject: Subject,
    base: String,
    permissions: u32,
    above: Vec<String>,
    below: Vec<(String, u32, KnownRules)>,
    reach: Option<usize>,
    raw: bool,
}

impl Wire {
    pub(crate) fn new(binding: &Binding<'_>, claims: &Claims, not_after: u64) -> Self {
        let below = claims.below.iter();
        Self {
            site: binding.site.to_owned(),
            method: binding.method.to_owned(),
            target: binding.target.to_owned(),
            not_after,
            subject: claims.subject.clone(),
            base: claims.base.clone(),
            permissions: claims.permissions.bits(),
            above: claims.above.iter().map(|folder| folder.as_str().to_owned()).collect(),
            below: below
                .map(|b| (b.folder.as_str().to_owned(), b.permissions.bits(), b.rules))
                .collect(),
            reach: claims.reach,
            raw: claims.raw_keeps_metadata,
        }
    }

    /// The claims; `None` if a folder's path is none.
    pub(crate) fn into_claims(self) -> Option<Claims> {
        let below = self.below.into_iter().map(|(folder, bits, rules)| {
            let folder = GalleryPath::from_decoded(&folder).ok()?;
            Some(Below { folder, permissions: PermissionSet::from_bits(bits), rules })
        });
        let above = self.above.iter().map(|folder| GalleryPath::from_decoded(folder).ok());
        let above = above.collect::<Option<Vec<_>>>()?;
        let mut below = below.collect::<Option<Vec<_>>>()?;
        below.sort_by(|a, b| a.folder.cmp(&b.folder));
        Some(Claims {
            subject: self.subject,
            base: self.base,
            permissions: PermissionSet::from_bits(self.permissions),
            above,
            below,
            reach: self.reach,
            raw_keeps_metadata: self.raw,
        })
    }
}
