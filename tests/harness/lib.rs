//! What the end-to-end tests stand on: the real program in processes of its own, on free ports,
//! with a configuration and a gallery that are made for each test.
//!
//! It is *not* a mock of anything: what a test asks goes over a socket to `target/debug/vestibule`.
//! Start with [`ConfigDir`], which writes a configuration, and [`Gateway::start`], which serves it;
//! a [`Client`] is one browser with its cookies, [`raw`] sends bytes that no browser would.
//! [`eventually`] waits for a condition: no test waits for time to pass.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't be set up has failed, and says where"
)]

mod authenticator;
mod authority;
mod binaries;
mod browser;
mod client;
mod config_dir;
mod copyparty;
mod gateway;
mod oidc;
pub mod openldap;
pub mod pictures;
mod postgres;
pub mod raw;
pub mod samba;
mod scratch;
mod wait;

pub use authenticator::Authenticator;
pub use authority::{Authority, Issued};
pub use binaries::{Run, cedar, installed, repository, vestibule};
pub use browser::{Look, Seen, drive, pictures_of_pages};
pub use client::{Client, Reply};
pub use config_dir::{ConfigDir, demo_permissions, password};
pub use copyparty::Copyparty;
pub use gateway::{Gateway, Launch, free_port, start_process, start_process_with};
pub use oidc::{OidcServer, Wanderer};
pub use openldap::OpenLdap;
pub use postgres::{Postgres, postgres};
pub use scratch::{TempFolder, temp_folder};
pub use wait::eventually;
