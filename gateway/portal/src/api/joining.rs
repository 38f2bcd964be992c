//! `/join-tokens`, and what nodes ask for themselves: `/nodes/register`, `/nodes/rotate`.

use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use vestibule_identity::management::{JoinTokenWanted, ManageError, NodeCredential, NodeWanted};
use vestibule_identity::{Audience, RequestOrigin, Secret, UnixTime};
use vestibule_schema::SiteId;

use super::asking::{Asking, Part, json};
use super::body::{Dry, Json, Named, Parameters, in_body, present, secret};
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
pub(super) struct New {
    #[serde(default)]
    label: String,
    expires: String,
    #[serde(default, deserialize_with = "present")]
    uses: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    #[serde(deserialize_with = "secret")]
    join_token: Secret<String>,
    node: String,
    adapter: String,
    upstream: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    node: String,
    #[serde(deserialize_with = "secret")]
    credential: Secret<String>,
}

/// A node that asks at the portal. What it shows of itself is in the document that it sends.
pub(super) struct FromNode(RequestOrigin);

impl<S: Send + Sync> FromRequestParts<S> for FromNode {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match (parts.extensions.get::<RequestOrigin>(), parts.extensions.get::<Audience>()) {
            (Some(origin), Some(Audience::Portal)) => Ok(Self(origin.clone())),
            (Some(_), Some(Audience::Site(_))) => Err(Problem::not_found()),
            _ => Err(Problem::internal()),
        }
    }
}

pub(super) async fn list(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(all): Parameters<All>,
) -> Result<Response, Problem> {
    let room = asking.look(&portal)?;
    let tokens = room.verbs().join_tokens().await;
    room.listed(tokens, Part { offset: all.offset, limit: all.limit }).await
}

pub(super) async fn add(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(dry): Parameters<Dry>,
    Json(new): Json<New>,
) -> Result<Response, Problem> {
    let room = asking.change(&portal, dry.dry_run)?;
    let expires = in_body("expires", UnixTime::parse(&new.expires))?;
    let wanted = JoinTokenWanted { label: &new.label, expires, uses: new.uses };
    let outcome = room.verbs().add_join_token(wanted).await;
    room.told(outcome, StatusCode::CREATED).await
}

pub(super) async fn remove(
    State(portal): State<Portal>,
    asking: Asking,
    Named(token): Named<i64>,
    Parameters(dry): Parameters<Dry>,
) -> Result<Response, Problem> {
    let room = asking.change(&portal, dry.dry_run)?;
    let outcome = room.verbs().remove_join_token(token).await;
    room.done(outcome, StatusCode::OK).await
}

pub(super) async fn register(
    State(portal): State<Portal>,
    FromNode(origin): FromNode,
    Json(asked): Json<Registration>,
) -> Result<Response, Problem> {
    let cluster = portal.sites.cluster().ok_or_else(Problem::not_found)?;
    let wanted = NodeWanted {
        name: in_body("node", SiteId::parse(&asked.node))?,
        adapter: &asked.adapter,
        upstream: &asked.upstream,
    };
    let shown = (&asked.join_token, &wanted);
    let made = portal.identity.register_node(&origin, shown, &cluster).await;
    answered(made, StatusCode::CREATED)
}

pub(super) async fn rotate(
    State(portal): State<Portal>,
    FromNode(origin): FromNode,
    Json(asked): Json<Rotation>,
) -> Result<Response, Problem> {
    // off where the rest is
    portal.sites.cluster().ok_or_else(Problem::not_found)?;
    let node = in_body("node", SiteId::parse(&asked.node))?;
    let shown = (&node, &asked.credential);
    let rotated = portal.identity.rotate_own_credential(&origin, shown).await;
    answered(rotated, StatusCode::OK)
}

/// What a node showed that counts for nothing is a credential that failed: which of name, token
/// and credential is wrong is not told.
fn answered(
    made: Result<NodeCredential, ManageError>,
    status: StatusCode,
) -> Result<Response, Problem> {
    match made {
        Ok(made) => json(status, &made),
        Err(ManageError::NotFound(_)) => {
            let detail = "what was shown admits no node";
            Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
        }
        Err(error) => Err(error.into()),
    }
}
