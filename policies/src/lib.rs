//! TOML to Cedar, decisions, audit.
//!
//! This crate turns the checked documents of a site into Cedar policies and entities, and asks
//! Cedar for every decision. It is *pure*: no file, no clock, no async, no network. It does not
//! know HTTP: which action a request needs is the adapter's word.
//!
//! Start at [`check`] (documents to model), then [`engine`] (model to decisions).

pub mod audit;
pub mod check;
mod cited;
pub mod compile;
pub mod context;
pub mod decision;
pub mod engine;
pub mod manage;
pub mod model;
mod names;
pub mod principal;
mod scope;

pub use context::RequestContext;
pub use decision::{Decision, Denial, Missing, Need, Permit, PlacePermissions, PolicyRef};
pub use engine::{Engine, SiteEngine, Vocabulary};
pub use manage::{Managed, Manager};
pub use principal::{Principal, UserFacts};
