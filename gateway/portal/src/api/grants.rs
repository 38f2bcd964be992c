//! `/grants`: access of single users.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use vestibule_identity::management::{AccessWanted, GrantRef};
use vestibule_schema::{RoleName, SiteId, UserName};
use vestibule_store::{GrantFilter, RoleChoice};

use super::asking::{Asking, Part};
use super::body::{Dry, Json, Parameters, in_body, in_query, needed, present};
use super::problem::Problem;
use crate::portal::Portal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {
    user: Option<String>,
    node: Option<String>,
    offset: Option<usize>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    user: String,
    node: String,
    #[serde(default, deserialize_with = "present")]
    role: Option<String>,
    #[serde(default, deserialize_with = "present")]
    base_path: Option<String>,
    #[serde(default, deserialize_with = "present")]
    upload_path: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    user: String,
    node: String,
    role: Option<String>,
    dry_run: Option<bool>,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(all): Parameters<All>,
) -> Result<Response, Problem> {
    let filter = GrantFilter {
        user: in_query("user", all.user.as_ref(), UserName::parse)?,
        site: in_query("node", all.node.as_ref(), SiteId::parse)?,
    };
    let room = asking.look(&portal)?;
    let grants = room.verbs().grants(&filter).await;
    room.listed(grants, Part { offset: all.offset, limit: all.limit }).await
}

pub(super) async fn add(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(dry): Parameters<Dry>,
    Json(new): Json<New>,
) -> Result<Response, Problem> {
    let room = asking.change(&portal, dry.dry_run)?;
    let user = in_body("user", UserName::parse(&new.user))?;
    let node = in_body("node", SiteId::parse(&new.node))?;
    let wanted = AccessWanted {
        role: new.role.as_deref(),
        base_path: new.base_path.as_deref(),
        upload_path: new.upload_path.as_deref(),
    };
    let of = GrantRef { user: &user, node: &node };
    let outcome = room.verbs().grant(of, wanted).await;
    room.done(outcome, StatusCode::CREATED).await
}

pub(super) async fn remove(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(which): Parameters<Which>,
) -> Result<Response, Problem> {
    let user = needed("user", &which.user, UserName::parse)?;
    let node = needed("node", &which.node, SiteId::parse)?;
    let named = which.role.as_ref().filter(|role| !role.is_empty());
    let role = in_query("role", named, RoleName::parse)?;
    let choice = match &which.role {
        None => RoleChoice::Any,
        Some(_) => RoleChoice::Exactly(role.as_ref()),
    };
    let room = asking.change(&portal, which.dry_run)?;
    let outcome = room.verbs().revoke(GrantRef { user: &user, node: &node }, choice).await;
    room.done(outcome, StatusCode::OK).await
}
