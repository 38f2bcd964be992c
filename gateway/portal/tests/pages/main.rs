//! The pages as a browser meets them, by way of the router alone.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test binary: its helpers may fail the test"
)]

mod account;
mod browser;
mod enter;
mod everywhere;
mod passkeys;
mod second_factor;
mod setup;
mod share;
mod sign_in;
