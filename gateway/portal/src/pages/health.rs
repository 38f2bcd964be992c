//! Whether the gateway can tell who somebody is, and write down that it did.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::portal::Portal;

pub(super) async fn show(State(portal): State<Portal>) -> Response {
    if !portal.identity.audit().is_ready() {
        let said = "the audit log can't be written\n";
        return (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
    }
    match portal.identity.store().meta().changes().await {
        Ok(_) => "ok\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store can't be reached\n").into_response(),
    }
}
