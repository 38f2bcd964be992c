//! [`KnownSites`]: what the portal asks about the sites, answered by the world in force.

use std::sync::Arc;

use vestibule_policies::Principal;
use vestibule_policies::audit::admission::admission;
use vestibule_policies::principal::Share;
use vestibule_portal::{SiteCard, SitePlace, Sites};
use vestibule_proxy::SiteRuntime;
use vestibule_schema::{GalleryPath, SiteId};

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
        let hosts = site.mount.hosts().iter();
        hosts.map(|host| self.public_url.origin_at(&host.to_string())).collect()
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
        let engine = world.engine(site)?;
        let by_share = || {
            let opened = !principal.shares().is_empty() && engine.may_enter(principal);
            opened.then(|| "by a share link".to_owned())
        };
        admission(engine, principal).or_else(by_share)
    }

    fn place(&self, site: &SiteId) -> Option<SitePlace> {
        let world = self.live.world()?;
        let site = world.site(site)?;
        Some(SitePlace { origins: self.origins(site), base: site.mount.base().to_owned() })
    }

    fn site_at(&self, authority: &str, path: &str) -> Option<SiteId> {
        Some(self.live.world()?.site_at(authority, path)?.id.clone())
    }

    fn gives(&self, share: &Share) -> bool {
        let world = self.live.world();
        let engine = world.as_ref().and_then(|world| world.engine(&share.site));
        let bearer = Principal::Visitor.with_shares([Arc::new(share.clone())]);
        engine.is_some_and(|engine| engine.may_enter(&bearer))
    }

    fn page(&self, site: &SiteId, of: &GalleryPath) -> Option<String> {
        let world = self.live.world()?;
        let site = world.site(site)?;
        Some(format!("{}{}", site.mount.base(), site.adapter.page(of)?))
    }

    fn portal(&self) -> Option<String> {
        self.public_url.is_known.then(|| self.public_url.text.clone())
    }
}
