//! The bridge to the gateway's own pages: everything below `/_vestibule/`.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, Limited};
use pingora::proxy::Session;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _, service_fn};
use vestibule_identity::{Audience, Authentication};
use vestibule_schema::GalleryPath;

use crate::body;
use crate::front::{Framing, Head};
use crate::gateway::{Gateway, PortalService};
use crate::headers::passes_to_any;
use crate::refuse::{Answer, Refusal};

/// The largest body that the portal is given, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long such a body may take: a form is small.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The largest answer of the portal, in bytes.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Makes the portal of a router that speaks of bodies in its own way.
pub fn portal_service<S, B>(router: S) -> PortalService
where
    S: Service<http::Request<Full<Bytes>>, Response = http::Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    BoxCloneSyncService::new(service_fn(move |request: http::Request<Bytes>| {
        let router = router.clone();
        async move {
            let response = match router.oneshot(request.map(Full::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (parts, body) = response.into_parts();
            Ok(match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
                Ok(body) => http::Response::from_parts(parts, body.to_bytes()),
                Err(error) => {
                    tracing::error!(error, "a page of the portal broke off");
                    let mut failed = http::Response::new(Bytes::new());
                    *failed.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                    failed
                }
            })
        }
    }))
}

/// Hands a request to the portal.
///
/// # Errors
/// The refusal, if the request is none for it.
pub(crate) async fn serve(
    gateway: &Gateway,
    session: &mut Session,
    head: &Head,
    (audience, who): (Audience, Authentication),
) -> Result<Answer, Refusal> {
    let path = GalleryPath::from_encoded(head.path()).map_err(|_| Refusal::BadRequest)?;
    let body = tokio::time::timeout(BODY_TIME, read_body(session, head));
    let body = body.await.unwrap_or(Err(Refusal::BadRequest)).inspect_err(|_| {
        // where a body that was not read whole ends, the next reader may see it elsewhere
        session.set_keepalive(None);
    })?;
    let mut request = http::Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri(&path, head.query())?;
    *request.headers_mut() = headers(&session.req_header().headers);
    request.extensions_mut().insert(head.origin.clone());
    request.extensions_mut().insert(audience);
    request.extensions_mut().insert(who);
    let call = AssertUnwindSafe(gateway.portal.clone().oneshot(request)).catch_unwind();
    match call.await {
        Ok(Ok(response)) => Ok(answer(response)),
        Ok(Err(never)) => match never {},
        Err(_) => {
            // not which: a path of the portal's may hold a token
            tracing::error!("a page of the portal panicked");
            Err(Refusal::Internal)
        }
    }
}

/// The whole body, if it is not too large.
async fn read_body(session: &mut Session, head: &Head) -> Result<Bytes, Refusal> {
    let announced = match head.framing {
        Framing::None => return Ok(Bytes::new()),
        Framing::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
        Framing::Chunked => 0,
    };
    if announced > MAX_BODY_BYTES {
        return Err(Refusal::BodyTooLarge);
    }
    body::invite(session, head).await.map_err(|_| Refusal::BadRequest)?;
    let mut body = BytesMut::with_capacity(announced);
    loop {
        match session.as_downstream_mut().read_request_body().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY_BYTES => {
                return Err(Refusal::BodyTooLarge);
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(_) => return Err(Refusal::BadRequest),
        }
    }
}

/// The canonical path, and the query as it came.
fn uri(path: &GalleryPath, query: Option<&str>) -> Result<http::Uri, Refusal> {
    let mut target = path.encoded();
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    http::Uri::try_from(target).map_err(|_| Refusal::BadRequest)
}

/// The headers that the portal reads.
fn headers(incoming: &HeaderMap) -> HeaderMap {
    let passes = |name: &HeaderName| {
        passes_to_any(name.as_str()) || *name == header::COOKIE || *name == header::HOST
    };
    let mut headers = HeaderMap::with_capacity(incoming.len());
    for (name, value) in incoming.iter().filter(|(name, _)| passes(name)) {
        headers.append(name.clone(), value.clone());
    }
    headers
}

fn answer(response: http::Response<Bytes>) -> Answer {
    let (parts, body) = response.into_parts();
    let is_ours = |name: &HeaderName| {
        let framing =
            [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::DATE];
        !framing.contains(name)
    };
    let headers = parts.headers.iter().filter(|(name, _)| is_ours(name));
    let headers = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
    Answer { status: parts.status, headers, body }
}
