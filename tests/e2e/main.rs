//! End to end: the real program over real sockets, as browsers, scripts and attackers meet it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: clippy excuses test functions only"
)]

mod active_directory;
mod api;
mod api_contract;
mod app_passwords;
mod assertion;
mod audit;
mod bad_input;
mod camera;
mod cli;
mod cli_audit;
mod cli_explain;
mod cli_manage;
mod client_certificates;
mod copyparty;
mod directory_sign_in;
mod directory_word;
mod first_run;
mod galleries;
mod in_force;
mod journey;
mod ldap;
mod litmus;
mod media;
mod oidc;
mod oidc_certificate;
mod pages;
mod postgres;
mod proof;
mod refusals;
mod reload;
mod second_factor;
mod secrets;
mod shares;
mod tls;
mod unreadable;
mod watch;
mod webdav;

use tokio::sync::OnceCell;
use vestibule_tests::{ConfigDir, Gateway};

/// The demo's site, shared by all tests that change nothing and fail no sign-in.
async fn demo() -> &'static Gateway {
    static DEMO: OnceCell<Gateway> = OnceCell::const_new();
    DEMO.get_or_init(async || Gateway::start(ConfigDir::demo()).await).await
}

/// A path of the gallery as it stands in an address.
fn encoded(path: &str) -> String {
    vestibule_schema::GalleryPath::from_decoded(path).unwrap().encoded()
}
