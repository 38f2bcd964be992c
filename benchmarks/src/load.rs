//! The end-to-end run: starts everything on free ports of this machine, loads it in turn, reports.
//!
//! `targets` says what is held against what, `rounds` in which order it is measured and
//! `report` what is made of the rows. All processes end with the run, also after an error.

mod children;
mod client;
mod gateway;
mod nginx;
mod report;
mod rounds;
pub mod storm;
mod targets;
mod wrk;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::Parser;

use rounds::Plan;
use targets::Targets;

use crate::sites::Site;

/// Measures the gateway end to end, against baselines in the same run
///
/// Starts the gateway, a bare pingora and three nginx on free ports of 127.0.0.1, loads them in
/// turn with `wrk` and with a client of its own, and ends them. Whatever the figures are, the
/// exit code is 0: a timing neither passes nor fails.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// One short round: shows that it runs, measures nothing worth keeping
    #[arg(long)]
    pub smoke: bool,
    /// How many rounds; each loads everything once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// How long each is loaded in a round, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// Where the rows and the report are kept
    #[arg(long, default_value = "benchmarks/results")]
    pub out: PathBuf,
}

/// Resident memory of the gateway with a site of so many folder blocks, in MiB, before it is asked
/// for anything.
pub(crate) fn idle_gateway(blocks: usize) -> anyhow::Result<f64> {
    let work = tempfile::tempdir().context("can't make a temporary folder")?;
    let [port, upstream] = children::free_ports()?;
    let site = Site::with_blocks(blocks)?;
    let program = gateway::beside("vestibule")?;
    let ports = (port, upstream);
    gateway::start(&program, gateway::Threads::One, &site, ports, work.path())?.resident()
}

/// Runs it all; the report goes to `output` and, with the rows, into a folder.
///
/// # Errors
/// If something can't be started, does not answer as it should, or the rows can't be kept.
pub fn run(arguments: &Arguments, output: &mut impl Write) -> anyhow::Result<()> {
    let plan = if arguments.smoke {
        Plan::smoke()
    } else {
        Plan::full(arguments.rounds, arguments.seconds)
    };
    let work = tempfile::tempdir().context("can't make a temporary folder")?;
    let mut targets = Targets::start(work.path(), plan.blocks())?;
    let rows = rounds::measure(&mut targets, &plan, output)?;
    let report = report::Report::new(&plan, &rows, targets.versions());
    drop(targets);

    fs::create_dir_all(&arguments.out)
        .with_context(|| format!("can't make `{}`", arguments.out.display()))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let kind = if arguments.smoke { "smoke" } else { "load" };
    let stem = arguments.out.join(format!("{kind}-{}", now.as_secs()));
    let csv = stem.with_extension("csv");
    fs::write(&csv, report::csv(&rows)).with_context(|| format!("`{}`", csv.display()))?;
    let text = format!("{report}");
    let kept = stem.with_extension("txt");
    fs::write(&kept, &text).with_context(|| format!("`{}`", kept.display()))?;
    writeln!(output, "\n{text}\nkept: {}, {}", csv.display(), kept.display())?;
    Ok(())
}
