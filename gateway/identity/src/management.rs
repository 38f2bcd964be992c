//! Management: accounts, grants, group mappings, sessions, share links, and who may enter what by
//! what. The command line and the JSON API are two faces of this one room.
//!
//! Each verb is one function of [`Management`]. It asks Cedar first, then checks what was asked
//! for, then does it or says what it would do, and writes it down. Whoever calls it prints or sends
//! what comes back, and says when it is in force.

mod access;
mod app_passwords;
mod grants;
mod groups;
mod joining;
mod nodes;
mod passkeys;
mod review;
mod second_factor;
mod sessions;
mod shares;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use vestibule_policies::model::SiteModel;
use vestibule_policies::{Managed, Manager, SiteEngine, Vocabulary};
use vestibule_schema::{GalleryPath, ManagementAction, ProviderId, SiteId};
use vestibule_store::audit::{Actor, AuditError, Change, Entry, Event, Object, Verb};
use vestibule_store::{Account, StoreError};

use crate::credentials::SignedIn;
use crate::fresh::FRESH;
use crate::identity::{Identity, Unavailable};
use crate::origin::RequestOrigin;

pub use access::AccessWanted;
pub use app_passwords::AppPasswordView;
pub use grants::{GrantRef, GrantView};
pub use groups::{MappingRef, MappingView};
pub use joining::{JoinTokenView, JoinTokenWanted};
pub use nodes::{NodeCredential, NodeView, NodeWanted};
pub use passkeys::PasskeyView;
pub use review::{ReviewFilter, ReviewRow};
pub use sessions::{SessionView, WhichSessions};
pub use shares::{ShareView, ShareWanted};
pub use users::{Adoption, IdentityView, UserChange, UserDetail, UserView, UserWanted};

/// What is managed, as it is at this moment: made anew for each verb.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// What Cedar is asked with.
    pub vocabulary: Arc<Vocabulary>,
    /// The sites.
    pub nodes: Vec<Node>,
    /// Who vouches for the identities of each provider: an issuer's address, or `ldap:NAME`.
    pub issuers: BTreeMap<ProviderId, String>,
    /// The gallery servers that there are routes for.
    pub adapters: Vec<String>,
}

/// A site, as far as it is managed.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name.
    pub site: SiteId,
    /// Its checked documents; none while they have an error.
    pub model: Option<Arc<SiteModel>>,
    /// Its rules, with those of its folders; none while they have an error, or where a verb does
    /// without them.
    pub engine: Option<Arc<SiteEngine>>,
    /// Where it is: a host, or a path of the portal's.
    pub mount: String,
    /// The origin of the gateway's own pages for it.
    pub origin: String,
    /// The routes of its gallery server.
    pub adapter: String,
    /// Its gallery servers.
    pub upstream: Vec<String>,
}

/// Who manages.
#[derive(Debug, Clone)]
pub enum By {
    /// Whoever owns the state directory, at the command line.
    Operator(Actor),
    /// Somebody who is signed in, and from where.
    SignedIn(Arc<SignedIn>, RequestOrigin),
}

/// Whether a verb does what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Do,
    /// It says what it would do, and does nothing.
    DryRun,
}

/// What became of a verb that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome<T> {
    /// Whether anything is, or would be, another than before.
    pub changed: bool,
    /// Whether it was only said.
    pub dry_run: bool,
    /// What was done, in words.
    pub summary: String,
    /// What there is now; none of what is gone.
    pub item: Option<T>,
    /// Whether the audit log has it. Where what it did tells a secret, that is told all the same:
    /// nobody could ask for it again.
    #[serde(skip)]
    pub is_recorded: bool,
}

/// Why a verb did nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManageError {
    /// Cedar says no.
    #[error("you may not do this: it needs `{action}`")]
    Denied {
        /// The action that is missing.
        action: ManagementAction,
        /// The site that it was about; none for the cluster as a whole.
        site: Option<SiteId>,
    },
    /// Something that was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// What was asked for is no such thing.
    #[error("{0}")]
    BadInput(String),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// It is done by whoever signed in a moment ago alone (requirement S85).
    #[error(
        "this needs a sign-in of the last {} minutes: sign in again; at an OpenID provider by \
         `/_vestibule/oidc/NAME?again=1`, so that it asks you",
        FRESH.as_secs() / 60
    )]
    SignInAgain,
    /// Too many have failed from there.
    #[error("too many attempts have failed; try again in {} s", retry_after.as_secs())]
    TooMany {
        /// When the next attempt is free.
        retry_after: Duration,
    },
    /// Too many passwords are hashed at this moment.
    #[error("too many passwords are being checked at this moment; try again")]
    Busy,
    /// The store can't be reached, or the like.
    #[error("it can't be done at this moment")]
    Unavailable(#[source] Unavailable),
    /// It is done, and nobody will read of it.
    #[error("it is done, but could not be written into the audit log")]
    Unrecorded(#[source] AuditError),
}

impl From<Unavailable> for ManageError {
    fn from(error: Unavailable) -> Self {
        match error {
            Unavailable::Store(error) => error.into(),
            other => Self::Unavailable(other),
        }
    }
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        if error.is_not_found() {
            Self::NotFound(error.to_string())
        } else if error.is_conflict() {
            Self::Conflict(error.to_string())
        } else {
            Self::Unavailable(error.into())
        }
    }
}

/// The verbs, for one who manages.
#[derive(Debug, Clone, Copy)]
pub struct Management<'m> {
    identity: &'m Identity,
    cluster: &'m Cluster,
    by: &'m By,
    mode: Mode,
}

impl<'m> Management<'m> {
    /// The verbs on a cluster, for one who manages it.
    #[must_use]
    pub const fn new(identity: &'m Identity, cluster: &'m Cluster, by: &'m By, mode: Mode) -> Self {
        Self { identity, cluster, by, mode }
    }

    /// What is managed.
    #[must_use]
    pub const fn cluster(&self) -> &'m Cluster {
        self.cluster
    }

    const fn is_dry(&self) -> bool {
        matches!(self.mode, Mode::DryRun)
    }

    fn may(&self, action: ManagementAction, managed: Managed<'_>) -> bool {
        let manager = match self.by {
            By::Operator(_) => Manager::Operator,
            By::SignedIn(who, _) => Manager::Principal(&who.principal),
        };
        self.cluster.vocabulary.may_manage(manager, action, managed)
    }

    /// Asks whether this may be done with the cluster as a whole.
    fn ask(&self, action: ManagementAction) -> Result<(), ManageError> {
        let allowed = self.may(action, Managed::Cluster);
        if allowed { Ok(()) } else { Err(ManageError::Denied { action, site: None }) }
    }

    /// What gives somebody power over accounts is for whoever signed in a moment ago, with whatever
    /// their account asks for: a browser that was left open is not enough (requirement S85). One's
    /// own account is changed on its page, which asks for the password again.
    async fn step_up(&self, about: Option<&Account>) -> Result<(), ManageError> {
        let By::SignedIn(who, _) = self.by else { return Ok(()) };
        if about.is_some_and(|account| account.id == who.account) {
            let message = "this is your own account: change it on your account page";
            return Err(ManageError::Conflict(message.into()));
        }
        if self.identity.is_fresh(who).await? { Ok(()) } else { Err(ManageError::SignInAgain) }
    }

    /// Asks whether this may be done with a site, or at a path of it. The answer for a site that is
    /// not there is a no for whoever does not manage the cluster.
    fn ask_of(
        &self,
        action: ManagementAction,
        site: &SiteId,
        at: Option<&GalleryPath>,
    ) -> Result<&'m Node, ManageError> {
        let node = self.cluster.nodes.iter().find(|node| node.site == *site);
        let engine = node.and_then(|node| node.engine.as_deref());
        if !self.may(action, Managed::Node { site, engine, at }) {
            return Err(ManageError::Denied { action, site: Some(site.clone()) });
        }
        node.ok_or_else(|| {
            let names = self.cluster.nodes.iter().map(|node| node.site.as_str());
            let near = vestibule_schema::problem::nearest(site.as_str(), names);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            ManageError::NotFound(format!("there is no site `{site}`{near}"))
        })
    }

    /// Asks for one site, or for all if none is named.
    fn ask_about(
        &self,
        action: ManagementAction,
        site: Option<&SiteId>,
    ) -> Result<Vec<&'m Node>, ManageError> {
        if let Some(site) = site {
            return Ok(vec![self.ask_of(action, site, None)?]);
        }
        self.ask(action)?;
        Ok(self.cluster.nodes.iter().collect())
    }

    /// Nothing is done that can't be written down.
    fn begin(&self) -> Result<(), ManageError> {
        self.identity.audit().check().map_err(|error| ManageError::Unavailable(error.into()))
    }

    /// Writes down a change; on disk when this returns.
    async fn changed(
        &self,
        (object, verb): (Object, Verb),
        name: impl ToString,
        detail: Option<String>,
        site: Option<&SiteId>,
    ) -> Result<(), ManageError> {
        let change = Change { object, verb, name: name.to_string(), detail };
        self.record(Event::Changed(change), site).await
    }

    async fn record(&self, event: Event, site: Option<&SiteId>) -> Result<(), ManageError> {
        let entry = match self.by {
            By::Operator(actor) => Entry::new(actor.clone(), event),
            By::SignedIn(who, origin) => Entry::new(Actor::User(who.name.clone()), event)
                .from_client(Some(origin.client))
                .in_request(origin.request_id.clone()),
        };
        let entry = entry.on_site(site.cloned());
        self.identity.audit().record(entry).await.map_err(ManageError::Unrecorded)
    }

    /// What a verb says that did something, or would.
    fn outcome<T>(&self, [would, did]: [&str; 2], what: &str, item: Option<T>) -> Outcome<T> {
        let verb = if self.is_dry() { would } else { did };
        let summary = format!("{verb} {what}");
        Outcome { changed: true, dry_run: self.is_dry(), summary, item, is_recorded: true }
    }

    /// The same of a verb that tells a secret, whether or not it could be written down.
    fn outcome_telling<T>(
        &self,
        verbs: [&str; 2],
        what: &str,
        item: Option<T>,
        recorded: &Result<(), ManageError>,
    ) -> Outcome<T> {
        Outcome { is_recorded: recorded.is_ok(), ..self.outcome(verbs, what, item) }
    }
}

#[cfg(test)]
mod tests;
