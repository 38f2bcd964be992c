//! The report of a storm.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use anyhow::Context as _;

use super::figures::{Estimate, Figure};
use super::{Candidate, READERS, STORMING, Weather};
use crate::machine;

/// What is said, in this order.
const LINES: [(&str, Figure, &str); 8] = [
    ("p50 without a storm", Figure::Quantile(50, Weather::Calm), "µs"),
    ("p50 beside hashing elsewhere", Figure::Quantile(50, Weather::Beside), "µs"),
    ("p50 in the storm", Figure::Quantile(50, Weather::Storm), "µs"),
    ("p99 without a storm", Figure::Quantile(99, Weather::Calm), "µs"),
    ("p99 beside hashing elsewhere", Figure::Quantile(99, Weather::Beside), "µs"),
    ("p99 in the storm", Figure::Quantile(99, Weather::Storm), "µs"),
    ("p99 against without (bar: 1.2)", Figure::Ratio(Weather::Storm, Weather::Calm), "x"),
    ("p99 against beside hashing", Figure::Ratio(Weather::Storm, Weather::Beside), "x"),
];

/// What was measured, for people.
pub(super) fn text(candidates: &[Candidate]) -> anyhow::Result<String> {
    let first = candidates.first().context("nothing was measured")?;
    let mut text = format!(
        "A storm of sign-ins (P14): {}\n{} pictures a second over {READERS} connections for {} s, {} \
         rounds;\n{STORMING} sign in at once, again and again\n",
        machine::machine(),
        first.plan.rate,
        first.plan.time.as_secs(),
        first.rounds.len(),
    );
    for candidate in candidates {
        write!(text, "\n{}", of_one(candidate)?)?;
    }
    Ok(text)
}

fn of_one(candidate: &Candidate) -> anyhow::Result<String> {
    let mut text = format!(
        "{:<34}{:>9}   {:<22} median of rounds (least to most)\n",
        candidate.name, "all", "95 % of draws"
    );
    for (name, figure, unit) in LINES {
        let Estimate { all, interval, rounds } =
            Estimate::of(figure, &candidate.rounds).context("nothing was measured")?;
        let interval = format!("{:.2} to {:.2} {unit}", interval.0, interval.1);
        writeln!(
            text,
            "{name:<34}{all:>9.2}   {interval:<22} {:.2} ({:.2} to {:.2})",
            rounds.median, rounds.least, rounds.most
        )?;
    }
    let tally = &candidate.tally;
    let (accepted, away) =
        (tally.accepted.load(Ordering::Relaxed), tally.turned_away.load(Ordering::Relaxed));
    writeln!(
        text,
        "{accepted} signed in, {away} found the queue full and were told when to come back (503)"
    )?;
    Ok(text)
}
