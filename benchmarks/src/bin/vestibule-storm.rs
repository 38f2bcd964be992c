//! The storm of sign-ins of `make bench-storm`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use vestibule_benchmarks::load::storm::{self, Arguments};

fn main() -> ExitCode {
    match storm::run(&Arguments::parse(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
