//! The media backend: a thin gallery over a folder of photographs, which serves nothing without a
//! signed grant.
//!
//! It lists folders, shows and scales pictures, hands out originals, RAW files and ZIP archives,
//! and leaves out of all of them what the grant does not allow. It is *not* the place where
//! anything is decided: it knows neither users nor roles nor Cedar, and believes the
//! [grant](vestibule_grant) of each request and nothing else.
//!
//! Start at [`Config`] and [`serve`]; a request's way is `backend.rs`, from the grant to the reply.
//!
//! ```no_run
//! use std::path::PathBuf;
//! use vestibule_grant::{GrantKey, KeyRing};
//! use vestibule_media_backend::{Config, Listen, serve};
//! use vestibule_schema::SiteId;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = KeyRing::new(vec![GrantKey::from_secret("2026-11", [7; 32])]);
//! let listen = Listen::Unix(PathBuf::from("/run/vestibule/family.sock"));
//! let cache = PathBuf::from("/var/cache/vestibule/family");
//! let site = SiteId::parse("family")?;
//! let config = Config::new(PathBuf::from("/srv/photos"), cache, site, keys, listen);
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//! serve(config, stop).await?;
//! # Ok(())
//! # }
//! ```

mod admission;
mod archive;
mod backend;
mod config;
mod details;
mod download;
mod library;
mod listing;
mod media;
mod page;
mod redact;
mod refusal;
mod render;
mod reply;
mod request;
mod serve;
mod sight;
mod tiff;

pub use backend::Backend;
pub use config::{Config, Limits, Listen};
pub use reply::Body;
pub use serve::{ServeError, Server, serve};

#[cfg(test)]
mod tests;
