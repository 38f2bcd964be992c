//! `/shares`: links that show a folder or an image to whoever opens them.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use vestibule_identity::management::ShareWanted;
use vestibule_identity::{Secret, UnixTime};
use vestibule_schema::{ShareId, SiteId, UserName};

use super::asking::{Asking, Part};
use super::body::{Dry, Json, Named, Parameters, in_body, in_query, present, some_secret};
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
    path: String,
    #[serde(default, deserialize_with = "present")]
    role: Option<String>,
    #[serde(default, deserialize_with = "present")]
    maker: Option<String>,
    #[serde(default)]
    label: String,
    #[serde(default, deserialize_with = "some_secret")]
    password: Option<Secret<String>>,
    #[serde(default, deserialize_with = "present")]
    expires: Option<String>,
    #[serde(default, deserialize_with = "present")]
    uses: Option<u32>,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(all): Parameters<All>,
) -> Result<Response, Problem> {
    let node = in_query("node", all.node.as_ref(), SiteId::parse)?;
    let room = asking.look(&portal)?;
    let shares = room.verbs().shares(node.as_ref()).await;
    room.listed(shares, Part { offset: all.offset, limit: all.limit }).await
}

pub(super) async fn add(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(dry): Parameters<Dry>,
    Json(new): Json<New>,
) -> Result<Response, Problem> {
    let room = asking.change(&portal, dry.dry_run)?;
    let node = in_body("node", SiteId::parse(&new.node))?;
    let maker = new.maker.map(|maker| in_body("maker", UserName::parse(&maker))).transpose()?;
    let expires = new.expires.map(|text| in_body("expires", UnixTime::parse(&text))).transpose()?;
    let wanted = ShareWanted {
        node: &node,
        path: &new.path,
        role: new.role.as_deref().unwrap_or("visitor"),
        maker: maker.as_ref(),
        label: &new.label,
        password: new.password.as_ref(),
        expires,
        uses: new.uses,
    };
    let outcome = room.verbs().add_share(&wanted).await;
    room.told(outcome, StatusCode::CREATED).await
}

pub(super) async fn remove(
    State(portal): State<Portal>,
    asking: Asking,
    Named(share): Named<i64>,
    Parameters(dry): Parameters<Dry>,
) -> Result<Response, Problem> {
    let room = asking.change(&portal, dry.dry_run)?;
    let outcome = room.verbs().revoke_share(ShareId::from_number(share)).await;
    room.done(outcome, StatusCode::OK).await
}
