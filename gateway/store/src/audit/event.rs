//! [`Event`]: everything that is written down.

use vestibule_schema::UserName;

use crate::SessionId;

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Somebody signed in.
    SignInAccepted {
        /// The session that began.
        session: SessionId,
        /// How they proved who they are: `password`, or a provider's name.
        by: String,
    },
    /// Somebody was not let in.
    SignInRefused {
        /// Why.
        reason: SignInRefusal,
        /// The account that was meant, if there is one. Never what was typed: people type
        /// passwords into the wrong field.
        account: Option<UserName>,
    },
    /// A program showed an app password, from another address than before or after a while.
    AppPasswordUsed {
        /// The app password's public number.
        number: i64,
    },
    /// Somebody who is signed in at the portal entered a site.
    SiteEntered {
        /// The session at the site that began.
        session: SessionId,
        /// How they were admitted, in words.
        reason: String,
    },
    /// A session that is bound to a client certificate was shown on a connection without it.
    SessionMisplaced {
        /// The session.
        session: SessionId,
        /// Whose.
        account: UserName,
    },
    /// A password was right, and the account wants a code too.
    CodeAwaited {
        /// Whose.
        account: UserName,
    },
    /// A second factor was right, or not.
    SecondFactor {
        /// Whose.
        account: UserName,
        /// Whether it was right.
        accepted: bool,
    },
    /// Somebody signed out.
    SignedOut {
        /// The session that ended.
        session: SessionId,
    },
    /// Sessions were ended by somebody.
    SessionsEnded {
        /// Whose.
        account: UserName,
        /// Which.
        which: Ended,
        /// How many there were.
        count: u64,
    },
    /// An account, a grant, a group mapping and so on was added, changed or removed.
    Changed(Change),
    /// The engine said no.
    Denied(Box<DeniedRequest>),
    /// A request was refused before anybody asked the engine.
    Refused(Box<RefusedRequest>),
    /// New policies are in force.
    PoliciesInForce {
        /// Their generation.
        generation: u64,
        /// The sites whose policies are new; empty for all.
        sites: Vec<String>,
        /// Those sites with the SHA-256 of the documents that their policies are made of.
        documents: Vec<String>,
    },
    /// The configuration has errors: the last good one stays.
    ConfigurationKept {
        /// How many.
        errors: u64,
    },
    /// The store can't be reached.
    StoreLost,
    /// The store answers again.
    StoreBack,
    /// The gateway began to serve.
    Opened {
        /// The program's version.
        version: String,
    },
    /// The gateway ended.
    Closed,
    /// A new file was begun.
    Rotated {
        /// What the file before it is called now.
        from: String,
        /// Old files that were removed, as the configuration says.
        removed: Vec<String>,
    },
    /// The last line was not whole, as after a power cut. It is kept aside.
    Torn {
        /// How many bytes it had.
        bytes: u64,
        /// The file that holds them now.
        kept: String,
    },
    /// The file ends before what this process wrote into it.
    Cut {
        /// The number of the last record that is still there.
        last: u64,
    },
    /// Records could not be written while the queue was full.
    Lost {
        /// How many.
        count: u64,
    },
}

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInRefusal {
    /// No account has this name.
    UnknownUser,
    /// The account has no password.
    NoPassword,
    /// The password is wrong.
    WrongPassword,
    /// The account may not sign in.
    Disabled,
    /// The second factor is missing or wrong.
    SecondFactor,
    /// A passkey is not known, or what it shows is not good.
    Passkey,
    /// A passkey's counter did not go on: there may be two of it.
    PasskeyCounter,
    /// Too many attempts have failed.
    TooMany,
    /// Too many are signing in at this moment.
    Busy,
    /// The password would travel in the clear.
    InsecureOrigin,
    /// It can't be told who somebody is.
    Unavailable,
    /// The account changed in this very moment.
    Overtaken,
    /// A provider said no, or what it said is not believed.
    Provider,
    /// A node showed a join token or a credential that admits none.
    NodeCredential,
    /// The code for the first administrator is wrong, or its time is over.
    FirstRunCode,
}

impl SignInRefusal {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::NoPassword => "no_password",
            Self::WrongPassword => "wrong_password",
            Self::Disabled => "disabled",
            Self::SecondFactor => "second_factor",
            Self::Passkey => "passkey",
            Self::PasskeyCounter => "passkey_counter",
            Self::TooMany => "too_many",
            Self::Busy => "busy",
            Self::InsecureOrigin => "insecure_origin",
            Self::Unavailable => "unavailable",
            Self::Overtaken => "overtaken",
            Self::Provider => "provider",
            Self::NodeCredential => "node_credential",
            Self::FirstRunCode => "first_run_code",
        }
    }
}

/// Which sessions were ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// This one.
    One(SessionId),
    /// All but the one that asked for it.
    Others,
    /// The oldest, as there were more than an account may have.
    Oldest,
    /// All.
    All,
}

/// What kind of thing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// An account.
    Account,
    /// An account's password.
    Password,
    /// An account's second factor.
    SecondFactor,
    /// An app password.
    AppPassword,
    /// A passkey.
    Passkey,
    /// One user's access to a site.
    Grant,
    /// A group's access to a site.
    GroupMapping,
    /// A share link.
    Share,
    /// A site.
    Node,
    /// A key of the gateway.
    Key,
}

impl Object {
    const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Password => "password",
            Self::SecondFactor => "second_factor",
            Self::AppPassword => "app_password",
            Self::Passkey => "passkey",
            Self::Grant => "grant",
            Self::GroupMapping => "group_mapping",
            Self::Share => "share",
            Self::Node => "node",
            Self::Key => "key",
        }
    }
}

/// What was done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It is new.
    Added,
    /// It is another.
    Changed,
    /// It is gone.
    Removed,
}

impl Verb {
    const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// A change of what the store or the configuration holds.
#[derive(Debug, Clone)]
pub struct Change {
    /// What kind of thing.
    pub object: Object,
    /// What was done to it.
    pub verb: Verb,
    /// Which one: a name, never a secret.
    pub name: String,
    /// What it is now, for people: a role, a folder. Never a secret.
    pub detail: Option<String>,
}

/// A policy that took part in a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedPolicy {
    /// Its `@id`.
    pub id: String,
    /// The line that it was made from.
    pub source: String,
}

/// A request that the engine said no to.
#[derive(Debug, Clone)]
pub struct DeniedRequest {
    /// The method; never one that nobody knows.
    pub method: &'static str,
    /// The action that was missing.
    pub action: String,
    /// The folder or image that was asked for.
    pub path: Option<String>,
    /// The policies that decided.
    pub policies: Vec<AuditedPolicy>,
    /// The generation of the policies.
    pub generation: u64,
    /// What the client was told, in one word.
    pub refusal: Option<&'static str>,
    /// The status of the answer.
    pub status: u16,
}

/// A request that was refused before anybody asked the engine.
#[derive(Debug, Clone)]
pub struct RefusedRequest {
    /// The method; never one that nobody knows.
    pub method: &'static str,
    /// The folder or image that was asked for, if that could be told.
    pub path: Option<String>,
    /// Why, in one word.
    pub reason: &'static str,
    /// The status of the answer.
    pub status: u16,
}

impl Event {
    /// The event's name in the log.
    #[must_use]
    pub fn kind(&self) -> String {
        let word = match self {
            Self::Changed(change) => {
                return format!("{}_{}", change.object.word(), change.verb.word());
            }
            Self::SignInAccepted { .. } => "sign_in_accepted",
            Self::SignInRefused { .. } => "sign_in_refused",
            Self::AppPasswordUsed { .. } => "app_password_used",
            Self::SiteEntered { .. } => "site_entered",
            Self::SessionMisplaced { .. } => "session_misplaced",
            Self::CodeAwaited { .. } => "second_factor_awaited",
            Self::SecondFactor { accepted: true, .. } => "second_factor_accepted",
            Self::SecondFactor { accepted: false, .. } => "second_factor_refused",
            Self::SignedOut { .. } => "signed_out",
            Self::SessionsEnded { .. } => "sessions_ended",
            Self::Denied(_) => "request_denied",
            Self::Refused(_) => "request_refused",
            Self::PoliciesInForce { .. } => "policies_in_force",
            Self::ConfigurationKept { .. } => "configuration_kept",
            Self::StoreLost => "store_lost",
            Self::StoreBack => "store_back",
            Self::Opened { .. } => "opened",
            Self::Closed => "closed",
            Self::Rotated { .. } => "rotated",
            Self::Torn { .. } => "torn",
            Self::Cut { .. } => "cut",
            Self::Lost { .. } => "lost",
        };
        word.to_owned()
    }

    /// How it ended: `done`, `refused` or `failed`.
    pub(super) const fn outcome(&self) -> &'static str {
        match self {
            Self::SignInRefused { .. }
            | Self::SessionMisplaced { .. }
            | Self::SecondFactor { accepted: false, .. }
            | Self::Denied(_)
            | Self::Refused(_) => "refused",
            Self::ConfigurationKept { .. }
            | Self::StoreLost
            | Self::Torn { .. }
            | Self::Cut { .. }
            | Self::Lost { .. } => "failed",
            Self::SignInAccepted { .. }
            | Self::AppPasswordUsed { .. }
            | Self::SiteEntered { .. }
            | Self::CodeAwaited { .. }
            | Self::SecondFactor { accepted: true, .. }
            | Self::SignedOut { .. }
            | Self::SessionsEnded { .. }
            | Self::Changed(_)
            | Self::PoliciesInForce { .. }
            | Self::StoreBack
            | Self::Opened { .. }
            | Self::Closed
            | Self::Rotated { .. } => "done",
        }
    }
}
