//! Nodes that registered themselves or were registered, each with the hash of its credential.

use sqlx::any::AnyRow;
use vestibule_schema::SiteId;

use crate::error::unavailable;
use crate::join_tokens;
use crate::open::commit_change;
use crate::row::Reader;
use crate::sessions::TokenHash;
use crate::transaction::Tx;
use crate::{Store, StoreError, UnixTime};

/// The nodes of a store; see [`Store::nodes`].
#[derive(Debug)]
pub struct Nodes<'s>(&'s Store);

/// Whether somebody who manages has looked at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// Nobody has.
    Pending,
    /// Somebody has, and it is one of the cluster's.
    Active,
}

impl NodeState {
    const fn number(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Active => 1,
        }
    }
}

/// A node as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisteredNode {
    /// Its name: that of the site that it shows.
    pub name: SiteId,
    /// The routes of its gallery server.
    pub adapter: String,
    /// Its address, as it says.
    pub upstream: String,
    /// Whether somebody has looked at it.
    pub state: NodeState,
    /// When it was registered.
    pub created: UnixTime,
    /// When it was last changed.
    pub changed: UnixTime,
}

/// A node to be registered.
#[derive(Debug, Clone)]
pub struct NewNode {
    /// Its name.
    pub name: SiteId,
    /// The routes of its gallery server.
    pub adapter: String,
    /// Its address.
    pub upstream: String,
    /// The hash of its credential.
    pub credential: TokenHash,
    /// Whether somebody has looked at it.
    pub state: NodeState,
}

/// What becomes of a node; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct NodeChange {
    /// The routes of its gallery server.
    pub adapter: Option<String>,
    /// Its address.
    pub upstream: Option<String>,
    /// Whether somebody has looked at it.
    pub state: Option<NodeState>,
}

impl Store {
    /// Nodes that are registered.
    #[must_use]
    pub fn nodes(&self) -> Nodes<'_> {
        Nodes(self)
    }
}

impl Nodes<'_> {
    /// Keeps a node that somebody registers.
    ///
    /// # Errors
    /// [`StoreError::NodeTaken`].
    pub async fn add(&self, node: &NewNode, now: UnixTime) -> Result<RegisteredNode, StoreError> {
        let mut tx = self.0.begin().await?;
        let added = insert(&mut tx, node, now).await?;
        commit_change(tx).await?;
        Ok(added)
    }

    /// Keeps a node that registers itself by a join token, which is used up by one. Of several at
    /// once no more succeed than the token has uses left.
    ///
    /// # Errors
    /// [`StoreError::NoSuchToken`], also for one that is used up or over;
    /// [`StoreError::NodeTaken`], which uses nothing up.
    pub async fn join(
        &self,
        token: &TokenHash,
        node: &NewNode,
        now: UnixTime,
    ) -> Result<RegisteredNode, StoreError> {
        let mut tx = self.0.begin().await?;
        join_tokens::take(&mut tx, token, now).await?;
        let added = insert(&mut tx, node, now).await?;
        commit_change(tx).await?;
        Ok(added)
    }

    /// Every node, by name.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn list(&self) -> Result<Vec<RegisteredNode>, StoreError> {
        let rows = sqlx::query("SELECT * FROM nodes ORDER BY name")
            .fetch_all(&self.0.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(read).collect()
    }

    /// The node of a name.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn find(&self, name: &SiteId) -> Result<Option<RegisteredNode>, StoreError> {
        let row = sqlx::query("SELECT * FROM nodes WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(&self.0.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(read).transpose()
    }

    /// Changes a node.
    ///
    /// # Errors
    /// [`StoreError::NoSuchNode`].
    pub async fn modify(
        &self,
        name: &SiteId,
        change: &NodeChange,
        now: UnixTime,
    ) -> Result<RegisteredNode, StoreError> {
        let mut tx = self.0.begin().await?;
        let row = sqlx::query(
            "UPDATE nodes SET adapter = coalesce($1, adapter), \
             upstream = coalesce($2, upstream), state = coalesce($3, state), changed = $4 \
             WHERE name = $5 RETURNING *",
        )
        .bind(change.adapter.as_deref())
        .bind(change.upstream.as_deref())
        .bind(change.state.map(NodeState::number))
        .bind(now.seconds())
        .bind(name.as_str())
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        let row = row.ok_or_else(|| StoreError::NoSuchNode { node: name.clone() })?;
        let node = read(&row)?;
        commit_change(tx).await?;
        Ok(node)
    }

    /// Gives a node another credential; the old one is nothing any more. With `old`, only if that
    /// is its credential until now.
    ///
    /// # Errors
    /// [`StoreError::NoSuchNode`], also where `old` is another's or nobody's.
    pub async fn rotate(
        &self,
        name: &SiteId,
        (old, new): (Option<&TokenHash>, &TokenHash),
        now: UnixTime,
    ) -> Result<RegisteredNode, StoreError> {
        let mut tx = self.0.begin().await?;
        let row = sqlx::query(
            "UPDATE nodes SET credential_hash = $1, changed = $2 \
             WHERE name = $3 AND credential_hash = coalesce($4, credential_hash) RETURNING *",
        )
        .bind(new.bytes().as_slice())
        .bind(now.seconds())
        .bind(name.as_str())
        .bind(old.map(|old| old.bytes().as_slice()))
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        let row = row.ok_or_else(|| StoreError::NoSuchNode { node: name.clone() })?;
        let node = read(&row)?;
        commit_change(tx).await?;
        Ok(node)
    }

    /// Removes a node; its credential is nothing any more.
    ///
    /// # Errors
    /// [`StoreError::NoSuchNode`].
    pub async fn remove(&self, name: &SiteId) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query("DELETE FROM nodes WHERE name = $1")
            .bind(name.as_str())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NoSuchNode { node: name.clone() });
        }
        commit_change(tx).await
    }
}

async fn insert(tx: &mut Tx, node: &NewNode, now: UnixTime) -> Result<RegisteredNode, StoreError> {
    let row = sqlx::query(
        "INSERT INTO nodes (name, adapter, upstream, credential_hash, state, created, changed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING *",
    )
    .bind(node.name.as_str())
    .bind(&node.adapter)
    .bind(&node.upstream)
    .bind(node.credential.bytes().as_slice())
    .bind(node.state.number())
    .bind(now.seconds())
    .bind(now.seconds())
    .fetch_optional(&mut **tx)
    .await
    .map_err(unavailable)?;
    let row = row.ok_or_else(|| StoreError::NodeTaken { node: node.name.clone() })?;
    read(&row)
}

fn read(row: &AnyRow) -> Result<RegisteredNode, StoreError> {
    let row = Reader { table: "nodes", row };
    Ok(RegisteredNode {
        name: row.parsed("name", SiteId::parse)?,
        adapter: row.raw("adapter")?,
        upstream: row.raw("upstream")?,
        state: match row.raw::<i64>("state")? {
            0 => NodeState::Pending,
            1 => NodeState::Active,
            _ => return Err(row.corrupt("state")),
        },
        created: row.time("created")?,
        changed: row.time("changed")?,
    })
}

#[cfg(test)]
mod tests;
