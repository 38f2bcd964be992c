//! [`KnownSites`]: what the portal asks about the sites, answered by the world in force.

use std::sync::Arc;

use vestibule_policies::Principal;
use vestibule_policies::audit::admission::admission;
use vestibule_portal::{SiteCard, SitePlace, Sites};
use vestibule_proxy::SiteRuntime;
use vestibule_schema::SiteId;

use crate::config::PublicUrl;
use crate::reload::Live;

/// The sites of the world in force.
#[derive(Debug)]
pub(crate) struct KnownSites {
    live: Arc<Live>,
    public_url: PublicUrl,
}

impl KnownSites {
    pub(crate) const fn new(live: Arc<Live>, public_url: PublicUrl) -> Self {
        Self { live, public_url }
    }

    /// The origins of a site's own hosts: scheme and port are the portal's.
    fn origins(&self, site: &SiteRuntime) -> Vec<String> {
        if !self.public_url.is_known {
            return Vec::new();
        }
        let (scheme, rest) = self.public_url.text.split_once("://").unwrap_or(("https", ""));
        // an address has colons of its own, within brackets
        let after = rest.rsplit_once(']').map_or(rest, |(_, after)| after);
        let port = after.rsplit_once(':').map(|(_, port)| format!(":{port}")).unwrap_or_default();
        let hosts = site.mount.hosts().iter();
        hosts.map(|host| format!("{scheme}://{host}{port}")).collect()
    }
}

impl Sites for KnownSites {
    fn open_to(&self, principal: &Principal) -> Vec<SiteCard> {
        let Some(world) = self.live.world() else { return Vec::new() };
        let open = world.sites().filter(|site| {
            world.engine(&site.id).is_some_and(|engine| engine.may_enter(principal))
        });
        open.map(|site| SiteCard { id: site.id.clone(), name: site.id.to_string() }).collect()
    }

    fn admission(&self, site: &SiteId, principal: &Principal) -> Option<String> {
        let world = self.live.world()?;
        admission(world.engine(site)?, principal)
    }

    fn place(&self, site: &SiteId) -> Option<SitePlace> {
        let world = self.live.world()?;
        let site = world.site(site)?;
        Some(SitePlace { origins: self.origins(site), base: site.mount.base().to_owned() })
    }

    fn site_at(&self, authority: &str, path: &str) -> Option<SiteId> {
        Some(self.live.world()?.site_at(authority, path)?.id.clone())
    }

    fn portal(&self) -> Option<String> {
        self.public_url.is_known.then(|| self.public_url.text.clone())
    }
}
