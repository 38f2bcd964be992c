//! Whether the gateway runs, and whether it can tell who somebody is and write down that it did.

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

/// Says whether people should be sent here: not while the store can't be reached or the audit log
/// can't be written, as nobody new gets in.
pub(super) async fn show_ready(State(portal): State<Portal>) -> Response {
    let not_ready = |said: &'static str| (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
    if !portal.identity.audit().is_ready() {
        return not_ready("the audit log can't be written\n");
    }
    if portal.identity.store().answers_within(STORE_LIMIT).await {
        "ready\n".into_response()
    } else {
        not_ready("the store can't be reached\n")
    }
}
