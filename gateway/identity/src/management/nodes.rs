//! Nodes: the sites that files declare, and those that are registered in the store. What is
//! registered is a name, an address and a credential; nothing is served by it until a file declares
//! the site, for addresses come from files alone (requirement S60).

use serde::Serialize;
use url::Url;
use vestibule_schema::{ManagementAction, SiteId};
use vestibule_store::audit::{Object, Verb};
use vestibule_store::{NewNode, NodeChange, NodeState, RegisteredNode, StoreError, TokenHash};

use super::access::STORE;
use super::{ManageError, Management, Node, Outcome};
use crate::identity::Unavailable;
use crate::{Secret, secret, token};

/// A node, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeView {
    /// Its name.
    pub node: String,
    /// `open`; `closed` while its configuration has an error; `unserved` while no file declares it.
    pub state: &'static str,
    /// `pending` or `active`, if it is registered.
    pub registered: Option<&'static str>,
    /// Where it is: a host, or a path of the portal's.
    pub mount: String,
    /// The routes of its gallery server.
    pub adapter: String,
    /// Its gallery servers.
    pub upstream: Vec<String>,
    /// The file that declares it, or `store`.
    pub managed_by: String,
}

/// A node with a credential, which is told once.
#[derive(Debug, Clone, Serialize)]
pub struct NodeCredential {
    /// The node.
    pub node: NodeView,
    /// By what it proves from now on that it is this node.
    #[serde(serialize_with = "secret::told_always")]
    pub credential: Secret<String>,
}

/// A node to be registered.
#[derive(Debug, Clone)]
pub struct NodeWanted<'r> {
    /// Its name.
    pub name: SiteId,
    /// The routes of its gallery server.
    pub adapter: &'r str,
    /// Its address.
    pub upstream: &'r str,
}

impl NodeWanted<'_> {
    /// The node as it is kept, with its credential.
    pub(super) fn made(
        &self,
        adapters: &[String],
        state: NodeState,
    ) -> Result<(NewNode, Secret<String>), ManageError> {
        let (credential, hash) = new_secret()?;
        let node = NewNode {
            name: self.name.clone(),
            adapter: adapter(self.adapter, adapters)?,
            upstream: upstream(self.upstream)?,
            credential: hash,
            state,
        };
        Ok((node, credential))
    }
}

impl Management<'_> {
    /// The nodes that somebody may review: for whoever manages the cluster all, in order.
    ///
    /// # Errors
    /// If there is none, or the store can't be reached.
    pub async fn nodes(&self) -> Result<Vec<NodeView>, ManageError> {
        let action = ManagementAction::ReviewAccess;
        let registered = self.identity.store().nodes().list().await?;
        let entry = |site: &SiteId| registered.iter().find(|node| node.name == *site);
        let all = self.cluster.nodes.iter();
        let seen = all.filter(|node| self.ask_of(action, &node.site, None).is_ok());
        let mut views: Vec<_> = seen.map(|node| declared(node, entry(&node.site))).collect();
        if self.ask(ManagementAction::ManageNodes).is_err() {
            // where a server is, is for who runs it
            views.iter_mut().for_each(|view| view.upstream.clear());
        }
        match self.ask(action) {
            Err(error) if views.is_empty() => return Err(error),
            Err(_) => {}
            Ok(()) => {
                let others = registered.iter().filter(|node| !self.is_declared(&node.name));
                views.extend(others.map(stored));
                views.sort_by(|a, b| a.node.cmp(&b.node));
            }
        }
        Ok(views)
    }

    /// One node.
    ///
    /// # Errors
    /// If it may not be seen, or is not there.
    pub async fn node(&self, name: &SiteId) -> Result<NodeView, ManageError> {
        let found = self.ask_of(ManagementAction::ReviewAccess, name, None);
        if let Err(ManageError::Denied { .. }) = found {
            return found.map(|node| declared(node, None));
        }
        match (found, self.identity.store().nodes().find(name).await?) {
            (Ok(node), entry) => Ok(declared(node, entry.as_ref())),
            (Err(_), Some(entry)) => Ok(stored(&entry)),
            (Err(error), None) => Err(error),
        }
    }

    /// Registers a node; it is active at once.
    ///
    /// # Errors
    /// If one of this name is registered, or what is said of it can't be.
    pub async fn add_node(
        &self,
        wanted: &NodeWanted<'_>,
    ) -> Result<Outcome<NodeCredential>, ManageError> {
        self.ask(ManagementAction::ManageNodes)?;
        let (new, credential) = wanted.made(&self.cluster.adapters, NodeState::Active)?;
        let what = format!("the node `{}`", wanted.name);
        let verbs = ["would register", "registered"];
        let nodes = self.identity.store().nodes();
        if self.is_dry() {
            if nodes.find(&wanted.name).await?.is_some() {
                return Err(StoreError::NodeTaken { node: wanted.name.clone() }.into());
            }
            return Ok(self.outcome(verbs, &what, None));
        }
        self.begin()?;
        let node = nodes.add(&new, self.identity.now()).await?;
        let detail = Some(format!("{} at {}", node.adapter, node.upstream));
        let change = (Object::Node, Verb::Added);
        let recorded = self.changed(change, &node.name, detail, Some(&node.name)).await;
        let item = self.with_credential(&node, credential);
        Ok(self.outcome_telling(verbs, &what, Some(item), &recorded))
    }

    /// Changes a registered node.
    ///
    /// # Errors
    /// If there is none, or what is said of it can't be.
    pub async fn modify_node(
        &self,
        name: &SiteId,
        change: &NodeChange,
    ) -> Result<Outcome<NodeView>, ManageError> {
        self.ask(ManagementAction::ManageNodes)?;
        let change = NodeChange {
            adapter: change.adapter.as_deref().map(|it| self.adapter(it)).transpose()?,
            upstream: change.upstream.as_deref().map(upstream).transpose()?,
            state: change.state,
        };
        let before = self.registered(name).await?;
        let what = format!("the node `{name}`");
        let verbs = ["would change", "changed"];
        if self.is_dry() {
            let mut after = before;
            after.adapter = change.adapter.unwrap_or(after.adapter);
            after.upstream = change.upstream.unwrap_or(after.upstream);
            after.state = change.state.unwrap_or(after.state);
            return Ok(self.outcome(verbs, &what, Some(self.view(&after))));
        }
        self.begin()?;
        let node = self.identity.store().nodes().modify(name, &change, self.identity.now()).await?;
        let detail = Some(format!("{}, {} at {}", word(node.state), node.adapter, node.upstream));
        self.changed((Object::Node, Verb::Changed), name, detail, Some(name)).await?;
        Ok(self.outcome(verbs, &what, Some(self.view(&node))))
    }

    /// Gives a registered node another credential; the old one is nothing any more.
    ///
    /// # Errors
    /// If there is none.
    pub async fn rotate_node(&self, name: &SiteId) -> Result<Outcome<NodeCredential>, ManageError> {
        self.ask(ManagementAction::ManageNodes)?;
        self.registered(name).await?;
        let what = format!("the credential of the node `{name}`");
        let verbs = ["would replace", "replaced"];
        if self.is_dry() {
            return Ok(self.outcome(verbs, &what, None));
        }
        self.begin()?;
        let (credential, hash) = new_secret()?;
        let nodes = self.identity.store().nodes();
        let node = nodes.rotate(name, (None, &hash), self.identity.now()).await?;
        let detail = Some(what.clone());
        let recorded = self.changed((Object::Key, Verb::Changed), name, detail, Some(name)).await;
        let item = self.with_credential(&node, credential);
        Ok(self.outcome_telling(verbs, &what, Some(item), &recorded))
    }

    /// Removes a registered node; its credential is nothing any more. A site that a file declares
    /// stays.
    ///
    /// # Errors
    /// If there is none.
    pub async fn remove_node(&self, name: &SiteId) -> Result<Outcome<NodeView>, ManageError> {
        self.ask(ManagementAction::ManageNodes)?;
        self.registered(name).await?;
        let what = format!("the node `{name}`");
        if !self.is_dry() {
            self.begin()?;
            self.identity.store().nodes().remove(name).await?;
            self.changed((Object::Node, Verb::Removed), name, None, Some(name)).await?;
        }
        Ok(self.outcome(["would remove", "removed"], &what, None))
    }

    fn is_declared(&self, name: &SiteId) -> bool {
        self.cluster.nodes.iter().any(|node| node.site == *name)
    }

    async fn registered(&self, name: &SiteId) -> Result<RegisteredNode, ManageError> {
        match self.identity.store().nodes().find(name).await? {
            Some(node) => Ok(node),
            None if self.is_declared(name) => Err(ManageError::Conflict(format!(
                "`{name}` is not registered: {} declares it; change it there",
                file(name)
            ))),
            None => Err(StoreError::NoSuchNode { node: name.clone() }.into()),
        }
    }

    fn adapter(&self, text: &str) -> Result<String, ManageError> {
        adapter(text, &self.cluster.adapters)
    }

    fn view(&self, entry: &RegisteredNode) -> NodeView {
        let node = self.cluster.nodes.iter().find(|node| node.site == entry.name);
        node.map_or_else(|| stored(entry), |node| declared(node, Some(entry)))
    }

    fn with_credential(
        &self,
        entry: &RegisteredNode,
        credential: Secret<String>,
    ) -> NodeCredential {
        NodeCredential { node: self.view(entry), credential }
    }
}

/// A secret that is told once, and its hash, which is kept.
pub(super) fn new_secret() -> Result<(Secret<String>, TokenHash), ManageError> {
    let none = || ManageError::Unavailable(Unavailable::Randomness);
    let secret = token::random().map_err(|_| none())?;
    let hash = token::hash(secret.expose()).ok_or_else(none)?;
    Ok((secret, hash))
}

fn adapter(text: &str, known: &[String]) -> Result<String, ManageError> {
    if known.iter().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    let near = vestibule_schema::problem::nearest(text, known.iter().map(String::as_str));
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let all = known.join(", ");
    Err(ManageError::BadInput(format!("no adapter is called `{text}`{near}; there are {all}")))
}

/// An address of a gallery server: scheme, host and port, and nothing that is secret.
fn upstream(text: &str) -> Result<String, ManageError> {
    let bad = || {
        let message =
            format!("`{}` is no address such as `http://10.0.0.5:2342`", text.escape_debug());
        ManageError::BadInput(message)
    };
    let url = Url::parse(text).map_err(|_| bad())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() == "/";
    let is_web = ["http", "https"].contains(&url.scheme());
    if text.len() > 512 || !is_web || !url.has_host() || !plain {
        return Err(bad());
    }
    Ok(url.origin().ascii_serialization())
}

pub(super) const fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Pending => "pending",
        NodeState::Active => "active",
    }
}

fn file(site: &SiteId) -> String {
    format!("config.d/sites/{site}/site.toml")
}

/// A site that a file declares, which may be registered as well.
fn declared(node: &Node, entry: Option<&RegisteredNode>) -> NodeView {
    NodeView {
        node: node.site.to_string(),
        state: if node.model.is_some() { "open" } else { "closed" },
        registered: entry.map(|entry| word(entry.state)),
        mount: node.mount.clone(),
        adapter: node.adapter.clone(),
        upstream: node.upstream.clone(),
        managed_by: file(&node.site),
    }
}

/// A node that the store alone knows.
pub(super) fn stored(entry: &RegisteredNode) -> NodeView {
    NodeView {
        node: entry.name.to_string(),
        state: "unserved",
        registered: Some(word(entry.state)),
        mount: String::new(),
        adapter: entry.adapter.clone(),
        upstream: vec![entry.upstream.clone()],
        managed_by: STORE.to_owned(),
    }
}
