//! `/users/{user}/passkeys`: by what the owner of an account signs in.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use vestibule_identity::PasskeyId;

use super::asking::{Asking, Part};
use super::body::{Dry, Named, Parameters, user_in_path};
use super::problem::Problem;
use crate::portal::Portal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {
    offset: Option<usize>,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    asking: Asking,
    Named(user): Named<String>,
    Parameters(all): Parameters<All>,
) -> Result<Response, Problem> {
    let user = user_in_path(&user)?;
    let room = asking.look(&portal)?;
    let found = room.verbs().passkeys(&user).await;
    room.listed(found, Part { offset: all.offset, limit: all.limit }).await
}

pub(super) async fn remove_all(
    State(portal): State<Portal>,
    asking: Asking,
    Named(user): Named<String>,
    Parameters(dry): Parameters<Dry>,
) -> Result<Response, Problem> {
    removed(&portal, asking, (&user, None), &dry).await
}

pub(super) async fn remove(
    State(portal): State<Portal>,
    asking: Asking,
    Named((user, number)): Named<(String, i64)>,
    Parameters(dry): Parameters<Dry>,
) -> Result<Response, Problem> {
    let which = Some(PasskeyId::from_number(number));
    removed(&portal, asking, (&user, which), &dry).await
}

async fn removed(
    portal: &Portal,
    asking: Asking,
    (user, which): (&str, Option<PasskeyId>),
    dry: &Dry,
) -> Result<Response, Problem> {
    let user = user_in_path(user)?;
    let room = asking.change(portal, dry.dry_run)?;
    let outcome = room.verbs().remove_passkeys(&user, which).await;
    room.done(outcome, StatusCode::OK).await
}
