//! Vestibule: an access gateway for photo galleries.
//!
//! This file is a table of contents. [`cli`] reads the command, [`config`] the configuration
//! directory, [`gallery`] the folders' own rules; [`build`] makes of them what requests are judged
//! by, [`reload`] keeps it current, [`shown`] holds the media backends, [`audit`] writes down what
//! happens, [`managed`] says what of it is managed, [`serve`] runs it all.

mod audit;
mod build;
mod cli;
mod config;
mod control;
mod demo;
mod gallery;
mod hardened;
mod logging;
mod managed;
mod pages;
mod providers;
mod reload;
mod serve;
mod shown;
mod sites;
mod state;

use std::process::ExitCode;

// pingora with the system allocator serves a third fewer requests
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
