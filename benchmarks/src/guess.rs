//! S12: whether the time of a refused sign-in tells if a name exists.
//!
//! In the process, without a network: what a guesser could see of it is less. Each attempt comes
//! from an address of its own, names take turns, and no name is tried more often than the limits
//! allow, so that every attempt is judged.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use clap::Parser;
use vestibule_identity::{Attempt, Identity, RequestOrigin, Secret, Settings, SignInError};
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{AccountState, NewAccount, Store};

use crate::machine;

/// How often a name may be wrong before it is held.
const EACH: u32 = 5;
/// Protects nothing: the accounts live as long as the run.
const PASSWORD: &str = "benchmark-run-without-secrets";

/// Measures how long a refused sign-in takes, for names that exist and names that don't
///
/// Whatever the figures are, the exit code is 0: a timing neither passes nor fails. A sign-in that
/// is answered otherwise than by the one refusal is an error.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// How often each kind of name is tried
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub trials: u32,
    /// Where the report is kept
    #[arg(long, default_value = "benchmarks/results")]
    pub out: PathBuf,
}

/// A kind of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Known,
    Disabled,
    WithoutPassword,
    Unknown,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Known, "an account, a wrong password"),
    (Kind::Disabled, "a disabled account"),
    (Kind::WithoutPassword, "an account without a password"),
    (Kind::Unknown, "nobody's name"),
];

/// Runs it all; the report goes to `output`, and into a folder.
///
/// # Errors
/// If a sign-in is answered otherwise than by the one refusal.
pub fn run(arguments: &Arguments, output: &mut impl Write) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let took = runtime.block_on(measure(arguments.trials))?;
    let mut text = format!(
        "A refused sign-in (S12): {}\n{} trials of each, in turn; milliseconds\n\n{:<34}{:>9}{:>9}{:>9}{:>9}\n",
        machine::machine(),
        arguments.trials,
        "",
        "p5",
        "p50",
        "p95",
        "most"
    );
    for ((_, name), mut times) in KINDS.into_iter().zip(took) {
        times.sort_by(f64::total_cmp);
        let at = |hundredths: usize| {
            let index = (times.len() * hundredths / 100).min(times.len().saturating_sub(1));
            times.get(index).copied().context("nothing was tried")
        };
        let [p5, p50, p95, most] = [at(5)?, at(50)?, at(95)?, at(100)?];
        text += &format!("{name:<34}{p5:>9.2}{p50:>9.2}{p95:>9.2}{most:>9.2}\n");
    }
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("can't make `{}`", arguments.out.display()))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let kept = arguments.out.join(format!("guess-{}.txt", now.as_secs()));
    std::fs::write(&kept, &text).with_context(|| format!("`{}`", kept.display()))?;
    writeln!(output, "{text}\nkept: {}", kept.display())?;
    Ok(())
}

/// The times of each kind, in milliseconds.
async fn measure(trials: u32) -> anyhow::Result<Vec<Vec<f64>>> {
    let identity = Identity::open(Store::open_in_memory().await?, Settings::default()).await?;
    let people = trials.div_ceil(EACH);
    for (kind, _) in KINDS {
        for number in 0..people {
            add(&identity, kind, number).await?;
        }
    }
    let mut took = vec![Vec::new(); KINDS.len()];
    let mut address = u32::from(Ipv4Addr::new(10, 0, 0, 0));
    for trial in 0..trials {
        for ((kind, _), times) in KINDS.into_iter().zip(&mut took) {
            address += 1;
            let client = IpAddr::V4(Ipv4Addr::from(address));
            let origin = RequestOrigin::new(true, "photos.example.com", client);
            let (name, password) = (name(kind, trial % people), Secret::from("not-the-password"));
            let attempt = Attempt { name: &name, password: &password, user_agent: "" };
            let began = Instant::now();
            let answer = identity.sign_in(&origin, &attempt).await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            match answer {
                Err(SignInError::Refused) => {}
                other => bail!("`{name}` is answered otherwise: {other:?}"),
            }
        }
    }
    Ok(took)
}

fn name(kind: Kind, number: u32) -> String {
    format!("{kind:?}{number}").to_lowercase()
}

async fn add(identity: &Identity, kind: Kind, number: u32) -> anyhow::Result<()> {
    if kind == Kind::Unknown {
        return Ok(());
    }
    let user = UserName::parse(&name(kind, number)).map_err(|error| anyhow!("{error}"))?;
    let account = NewAccount::new(user.clone(), AccountRole::default());
    let password = Secret::from(PASSWORD);
    let password = (kind != Kind::WithoutPassword).then_some(&password);
    identity.add_user(account, password).await?;
    if kind == Kind::Disabled {
        identity.set_state(&user, AccountState::Disabled).await?;
    }
    Ok(())
}
