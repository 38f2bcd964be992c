//! What is held against what: one line each, and the processes that take part.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::children::{Running, free_ports, local};
use super::{gateway, nginx, wrk};
use crate::sites::Site;

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// The load tool straight at the upstream.
    Direct,
    /// pingora alone.
    Bare,
    /// nginx alone.
    Nginx,
    /// nginx with a subrequest to an authoriser that allows everything.
    AuthRequest,
    /// The gateway, signed in.
    Vestibule,
}

impl Target {
    /// All, in the order in which they are reported.
    pub(super) const ALL: [Self; 5] =
        [Self::Direct, Self::Bare, Self::Nginx, Self::AuthRequest, Self::Vestibule];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Bare => "bare",
            Self::Nginx => "nginx",
            Self::AuthRequest => "nginx + auth_request",
            Self::Vestibule => "vestibule",
        }
    }
}

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Targets {
    upstream: Running,
    bare: Running,
    nginx: Running,
    auth_request: Running,
    authoriser: Running,
    vestibule: Running,
    ports: Ports,
    site: Site,
    cookie: String,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    upstream: u16,
    bare: u16,
    nginx: u16,
    auth_request: u16,
    vestibule: u16,
}

impl Targets {
    /// Starts everything, and signs in.
    pub(super) fn start(work: &Path, blocks: usize) -> anyhow::Result<Self> {
        let [upstream, bare, nginx, auth_request, authoriser, vestibule] = free_ports()?;
        let ports = Ports { upstream, bare, nginx, auth_request, vestibule };
        let site = Site::with_blocks(blocks)?;
        let run = |name, role, port| nginx::start(name, role, port, work);
        let running_upstream = run("upstream", nginx::Role::Upstream, upstream)?;
        let mut command = Command::new(gateway::beside("vestibule-bare")?);
        command.arg("--listen").arg(local(bare).to_string());
        command.arg("--upstream").arg(local(upstream).to_string());
        let mut running_bare = Running::start("bare", &mut command, work)?;
        running_bare.wait_for(bare)?;
        let program = gateway::beside("vestibule")?;
        let asking = nginx::Role::AuthRequest { upstream, authoriser };
        Ok(Self {
            upstream: running_upstream,
            bare: running_bare,
            nginx: run("nginx", nginx::Role::Proxy { upstream }, nginx)?,
            authoriser: run("authoriser", nginx::Role::Authoriser, authoriser)?,
            auth_request: run("auth_request", asking, auth_request)?,
            vestibule: gateway::start(
                &program,
                gateway::Threads::One,
                &site,
                (vestibule, upstream),
                work,
            )?,
            cookie: gateway::sign_in(vestibule)?,
            ports,
            site,
        })
    }

    pub(super) fn port(&self, target: Target) -> u16 {
        match target {
            Target::Direct => self.ports.upstream,
            Target::Bare => self.ports.bare,
            Target::Nginx => self.ports.nginx,
            Target::AuthRequest => self.ports.auth_request,
            Target::Vestibule => self.ports.vestibule,
        }
    }

    /// The session's cookie. Every target is sent it, so that all requests are alike.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The site behind the gateway.
    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// The processor time of all processes that a target needs, the upstream's left out unless it
    /// is the target.
    pub(super) fn processor_time(&self, target: Target) -> anyhow::Result<Duration> {
        let processes: &[&Running] = match target {
            Target::Direct => &[&self.upstream],
            Target::Bare => &[&self.bare],
            Target::Nginx => &[&self.nginx],
            Target::AuthRequest => &[&self.auth_request, &self.authoriser],
            Target::Vestibule => &[&self.vestibule],
        };
        processes.iter().map(|process| process.processor_time()).sum()
    }

    /// The versions of what is not ours.
    pub(super) fn versions(&self) -> String {
        format!("{}, {}", nginx::version(), wrk::version())
    }
}
