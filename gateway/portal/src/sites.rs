//! [`Sites`]: what the portal asks the binary about the galleries behind it.

use std::fmt;

use async_trait::async_trait;
use vestibule_identity::Unavailable;
use vestibule_identity::management::Cluster;
use vestibule_policies::Principal;
use vestibule_policies::principal::Share;
use vestibule_schema::{GalleryPath, SiteId};

/// The sites behind this gateway, as far as the portal needs to know them.
#[async_trait]
pub trait Sites: Send + Sync + fmt::Debug {
    /// The sites that somebody may enter, in the order in which they are shown.
    fn open_to(&self, principal: &Principal) -> Vec<SiteCard>;

    /// How somebody is admitted to a site, in words ("a grant"); `None` if they may not enter, or
    /// there is no such site.
    fn admission(&self, site: &SiteId, principal: &Principal) -> Option<String>;

    /// Where a site is.
    fn place(&self, site: &SiteId) -> Option<SitePlace>;

    /// The site to which a path of a host belongs.
    fn site_at(&self, authority: &str, path: &str) -> Option<SiteId>;

    /// The portal's origin, such as `https://id.example.com`; `None` if every host has a portal of
    /// its own.
    fn portal(&self) -> Option<String> {
        None
    }

    /// Whether a share link gives anything yet: its maker still owns what it shares.
    fn gives(&self, share: &Share) -> bool;

    /// The page of a folder or image, as a path of its host; none where the gallery server has no
    /// such pages.
    fn page(&self, site: &SiteId, of: &GalleryPath) -> Option<String>;

    /// What is managed, as it is now; none where nothing is.
    fn cluster(&self) -> Option<Cluster> {
        None
    }

    /// Takes over what was changed in the store. It is in force when this returns.
    ///
    /// # Errors
    /// If the store can't be reached.
    async fn take_over(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    /// Whom to ask for access: a name, an address, a sentence. Shown as it is.
    fn contact(&self) -> Option<String> {
        None
    }
}

/// A site in the chooser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteCard {
    /// Its name.
    pub id: SiteId,
    /// What it is called.
    pub name: String,
}

/// Where a site is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SitePlace {
    /// The origins of its own hosts, the first of which is the one to send people to; none for a
    /// site that is below a path of the portal's host.
    pub origins: Vec<String>,
    /// What stands before its paths: empty, or `/i/family`.
    pub base: String,
}
