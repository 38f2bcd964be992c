//! How nodes come into the cluster by themselves: by a join token, which admits new ones alone. A
//! node that is known shows its own credential.

use serde::Serialize;
use vestibule_schema::{ManagementAction, SiteId};
use vestibule_store::audit::{Actor, Change, Entry, Event, Object, SignInRefusal, Verb};
use vestibule_store::{JoinToken, NewJoinToken, NodeState, RegisteredNode, StoreError, UnixTime};

use super::nodes::{NodeCredential, NodeWanted, new_secret, stored};
use super::{Cluster, ManageError, Management, Outcome};
use crate::identity::Identity;
use crate::origin::RequestOrigin;
use crate::{Secret, secret, token};

/// The longest that a label may be, in characters.
const MAX_LABEL: usize = 200;

/// A join token, for programs.
#[derive(Debug, Clone, Serialize)]
pub struct JoinTokenView {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub created: String,
    /// When it ends.
    pub expires: String,
    /// How many nodes it still admits, if that is limited.
    pub uses_left: Option<u32>,
    /// How many it admitted.
    pub used: u32,
    /// The token itself, which is told once: when it is made.
    #[serde(serialize_with = "secret::told")]
    pub token: Option<Secret<String>>,
}

/// A join token to be made.
#[derive(Debug, Clone, Copy)]
pub struct JoinTokenWanted<'r> {
    /// What people call it.
    pub label: &'r str,
    /// When it ends.
    pub expires: UnixTime,
    /// How many nodes it admits, if that is limited.
    pub uses: Option<u32>,
}

impl Management<'_> {
    /// The join tokens, also those that are over or used up.
    ///
    /// # Errors
    /// If they may not be seen, or the store can't be reached.
    pub async fn join_tokens(&self) -> Result<Vec<JoinTokenView>, ManageError> {
        self.ask(ManagementAction::ManageNodes)?;
        let tokens = self.identity.store().join_tokens().list().await?;
        Ok(tokens.iter().map(|token| view(token, None)).collect())
    }

    /// Makes a join token, and tells it this once.
    ///
    /// # Errors
    /// If it would admit nobody, or its label can't be shown.
    pub async fn add_join_token(
        &self,
        wanted: JoinTokenWanted<'_>,
    ) -> Result<Outcome<JoinTokenView>, ManageError> {
        self.ask(ManagementAction::ManageNodes)?;
        let now = self.identity.now();
        if wanted.expires <= now || wanted.uses == Some(0) {
            return Err(ManageError::BadInput("it would admit nobody".into()));
        }
        let label = wanted.label;
        if label.chars().count() > MAX_LABEL || label.chars().any(char::is_control) {
            let message =
                format!("a label has up to {MAX_LABEL} characters, and no control characters");
            return Err(ManageError::BadInput(message));
        }
        let verbs = ["would make", "made"];
        if self.is_dry() {
            return Ok(self.outcome(verbs, "a join token", None));
        }
        self.begin()?;
        let (secret, hash) = new_secret()?;
        let new = NewJoinToken {
            token: hash,
            label: label.to_owned(),
            expires: wanted.expires,
            uses: wanted.uses,
        };
        let made = self.identity.store().join_tokens().add(&new, now).await?;
        let detail = Some(format!("a join token until {}", made.expires));
        let recorded = self.changed((Object::Key, Verb::Added), made.id, detail, None).await;
        let what = format!("the join token {}", made.id);
        let item = view(&made, Some(secret));
        Ok(self.outcome_telling(verbs, &what, Some(item), &recorded))
    }

    /// Removes a join token; it admits nobody any more.
    ///
    /// # Errors
    /// If there is none.
    pub async fn remove_join_token(&self, id: i64) -> Result<Outcome<JoinTokenView>, ManageError> {
        self.ask(ManagementAction::ManageNodes)?;
        let tokens = self.identity.store().join_tokens();
        let missing = || ManageError::NotFound(format!("there is no join token {id}"));
        if !tokens.list().await?.iter().any(|token| token.id == id) {
            return Err(missing());
        }
        let what = format!("the join token {id}");
        if !self.is_dry() {
            self.begin()?;
            if !tokens.remove(id).await? {
                return Err(missing());
            }
            let detail = Some("a join token".to_owned());
            self.changed((Object::Key, Verb::Removed), id, detail, None).await?;
        }
        Ok(self.outcome(["would remove", "removed"], &what, None))
    }
}

impl Identity {
    /// Registers a node that shows a join token. It is pending until somebody who manages makes it
    /// active.
    ///
    /// # Errors
    /// [`ManageError::NotFound`] for a token that admits nobody; if a node of this name is
    /// registered, or what it says of itself can't be.
    pub async fn register_node(
        &self,
        origin: &RequestOrigin,
        (join_token, wanted): (&Secret<String>, &NodeWanted<'_>),
        cluster: &Cluster,
    ) -> Result<NodeCredential, ManageError> {
        self.take_node(origin)?;
        let joined = self.join(join_token, wanted, cluster).await;
        let (node, credential) = self.seen_of_node(origin, joined).await?;
        let detail = format!("by a join token: {} at {}", node.adapter, node.upstream);
        self.note_node((Object::Node, Verb::Added), &node.name, detail, origin).await;
        Ok(NodeCredential { node: stored(&node), credential })
    }

    /// Gives a node that shows its credential another; the old one is nothing any more.
    ///
    /// # Errors
    /// [`ManageError::NotFound`] if it is not this node's.
    pub async fn rotate_own_credential(
        &self,
        origin: &RequestOrigin,
        (name, old): (&SiteId, &Secret<String>),
    ) -> Result<NodeCredential, ManageError> {
        self.take_node(origin)?;
        let rotated = self.rotate(name, old).await;
        let (node, credential) = self.seen_of_node(origin, rotated).await?;
        let detail = "its credential, by itself".to_owned();
        self.note_node((Object::Key, Verb::Changed), name, detail, origin).await;
        Ok(NodeCredential { node: stored(&node), credential })
    }

    async fn join(
        &self,
        join_token: &Secret<String>,
        wanted: &NodeWanted<'_>,
        cluster: &Cluster,
    ) -> Result<(RegisteredNode, Secret<String>), ManageError> {
        let hash = token::hash(join_token.expose()).ok_or(StoreError::NoSuchToken)?;
        // INVARIANT: the token first: whoever has none learns nothing, and each try is counted
        if !self.store.join_tokens().admits(&hash, self.now()).await? {
            return Err(StoreError::NoSuchToken.into());
        }
        if cluster.nodes.iter().any(|node| node.site == wanted.name) {
            // a token admits new nodes; which sites files declare is nobody's business
            tracing::warn!(node = %wanted.name, "a node asks for the name of a declared site");
            return Err(StoreError::NoSuchToken.into());
        }
        let (new, credential) = wanted.made(&cluster.adapters, NodeState::Pending)?;
        self.audit().check().map_err(|error| ManageError::Unavailable(error.into()))?;
        let node = self.store.nodes().join(&hash, &new, self.now()).await?;
        Ok((node, credential))
    }

    async fn rotate(
        &self,
        name: &SiteId,
        old: &Secret<String>,
    ) -> Result<(RegisteredNode, Secret<String>), ManageError> {
        let missing = || StoreError::NoSuchNode { node: name.clone() };
        let old = token::hash(old.expose()).ok_or_else(missing)?;
        let (credential, new) = new_secret()?;
        self.audit().check().map_err(|error| ManageError::Unavailable(error.into()))?;
        let node = self.store.nodes().rotate(name, (Some(&old), &new), self.now()).await?;
        Ok((node, credential))
    }

    /// Failures of nodes are limited for each address.
    fn take_node(&self, origin: &RequestOrigin) -> Result<(), ManageError> {
        let taken = self.limits.count_node(origin.client, self.now());
        taken.map_err(|limit| ManageError::TooMany { retry_after: limit.retry_after })
    }

    /// Counts what a node showed, and writes down what admits none (requirement S82).
    async fn seen_of_node<T>(
        &self,
        origin: &RequestOrigin,
        shown: Result<T, ManageError>,
    ) -> Result<T, ManageError> {
        if matches!(shown, Err(ManageError::NotFound(_))) {
            self.audit_refused(origin, SignInRefusal::NodeCredential, None).await;
        } else {
            self.limits.forgive_node(origin.client);
        }
        shown
    }

    /// Writes down what a node did. It has happened, and the node must learn its credential: that
    /// it could not be written down, the log of errors says.
    async fn note_node(
        &self,
        (object, verb): (Object, Verb),
        name: &SiteId,
        detail: String,
        origin: &RequestOrigin,
    ) {
        let change = Change { object, verb, name: name.to_string(), detail: Some(detail) };
        let entry = Entry::new(Actor::Unknown, Event::Changed(change))
            .from_client(Some(origin.client))
            .in_request(origin.request_id.clone())
            .on_site(Some(name.clone()));
        if let Err(error) = self.audit().record(entry).await {
            tracing::error!(node = %name, %error, "what a node did is not in the audit log");
        }
    }
}

fn view(token: &JoinToken, secret: Option<Secret<String>>) -> JoinTokenView {
    JoinTokenView {
        id: token.id,
        label: token.label.clone(),
        created: token.created.to_string(),
        expires: token.expires.to_string(),
        uses_left: token.uses_left,
        used: token.used,
        token: secret,
    }
}
