//! A folder as a ZIP archive, written while it is sent.
//!
//! Entries are stored, and each carries its length and checksum in front, so that every program
//! opens the archive, also while it arrives; for that a file is read twice, the second time mostly
//! from the system's memory. What is held in memory is the list of folders, one line per entry for
//! the directory at the archive's end, and a few steps of one file.

mod format;
mod names;
mod plan;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use http::{Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use vestibule_grant::Claims;
use vestibule_schema::GalleryPath;

use crate::backend::Shared;
use crate::refusal::Refusal;
use crate::reply::{self, Body};
use plan::Plan;

/// How many steps of the archive wait for a slow reader.
const AHEAD: usize = 4;

/// The archive of a folder.
///
/// # Errors
/// If the caller may not download the folder, or there is nothing in it for them.
pub(crate) async fn respond(
    shared: &Arc<Shared>,
    claims: Arc<Claims>,
    path: GalleryPath,
    (method, permit): (&Method, OwnedSemaphorePermit),
) -> Result<Response<Body>, Refusal> {
    let name = path.name().unwrap_or(shared.site()).to_owned();
    let work = {
        let claims = Arc::clone(&claims);
        move |shared: &Shared| Plan::make(&shared.desk.library, &claims, &path)
    };
    let plan = shared.blocking(&shared.readers, work).await?;
    let body = if *method == Method::HEAD {
        reply::full(Bytes::new())
    } else {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let work = write::Writer::new(Arc::clone(shared), claims, name.clone(), sender);
        tokio::spawn(async move {
            work.write(plan).await;
            drop(permit);
        });
        let chunks = ReceiverStream::new(receiver).map(|chunk| chunk.map(Frame::data));
        StreamBody::new(chunks).boxed_unsync()
    };
    let mut response = reply::response(StatusCode::OK, body);
    reply::set(&mut response, header::CONTENT_TYPE, "application/zip");
    reply::set(&mut response, header::CACHE_CONTROL, "private, no-store");
    let saved = reply::attachment(&format!("{name}.zip"));
    reply::set(&mut response, header::CONTENT_DISPOSITION, &saved);
    Ok(response)
}
