//! The mount table: which site a host and path belong to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use vestibule_schema::{GalleryPath, PathError};

use crate::world::{SiteRuntime, WorldError};

/// Everything of ours lives below this path, on every host.
pub const OWN_PREFIX: &str = "/_vestibule/";

/// A host without port, in lower case, without dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(String);

/// Why a text is no host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a host has letters, digits, `-` and `.` only, or is an address")]
pub struct HostNameError;

impl HostName {
    /// Reads a host name, or an address; a port is not part of it.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, HostNameError> {
        match Authority::split(text) {
            Some(Authority { host, port: None }) => Ok(Self(host.into_owned())),
            _ => Err(HostNameError),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The authority of a request: a host as [`HostName`] has it, and a port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authority<'r> {
    pub(crate) host: Cow<'r, str>,
    pub(crate) port: Option<u16>,
}

impl<'r> Authority<'r> {
    /// Reads `host`, `host:port`, `[address]` or `[address]:port`.
    pub(crate) fn split(text: &'r str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, after) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            let end = address.len() + 2;
            let host = fold(text.get(..end)?);
            return match after.strip_prefix(':') {
                Some(port) => Some(Self { host, port: Some(read_port(port)?) }),
                None => after.is_empty().then_some(Self { host, port: None }),
            };
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(read_port(port)?)),
            None => (text, None),
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_host = !host.is_empty()
            && host.len() <= 253
            && host.split('.').all(|label| !label.is_empty())
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        is_host.then(|| Self { host: fold(host), port })
    }
}

fn read_port(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn fold(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// Where a site is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    hosts: Vec<HostName>,
    /// Without slash at the end: `/i/family`; empty for a site with hosts of its own.
    base: String,
}

impl Mount {
    /// At hosts of its own.
    #[must_use]
    pub fn at_hosts(hosts: Vec<HostName>) -> Self {
        Self { hosts, base: String::new() }
    }

    /// Below a path on the portal's host: `/i/family/`.
    ///
    /// # Errors
    /// If the path is none, is the root, or lies where the gateway's own pages are.
    pub fn at_path(path: &str) -> Result<Self, PathError> {
        let path = GalleryPath::from_decoded(path)?.as_folder();
        let base = path.encoded();
        let base = base.strip_suffix('/').unwrap_or(&base).to_owned();
        let is_own = path.as_str().starts_with(OWN_PREFIX);
        if base.is_empty() || is_own {
            return Err(PathError::NotAbsolute);
        }
        Ok(Self { hosts: Vec::new(), base })
    }

    /// What stands before the site's paths in the browser: empty, or `/i/family`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The hosts; none for a site that is mounted by path.
    #[must_use]
    pub fn hosts(&self) -> &[HostName] {
        &self.hosts
    }
}

/// Which site a host and a path belong to.
#[derive(Debug)]
pub(crate) struct SiteTable {
    hosts: HashMap<String, HostEntry>,
    /// The sites that are mounted by path on the portal's hosts: base and index, longest first.
    paths: Vec<(String, usize)>,
    portal: PortalHosts,
}

/// Where the portal is: where one signs in, and where sites that are mounted by path live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortalHosts {
    /// At this host; sites at other hosts send there.
    At(HostName),
    /// At every host, each for itself; sites that are mounted by path live at this one.
    Every(HostName),
}

impl PortalHosts {
    /// Where sites that are mounted by path live.
    #[must_use]
    pub const fn own(&self) -> &HostName {
        let (Self::At(host) | Self::Every(host)) = self;
        host
    }

    fn is_at(&self, host: &str) -> bool {
        match self {
            Self::At(portal) => portal.as_str() == host,
            Self::Every(_) => true,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum HostEntry {
    /// The portal's host.
    Portal,
    /// The host of a site.
    Site(usize),
}

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'r> {
    /// A site, and the raw path within it.
    Site(usize, &'r str),
    /// The gateway's own pages: the portal's, or the few that the host of a site shows of them.
    Own(Option<usize>),
    /// The portal's host, without more: the start page is below [`OWN_PREFIX`].
    Home,
    /// The same path with a slash at the end.
    AddSlash(String),
    /// Nothing is there, nor was there ever.
    Nothing,
    /// No site, nor the portal, has this host.
    UnknownHost,
}

impl SiteTable {
    pub(crate) fn new(
        sites: &[Arc<SiteRuntime>],
        portal: &PortalHosts,
    ) -> Result<Self, WorldError> {
        let mut table = Self { hosts: HashMap::new(), paths: Vec::new(), portal: portal.clone() };
        for (index, site) in sites.iter().enumerate() {
            for host in site.mount.hosts() {
                let entry = table.hosts.insert(host.0.clone(), HostEntry::Site(index));
                if let Some(HostEntry::Site(first)) = entry {
                    let first = sites.get(first).unwrap_or(site).id.clone();
                    let (host, second) = (host.clone(), site.id.clone());
                    return Err(WorldError::SameHost { host, first, second });
                }
            }
            let base = site.mount.base();
            if let Some((_, first)) = table.paths.iter().find(|(known, _)| known == base) {
                let first = sites.get(*first).unwrap_or(site).id.clone();
                let (path, second) = (format!("{base}/"), site.id.clone());
                return Err(WorldError::SamePath { path, first, second });
            }
            if !base.is_empty() {
                table.paths.push((base.to_owned(), index));
            }
        }
        // a site that has the portal's host as its own shows its pages there, and the portal's are
        // still below their prefix
        table.hosts.entry(portal.own().0.clone()).or_insert(HostEntry::Portal);
        table.paths.sort_by_key(|(base, _)| std::cmp::Reverse(base.len()));
        Ok(table)
    }

    /// The site to which a path of a host belongs.
    pub(crate) fn site_at(&self, host: &str, path: &str) -> Option<usize> {
        match self.hosts.get(host)? {
            HostEntry::Site(index) => Some(*index),
            HostEntry::Portal => match self.below_portal(path) {
                Place::Site(index, _) => Some(index),
                _ => None,
            },
        }
    }

    /// Finds the place of a folded host and a raw path.
    pub(crate) fn place<'r>(&self, host: &str, path: &'r str) -> Place<'r> {
        let Some(entry) = self.hosts.get(host) else { return Place::UnknownHost };
        if path.starts_with(OWN_PREFIX) {
            return Place::Own(self.own_pages(host, entry));
        }
        match entry {
            HostEntry::Site(index) => Place::Site(*index, path),
            HostEntry::Portal => self.below_portal(path),
        }
    }

    /// The site whose own pages a host shows; none where the portal is.
    fn own_pages(&self, host: &str, entry: &HostEntry) -> Option<usize> {
        match entry {
            HostEntry::Site(index) if !self.portal.is_at(host) => Some(*index),
            HostEntry::Site(_) | HostEntry::Portal => None,
        }
    }

    fn below_portal<'r>(&self, path: &'r str) -> Place<'r> {
        for (base, index) in &self.paths {
            match path.strip_prefix(base.as_str()) {
                Some("") => return Place::AddSlash(format!("{base}/")),
                Some(rest) if rest.starts_with('/') => return Place::Site(*index, rest),
                _ => {}
            }
        }
        if path == "/" { Place::Home } else { Place::Nothing }
    }
}

#[cfg(test)]
mod tests;
