//! The stylesheet, the logo, and the one script: passkeys can't be used without one.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::answer::Failure;

/// A name, a type and the content.
static ASSETS: [(&str, &str, &str); 3] = [
    ("portal.css", "text/css; charset=utf-8", include_str!("../../assets/portal.css")),
    ("arch.svg", "image/svg+xml", include_str!("../../assets/arch.svg")),
    ("passkey.js", "text/javascript; charset=utf-8", include_str!("../../assets/passkey.js")),
];

pub(super) async fn show(Path(file): Path<String>) -> Result<Response, Failure> {
    let (_, kind, content) =
        ASSETS.iter().find(|(name, ..)| *name == file).ok_or(Failure::NotFound)?;
    let headers = [(CONTENT_TYPE, *kind), (CACHE_CONTROL, "public, max-age=3600")];
    Ok((headers, *content).into_response())
}
