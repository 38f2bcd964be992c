//! A record as one line of JSON, and its hash.
//!
//! Every record has the same keys in the same order; what does not apply is `null`. The hash is
//! the SHA-256 of the line without its line break and without the member `hash`:
//!
//! ```text
//! {"seq":2,"time":…,"prev":"<hash of 1>","hash":"<hash>"}
//! SHA-256 of {"seq":2,"time":…,"prev":"<hash of 1>"}
//! ```

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::actor::{Actor, Entry};
use super::event::{AuditedPolicy, Ended, Event};

/// The most characters of a text that came from outside; what is cut is marked with `…`.
pub(super) const MAX_TEXT: usize = 256;
/// The most characters of a path.
pub(super) const MAX_PATH: usize = 1024;
/// The most policies, and other texts, of a list.
pub(super) const MAX_LIST: usize = 32;

/// How the end of a line reads: the hash, which the hash does not cover.
const HASH_MEMBER: &str = ",\"hash\":\"";
/// What follows the hash.
const END: &str = "\"}";

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash([u8; 32]);

impl Hash {
    /// What the first record of all is chained to.
    pub(super) const NONE: Self = Self([0; 32]);

    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// As 64 digits.
    pub(super) fn hex(self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            // writing into a string never fails
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// What a record is chained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) hash: Hash,
}

impl Link {
    /// Before the first record.
    pub(super) const START: Self = Self { seq: 0, hash: Hash::NONE };
}

/// An entry with its moment.
#[derive(Debug, Clone)]
pub(super) struct Timed {
    pub(super) time: String,
    pub(super) entry: Entry,
}

/// Where a record is written.
#[derive(Debug, Clone)]
pub(super) struct Writer<'a> {
    pub(super) node: &'a str,
    pub(super) process: u32,
}

/// Appends a record to a text, and returns what the next one is chained to.
pub(super) fn append(text: &mut String, after: Link, timed: &Timed, writer: &Writer<'_>) -> Link {
    let seq = after.seq + 1;
    let start = text.len();
    let entry = &timed.entry;
    let facts = Facts::of(&entry.event);
    let mut object = Members::begin(text);
    object.number("seq", seq);
    object.text("time", Some(&timed.time), MAX_TEXT);
    object.text("node", Some(writer.node), MAX_TEXT);
    object.number("process", u64::from(writer.process));
    object.text("event", Some(&entry.event.kind()), MAX_TEXT);
    object.text("outcome", Some(entry.event.outcome()), MAX_TEXT);
    object.text("request_id", entry.request.as_deref(), MAX_TEXT);
    object.text("client", entry.client.map(|client| client.to_string()).as_deref(), MAX_TEXT);
    object.principal(&entry.actor);
    object.text("site", entry.site.as_ref().map(vestibule_schema::SiteId::as_str), MAX_TEXT);
    object.text("action", facts.action, MAX_TEXT);
    object.text("path", facts.path, MAX_PATH);
    object.text("decision", facts.decision, MAX_TEXT);
    object.policies(facts.policies);
    match facts.generation {
        Some(generation) => object.number("generation", generation),
        None => object.raw("generation", "null"),
    }
    object.details(&entry.event);
    object.text("prev", Some(&after.hash.hex()), MAX_TEXT);
    let hash = {
        let open = text.get(start..).unwrap_or_default();
        Hash::of(&format!("{open}}}"))
    };
    let _ = writeln!(text, "{HASH_MEMBER}{}{END}", hash.hex());
    Link { seq, hash }
}

/// The hash that a line must have, and the one it says; `None` if it has not the form of a record.
pub(super) fn hashes(line: &str) -> Option<(Hash, &str)> {
    let (open, rest) = line.rsplit_once(HASH_MEMBER)?;
    let said = rest.strip_suffix(END).filter(|said| said.len() == 64)?;
    Some((Hash::of(&format!("{open}}}")), said))
}

/// What an event has of the members that every record has.
#[derive(Default)]
struct Facts<'a> {
    action: Option<&'a str>,
    path: Option<&'a str>,
    decision: Option<&'a str>,
    policies: &'a [AuditedPolicy],
    generation: Option<u64>,
}

impl<'a> Facts<'a> {
    fn of(event: &'a Event) -> Self {
        match event {
            Event::Denied(denied) => Self {
                action: Some(&denied.action),
                path: denied.path.as_deref(),
                decision: Some("deny"),
                policies: &denied.policies,
                generation: Some(denied.generation),
            },
            Event::Refused(refused) => Self { path: refused.path.as_deref(), ..Self::default() },
            Event::PoliciesInForce { generation, .. } => {
                Self { generation: Some(*generation), ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

/// The members of an object, one after the other.
struct Members<'t> {
    text: &'t mut String,
    is_first: bool,
}

impl<'t> Members<'t> {
    fn begin(text: &'t mut String) -> Self {
        text.push('{');
        Self { text, is_first: true }
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.text.push(',');
        }
        quote(self.text, key, MAX_TEXT);
        self.text.push(':');
    }

    fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push_str(value);
    }

    fn number(&mut self, key: &str, value: u64) {
        self.raw(key, &value.to_string());
    }

    fn text(&mut self, key: &str, value: Option<&str>, most: usize) {
        self.key(key);
        match value {
            Some(value) => quote(self.text, value, most),
            None => self.text.push_str("null"),
        }
    }

    /// A list, of which each element writes itself.
    fn list<T>(&mut self, key: &str, list: &[T], mut write: impl FnMut(&mut String, &T)) {
        self.key(key);
        self.text.push('[');
        for (index, element) in list.iter().take(MAX_LIST).enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            write(self.text, element);
        }
        self.text.push(']');
    }

    fn policies(&mut self, policies: &[AuditedPolicy]) {
        self.list("policies", policies, |text, policy| {
            let mut object = Members::begin(text);
            object.text("id", Some(&policy.id), MAX_TEXT);
            object.text("source", Some(&policy.source), MAX_TEXT);
            text.push('}');
        });
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        self.list(key, texts, |text, one| quote(text, one, MAX_TEXT));
    }

    fn principal(&mut self, actor: &Actor) {
        self.key("principal");
        let mut object = Members::begin(self.text);
        let kind = match actor {
            Actor::Unknown => "unknown",
            Actor::Visitor => "visitor",
            Actor::User(_) => "user",
            Actor::Operator { .. } => "operator",
            Actor::Gateway => "gateway",
        };
        object.text("kind", Some(kind), MAX_TEXT);
        match actor {
            Actor::User(name) => object.text("name", Some(name.as_str()), MAX_TEXT),
            Actor::Operator { uid, name } => {
                object.text("name", name.as_deref(), MAX_TEXT);
                object.number("uid", u64::from(*uid));
            }
            Actor::Unknown | Actor::Visitor | Actor::Gateway => {}
        }
        self.text.push('}');
    }

    /// What only this kind of event has.
    fn details(&mut self, event: &Event) {
        self.key("details");
        let mut object = Members::begin(self.text);
        match event {
            Event::Denied(_) | Event::Refused(_) => object.of_request(event),
            Event::Rotated { .. } | Event::Torn { .. } | Event::Cut { .. } | Event::Lost { .. } => {
                object.of_log(event);
            }
            _ => object.of_people(event),
        }
        self.text.push('}');
    }

    fn of_request(&mut self, event: &Event) {
        let (method, reason, status) = match event {
            Event::Denied(denied) => (denied.method, denied.refusal, denied.status),
            Event::Refused(refused) => (refused.method, Some(refused.reason), refused.status),
            _ => return,
        };
        self.text("method", Some(method), MAX_TEXT);
        self.text("reason", reason, MAX_TEXT);
        self.number("status", u64::from(status));
    }

    fn of_log(&mut self, event: &Event) {
        match event {
            Event::Rotated { from, removed } => {
                self.text("from", Some(from), MAX_TEXT);
                self.texts("removed", removed);
            }
            Event::Torn { bytes, kept } => {
                self.number("bytes", *bytes);
                self.text("kept", Some(kept), MAX_TEXT);
            }
            Event::Cut { last } => self.number("last", *last),
            Event::Lost { count } => self.number("count", *count),
            _ => {}
        }
    }

    fn of_people(&mut self, event: &Event) {
        match event {
            Event::SignInAccepted { session, by } => {
                self.text("by", Some(by), MAX_TEXT);
                self.text("session", Some(&session.to_string()), MAX_TEXT);
            }
            Event::SignInRefused { reason, account } => {
                self.text("reason", Some(reason.word()), MAX_TEXT);
                let account = account.as_ref().map(vestibule_schema::UserName::as_str);
                self.text("account", account, MAX_TEXT);
            }
            Event::AppPasswordUsed { number } => self.raw("app_password", &number.to_string()),
            Event::SiteEntered { session, reason } => {
                self.text("session", Some(&session.to_string()), MAX_TEXT);
                self.text("reason", Some(reason), MAX_TEXT);
            }
            Event::SessionMisplaced { session, account } => {
                self.text("session", Some(&session.to_string()), MAX_TEXT);
                self.text("account", Some(account.as_str()), MAX_TEXT);
            }
            Event::CodeAwaited { account } | Event::SecondFactor { account, .. } => {
                self.text("account", Some(account.as_str()), MAX_TEXT);
            }
            Event::SignedOut { session } => {
                self.text("session", Some(&session.to_string()), MAX_TEXT);
            }
            Event::SessionsEnded { account, which, count } => {
                self.text("account", Some(account.as_str()), MAX_TEXT);
                let which = match which {
                    Ended::One(session) => session.to_string(),
                    Ended::Others => "others".to_owned(),
                    Ended::Oldest => "oldest".to_owned(),
                    Ended::All => "all".to_owned(),
                };
                self.text("sessions", Some(&which), MAX_TEXT);
                self.number("count", *count);
            }
            Event::Changed(change) => {
                self.text("name", Some(&change.name), MAX_TEXT);
                self.text("detail", change.detail.as_deref(), MAX_TEXT);
            }
            Event::PoliciesInForce { sites, documents, .. } => {
                self.texts("sites", sites);
                self.texts("documents", documents);
            }
            Event::ConfigurationKept { errors } => self.number("errors", *errors),
            Event::Opened { version } => self.text("version", Some(version), MAX_TEXT),
            _ => {}
        }
    }
}

/// A text as JSON writes it, cut if it is too long. Beside what JSON asks for, everything is
/// escaped that ends a line or turns a text around in a terminal or an editor.
fn quote(text: &mut String, value: &str, most: usize) {
    text.push('"');
    for (index, c) in value.chars().enumerate() {
        if index == most {
            text.push('…');
            break;
        }
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            c if is_escaped(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

fn is_escaped(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}
