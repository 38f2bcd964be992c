//! `wrk`: the load for throughput.

use std::process::Command;

use anyhow::{Context as _, bail};

use super::children::{finish, local};

/// How many connections are kept busy.
pub(super) const CONNECTIONS: u32 = 16;

/// What one run came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    pub(super) requests: u64,
    pub(super) per_second: f64,
}

/// Loads a port for some seconds with one thread.
pub(super) fn load(port: u16, path: &str, cookie: &str, seconds: u32) -> anyhow::Result<Load> {
    let url = format!("http://{}{path}", local(port));
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s")]);
    command.args(["-H", &format!("Cookie: {cookie}"), &url]);
    let said = finish(&mut command).context("wrk is needed: `apt-get install wrk`")?;
    read(&said)
}

/// What wrk calls itself.
pub(super) fn version() -> String {
    let output = Command::new("wrk").arg("-v").output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.unwrap_or_default();
    said.split(" Copyright").next().unwrap_or_default().trim().to_owned()
}

/// Reads what wrk printed. Refusals and broken connections make a run worth nothing.
fn read(said: &str) -> anyhow::Result<Load> {
    for line in said.lines().map(str::trim) {
        if line.starts_with("Non-2xx") || line.starts_with("Socket errors") {
            bail!("not every request was answered as it should be: {line}");
        }
    }
    let requests = said.lines().find_map(|line| line.trim().split_once(" requests in "));
    let per_second = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    let (Some((requests, _)), Some(per_second)) = (requests, per_second) else {
        bail!("wrk printed what can't be read:\n{said}");
    };
    Ok(Load {
        requests: requests.parse().context("the number of requests")?,
        per_second: per_second.trim().parse().context("requests per second")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Running 4s test @ http://127.0.0.1:1/\n  1 threads and 16 connections\n  \
        Thread Stats   Avg      Stdev     Max   +/- Stdev\n  \
        164000 requests in 4.00s, 190.00MB read\nRequests/sec:  41000.50\nTransfer/sec: 47MB\n";

    #[test]
    fn reads_what_wrk_prints() {
        let load = read(GOOD).unwrap();
        assert_eq!(load, Load { requests: 164_000, per_second: 41_000.5 });
    }

    #[test]
    fn refusals_are_an_error() {
        for bad in ["  Non-2xx or 3xx responses: 7", "  Socket errors: connect 0, read 9, w 0"] {
            assert!(read(&format!("{GOOD}{bad}\n")).is_err(), "{bad}");
        }
        assert!(read("").is_err());
    }
}
