//! [`Sites`]: what the portal asks the binary about the galleries behind it.

use std::fmt;

use vestibule_policies::Principal;

/// The sites behind this gateway, as far as the portal needs to know them.
pub trait Sites: Send + Sync + fmt::Debug {
    /// The sites that somebody may enter, in the order in which they are shown.
    fn open_to(&self, principal: &Principal) -> Vec<SiteCard>;

    /// Whom to ask for access: a name, an address, a sentence. Shown as it is.
    fn contact(&self) -> Option<String> {
        None
    }
}

/// A site in the chooser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteCard {
    /// What it is called.
    pub name: String,
    /// Where it is: a path on this host, or an address with scheme and host.
    pub url: String,
}
