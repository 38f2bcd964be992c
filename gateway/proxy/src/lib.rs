//! The policy enforcement point: a pingora proxy that lets a request through only with a permit.
//!
//! The request's journey, a module a step: [`front`] judges the raw request, [`sites`] finds the
//! gallery it is for, [`judge`] asks who sends it and whether they may, [`refuse`] answers what
//! may not be, [`forward`] makes the upstream request *from the permit*, [`respond`] corrects the
//! answer's headers. What goes on for longer is asked for again by `guard`, and cut by `line`;
//! A WebSocket goes through `tunnel`. [`local`] hands `/_vestibule/` to the portal.
//! [`service`] strings them into pingora's phases and [`mod@server`] listens.
//!
//! This crate decides nothing (that is `vestibule-policies`) and does not know who anybody is
//! (`vestibule-identity`). It is no general proxy: what no route of an adapter names is refused.
//!
//! Start at [`Gateway`] and [`World`], then [`service`].
//!
//! ```
//! use vestibule_proxy::{HostName, Mount, Refusal};
//!
//! let own_host = Mount::at_hosts(vec![HostName::parse("Photos.Example.")?]);
//! assert_eq!(own_host.hosts()[0].as_str(), "photos.example");
//! assert_eq!(Mount::at_path("/i/family/")?.base(), "/i/family");
//! assert_eq!(Refusal::sign_in_address("/a b"), "/_vestibule/sign-in?return=%2Fa%20b");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod audit;
mod balance;
mod body;
mod cookies;
mod destination;
mod exchange;
pub mod forward;
pub mod front;
mod gateway;
mod grants;
mod guard;
mod headers;
mod identity_headers;
pub mod judge;
mod line;
pub mod local;
pub mod refuse;
mod request_id;
pub mod respond;
pub mod server;
pub mod service;
pub mod sites;
mod tunnel;
mod well_known;
mod world;

pub use audit::{AuditSink, Noted};
pub use balance::{UpstreamError, Upstreams};
pub use gateway::{FolderWatch, Found, Freshness, Gateway, GatewayParts, PortalService, Unready};
pub use identity_headers::{IdentityHeaderError, IdentityHeaders};
pub use local::portal_service;
pub use refuse::{Challenge, FolderLink, Refusal, RefusalPages};
pub use request_id::RequestId;
pub use server::{
    Certificate, CertificateError, ClientCertificates, ListenError, Listeners, Settings,
    TlsListener, Wanted, server,
};
pub use sites::{HostName, HostNameError, Mount, PortalHosts};
pub use tunnel::TunnelLimits;
pub use world::{SiteRuntime, SiteState, World, WorldError};
