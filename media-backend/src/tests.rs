//! The service as a whole, with signed grants, on real files.

mod files;
mod hostile;
mod listing;
mod pages;
mod pictures;
mod redaction;
mod sample;
mod server;
mod support;
mod unshown;
mod zips;
