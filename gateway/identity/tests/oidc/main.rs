//! Signing in through a provider that breaks one rule at a time.
//!
//! [`provider`] is a real HTTP server with keys of its own; a [`case::Case`] says how it deviates
//! and what comes of it. Every case is a row of `docs/oidc-cases.md`, which [`table`] holds.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: clippy excuses test functions only"
)]

mod case;
mod cases;
mod keys;
mod logout;
mod provider;
mod rotation;
mod sessions;
mod table;
mod under_way;
