//! Every page, with its path.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use crate::answer::{Failure, finish, in_time};
use crate::form;
use crate::portal::Portal;

mod account;
mod assets;
mod browser;
mod health;
mod home;
mod sign_in;
mod sign_out;

/// The portal's pages. Everything else under [`crate::PREFIX`] is not found.
///
/// Requests must carry the extensions `RequestOrigin` and `Authentication`.
pub fn router(portal: Portal) -> Router {
    Router::new()
        .route("/_vestibule/", get(home::show))
        .route("/_vestibule/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/_vestibule/sign-out", get(sign_out::show).post(sign_out::submit))
        .route("/_vestibule/account", get(account::show))
        .route("/_vestibule/account/password", post(account::change_password))
        .route("/_vestibule/account/sessions/end", post(account::end_session))
        .route("/_vestibule/account/sessions/end-others", post(account::end_other_sessions))
        .route("/_vestibule/assets/{file}", get(assets::show))
        .route("/_vestibule/healthz", get(health::show))
        .route("/_vestibule/readyz", get(health::show_ready))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(form::MAX_BYTES))
        .layer(from_fn(in_time))
        .layer(from_fn(finish))
        .with_state(portal)
}

async fn not_found() -> Failure {
    Failure::NotFound
}

async fn method_not_allowed() -> Failure {
    Failure::MethodNotAllowed
}
