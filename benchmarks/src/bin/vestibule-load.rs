//! The end-to-end run of `make bench`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use vestibule_benchmarks::load::{self, Arguments};

fn main() -> ExitCode {
    match load::run(&Arguments::parse(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
