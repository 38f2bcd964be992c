//! The run of `make bench-decide`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use vestibule_benchmarks::curve::{self, Arguments};

// the same as the gateway's
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match curve::run(&Arguments::parse(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
