//! The tests of this crate that need documents: one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are not test functions, and a failure is one here too"
)]

mod acceptance;
mod cases;
mod custom;
mod differential;
mod explain;
mod generated;
mod lint;
mod listings;
mod load;
mod matrix;
mod named;
mod reach;
mod remembered;
mod sentences;
mod shares;
mod written;
