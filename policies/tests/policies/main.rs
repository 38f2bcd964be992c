//! The tests of this crate that need documents: one binary.

mod acceptance;
mod cases;
mod differential;
mod load;
mod named;
