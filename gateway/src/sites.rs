//! [`KnownSites`]: what the portal asks about the sites, answered by the world in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use vestibule_adapters::HandOver;
use vestibule_identity::management::Cluster;
use vestibule_identity::{Identity, Unavailable};
use vestibule_policies::Principal;
use vestibule_policies::audit::admission::admission;
use vestibule_policies::principal::Share;
use vestibule_portal::{SiteCard, SitePlace, Sites};
use vestibule_proxy::SiteRuntime;
use vestibule_schema::{GalleryPath, ProviderId, SiteId};

use crate::config::{GatewayConfig, PublicUrl};
use crate::control;
use crate::managed;
use crate::reload::Live;

/// The sites of the world in force.
#[derive(Debug)]
pub(crate) struct KnownSites {
    live: Arc<Live>,
    public_url: PublicUrl,
    identity: Arc<Identity>,
    issuers: BTreeMap<ProviderId, String>,
}

impl KnownSites {
    pub(crate) fn new(live: &Arc<Live>, identity: &Arc<Identity>, config: &GatewayConfig) -> Self {
        let issuers = managed::issuers(&config.identity);
        let (live, identity) = (Arc::clone(live), Arc::clone(identity));
        Self { live, public_url: config.public_url.clone(), identity, issuers }
    }

    /// Whether a gallery server that is not ours answers at the portal's own origin.
    fn is_foreign_and_here(&self, site: &SiteRuntime) -> bool {
        let is_foreign = site.adapter.hand_over() == HandOver::Nothing;
        let mut hosts = site.mount.hosts().iter();
        let is_here = !site.mount.base().is_empty()
            || !self.public_url.is_known
            || hosts.any(|host| host.to_string() == self.public_url.host);
        is_foreign && is_here
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

#[async_trait]
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

    fn cluster(&self) -> Option<Cluster> {
        // a page of such a server is, to the browser, one of the portal's: its script could do
        // whatever an administrator may who looks at it
        if self.live.world()?.sites().any(|site| self.is_foreign_and_here(site)) {
            return None;
        }
        Some(Cluster {
            vocabulary: Arc::clone(self.live.vocabulary()),
            nodes: self.live.nodes(&self.public_url),
            issuers: self.issuers.clone(),
            adapters: managed::adapters(),
        })
    }

    async fn take_over(&self) -> Result<(), Unavailable> {
        control::refresh(&self.live, &self.identity).await
    }

    fn portal(&self) -> Option<String> {
        self.public_url.is_known.then(|| self.public_url.text.clone())
    }
}
