//! The order of things: every round measures every target, so that what else the machine does
//! meets all of them alike.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use vestibule_schema::GalleryPath;

use super::client::Client;
use super::targets::{Target, Targets};
use super::wrk;
use crate::machine::load_average;
use crate::statistics::Spread;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) rounds: u32,
    /// Seconds of load for each target in a round.
    pub(super) seconds: u32,
    /// Requests at one connection for each target in a round, asked before.
    cached: usize,
    /// The same for those not asked before.
    fresh: usize,
    /// Targets take turns after so many requests.
    turn: usize,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// One picture again and again, many connections.
    Throughput,
    /// One picture again and again, one connection.
    Cached,
    /// Each request another picture of a folder that was asked for before: known rights, but
    /// nothing was signed for it yet.
    NewPicture,
    /// Each request in a folder whose block nobody asked for yet: its policies are not compiled.
    NewBlock,
}

impl Measure {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Cached => "latency, cached",
            Self::NewPicture => "latency, new picture",
            Self::NewBlock => "latency, new block",
        }
    }
}

/// One target in one round.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) measure: Measure,
    pub(super) round: u32,
    pub(super) target: Target,
    pub(super) requests: u64,
    pub(super) per_second: Option<f64>,
    /// Microseconds of processor time for a request.
    pub(super) processor_us: f64,
    pub(super) median_us: Option<f64>,
    /// The machine's load average of the last minute, when the row was made.
    pub(super) load_average: String,
}

impl Plan {
    pub(super) const fn full(rounds: u32, seconds: u32) -> Self {
        Self { rounds, seconds, cached: 4000, fresh: 1000, turn: 100 }
    }

    pub(super) const fn smoke() -> Self {
        Self { rounds: 1, seconds: 1, cached: 40, fresh: 20, turn: 10 }
    }

    /// How many folder blocks the site needs: one that is always asked for, and one for each
    /// request that must meet a block which nobody asked for.
    pub(super) fn blocks(&self) -> usize {
        1 + self.fresh * usize::try_from(self.rounds).unwrap_or(usize::MAX)
    }
}

/// Measures everything.
pub(super) fn measure(
    targets: &mut Targets,
    plan: &Plan,
    output: &mut impl Write,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut fresh = Fresh { pictures: 0, blocks: 1, hot: hot_path(targets)? };
    warm_up(targets, plan, &fresh.hot)?;
    for round in 1..=plan.rounds {
        writeln!(output, "round {round} of {}", plan.rounds)?;
        rows.extend(throughput(targets, plan, round, &fresh.hot)?);
        let all = &Target::ALL;
        rows.extend(latency(targets, plan, (Measure::Cached, round), all, &mut fresh)?);
        let pair = &[Target::Bare, Target::Vestibule];
        for measure in [Measure::NewPicture, Measure::NewBlock] {
            rows.extend(latency(targets, plan, (measure, round), pair, &mut fresh)?);
        }
    }
    Ok(rows)
}

/// The paths that nobody asked for yet.
struct Fresh {
    pictures: usize,
    blocks: usize,
    /// The path that is asked for all the time.
    hot: String,
}

impl Fresh {
    /// The paths of the next turn.
    fn paths(
        &mut self,
        targets: &Targets,
        measure: Measure,
        count: usize,
    ) -> anyhow::Result<Vec<String>> {
        match measure {
            Measure::Throughput | Measure::Cached => Ok(vec![self.hot.clone(); count]),
            Measure::NewPicture => {
                let from = self.pictures;
                self.pictures += count;
                let numbers = from..self.pictures;
                let folder = first_folder(targets)?;
                Ok(numbers.map(|number| path_of(folder, &format!("{number:06}.jpg"))).collect())
            }
            Measure::NewBlock => {
                let from = self.blocks;
                self.blocks += count;
                let folders = targets.site().folders.get(from..self.blocks);
                let folders = folders.context("the site has too few folder blocks")?;
                Ok(folders.iter().map(|folder| path_of(folder, "a.jpg")).collect())
            }
        }
    }
}

fn first_folder(targets: &Targets) -> anyhow::Result<&GalleryPath> {
    targets.site().folders.first().context("the site has no folder")
}

fn hot_path(targets: &Targets) -> anyhow::Result<String> {
    Ok(path_of(first_folder(targets)?, "a.jpg"))
}

fn path_of(folder: &GalleryPath, picture: &str) -> String {
    format!("/image{}{picture}?size=gallery", folder.encoded())
}

fn warm_up(targets: &Targets, plan: &Plan, path: &str) -> anyhow::Result<()> {
    for target in Target::ALL {
        let mut client = Client::connect(targets.port(target))?;
        let request = client.get_request(path, targets.cookie());
        for _ in 0..plan.turn {
            client.time(&request).with_context(|| target.name())?;
        }
        wrk::load(targets.port(target), path, targets.cookie(), 1)?;
    }
    Ok(())
}

fn throughput(targets: &Targets, plan: &Plan, round: u32, path: &str) -> anyhow::Result<Vec<Row>> {
    let mut order = Target::ALL;
    // nobody is always the first, nor always after the same one
    if round.is_multiple_of(2) {
        order.reverse();
    }
    let mut rows = Vec::new();
    for target in order {
        let before = targets.processor_time(target)?;
        let load = wrk::load(targets.port(target), path, targets.cookie(), plan.seconds)
            .with_context(|| target.name())?;
        let used = targets.processor_time(target)?.saturating_sub(before);
        rows.push(Row {
            measure: Measure::Throughput,
            round,
            target,
            requests: load.requests,
            per_second: Some(load.per_second),
            processor_us: each(used, load.requests),
            median_us: None,
            load_average: load_average(),
        });
    }
    Ok(rows)
}

/// Targets take short turns, so that a slow moment of the machine meets all.
fn latency(
    targets: &Targets,
    plan: &Plan,
    (measure, round): (Measure, u32),
    among: &[Target],
    fresh: &mut Fresh,
) -> anyhow::Result<Vec<Row>> {
    let requests = if measure == Measure::Cached { plan.cached } else { plan.fresh };
    let mut lanes = Vec::new();
    for target in among {
        lanes.push(Lane {
            target: *target,
            client: Client::connect(targets.port(*target))?,
            times: Vec::with_capacity(requests),
            sent: 0,
            before: targets.processor_time(*target)?,
        });
    }
    for _ in 0..requests / plan.turn {
        let paths = fresh.paths(targets, measure, plan.turn)?;
        for lane in &mut lanes {
            lane.turn(targets, &paths, &fresh.hot)?;
        }
    }
    lanes.into_iter().map(|lane| lane.row(targets, measure, round)).collect()
}

/// How many requests go before each turn: the first after a pause find cold processor caches.
const BEFORE_TURN: u64 = 5;

/// One target's connection and times.
struct Lane {
    target: Target,
    client: Client,
    times: Vec<Duration>,
    /// All requests, those before the turns too: they cost as much.
    sent: u64,
    before: Duration,
}

impl Lane {
    fn turn(&mut self, targets: &Targets, paths: &[String], hot: &str) -> anyhow::Result<()> {
        let request = self.client.get_request(hot, targets.cookie());
        for _ in 0..BEFORE_TURN {
            self.client.time(&request).with_context(|| self.target.name())?;
            self.sent += 1;
        }
        for path in paths {
            let request = self.client.get_request(path, targets.cookie());
            self.times.push(self.client.time(&request).with_context(|| self.target.name())?);
            self.sent += 1;
        }
        Ok(())
    }

    fn row(self, targets: &Targets, measure: Measure, round: u32) -> anyhow::Result<Row> {
        let used = targets.processor_time(self.target)?.saturating_sub(self.before);
        let times = self.times.iter().map(|time| time.as_secs_f64() * 1e6);
        Ok(Row {
            measure,
            round,
            target: self.target,
            requests: u64::try_from(self.times.len()).unwrap_or(u64::MAX),
            per_second: None,
            processor_us: each(used, self.sent),
            median_us: Spread::of(times).map(|spread| spread.median),
            load_average: load_average(),
        })
    }
}

/// Microseconds for each request.
fn each(used: Duration, requests: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 requests")]
    let requests = requests.max(1) as f64;
    used.as_secs_f64() * 1e6 / requests
}
