//! The JSON API of management, below `/_vestibule/api/v1/`: the same verbs as the command line, for
//! whoever Cedar lets manage. `api/openapi.json` says what goes in and what comes out.
//!
//! It is at the portal alone, for sessions of the portal alone (requirement S17). What reaches it is
//! answered with JSON, failures as RFC 9457 writes them: never a redirection, never a page. What the
//! front refuses before (a head that can't be read, a credential that failed, a body that is too
//! large, a store that can't be reached) looks there as it does anywhere: `{"error":…}`, or a page
//! for a browser that goes to one.

mod app_passwords;
mod asking;
mod body;
mod grants;
mod groups;
mod joining;
mod nodes;
mod passkeys;
mod problem;
mod sessions;
mod shares;
mod users;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::answer::to_the_end;
use crate::portal::Portal;
use problem::Problem;

/// Where it is.
pub(crate) const PREFIX: &str = "/_vestibule/api/v1";

/// The most that a body may hold, in bytes.
const MAX_BYTES: usize = 16 * 1024;
/// How long an answer may take.
const TIME_LIMIT: Duration = Duration::from_secs(45);

/// What goes in and what comes out, as OpenAPI 3.1. Held against the server by
/// `tests/e2e/api_contract.rs`.
const OPENAPI: &str = include_str!("api/openapi.json");

/// The resources. Everything else below [`PREFIX`] is not found.
pub(crate) fn router() -> Router<Portal> {
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/users", get(users::list).post(users::add))
        .route("/users/{user}", get(users::show).patch(users::modify).delete(users::remove))
        .route("/users/{user}/password", put(users::set_password))
        .route("/users/{user}/second-factor", delete(users::reset_second_factor))
        .route("/users/{user}/sessions", get(sessions::list).delete(sessions::end_all))
        .route("/users/{user}/sessions/{session}", delete(sessions::end))
        .route(
            "/users/{user}/app-passwords",
            get(app_passwords::list).delete(app_passwords::revoke_all),
        )
        .route("/users/{user}/app-passwords/{app_password}", delete(app_passwords::revoke))
        .route("/users/{user}/passkeys", get(passkeys::list).delete(passkeys::remove_all))
        .route("/users/{user}/passkeys/{passkey}", delete(passkeys::remove))
        .route("/grants", get(grants::list).post(grants::add).delete(grants::remove))
        .route("/group-mappings", get(groups::list).post(groups::add).delete(groups::remove))
        .route("/nodes", get(nodes::list).post(nodes::add))
        .route("/nodes/register", post(joining::register))
        .route("/nodes/rotate", post(joining::rotate))
        .route("/nodes/{node}", get(nodes::show).patch(nodes::modify).delete(nodes::remove))
        .route("/nodes/{node}/rotate", post(nodes::rotate))
        .route("/join-tokens", get(joining::list).post(joining::add))
        .route("/join-tokens/{token}", delete(joining::remove))
        .route("/shares", get(shares::list).post(shares::add))
        .route("/shares/{share}", delete(shares::remove))
        .route("/review", get(nodes::review))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .layer(from_fn(in_time))
}

async fn openapi() -> Response {
    let mut response = OPENAPI.into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// Gives up waiting for an answer that takes too long, whatever holds it up.
async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(TIME_LIMIT, to_the_end(next.run(request))).await;
    answer.unwrap_or_else(|_| {
        tracing::error!(limit = ?TIME_LIMIT, "the management API can't answer in time");
        Problem::unavailable().into_response()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The document is held against the server; that no route is missing in it, here.
    #[test]
    fn the_document_has_every_route() {
        let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
        let source = include_str!("api.rs").split("#[cfg(test)]").next().unwrap();
        let routes = source.split(".route(").skip(1).filter_map(|rest| rest.split('"').nth(1));
        let routed: BTreeSet<&str> = routes.filter(|path| *path != "/openapi.json").collect();
        assert_eq!(routed, described);
        assert_eq!(document["servers"][0]["url"], PREFIX);
    }
}
