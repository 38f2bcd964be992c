//! What the time of a refused sign-in tells, of `make bench-guess`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use vestibule_benchmarks::guess::{self, Arguments};

fn main() -> ExitCode {
    match guess::run(&Arguments::parse(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
