//! The stylesheet and the logo. There is no script.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::answer::Failure;

/// A name, a type and the content.
static ASSETS: [(&str, &str, &str); 2] = [
    ("portal.css", "text/css; charset=utf-8", include_str!("../../assets/portal.css")),
    ("arch.svg", "image/svg+xml", include_str!("../../assets/arch.svg")),
];

pub(super) async fn show(Path(file): Path<String>) -> Result<Response, Failure> {
    let (_, kind, content) =
        ASSETS.iter().find(|(name, ..)| *name == file).ok_or(Failure::NotFound)?;
    let headers = [(CONTENT_TYPE, *kind), (CACHE_CONTROL, "public, max-age=3600")];
    Ok((headers, *content).into_response())
}
