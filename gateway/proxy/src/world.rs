//! [`World`]: everything that one request sees of the configuration, in one generation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vestibule_adapters::RouteMap;
use vestibule_grant::GrantKey;
use vestibule_policies::{Engine, SiteEngine};
use vestibule_schema::{SiteId, Sizes};

use crate::balance::Upstreams;
use crate::identity_headers::IdentityHeaders;
use crate::sites::{Authority, HostName, Mount, PortalHosts, SiteTable};

/// The policies and the sites of one generation. Immutable: a reload makes a new one.
#[derive(Debug)]
pub struct World {
    serial: u64,
    engine: Arc<Engine>,
    sites: Vec<Arc<SiteRuntime>>,
    table: SiteTable,
}

/// One site as the proxy needs it.
#[derive(Debug)]
pub struct SiteRuntime {
    /// The site's name.
    pub id: SiteId,
    /// Where the site is.
    pub mount: Mount,
    /// The gallery servers that share the site's requests.
    pub upstreams: Upstreams,
    /// Whether programs may show app passwords here.
    pub app_passwords: bool,
    /// The routes of the gallery server.
    pub adapter: Arc<RouteMap>,
    /// The pixels of the named sizes.
    pub sizes: Sizes,
    /// What signs the grants of this site.
    pub grant_key: Arc<GrantKey>,
    /// Whether RAW files go out with their metadata to who lacks the permission to see it.
    pub raw_keeps_metadata: bool,
    /// Whether the gallery server is told, signed, who asks.
    pub asserts: bool,
    /// The headers by which the gallery server learns who asks, if it does.
    pub identity_headers: Option<IdentityHeaders>,
    /// Whether the site is served.
    pub state: SiteState,
}

/// Whether a site is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteState {
    /// Its configuration is good.
    Open,
    /// Its configuration has an error: every request is answered 503.
    Closed,
}

/// Why sites can't stand beside each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Two sites claim one host.
    #[error("the sites `{first}` and `{second}` both claim the host `{host}`")]
    SameHost {
        /// The host.
        host: HostName,
        /// The site that comes first.
        first: SiteId,
        /// The other.
        second: SiteId,
    },
    /// Two sites claim one path.
    #[error("the sites `{first}` and `{second}` both claim the path `{path}`")]
    SamePath {
        /// The path.
        path: String,
        /// The site that comes first.
        first: SiteId,
        /// The other.
        second: SiteId,
    },
}

impl WorldError {
    /// The second of the two.
    #[must_use]
    pub fn second(&self) -> &SiteId {
        match self {
            Self::SameHost { second, .. } | Self::SamePath { second, .. } => second,
        }
    }
}

impl World {
    /// Sites under the policies of one generation.
    ///
    /// # Errors
    /// [`WorldError`], if two sites claim the same place.
    pub fn new(
        engine: Arc<Engine>,
        sites: impl IntoIterator<Item = impl Into<Arc<SiteRuntime>>>,
        portal: &PortalHosts,
    ) -> Result<Self, WorldError> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let sites: Vec<Arc<SiteRuntime>> = sites.into_iter().map(Into::into).collect();
        let table = SiteTable::new(&sites, portal)?;
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Ok(Self { serial, engine, sites, table })
    }

    /// The generation of the policies.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.engine.generation()
    }

    /// A number that no other world of this process has, for what is remembered of decisions.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Where requests go.
    pub(crate) fn table(&self) -> &SiteTable {
        &self.table
    }

    /// The site at an index of the table.
    pub(crate) fn at(&self, index: usize) -> Option<&Arc<SiteRuntime>> {
        self.sites.get(index)
    }

    /// The site of a name.
    #[must_use]
    pub fn site(&self, id: &SiteId) -> Option<&Arc<SiteRuntime>> {
        self.sites.iter().find(|site| site.id == *id)
    }

    /// The site to which a path of an authority belongs.
    #[must_use]
    pub fn site_at(&self, authority: &str, path: &str) -> Option<&Arc<SiteRuntime>> {
        let authority = Authority::split(authority)?;
        self.at(self.table.site_at(&authority.host, path)?)
    }

    /// Every site.
    pub fn sites(&self) -> impl Iterator<Item = &Arc<SiteRuntime>> {
        self.sites.iter()
    }

    /// A site's policies.
    #[must_use]
    pub fn engine(&self, id: &SiteId) -> Option<&Arc<SiteEngine>> {
        self.engine.site(id)
    }
}
