//! [`Entry`]: an event, and who caused it from where.

use std::net::IpAddr;

use vestibule_schema::{SiteId, UserName};

use super::event::Event;

/// Who caused something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody who could be told: a wrong password, a credential that failed.
    Unknown,
    /// Somebody who has not signed in.
    Visitor,
    /// A user of the cluster.
    User(UserName),
    /// Somebody at the command line of this machine.
    Operator {
        /// The number that the system knows them by.
        uid: u32,
        /// The name that the system has for it.
        name: Option<String>,
    },
    /// The gateway itself.
    Gateway,
}

/// What is written down: an event, who caused it, from where.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(super) event: Event,
    pub(super) actor: Actor,
    pub(super) client: Option<IpAddr>,
    pub(super) request: Option<String>,
    pub(super) site: Option<SiteId>,
}

impl Entry {
    /// An event that somebody caused.
    #[must_use]
    pub const fn new(actor: Actor, event: Event) -> Self {
        Self { event, actor, client: None, request: None, site: None }
    }

    /// The same, with the client's address.
    #[must_use]
    pub const fn from_client(mut self, client: Option<IpAddr>) -> Self {
        self.client = client;
        self
    }

    /// The same, in the course of this request.
    #[must_use]
    pub fn in_request(mut self, id: Option<String>) -> Self {
        self.request = id;
        self
    }

    /// The same, on this site.
    #[must_use]
    pub fn on_site(mut self, site: Option<SiteId>) -> Self {
        self.site = site;
        self
    }
}
