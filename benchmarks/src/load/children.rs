//! The processes of a run: started, waited for, accounted, and ended whatever happens.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};

use crate::machine::mebibytes;

/// How long a process may take until it listens: the gateway reads every folder first.
const START: Duration = Duration::from_secs(120);
/// The unit of processor time in `/proc` on every Linux that is met.
const TICKS_PER_SECOND: u64 = 100;

/// A process of this run. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a process; what it says goes to a file in `work`.
    pub(super) fn start(
        name: &'static str,
        command: &mut Command,
        work: &Path,
    ) -> anyhow::Result<Self> {
        let log = work.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("`{}`", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("a log file")?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("can't start {name}: {}", command.get_program().display()))?;
        Ok(Self { name, child, log })
    }

    /// Waits until a port of the process takes connections.
    pub(super) fn wait_for(&mut self, port: u16) -> anyhow::Result<()> {
        let started = Instant::now();
        while TcpStream::connect(local(port)).is_err() {
            if let Some(status) = self.child.try_wait().context("a process")? {
                bail!("{} has ended ({status}):\n{}", self.name, self.said());
            }
            if started.elapsed() > START {
                bail!("{} does not listen on port {port}:\n{}", self.name, self.said());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The processor time that the process has used, all threads, in the kernel and outside.
    pub(super) fn processor_time(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(&path).with_context(|| format!("{} is gone", self.name))?;
        let ticks = ticks(&stat).with_context(|| format!("`{path}` can't be read"))?;
        Ok(Duration::from_millis(ticks * (1000 / TICKS_PER_SECOND)))
    }

    /// The memory that the process has now, in MiB.
    pub(super) fn resident(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("{} is gone", self.name))?;
        let found = mebibytes(&status, "VmRSS:");
        found.with_context(|| format!("`{path}` can't be read"))
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // one that has ended already is what is wanted
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end and returns what it printed.
pub(super) fn finish(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("can't start `{program}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(anyhow!("`{program}` failed ({}): {said}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Ports that nobody listens on. They are let go before they are used, so that somebody else
/// could take one; then whoever should have had it does not start, and says so.
pub(super) fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(local(0)).context("there is no free port")?;
        *port = listener.local_addr().context("a port")?.port();
        // held until all are found, so that none is given twice
        held.push(listener);
    }
    Ok(ports)
}

/// A port of this machine.
pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// User and system time of a line of `/proc/PID/stat`. The second field, in brackets, may hold
/// blanks and brackets itself.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a ) (b) S 1 7 7 0 -1 4194304 100 0 0 0 31 11 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn ports_differ() {
        let ports: [u16; 8] = free_ports().unwrap();
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), 8);
    }
}
