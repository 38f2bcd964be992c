//! `/group-mappings`: access of security groups.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use vestibule_identity::management::{AccessWanted, MappingRef};
use vestibule_schema::{ProviderId, RoleName, SiteId};
use vestibule_store::{MappedGroup, RoleChoice};

use super::asking::{Asking, Part};
use super::body::{Dry, Json, Parameters, in_body, in_query, needed, present};
use super::problem::Problem;
use crate::portal::Portal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {
    node: Option<String>,
    offset: Option<usize>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    node: String,
    group: String,
    #[serde(default, deserialize_with = "present")]
    provider: Option<String>,
    role: String,
    #[serde(default, deserialize_with = "present")]
    base_path: Option<String>,
    #[serde(default, deserialize_with = "present")]
    upload_path: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    node: String,
    group: String,
    provider: Option<String>,
    role: Option<String>,
    dry_run: Option<bool>,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(all): Parameters<All>,
) -> Result<Response, Problem> {
    let node = in_query("node", all.node.as_ref(), SiteId::parse)?;
    let room = asking.look(&portal)?;
    let mappings = room.verbs().mappings(node.as_ref()).await;
    room.listed(mappings, Part { offset: all.offset, limit: all.limit }).await
}

pub(super) async fn add(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(dry): Parameters<Dry>,
    Json(new): Json<New>,
) -> Result<Response, Problem> {
    let room = asking.change(&portal, dry.dry_run)?;
    let node = in_body("node", SiteId::parse(&new.node))?;
    let group = in_body("group", MappedGroup::parse(&new.group))?;
    let provider = new.provider.as_deref().map(ProviderId::parse).transpose();
    let group = at(group, in_body("provider", provider)?.as_ref());
    let wanted = AccessWanted {
        role: Some(&new.role),
        base_path: new.base_path.as_deref(),
        upload_path: new.upload_path.as_deref(),
    };
    let of = MappingRef { group: &group, node: &node };
    let outcome = room.verbs().allow_group(of, wanted).await;
    room.done(outcome, StatusCode::CREATED).await
}

pub(super) async fn remove(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(which): Parameters<Which>,
) -> Result<Response, Problem> {
    let node = needed("node", &which.node, SiteId::parse)?;
    let group = needed("group", &which.group, MappedGroup::parse)?;
    let provider = in_query("provider", which.provider.as_ref(), ProviderId::parse)?;
    let group = at(group, provider.as_ref());
    let role = in_query("role", which.role.as_ref(), RoleName::parse)?;
    let choice = role.as_ref().map_or(RoleChoice::Any, |role| RoleChoice::Exactly(Some(role)));
    let room = asking.change(&portal, which.dry_run)?;
    let of = MappingRef { group: &group, node: &node };
    let outcome = room.verbs().deny_group(of, choice).await;
    room.done(outcome, StatusCode::OK).await
}

fn at(group: MappedGroup, provider: Option<&ProviderId>) -> MappedGroup {
    match provider {
        Some(provider) => group.at(provider),
        None => group,
    }
}
