//! P14: what a storm of sign-ins does to those who are signed in.
//!
//! Pictures are asked for at a constant rate, each at its moment whether the one before has come or
//! not: a request that had to wait is timed from when it should have gone. Rounds without a storm
//! and with one take turns.
//!
//! Those who sign in would do so from other machines. Here their threads get what others leave, so
//! that what is measured is the gateway's work for them, and not their own.

mod figures;
mod report;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use argon2::Argon2;
use clap::Parser;
use vestibule_identity::HashCost;

use super::children::Running;
use super::client::Client;
use super::gateway::Threads;
use super::{children, gateway, nginx};
use crate::sites::Site;
use figures::Round;

/// Connections that ask for pictures.
const READERS: u32 = 4;
/// Those who sign in, again and again.
const STORMING: u32 = 256;
/// How long those who are turned away wait at least, and how much longer than the one before each
/// waits: not as long as they are told to, 200 ms on average, and not all at one moment.
const IMPATIENCE: (Duration, Duration) = (Duration::from_millis(150), Duration::from_micros(391));
/// Folder blocks of the site.
const BLOCKS: usize = 100;

/// Measures signed-in traffic in a storm of sign-ins, against the same without one
///
/// Whatever the figures are, the exit code is 0: a timing neither passes nor fails. An answer that
/// is no picture, or a sign-in that is turned away without a word when to come back, is an error.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// One short round: shows that it runs, measures nothing worth keeping
    #[arg(long)]
    pub smoke: bool,
    /// How many rounds, each without a storm and with one
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// How long either takes, in seconds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// Pictures a second
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(4..=20_000))]
    pub rate: u32,
    /// The `vestibule` of another build, measured in the same rounds: what a change did
    #[arg(long, value_name = "PROGRAM")]
    pub against: Option<PathBuf>,
    /// Where the report is kept
    #[arg(long, default_value = "benchmarks/results")]
    pub out: PathBuf,
}

/// What became of the sign-ins of a storm.
#[derive(Debug, Default)]
struct Tally {
    accepted: AtomicU64,
    turned_away: AtomicU64,
}

impl Tally {
    /// Waits until somebody finds the queue full: from then on it is a storm.
    fn wait_until_full<T>(&self, storming: &[ScopedJoinHandle<'_, T>]) -> anyhow::Result<()> {
        let before = self.turned_away.load(Ordering::Relaxed);
        while self.turned_away.load(Ordering::Relaxed) == before {
            if storming.iter().any(ScopedJoinHandle::is_finished) {
                bail!("somebody who signs in gave up");
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// What goes on while pictures are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// Nothing else.
    Calm,
    /// As many passwords are hashed as in a storm, but not by the gateway.
    Beside,
    /// Many sign in.
    Storm,
}

impl Weather {
    const ALL: [Self; 3] = [Self::Calm, Self::Beside, Self::Storm];
}

/// A gateway that is measured.
struct Candidate {
    name: String,
    plan: Plan,
    rounds: Vec<Round>,
    tally: Tally,
    _running: Running,
}

impl Candidate {
    fn start(
        (name, program): (String, &Path),
        (site, upstream): (&Site, u16),
        (rate, seconds): (u32, u32),
        work: &Path,
    ) -> anyhow::Result<Self> {
        let [port] = children::free_ports()?;
        let work = work.join(&name);
        std::fs::create_dir(&work).with_context(|| format!("`{}`", work.display()))?;
        let running = gateway::start(program, Threads::AsShipped, site, (port, upstream), &work)?;
        let folder = site.folders.first().context("the site has no folder")?;
        let path = format!("/image{}a.jpg?size=gallery", folder.encoded());
        let cookie = gateway::sign_in(port)?;
        let plan = Plan { port, rate, time: Duration::from_secs(seconds.into()), path, cookie };
        let (rounds, tally) = (Vec::new(), Tally::default());
        Ok(Self { name, plan, rounds, tally, _running: running })
    }

    /// Measures once, as part of a round.
    fn measure(&mut self, number: u32, weather: Weather) -> anyhow::Result<()> {
        let took = match weather {
            Weather::Calm => self.plan.read(),
            Weather::Beside => self.plan.read_beside_hashing(),
            Weather::Storm => self.plan.read_in_storm(&self.tally),
        }?;
        self.rounds.resize_with(number as usize, Round::default);
        let round = self.rounds.last_mut().context("no round has begun")?;
        round.keep(weather, took);
        Ok(())
    }
}

/// Runs it all; the report goes to `output`, and into a folder.
///
/// # Errors
/// If something can't be started or does not answer as it should.
pub fn run(arguments: &Arguments, output: &mut impl Write) -> anyhow::Result<()> {
    let work = tempfile::tempdir().context("can't make a temporary folder")?;
    let [upstream] = children::free_ports()?;
    let site = Site::with_blocks(BLOCKS)?;
    let _upstream = nginx::start("upstream", nginx::Role::Upstream, upstream, work.path())?;
    let (rounds, seconds) =
        if arguments.smoke { (1, 1) } else { (arguments.rounds, arguments.seconds) };
    let own = gateway::beside("vestibule")?;
    let programs = [("this build".to_owned(), own.as_path())].into_iter().chain(
        arguments.against.iter().map(|program| ("the other build".to_owned(), program.as_path())),
    );
    let pace = (arguments.rate, seconds);
    let start = |program| Candidate::start(program, (&site, upstream), pace, work.path());
    let mut candidates = programs.map(start).collect::<anyhow::Result<Vec<_>>>()?;
    for number in 1..=rounds {
        for (at, weather) in order(number, candidates.len()) {
            let candidate = candidates.get_mut(at).context("a candidate")?;
            candidate.measure(number, weather)?;
        }
        writeln!(output, "round {number} of {rounds}")?;
    }
    let text = report::text(&candidates)?;
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("can't make `{}`", arguments.out.display()))?;
    let kind = if arguments.smoke { "storm-smoke" } else { "storm" };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let kept = arguments.out.join(format!("{kind}-{}.txt", now.as_secs()));
    std::fs::write(&kept, &text).with_context(|| format!("`{}`", kept.display()))?;
    writeln!(output, "\n{text}\nkept: {}", kept.display())?;
    Ok(())
}

/// Who is measured when in a round: every other round goes the other way, so that nobody is always
/// the first.
fn order(number: u32, candidates: usize) -> Vec<(usize, Weather)> {
    let each = (0..candidates).flat_map(|at| Weather::ALL.map(|weather| (at, weather)));
    if number % 2 == 1 { each.collect() } else { each.rev().collect() }
}

/// What is asked of whom.
#[derive(Debug, Clone)]
struct Plan {
    port: u16,
    rate: u32,
    time: Duration,
    path: String,
    cookie: String,
}

impl Plan {
    /// Reads at the constant rate, and says how long each answer took.
    fn read(&self) -> anyhow::Result<Vec<f64>> {
        let every = Duration::from_secs(1) * READERS / self.rate;
        let begin = Instant::now() + Duration::from_millis(50);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..READERS)
                .map(|number| {
                    let first = begin + every * number / READERS;
                    scope.spawn(move || self.read_one(first, every))
                })
                .collect();
            let joined = readers.into_iter().map(|reader| {
                reader.join().map_err(|_| anyhow!("a reader panicked")).and_then(|took| took)
            });
            joined.collect::<anyhow::Result<Vec<_>>>().map(|all| all.concat())
        })
    }

    fn read_one(&self, first: Instant, every: Duration) -> anyhow::Result<Vec<f64>> {
        let mut client = Client::connect(self.port)?;
        let request = client.get_request(&self.path, &self.cookie);
        let (mut due, end) = (first, first + self.time);
        let mut took = Vec::new();
        while due < end {
            while let Some(left) = due.checked_duration_since(Instant::now()) {
                std::thread::park_timeout(left);
            }
            client.time(&request)?;
            took.push(due.elapsed().as_secs_f64() * 1e6);
            due += every;
        }
        Ok(took)
    }

    /// The same while as many passwords are hashed as in a storm, but not by the gateway.
    fn read_beside_hashing(&self) -> anyhow::Result<Vec<f64>> {
        let is_over = AtomicBool::new(false);
        let lanes = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
        std::thread::scope(|scope| {
            let hashing: Vec<_> =
                (0..lanes).map(|_| scope.spawn(|| hash_until(&is_over))).collect();
            let read = self.read();
            is_over.store(true, Ordering::Relaxed);
            for one in hashing {
                one.join().map_err(|_| anyhow!("who hashes panicked"))??;
            }
            read
        })
    }

    /// The same while many sign in.
    fn read_in_storm(&self, tally: &Tally) -> anyhow::Result<Vec<f64>> {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let storming: Vec<_> = (0..STORMING)
                .map(|number| {
                    let (is_over, patience) = (&is_over, IMPATIENCE.0 + IMPATIENCE.1 * number);
                    scope.spawn(move || {
                        give_way();
                        self.sign_in_until(is_over, number, (patience, tally))
                    })
                })
                .collect();
            let read = tally.wait_until_full(&storming).and_then(|()| self.read());
            is_over.store(true, Ordering::Relaxed);
            for one in storming {
                one.join().map_err(|_| anyhow!("somebody who signs in panicked"))??;
            }
            read
        })
    }

    /// Signs in with the right password, again and again: each is hashed. Somebody at an address of
    /// their own, so that no limit of one account or address holds them back.
    fn sign_in_until(
        &self,
        is_over: &AtomicBool,
        number: u32,
        (patience, tally): (Duration, &Tally),
    ) -> anyhow::Result<()> {
        let mut client = Client::connect(self.port)?;
        client.forward_for(number + 1);
        let form = gateway::Form::fetch(&mut client, &gateway::other(number))?;
        while !is_over.load(Ordering::Relaxed) {
            let answer = form.send(&mut client)?;
            match answer.status {
                303 => tally.accepted.fetch_add(1, Ordering::Relaxed),
                503 if answer.has_retry_after => {
                    std::thread::park_timeout(patience);
                    tally.turned_away.fetch_add(1, Ordering::Relaxed)
                }
                other => bail!("a sign-in was answered {other}"),
            };
        }
        Ok(())
    }
}

/// Lets every other thread go first (`SCHED_IDLE`), where the system knows that.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id,
        };
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    }
}

/// Hashes at the gateway's cost, in memory that stays, on a thread that gives way.
fn hash_until(is_over: &AtomicBool) -> anyhow::Result<()> {
    give_way();
    let HashCost { memory_kib, passes, lanes } = HashCost::default();
    let params = argon2::Params::new(memory_kib, passes, lanes, None);
    let params = params.map_err(|error| anyhow!("argon2: {error}"))?;
    let mut memory = vec![argon2::Block::new(); params.block_count()];
    let argon = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut output = [0u8; 32];
    while !is_over.load(Ordering::Relaxed) {
        argon
            .hash_password_into_with_memory(b"nobody's", &[7; 16], &mut output, &mut memory)
            .map_err(|error| anyhow!("argon2: {error}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_round_goes_the_other_way() {
        let mut there = order(1, 2);
        assert_eq!(there.first(), Some(&(0, Weather::Calm)));
        assert_eq!(there.len(), 6);
        there.reverse();
        assert_eq!(order(2, 2), there);
    }
}
