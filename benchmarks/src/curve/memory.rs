//! Resident memory, each size in a process of its own: what one size has left behind is not the
//! next one's. As the kernel accounts it, with all that the allocator keeps.

use std::io::Write;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, ensure};
use vestibule_policies::audit::probe;
use vestibule_policies::{Need, Principal, SiteEngine, Vocabulary};
use vestibule_schema::{Action, GalleryPath};

use super::measures::Measure;
use super::rounds::LARGE;
use crate::machine::mebibytes;
use crate::sites::Site;

/// In the process of its own: loads a site, and prints mebibytes. After the self-probe too, unless
/// that would take as long as all the rest.
pub(super) fn print(blocks: usize, output: &mut impl Write) -> anyhow::Result<()> {
    let engine = loaded(blocks)?;
    write!(output, "{} {}", status("VmRSS:")?, status("VmHWM:")?)?;
    if blocks < LARGE {
        let probed = probe::probe(&engine, engine.folders().keys());
        probed.map_err(|surprise| anyhow!("the self-probe: {surprise}"))?;
        write!(output, " {}", status("VmRSS:")?)?;
    }
    writeln!(output)?;
    Ok(())
}

/// An engine that has answered once. The documents are read one by one, as the gateway does, and
/// gone.
fn loaded(blocks: usize) -> anyhow::Result<SiteEngine> {
    let vocabulary = Arc::new(Vocabulary::load()?);
    let engine = Site::with_blocks(blocks)?.check(&vocabulary)?.engine(&vocabulary);
    let need = Need::one(Action::View);
    let decision = engine.decide(&Principal::Visitor, need, &GalleryPath::root());
    ensure!(!decision.is_allow(), "a visitor is let in");
    Ok(engine)
}

/// Asks a process of its own; returns mebibytes.
pub(super) fn measure(blocks: usize) -> anyhow::Result<Vec<(Measure, f64)>> {
    let measures = [Measure::Resident, Measure::Peak, Measure::ResidentProbed];
    let figures = own_process(&["--memory-of", &blocks.to_string()])?;
    ensure!(figures.len() >= 2, "{figures:?}");
    Ok(measures.into_iter().zip(figures).collect())
}

/// Asks a process of its own what a session takes; returns KiB.
pub(super) fn measure_sessions() -> anyhow::Result<f64> {
    own_process(&["--sessions"])?.first().copied().context("no figure")
}

fn own_process(arguments: &[&str]) -> anyhow::Result<Vec<f64>> {
    let own = std::env::current_exe().context("where this program is")?;
    let output = Command::new(&own).args(arguments).output();
    let output = output.with_context(|| format!("`{}`", own.display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(said.split_ascii_whitespace().filter_map(|figure| figure.parse().ok()).collect())
}

/// A line of what the kernel says of this process, in MiB.
pub(super) fn status(key: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("no /proc")?;
    mebibytes(&status, key).with_context(|| format!("`{key}` is not in /proc/self/status"))
}
