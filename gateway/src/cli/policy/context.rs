//! What a request says beside who asks for what: arguments that the auditors' verbs have in common.

use std::net::IpAddr;
use std::time::SystemTime;

use anyhow::anyhow;
use clap::Args;
use serde_json::Value;
use vestibule_policies::audit::context::{self, HandWritten, Moment};
use vestibule_policies::{RequestContext, SiteEngine};
use vestibule_schema::Action;

use crate::cli::{BadInput, Output};

const HEADING: &str = "Context, as hand-written policies read it";

/// The context of the request, which a site's hand-written policies may read.
#[derive(Debug, Args)]
pub(super) struct ContextArgs {
    /// The client's address
    #[arg(long, help_heading = HEADING, value_name = "ADDR")]
    ip: Option<IpAddr>,
    /// The moment, such as 2026-12-31T23:59:00+01:00; in the site's time zone, if it names none;
    /// else now
    #[arg(long, help_heading = HEADING, value_name = "TIME")]
    at: Option<Moment>,
    /// A second factor was shown
    #[arg(long, help_heading = HEADING)]
    mfa: bool,
    /// The method, instead of GET
    #[arg(long, help_heading = HEADING, value_name = "METHOD", value_parser = method)]
    method: Option<String>,
}

/// A method as requests write it.
fn method(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_word { Ok(text.to_ascii_uppercase()) } else { Err("no method such as `GET`".to_owned()) }
}

impl ContextArgs {
    /// The context of a request to this site.
    pub(super) fn of(&self, engine: &SiteEngine) -> anyhow::Result<RequestContext<'_>> {
        let zone = &engine.model().zone;
        let now = match self.at {
            None => SystemTime::now().try_into()?,
            Some(moment) => moment
                .timestamp(zone)
                .map_err(|error| anyhow!(BadInput(format!("`--at`: {error}"))))?,
        };
        let method = self.method.as_deref().unwrap_or("GET");
        Ok(RequestContext { ip: self.ip, now, mfa: self.mfa, method })
    }

    /// What hand-written policies read and the question left out, one line for each policy. Those
    /// that can't apply to the actions are left out.
    pub(super) fn unsaid(&self, engine: &SiteEngine, actions: &[Action]) -> Vec<String> {
        let policies = context::hand_written(engine).into_iter();
        let applies = |policy: &HandWritten| actions.iter().any(|one| policy.actions.allows(*one));
        policies.filter(applies).filter_map(|policy| self.unsaid_of(&policy)).collect()
    }

    fn unsaid_of(&self, policy: &HandWritten) -> Option<String> {
        let flag = |name: &str| match name {
            "ip" if self.ip.is_none() => Some("--ip"),
            "now" | "weekday" | "time_of_day" if self.at.is_none() => Some("--at"),
            "mfa" if !self.mfa => Some("--mfa"),
            "method" if self.method.is_none() => Some("--method"),
            _ => None,
        };
        let unsaid = policy.reads.iter().filter_map(|name| Some((*name, flag(name)?)));
        let (names, mut flags): (Vec<_>, Vec<_>) = unsaid.unzip();
        flags.dedup();
        if names.is_empty() {
            return None;
        }
        let names: Vec<_> = names.iter().map(|name| format!("context.{name}")).collect();
        let policy = &policy.reference;
        Some(format!("policy {policy} reads {}: say {}", names.join(", "), flags.join(", ")))
    }

    /// Says on standard error what the question left out.
    pub(super) fn note(&self, engine: &SiteEngine, actions: &[Action], output: &mut Output) {
        self.unsaid(engine, actions).into_iter().for_each(|line| output.note(line));
    }
}

/// The context for programs; nothing where the site has no hand-written policy.
pub(super) fn context_json(engine: &SiteEngine, context: &RequestContext<'_>) -> Value {
    if engine.model().custom.is_empty() {
        return Value::Null;
    }
    Value::Object(context::values(engine, context))
}
