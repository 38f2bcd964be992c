//! Whether the gateway runs, and whether it can tell who somebody is.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::portal::Portal;

/// How long the store may take to answer whoever asks whether it does.
const STORE_LIMIT: Duration = Duration::from_secs(2);

/// Says that the process answers, whatever the store does: nothing is mended by starting it again.
pub(super) async fn show() -> &'static str {
    "ok\n"
}

/// Says whether people should be sent here: not while the store can't be reached, as nobody new
/// gets in.
pub(super) async fn show_ready(State(portal): State<Portal>) -> Response {
    if portal.identity.store().answers_within(STORE_LIMIT).await {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the store can't be reached\n").into_response()
    }
}
