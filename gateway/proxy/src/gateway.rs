//! [`Gateway`]: what all requests share.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use ipnet::IpNet;
use pingora::connectors::TransportConnector;
use tokio::sync::watch;
use tower::util::BoxCloneSyncService;
use vestibule_identity::Identity;
use vestibule_schema::{GalleryPath, SiteId};

use crate::audit::AuditSink;
use crate::grants::GrantCache;
use crate::refuse::RefusalPages;
use crate::tunnel::TunnelLimits;
use crate::world::World;

/// The portal: everything below `/_vestibule/`, on every host. Each request has a `RequestOrigin`,
/// an `Audience` and an `Authentication` among its extensions; without one of them it is answered
/// 500. [`crate::local::portal_service`] makes one of any router.
pub type PortalService =
    BoxCloneSyncService<http::Request<Bytes>, http::Response<Bytes>, Infallible>;

/// Sees to it that a folder's own rules have been read before anybody is judged by them.
pub trait FolderWatch: Send + Sync {
    /// Called before each decision: makes sure that the blocks of the folders on the way to this
    /// path have been read, and is fast when they are known.
    ///
    /// # Errors
    /// [`Unready`], if that can't be told; the request is answered 503.
    fn ensure(&self, site: &SiteId, path: &GalleryPath) -> Result<Freshness, Unready>;

    /// Whether the gateway sees such a folder or image. Of a gallery that is on another machine it
    /// sees nothing.
    fn exists(&self, site: &SiteId, path: &GalleryPath) -> bool;

    /// What is at a path, whether or not it ends in a slash.
    fn find(&self, site: &SiteId, path: &GalleryPath) -> Found;
}

/// What is at a path of a gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The gallery is on another machine.
    Unknown,
    /// A folder.
    Folder,
    /// A symbolic link, there or on the way.
    Link,
    /// A file, or nothing.
    Other,
}

/// Whether a folder's rules were known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// They were.
    Known,
    /// They have just been read: there is a new [`World`] to judge by.
    Reloaded,
}

/// A folder's rules could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rules of the folder can't be read")]
pub struct Unready;

/// What a gateway is made of.
pub struct GatewayParts {
    /// The first world.
    pub world: Arc<World>,
    /// Who requests come from.
    pub identity: Arc<Identity>,
    /// The gateway's own pages.
    pub portal: PortalService,
    /// What refusals look like.
    pub pages: Arc<dyn RefusalPages>,
    /// What reads folders that have just appeared.
    pub folders: Arc<dyn FolderWatch>,
    /// Where requests that are not let through are written down.
    pub audit: Arc<dyn AuditSink>,
    /// The networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The portal's address: who says what assertions say.
    pub public_url: String,
}

/// What all requests share.
pub struct Gateway {
    world: ArcSwap<World>,
    /// Tells those who hold a request open that there is another world.
    replaced: watch::Sender<()>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) portal: PortalService,
    pub(crate) pages: Arc<dyn RefusalPages>,
    pub(crate) folders: Arc<dyn FolderWatch>,
    pub(crate) audit: Arc<dyn AuditSink>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) public_url: String,
    pub(crate) grants: GrantCache,
    pub(crate) tunnels: TunnelLimits,
    dialler: OnceLock<TransportConnector>,
}

impl Gateway {
    /// A gateway.
    #[must_use]
    pub fn new(parts: GatewayParts) -> Self {
        Self {
            world: ArcSwap::new(parts.world),
            replaced: watch::Sender::new(()),
            identity: parts.identity,
            portal: parts.portal,
            pages: parts.pages,
            folders: parts.folders,
            audit: parts.audit,
            trusted_proxies: parts.trusted_proxies,
            public_url: parts.public_url,
            grants: GrantCache::default(),
            tunnels: TunnelLimits::default(),
            dialler: OnceLock::new(),
        }
    }

    /// The same with other limits for tunnels.
    #[must_use]
    pub fn with_tunnel_limits(mut self, limits: TunnelLimits) -> Self {
        self.tunnels = limits;
        self
    }

    /// What makes the connections of tunnels; it reads the system's certificates when it is first
    /// needed.
    pub(crate) fn dialler(&self) -> &TransportConnector {
        self.dialler.get_or_init(|| TransportConnector::new(None))
    }

    /// The present world. A request takes it once.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        self.world.load_full()
    }

    /// Puts a new world in the place of the present one: requests that begin after this returns
    /// see it whole, and those that run by a right which it takes away end.
    pub fn replace_world(&self, world: Arc<World>) {
        self.world.store(world);
        self.replaced.send_replace(());
    }

    /// Tells from now on when there is another world.
    pub(crate) fn worlds(&self) -> watch::Receiver<()> {
        self.replaced.subscribe()
    }
}

impl fmt::Debug for GatewayParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayParts").field("world", &self.world).finish_non_exhaustive()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("world", &self.world).finish_non_exhaustive()
    }
}
