//! P14: what a storm of sign-ins does to those who are signed in.
//!
//! Pictures are asked for at a constant rate, each at its moment whether the one before has come or
//! not: a request that had to wait is timed from when it should have gone. Rounds without a storm
//! and with one take turns.
//!
//! Those who sign in would do so from other machines. Here their threads get what others leave, so
//! that what is measured is the gateway's work for them, and not their own.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use argon2::Argon2;
use clap::Parser;
use vestibule_identity::HashCost;

use super::client::Client;
use super::gateway::Threads;
use super::{children, gateway, nginx};
use crate::machine;
use crate::sites::Site;
use crate::statistics::Spread;

/// Connections that ask for pictures.
const READERS: u32 = 4;
/// Those who sign in, again and again.
const STORMING: u32 = 64;
/// How long those who are turned away wait at least, and how much longer than the one before each
/// waits: not as long as they are told to, 200 ms on average, and not all at one moment.
const IMPATIENCE: (Duration, Duration) = (Duration::from_millis(150), Duration::from_micros(1_563));
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
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// How long either takes, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// Pictures a second
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(4..=20_000))]
    pub rate: u32,
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

/// One round: the 50th and the 99th of a hundred answers, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Round {
    calm: [f64; 2],
    beside: [f64; 2],
    storm: [f64; 2],
}

/// Runs it all; the report goes to `output`, and into a folder.
///
/// # Errors
/// If something can't be started or does not answer as it should.
pub fn run(arguments: &Arguments, output: &mut impl Write) -> anyhow::Result<()> {
    let work = tempfile::tempdir().context("can't make a temporary folder")?;
    let [port, upstream] = children::free_ports()?;
    let site = Site::with_blocks(BLOCKS)?;
    let _upstream = nginx::start("upstream", nginx::Role::Upstream, upstream, work.path())?;
    let _gateway = gateway::start(Threads::AsShipped, &site, (port, upstream), work.path())?;
    let folder = site.folders.first().context("the site has no folder")?;
    let path = format!("/image{}a.jpg?size=gallery", folder.encoded());
    let cookie = gateway::sign_in(port)?;
    let (rounds, seconds) =
        if arguments.smoke { (1, 1) } else { (arguments.rounds, arguments.seconds) };
    let plan = Plan { port, rate: arguments.rate, time: Duration::from_secs(seconds.into()) };
    let (mut measured, tally) = (Vec::new(), Tally::default());
    for number in 1..=rounds {
        let calm = plan.read(&path, &cookie)?;
        let beside = plan.read_beside_hashing(&path, &cookie)?;
        let storm = plan.read_in_storm(&path, &cookie, &tally)?;
        writeln!(
            output,
            "round {number} of {rounds}: p99 {:.0} µs, beside hashing {:.0} µs, in the storm {:.0} µs",
            calm[1], beside[1], storm[1]
        )?;
        measured.push(Round { calm, beside, storm });
    }
    let text = text(&plan, &measured, &tally)?;
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("can't make `{}`", arguments.out.display()))?;
    let kind = if arguments.smoke { "storm-smoke" } else { "storm" };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let kept = arguments.out.join(format!("{kind}-{}.txt", now.as_secs()));
    std::fs::write(&kept, &text).with_context(|| format!("`{}`", kept.display()))?;
    writeln!(output, "\n{text}\nkept: {}", kept.display())?;
    Ok(())
}

/// What is asked of whom.
#[derive(Debug, Clone, Copy)]
struct Plan {
    port: u16,
    rate: u32,
    time: Duration,
}

impl Plan {
    /// Reads at the constant rate, and says how long answers took.
    fn read(&self, path: &str, cookie: &str) -> anyhow::Result<[f64; 2]> {
        let every = Duration::from_secs(1) * READERS / self.rate;
        let begin = Instant::now() + Duration::from_millis(50);
        let mut took: Vec<f64> = std::thread::scope(|scope| {
            let readers: Vec<_> = (0..READERS)
                .map(|number| {
                    let first = begin + every * number / READERS;
                    scope.spawn(move || self.read_one(path, cookie, (first, every)))
                })
                .collect();
            let joined = readers.into_iter().map(|reader| {
                reader.join().map_err(|_| anyhow!("a reader panicked")).and_then(|took| took)
            });
            joined.collect::<anyhow::Result<Vec<_>>>().map(|all| all.concat())
        })?;
        took.sort_by(f64::total_cmp);
        let at = |hundredths: usize| {
            let index = (took.len() * hundredths / 100).min(took.len().saturating_sub(1));
            took.get(index).copied().context("nothing was read")
        };
        Ok([at(50)?, at(99)?])
    }

    fn read_one(
        &self,
        path: &str,
        cookie: &str,
        (first, every): (Instant, Duration),
    ) -> anyhow::Result<Vec<f64>> {
        let mut client = Client::connect(self.port)?;
        let request = client.get_request(path, cookie);
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
    fn read_beside_hashing(&self, path: &str, cookie: &str) -> anyhow::Result<[f64; 2]> {
        let is_over = AtomicBool::new(false);
        let lanes = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
        std::thread::scope(|scope| {
            let hashing: Vec<_> =
                (0..lanes).map(|_| scope.spawn(|| hash_until(&is_over))).collect();
            let read = self.read(path, cookie);
            is_over.store(true, Ordering::Relaxed);
            for one in hashing {
                one.join().map_err(|_| anyhow!("who hashes panicked"))??;
            }
            read
        })
    }

    /// The same while many sign in.
    fn read_in_storm(&self, path: &str, cookie: &str, tally: &Tally) -> anyhow::Result<[f64; 2]> {
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
            let read = tally.wait_until_full(&storming).and_then(|()| self.read(path, cookie));
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

fn text(plan: &Plan, rounds: &[Round], tally: &Tally) -> anyhow::Result<String> {
    let spread = |of: fn(&Round) -> f64| Spread::of(rounds.iter().map(of)).context("no rounds");
    let line = |name: &str, of: Spread, unit: &str| {
        format!("{name:<34}{:>9.2}   {:.2} to {:.2} {unit}\n", of.median, of.least, of.most)
    };
    let mut text = format!(
        "A storm of sign-ins (P14): {}\n{} pictures a second over {READERS} connections for {} s, {} \
         rounds;\n{STORMING} sign in at once, again and again\n\n{:<34}{:>9}   spread\n",
        machine::machine(),
        plan.rate,
        plan.time.as_secs(),
        rounds.len(),
        "",
        "median"
    );
    text += &line("p50 without a storm", spread(|round| round.calm[0])?, "µs");
    text += &line("p50 beside hashing elsewhere", spread(|round| round.beside[0])?, "µs");
    text += &line("p50 in the storm", spread(|round| round.storm[0])?, "µs");
    text += &line("p99 without a storm", spread(|round| round.calm[1])?, "µs");
    text += &line("p99 beside hashing elsewhere", spread(|round| round.beside[1])?, "µs");
    text += &line("p99 in the storm", spread(|round| round.storm[1])?, "µs");
    let ratio = spread(|round| round.storm[1] / round.calm[1])?;
    text += &line("p99 against without (bar: 1.2)", ratio, "x");
    let ratio = spread(|round| round.storm[1] / round.beside[1])?;
    text += &line("p99 against beside hashing", ratio, "x");
    let (accepted, away) =
        (tally.accepted.load(Ordering::Relaxed), tally.turned_away.load(Ordering::Relaxed));
    text += &format!(
        "\n{accepted} signed in, {away} found the queue full and were told when to come back (503)\n"
    );
    Ok(text)
}
