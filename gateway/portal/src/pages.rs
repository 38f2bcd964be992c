//! Every page, with its path.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use vestibule_identity::Audience;

use crate::answer::{Failure, finish, in_time, redirect};
use crate::api;
use crate::form;
use crate::portal::Portal;

pub(crate) use enter::Rounds;

mod account;
mod app_passwords;
mod assets;
mod browser;
mod code;
mod enter;
mod health;
mod home;
mod oidc;
mod passkeys;
mod second_factor;
mod setup;
mod share;
mod sign_in;
mod sign_out;

/// The portal's pages. Everything else under [`crate::PREFIX`] is not found.
///
/// Requests must carry the extensions `RequestOrigin`, `Audience` and `Authentication`; without one
/// of them they are answered 500.
pub fn router(portal: Portal) -> Router {
    Router::new()
        .route("/_vestibule/", get(home::show))
        .route("/_vestibule/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/_vestibule/sign-in/code", get(code::show).post(code::submit))
        .route(passkeys::SIGN_IN, post(passkeys::sign_in))
        .route("/_vestibule/setup", get(setup::show).post(setup::submit))
        .route("/_vestibule/enter", get(enter::show))
        .route("/_vestibule/arrive", get(enter::arrive))
        .route("/_vestibule/s/{token}", get(share::show).post(share::open))
        .route("/_vestibule/oidc/{provider}", get(oidc::begin))
        .route("/_vestibule/oidc/{provider}/callback", get(oidc::callback))
        .route("/_vestibule/oidc/{provider}/back-channel-logout", post(oidc::back_channel_logout))
        .route("/_vestibule/oidc/{provider}/signed-out", get(oidc::signed_out))
        .route("/_vestibule/sign-out", get(sign_out::show).post(sign_out::submit))
        .route("/_vestibule/account", get(account::show))
        .route("/_vestibule/account/password", post(account::change_password))
        .route("/_vestibule/account/second-factor", get(second_factor::show))
        .route("/_vestibule/account/second-factor/begin", post(second_factor::begin))
        .route("/_vestibule/account/second-factor/confirm", post(second_factor::confirm))
        .route("/_vestibule/account/second-factor/change", post(second_factor::change))
        .route("/_vestibule/account/sessions/end", post(account::end_session))
        .route("/_vestibule/account/sessions/end-others", post(account::end_other_sessions))
        .route(app_passwords::PATH, get(app_passwords::show).post(app_passwords::make))
        .route(app_passwords::REVOKE, post(app_passwords::revoke))
        .route(passkeys::PATH, get(passkeys::show).post(passkeys::begin))
        .route(passkeys::CONFIRM, post(passkeys::confirm))
        .route(passkeys::REMOVE, post(passkeys::remove))
        .route("/_vestibule/assets/{file}", get(assets::show))
        .route("/_vestibule/healthz", get(health::show))
        .route("/_vestibule/readyz", get(health::show_ready))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(form::MAX_BYTES))
        .layer(from_fn_with_state(portal.clone(), at_its_place))
        .layer(from_fn(in_time))
        .nest(api::PREFIX, api::router())
        .layer(from_fn(finish))
        .with_state(portal)
}

/// What a site's own host shows of these pages; the rest is at the portal.
const AT_SITES: [&str; 5] = [
    "/_vestibule/sign-in",
    "/_vestibule/arrive",
    "/_vestibule/sign-out",
    "/_vestibule/healthz",
    "/_vestibule/readyz",
];

/// Sends who asks a site's own host for a page of the portal there.
async fn at_its_place(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_here = match request.extensions().get::<Audience>() {
        Some(Audience::Site(_)) => {
            AT_SITES.contains(&path)
                || path.starts_with("/_vestibule/assets/")
                || path.starts_with(share::PREFIX)
        }
        // without an audience nothing is shown
        Some(Audience::Portal) | None => true,
    };
    if is_here {
        return next.run(request).await;
    }
    match portal.sites.portal() {
        Some(there) if request.method().is_safe() => redirect(&format!("{there}{path}")),
        _ => Failure::NotFound.into_response(),
    }
}

async fn not_found() -> Failure {
    Failure::NotFound
}

async fn method_not_allowed() -> Failure {
    Failure::MethodNotAllowed
}
