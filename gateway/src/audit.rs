//! The audit log of this process: where it is, and what of a request goes into it.

use std::fs;
use std::time::SystemTime;

use anyhow::Context as _;
use async_trait::async_trait;
use vestibule_policies::Principal;
use vestibule_proxy::{AuditSink, Noted};
use vestibule_store::audit::{Actor, AuditedPolicy, DeniedRequest, Entry, Event, RefusedRequest};
use vestibule_store::{AuditLog, AuditSettings};

use crate::config::AuditConfig;
use crate::state;

/// Opens the audit log that a configuration names.
///
/// # Errors
/// If it can't be written, or is another user's, with its place and mend.
pub(crate) fn open(config: &AuditConfig) -> anyhow::Result<AuditLog> {
    state::as_owner(&config.file)?;
    if let Some(folder) = config.file.parent()
        && !config.file.exists()
        && rustix::process::geteuid().is_root()
    {
        // a file that root begins is one that nobody else can write
        state::as_owner(folder)?;
    }
    let settings = AuditSettings {
        file: config.file.clone(),
        max_size: config.max_size,
        keep: config.keep,
        node: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        process: std::process::id(),
    };
    AuditLog::open(settings, SystemTime::now).context(
        "nothing happens that can't be written down; mend it, or name another file in `[audit]`",
    )
}

/// Whoever runs this program: for verbs of the command line.
pub(crate) fn operator() -> Actor {
    let uid = rustix::process::getuid().as_raw();
    Actor::Operator { uid, name: name_of(uid) }
}

/// The name that the system has for a user, if that stands in its own file.
pub(crate) fn name_of(uid: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let mut users = users.lines().map(|line| line.split(':'));
    users.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Writes down something that the gateway itself did. It has happened, so nobody is told if that
/// fails but the log of errors; and a request may wait for it, so nothing is waited for.
pub(crate) fn of_gateway(log: &AuditLog, event: Event) {
    log.note_now(Entry::new(Actor::Gateway, event));
}

/// The proxy's side of the audit log.
#[derive(Debug)]
pub(crate) struct Sink(pub(crate) AuditLog);

#[async_trait]
impl AuditSink for Sink {
    async fn note(&self, noted: Noted<'_>) {
        let actor = match noted.principal.map(Principal::as_user) {
            Some(Some(user)) => Actor::User(user.name.clone()),
            Some(None) => Actor::Visitor,
            None => Actor::Unknown,
        };
        let entry = Entry::new(actor, event(&noted))
            .from_client(noted.client)
            .in_request(Some(noted.id.to_string()))
            .on_site(noted.site.cloned());
        self.0.note(entry).await;
    }
}

fn event(noted: &Noted<'_>) -> Event {
    let path = noted.path.map(ToString::to_string);
    let (method, status) = (noted.method, noted.status);
    let Some(denial) = noted.denial else {
        let reason = noted.reason;
        return Event::Refused(Box::new(RefusedRequest { method, path, reason, status }));
    };
    let policies = denial.policies().iter().map(|policy| AuditedPolicy {
        id: policy.id.to_string(),
        source: policy.source.to_string(),
    });
    Event::Denied(Box::new(DeniedRequest {
        method,
        action: noted.action().unwrap_or_default().to_owned(),
        path,
        policies: policies.collect(),
        generation: denial.generation(),
        refusal: Some(noted.reason),
        status,
    }))
}
