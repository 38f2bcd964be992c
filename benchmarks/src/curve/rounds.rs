//! The order of things: in a round each measure is taken at every size before the next one, and
//! every other round goes the other way, so that what else the machine does meets all alike.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use vestibule_policies::{SiteEngine, Vocabulary};

use super::clock::{self, Took};
use super::decisions::{self, Effort};
use super::measures::{Measure, OWN, RIVALS, Row};
use super::rivals::{self, Rival};
use super::subject::{FOLDERS, Subject};
use super::{loading, memory};
use crate::load;
use crate::machine::load_average;

/// The sizes of a full run, in folder blocks.
const SIZES: [usize; 4] = [10, 1_000, 10_000, 100_000];
/// And of a smoke run.
const SMALL: [usize; 2] = [10, 100];
/// Where threads are counted: a size at which nothing fits a processor's nearest cache.
const THREADS_AT: usize = 10_000;
/// From this size on a site is loaded in the first round only: the self-probe takes a minute.
pub(super) const LARGE: usize = 100_000;
/// The sizes at which the gateway itself is started; the larger one fills a disk's cache.
const GATEWAY_AT: [usize; 2] = [10, 10_000];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) rounds: u32,
    pub(super) sizes: &'static [usize],
    effort: Effort,
    /// How long a rival is asked in one turn, about.
    rival: Duration,
    /// How many changes a turn of reloads has.
    reloads: usize,
    /// Images that all candidates must agree about.
    agreed: usize,
    threads: u32,
}

impl Plan {
    pub(super) const fn full(rounds: u32) -> Self {
        Self {
            rounds,
            sizes: &SIZES,
            effort: Effort { hot: 200_000, again: 4, fresh: FOLDERS },
            rival: Duration::from_millis(100),
            reloads: 3,
            agreed: 3,
            threads: 3_000_000,
        }
    }

    pub(super) const fn smoke() -> Self {
        Self {
            rounds: 1,
            sizes: &SMALL,
            effort: Effort { hot: 1_000, again: 1, fresh: 10 },
            rival: Duration::from_millis(5),
            reloads: 1,
            agreed: 10,
            threads: 10_000,
        }
    }

    /// The largest size, and the smallest.
    pub(super) fn ends(&self) -> (usize, usize) {
        let largest = self.sizes.last().copied().unwrap_or_default();
        (largest, self.sizes.first().copied().unwrap_or_default())
    }
}

/// One size: the site, its engine, and the others with their requests.
struct Lane {
    subject: Subject,
    standing: SiteEngine,
    rivals: Vec<Asked>,
}

/// A rival, and what it is asked in a turn.
struct Asked {
    rival: Box<dyn Rival>,
    requests: usize,
    times: u32,
}

/// Measures everything.
///
/// # Errors
/// If something can't be loaded, or the candidates do not agree.
pub(super) fn measure(plan: &Plan, output: &mut impl Write) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for blocks in plan.sizes {
        let figures = memory::measure(*blocks)?;
        rows.extend(figures.into_iter().map(|(measure, value)| once(measure, *blocks, value)));
    }
    for blocks in GATEWAY_AT.into_iter().filter(|blocks| plan.sizes.contains(blocks)) {
        rows.push(once(Measure::Gateway, blocks, load::idle_gateway(blocks)?));
    }
    rows.push(once(Measure::Session, plan.ends().1, memory::measure_sessions()?));
    let vocabulary = Arc::new(Vocabulary::load()?);
    let mut lanes = Vec::new();
    for blocks in plan.sizes {
        writeln!(output, "{blocks} folder blocks: all candidates are loaded, and must agree")?;
        lanes.push(Lane::new(&vocabulary, plan, *blocks)?);
    }
    for round in 1..=plan.rounds {
        writeln!(output, "round {round} of {}", plan.rounds)?;
        self::round(plan, round, &mut lanes, &mut rows)?;
    }
    Ok(rows)
}

fn round(plan: &Plan, round: u32, lanes: &mut [Lane], rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let mut order: Vec<Measure> = OWN.into_iter().chain(RIVALS).collect();
    order.extend([Measure::Load, Measure::Reload, Measure::OneThread, Measure::TwoThreads]);
    if round.is_multiple_of(2) {
        order.reverse();
    }
    for measure in order {
        for lane in &mut *lanes {
            rows.extend(lane.rows(plan, (measure, round))?);
        }
    }
    Ok(())
}

impl Lane {
    fn new(vocabulary: &Arc<Vocabulary>, plan: &Plan, blocks: usize) -> anyhow::Result<Self> {
        let subject = Subject::new(vocabulary, blocks)?;
        let standing = decisions::standing(&subject);
        let questions = subject.agreed(plan.agreed);
        let mut asked = Vec::new();
        for mut rival in rivals::all(&subject)? {
            let started = Instant::now();
            rivals::agree(rival.as_mut(), &standing, &questions)?;
            let each = started.elapsed().as_secs_f64() / f64::from(count(questions.len())?);
            // between four and a thousand decisions, as many as the time is enough for
            let times =
                (4..1_000).find(|times| f64::from(*times) * each > plan.rival.as_secs_f64());
            let times = times.unwrap_or(1_000);
            let requests = subject.asked(usize::try_from(times).context("too many")?);
            rival.prepare(&requests)?;
            asked.push(Asked { rival, requests: requests.len(), times });
        }
        Ok(Self { subject, standing, rivals: asked })
    }

    fn rows(&mut self, plan: &Plan, (measure, round): (Measure, u32)) -> anyhow::Result<Vec<Row>> {
        let blocks = self.subject.blocks;
        let row = |measure: Measure, value: f64, processor: Option<f64>, count: u32| Row {
            measure,
            blocks,
            round,
            value,
            processor,
            count,
            load_average: load_average(),
        };
        let decisions = |measure, count: u32, took: Took| {
            row(measure, took.wall_each(count), Some(took.processor_each(count)), count)
        };
        let milliseconds = |measure, took: Took, count: u32| {
            let (wall, processor) = (took.wall_each(count), took.processor_each(count));
            row(measure, wall / 1e6, Some(processor / 1e6), count)
        };
        Ok(match measure {
            _ if OWN.contains(&measure) => {
                let (count, took) =
                    decisions::turn(&self.subject, &self.standing, measure, plan.effort)?;
                vec![decisions(measure, count, took)]
            }
            _ if RIVALS.contains(&measure) => {
                let asked = self.rivals.iter_mut().find(|asked| asked.rival.measure() == measure);
                let Some(asked) = asked else { return Ok(Vec::new()) };
                vec![decisions(measure, asked.times, asked.turn()?)]
            }
            Measure::Load => {
                if blocks >= LARGE && round > 1 {
                    return Ok(Vec::new());
                }
                let phases = loading::load(&self.subject)?.into_iter();
                phases.map(|(phase, took)| milliseconds(phase, took, 1)).collect()
            }
            Measure::Reload => {
                let took = loading::reload(&self.subject, &self.standing, plan.reloads)?;
                vec![milliseconds(measure, took, count(plan.reloads)?)]
            }
            Measure::OneThread | Measure::TwoThreads => {
                if blocks != THREADS_AT.min(plan.ends().0) {
                    return Ok(Vec::new());
                }
                let threads = if measure == Measure::OneThread { 1 } else { 2 };
                let each = (threads, plan.threads);
                let rate = decisions::threads(&self.subject, &self.standing, each)?;
                vec![row(measure, rate, None, plan.threads)]
            }
            _ => Vec::new(),
        })
    }
}

impl Asked {
    fn turn(&mut self) -> anyhow::Result<Took> {
        let (times, requests) = (usize::try_from(self.times)?, self.requests);
        // the first after the others find cold processor caches
        self.rival.decide(0)?;
        let (allowed, took) = clock::time(|| -> anyhow::Result<usize> {
            let mut allowed = 0;
            for at in 0..times {
                allowed += usize::from(self.rival.decide(at % requests)?);
            }
            Ok(allowed)
        });
        anyhow::ensure!(allowed? == times, "{} has changed its mind", self.rival.measure().name());
        Ok(took)
    }
}

/// A figure that is taken once a run.
fn once(measure: Measure, blocks: usize, value: f64) -> Row {
    Row {
        measure,
        blocks,
        round: 1,
        value,
        processor: None,
        count: 1,
        load_average: load_average(),
    }
}

fn count(count: usize) -> anyhow::Result<u32> {
    u32::try_from(count).context("too many")
}
