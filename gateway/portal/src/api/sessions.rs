//! `/users/{user}/sessions`: who is signed in with an account.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use vestibule_identity::SessionId;
use vestibule_identity::management::WhichSessions;
use vestibule_schema::SiteId;

use super::asking::{Asking, Part};
use super::body::{Named, Parameters, in_query, user_in_path};
use super::problem::Problem;
use crate::portal::Portal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    node: Option<String>,
    offset: Option<usize>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    node: Option<String>,
    dry_run: Option<bool>,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    asking: Asking,
    Named(user): Named<String>,
    Parameters(of): Parameters<Of>,
) -> Result<Response, Problem> {
    let user = user_in_path(&user)?;
    let node = in_query("node", of.node.as_ref(), SiteId::parse)?;
    let room = asking.look(&portal)?;
    let sessions = room.verbs().sessions(&user, node.as_ref()).await;
    room.listed(sessions, Part { offset: of.offset, limit: of.limit }).await
}

pub(super) async fn end_all(
    State(portal): State<Portal>,
    asking: Asking,
    Named(user): Named<String>,
    Parameters(end): Parameters<End>,
) -> Result<Response, Problem> {
    ended(&portal, asking, (&user, WhichSessions::All), &end).await
}

pub(super) async fn end(
    State(portal): State<Portal>,
    asking: Asking,
    Named((user, session)): Named<(String, i64)>,
    Parameters(end): Parameters<End>,
) -> Result<Response, Problem> {
    let which = WhichSessions::One(SessionId::from_number(session));
    ended(&portal, asking, (&user, which), &end).await
}

async fn ended(
    portal: &Portal,
    asking: Asking,
    (user, which): (&str, WhichSessions),
    end: &End,
) -> Result<Response, Problem> {
    let user = user_in_path(user)?;
    let node = in_query("node", end.node.as_ref(), SiteId::parse)?;
    let room = asking.change(portal, end.dry_run)?;
    let outcome = room.verbs().end_sessions(&user, which, node.as_ref()).await;
    room.done(outcome, StatusCode::OK).await
}
