//! The run inside the process: what decisions, loading and memory cost at growing sizes, against
//! other engines on the same rules.
//!
//! `subject` is a site with the questions about it, `rivals` are the other engines, `rounds` says
//! in which order everything is measured, `report` and `plot` what is made of the rows.

mod clock;
mod decisions;
mod loading;
mod measures;
mod memory;
mod plot;
mod report;
mod rivals;
mod rounds;
mod rules;
mod sessions;
mod subject;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use clap::Parser;

use report::Report;
use rounds::Plan;

/// Measures decisions, loading and memory at growing sizes, against other engines
///
/// Sites of 10 to 100,000 folder blocks; Cedar without an index, casbin and regorus get the same
/// rules and requests, and must give the same answers before anything is timed. Whatever the
/// figures are, the exit code is 0: a timing neither passes nor fails.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// One short round at small sizes: shows that it runs and that all agree
    #[arg(long)]
    pub smoke: bool,
    /// How many rounds; each measures everything once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Where the rows, the report and the curve are kept
    #[arg(long, default_value = "benchmarks/results")]
    pub out: PathBuf,
    /// A folder that gets the report and the curve too, as `decisions.txt` and `decisions.svg`
    #[arg(long)]
    pub keep: Option<PathBuf>,
    /// Loads a site of so many blocks, prints the memory it takes in MiB, and ends
    #[arg(long, hide = true)]
    pub memory_of: Option<usize>,
    /// Signs many in, prints the KiB that a session takes, and ends
    #[arg(long, hide = true)]
    pub sessions: bool,
}

/// Runs it all; the report goes to `output` and, with the rows and the curve, into a folder.
///
/// # Errors
/// If something can't be loaded, the candidates do not agree, or the rows can't be kept.
pub fn run(arguments: &Arguments, output: &mut impl Write) -> anyhow::Result<()> {
    if let Some(blocks) = arguments.memory_of {
        return memory::print(blocks, output);
    }
    if arguments.sessions {
        return sessions::print(output);
    }
    let plan = if arguments.smoke { Plan::smoke() } else { Plan::full(arguments.rounds) };
    let rows = rounds::measure(&plan, output)?;
    let report = Report::new(&plan, &rows);

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let kind = if arguments.smoke { "decide-smoke" } else { "decide" };
    let stem = arguments.out.join(format!("{kind}-{}", now.as_secs()));
    keep(&report, &stem)?;
    let csv = stem.with_extension("csv");
    fs::write(&csv, measures::csv(&rows)).with_context(|| format!("`{}`", csv.display()))?;
    if let Some(folder) = &arguments.keep {
        keep(&report, &folder.join("decisions"))?;
    }
    writeln!(output, "\n{report}\nkept: {}, with .txt and .svg beside it", csv.display())?;
    Ok(())
}

/// Writes the report and the curve, with these names but for the ending.
fn keep(report: &Report<'_>, stem: &Path) -> anyhow::Result<()> {
    let folder = stem.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("can't make `{}`", folder.display()))?;
    let text = stem.with_extension("txt");
    fs::write(&text, report.to_string()).with_context(|| format!("`{}`", text.display()))?;
    plot::draw(report, &stem.with_extension("svg"))
}
