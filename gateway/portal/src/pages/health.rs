//! Whether the gateway can tell who somebody is.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::portal::Portal;

pub(super) async fn show(State(portal): State<Portal>) -> Response {
    match portal.identity.store().meta().changes().await {
        Ok(_) => "ok\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store can't be reached\n").into_response(),
    }
}
