//! Tests about the repository itself: what its structure promises, held by reading it.
//!
//! Each module holds one promise of ARCHITECTURE.md or CONTRIBUTING.md and lists everything that
//! breaks it, not only the first. Exceptions stand in `allowed.toml`, which only shrinks.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test about files that are not there must fail, and say where"
)]

mod architecture;
mod examples;
mod layers;
mod length;
mod manifests;
mod modules;
mod program;
mod repository;
mod structure;
mod texts;

/// Fails with everything that was found.
#[track_caller]
fn assert_nothing(found: &[String], mend: &str) {
    assert!(found.is_empty(), "{mend}:\n  {}\n", found.join("\n  "));
}
