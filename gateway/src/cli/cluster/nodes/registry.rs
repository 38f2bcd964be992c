//! `vestibule cluster nodes add|mod|rotate|rm`

use anyhow::anyhow;
use clap::Args;
use vestibule_identity::management::{NodeCredential, NodeWanted};
use vestibule_schema::SiteId;
use vestibule_store::{NodeChange, NodeState};

use crate::cli::cluster::session::{AdminSession, Doing, Engines};
use crate::cli::{BadInput, ConfigArg, Exit, Output};

#[derive(Debug, Args)]
pub(in crate::cli::cluster) struct Add {
    #[command(flatten)]
    config: ConfigArg,
    /// The node's name: that of the site that it shows
    node: SiteId,
    /// The gallery server's kind
    #[arg(long)]
    adapter: String,
    /// The gallery server's address, such as `http://10.0.0.5:2342`
    #[arg(long, value_name = "URL")]
    upstream: String,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
pub(in crate::cli::cluster) struct Mod {
    #[command(flatten)]
    config: ConfigArg,
    /// The node's name
    node: SiteId,
    /// Another kind of gallery server
    #[arg(long)]
    adapter: Option<String>,
    /// Another address
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// It is one of the cluster's
    #[arg(long, conflicts_with = "deactivate")]
    activate: bool,
    /// It is none of the cluster's yet
    #[arg(long)]
    deactivate: bool,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
pub(in crate::cli::cluster) struct Rotate {
    #[command(flatten)]
    config: ConfigArg,
    /// The node's name
    node: SiteId,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
pub(in crate::cli::cluster) struct Rm {
    #[command(flatten)]
    config: ConfigArg,
    /// The node's name
    node: SiteId,
    #[command(flatten)]
    doing: Doing,
}

impl Add {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        self.doing.ask(&format!("register the node `{}`?", self.node))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change_telling(&cluster, (&self.doing, output), tell, async |verbs| {
            let (adapter, upstream) = (self.adapter.as_str(), self.upstream.as_str());
            verbs.add_node(&NodeWanted { name: self.node, adapter, upstream }).await
        })?;
        Ok(Exit::Done)
    }
}

impl Mod {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let state = match (self.activate, self.deactivate) {
            (true, _) => Some(NodeState::Active),
            (false, true) => Some(NodeState::Pending),
            (false, false) => None,
        };
        let change = NodeChange { adapter: self.adapter, upstream: self.upstream, state };
        if change.adapter.is_none() && change.upstream.is_none() && change.state.is_none() {
            let message =
                "say what to change: `--adapter`, `--upstream`, `--activate` or `--deactivate`";
            return Err(anyhow!(BadInput(message.into())));
        }
        self.doing.ask(&format!("change the node `{}`?", self.node))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.modify_node(&self.node, &change).await
        })?;
        Ok(Exit::Done)
    }
}

impl Rotate {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        self.doing.confirm(&format!("replace the credential of `{}`?", self.node))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change_telling(&cluster, (&self.doing, output), tell, async |verbs| {
            verbs.rotate_node(&self.node).await
        })?;
        Ok(Exit::Done)
    }
}

impl Rm {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        self.doing.confirm(&format!("remove the node `{}`?", self.node))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.remove_node(&self.node).await
        })?;
        Ok(Exit::Done)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what is told is not told again")]
fn tell(output: &mut Output, made: NodeCredential) {
    output.note("the node's credential; it is not told again:");
    output.line(made.credential.expose());
}
