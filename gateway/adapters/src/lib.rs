//! Route maps of gallery servers: from method, path and query to an action on a resource.
//!
//! A [`RouteMap`] is one TOML file, data and not code. The first route that fits decides; *no
//! route, no passage*. What is forwarded is rebuilt from what was judged: the canonical path and
//! the query pairs that the route names ([`ForwardTarget`]).
//!
//! This crate is pure: it knows neither who asks nor whether they may. It is not the place of a
//! decision. Start at [`RouteMap::classify`]; the syntax is explained by
//! `gateway/adapters/vestibule.toml`, the map of this repository's own media backend.
//!
//! ```
//! use vestibule_adapters::{Classified, RouteMap};
//! use vestibule_schema::{Action, Sizes};
//!
//! let map = RouteMap::built_in("vestibule").ok_or("no such map")?;
//! let asked = map.classify("GET", "/image/a%20b.jpg", Some("size=large"), &Sizes::default());
//! let Classified::Ask(ask) = asked else { return Err("not classified".into()) };
//! assert_eq!(ask.wanted.first, Action::DownloadLarge);
//! assert_eq!(ask.path.as_str(), "/a b.jpg");
//! assert_eq!(ask.forward.as_str(), "/image/a%20b.jpg?size=large");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ask;
mod check;
mod classify;
mod document;
mod examples;
mod map;
mod query;
mod size;
mod template;

pub use ask::{
    Ask, BadTarget, Classified, Depth, ForwardTarget, Further, HeaderWord, Kind, Span, Upgrade,
    Wanted, Write, WriteTarget,
};
pub use classify::Asked;
pub use map::{HandOver, RouteMap};
