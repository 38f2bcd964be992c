//! What comes with a request: a JSON document, parameters of the query, names in the path.

use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use vestibule_identity::Secret;
use vestibule_schema::{SiteId, UserName};

use super::problem::Problem;

/// A JSON document, said to be one: browsers send none to another origin unasked (S85).
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "send `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes =
            bytes.map_err(|error| Problem::new(error.status(), "the body can't be read"))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let status = if error.is_data() {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::BAD_REQUEST
            };
            Problem::new(status, error.to_string())
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// The parameters of the query; each once, and none that nobody knows.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(found)| Self(found)).map_err(|error| bad(error.body_text()))
    }
}

/// The names in the path. What is no such name is nowhere.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(found)| Self(found)).map_err(|_| Problem::not_found())
    }
}

/// Whether something is done, or only said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dry {
    pub(super) dry_run: Option<bool>,
}

pub(super) fn user_in_path(text: &str) -> Result<UserName, Problem> {
    UserName::parse(text).map_err(|_| Problem::not_found())
}

pub(super) fn node_in_path(text: &str) -> Result<SiteId, Problem> {
    SiteId::parse(text).map_err(|_| Problem::not_found())
}

/// A text of a document as one of our types (422).
pub(super) fn in_body<T, E: fmt::Display>(what: &str, parsed: Result<T, E>) -> Result<T, Problem> {
    let bad = |error| format!("`{what}`: {error}");
    parsed.map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, bad(error)))
}

/// A text of the query as one of our types (400).
pub(super) fn in_query<T, E: fmt::Display>(
    what: &str,
    text: Option<&String>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    let bad = |error| Problem::new(StatusCode::BAD_REQUEST, format!("`{what}`: {error}"));
    text.map(|text| parse(text)).transpose().map_err(bad)
}

/// A text of the query that must be there, as one of our types (400).
pub(super) fn needed<T, E: fmt::Display>(
    what: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Problem> {
    let bad = |error| Problem::new(StatusCode::BAD_REQUEST, format!("`{what}`: {error}"));
    parse(text).map_err(bad)
}

/// A field that may be left out, but is no `null`.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

pub(super) fn secret<'de, D: Deserializer<'de>>(text: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(text).map(Secret::new)
}

pub(super) fn some_secret<'de, D: Deserializer<'de>>(
    text: D,
) -> Result<Option<Secret<String>>, D::Error> {
    secret(text).map(Some)
}
