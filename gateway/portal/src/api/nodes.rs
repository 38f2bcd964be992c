//! `/nodes` and `/review`: the sites, and who may enter them by what.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use vestibule_identity::management::{NodeWanted, ReviewFilter};
use vestibule_schema::{RoleName, SiteId, UserName};
use vestibule_store::{NodeChange, NodeState};

use super::asking::{Asking, Part};
use super::body::{Dry, Json, Named, Parameters, in_body, in_query, node_in_path, present};
use super::problem::Problem;
use crate::portal::Portal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {
    offset: Option<usize>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reviewed {
    user: Option<String>,
    node: Option<String>,
    role: Option<String>,
    offset: Option<usize>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    node: String,
    adapter: String,
    upstream: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    #[serde(default, deserialize_with = "present")]
    adapter: Option<String>,
    #[serde(default, deserialize_with = "present")]
    upstream: Option<String>,
    #[serde(default, deserialize_with = "present")]
    registered: Option<Standing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Standing {
    Pending,
    Active,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(all): Parameters<All>,
) -> Result<Response, Problem> {
    let room = asking.look(&portal)?;
    let nodes = room.verbs().nodes().await;
    room.listed(nodes, Part { offset: all.offset, limit: all.limit }).await
}

pub(super) async fn show(
    State(portal): State<Portal>,
    asking: Asking,
    Named(node): Named<String>,
) -> Result<Response, Problem> {
    let node = node_in_path(&node)?;
    let room = asking.look(&portal)?;
    let node = room.verbs().node(&node).await;
    room.shown(node).await
}

pub(super) async fn add(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(dry): Parameters<Dry>,
    Json(new): Json<New>,
) -> Result<Response, Problem> {
    let room = asking.change(&portal, dry.dry_run)?;
    let wanted = NodeWanted {
        name: in_body("node", SiteId::parse(&new.node))?,
        adapter: &new.adapter,
        upstream: &new.upstream,
    };
    let outcome = room.verbs().add_node(&wanted).await;
    room.told(outcome, StatusCode::CREATED).await
}

pub(super) async fn modify(
    State(portal): State<Portal>,
    asking: Asking,
    Named(node): Named<String>,
    Parameters(dry): Parameters<Dry>,
    Json(change): Json<Change>,
) -> Result<Response, Problem> {
    let node = node_in_path(&node)?;
    let room = asking.change(&portal, dry.dry_run)?;
    let change = NodeChange {
        adapter: change.adapter,
        upstream: change.upstream,
        state: change.registered.map(|state| match state {
            Standing::Pending => NodeState::Pending,
            Standing::Active => NodeState::Active,
        }),
    };
    let outcome = room.verbs().modify_node(&node, &change).await;
    room.done(outcome, StatusCode::OK).await
}

pub(super) async fn rotate(
    State(portal): State<Portal>,
    asking: Asking,
    Named(node): Named<String>,
    Parameters(dry): Parameters<Dry>,
) -> Result<Response, Problem> {
    let node = node_in_path(&node)?;
    let room = asking.change(&portal, dry.dry_run)?;
    let outcome = room.verbs().rotate_node(&node).await;
    room.told(outcome, StatusCode::OK).await
}

pub(super) async fn remove(
    State(portal): State<Portal>,
    asking: Asking,
    Named(node): Named<String>,
    Parameters(dry): Parameters<Dry>,
) -> Result<Response, Problem> {
    let node = node_in_path(&node)?;
    let room = asking.change(&portal, dry.dry_run)?;
    let outcome = room.verbs().remove_node(&node).await;
    room.done(outcome, StatusCode::OK).await
}

pub(super) async fn review(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(of): Parameters<Reviewed>,
) -> Result<Response, Problem> {
    let filter = ReviewFilter {
        user: in_query("user", of.user.as_ref(), UserName::parse)?,
        node: in_query("node", of.node.as_ref(), SiteId::parse)?,
        role: in_query("role", of.role.as_ref(), RoleName::parse)?,
    };
    let room = asking.look(&portal)?;
    let rows = room.verbs().review(&filter).await;
    room.listed(rows, Part { offset: of.offset, limit: of.limit }).await
}
