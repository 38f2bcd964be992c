//! A request's way: grant, target, judgement, answer.

mod etag;
mod picture;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use vestibule_grant::Claims;
use vestibule_schema::{GalleryPath, SiteId, Sizes};

use crate::admission::Admission;
use crate::archive;
use crate::config::{Config, Limits};
use crate::details::DetailsCache;
use crate::library::Library;
use crate::listing::{self, Desk};
use crate::page;
use crate::redact::Redactor;
use crate::refusal::Refusal;
use crate::render::Renderer;
use crate::reply::{self, Body};
use crate::request::{Paging, Route, Sort};
use crate::serve::ServeError;

/// How many pictures are looked up at once; each takes a thread for a moment.
const FINDERS: usize = 64;

/// Answers requests. Cheap to clone: all clones are one.
#[derive(Debug, Clone)]
pub struct Backend {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    site: SiteId,
    admission: Admission,
    /// Folders and headers.
    pub(crate) desk: Desk,
    /// Renditions.
    pub(crate) renderer: Renderer,
    /// Originals.
    pub(crate) redactor: Redactor,
    /// Bounds the reading of folders and headers.
    pub(crate) readers: Arc<Semaphore>,
    /// Bounds the looking up of single pictures: what is in the cache of renditions must not wait
    /// behind the headers of a big folder.
    pub(crate) finders: Arc<Semaphore>,
    /// Bounds the redaction of originals, which holds a whole file in memory.
    pub(crate) redactions: Arc<Semaphore>,
    /// Bounds the archives that are written at once.
    archives: Arc<Semaphore>,
    /// How large the named sizes are.
    pub(crate) sizes: Sizes,
    /// What makes validators that tell nothing about the file.
    etags: ring::hmac::Key,
}

impl Backend {
    /// A backend for a configuration. The library need not be there yet.
    ///
    /// # Errors
    /// If the folder for renditions can't be used.
    pub fn new(config: Config) -> Result<Self, ServeError> {
        let Config { library, cache_dir, cache_bytes, site, keys, sizes, limits, .. } = config;
        let cache = |source| ServeError::Cache { path: cache_dir.clone(), source };
        let renderer = Renderer::new(limits.clone(), &cache_dir, cache_bytes).map_err(cache)?;
        let etags = etag::key(&cache_dir).map_err(cache)?;
        let Limits { decode_concurrency, archives, .. } = limits;
        let shared = Shared {
            site: site.clone(),
            admission: Admission::new(site, keys),
            desk: Desk {
                library: Library::new(library),
                details: DetailsCache::new(),
                failures: renderer.failures(),
            },
            renderer,
            redactor: Redactor::new(&limits),
            readers: Arc::new(Semaphore::new(decode_concurrency.max(1) * 4)),
            finders: Arc::new(Semaphore::new(FINDERS)),
            redactions: Arc::new(Semaphore::new(decode_concurrency.max(1))),
            archives: Arc::new(Semaphore::new(archives.max(1))),
            sizes,
            etags,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Answers a request. Nothing of its body is read.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Body> {
        let (parts, _) = request.into_parts();
        let method = parts.method.clone();
        let response = self.answer(&parts).await;
        if method != Method::HEAD {
            return response;
        }
        // the headers say what GET would give
        let (head, _) = response.into_parts();
        Response::from_parts(head, reply::full(Bytes::new()))
    }

    async fn answer(&self, parts: &http::request::Parts) -> Response<Body> {
        let path = parts.uri.path();
        if matches!(path, "/healthz" | "/readyz") {
            return self.health(path).await;
        }
        let target = parts.uri.path_and_query().map_or(path, |target| target.as_str());
        let claims = self.shared.admission.admit(parts.method.as_str(), target, &parts.headers);
        let claims = match claims {
            Ok(claims) => claims,
            Err(refusal) => return reply::refusal(refusal),
        };
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return reply::refusal(Refusal::Method);
        }
        let route = match Route::parse(path, parts.uri.query()) {
            Ok(route) => route,
            Err(refusal) => return reply::refusal(refusal),
        };
        let is_page = route.is_page();
        let ask =
            Ask { claims: Arc::clone(&claims), method: &parts.method, headers: &parts.headers };
        match self.shared.dispatch(route, ask).await {
            Ok(response) => response,
            Err(refusal) => {
                log(refusal);
                if is_page { page::refused(refusal, &claims) } else { reply::refusal(refusal) }
            }
        }
    }

    /// Says whether this process runs, or whether it can serve; and nothing else.
    async fn health(&self, path: &str) -> Response<Body> {
        let is_well = path == "/healthz" || {
            let open = |shared: &Shared| shared.desk.library.open().map(drop).map_err(Into::into);
            self.shared.blocking(&self.shared.readers, open).await.is_ok()
        };
        let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut response = reply::bytes(status, "text/plain", Bytes::new());
        reply::set(&mut response, header::CACHE_CONTROL, "no-store");
        response
    }
}

/// Mistakes of ours and of the library's are written down; those of requests are not.
fn log(refusal: Refusal) {
    match refusal {
        Refusal::Internal => tracing::error!("failed to answer a request"),
        Refusal::LibraryGone => tracing::warn!("the library can't be reached"),
        Refusal::Unreadable => tracing::warn!("a part of the library can't be read"),
        _ => tracing::debug!(%refusal, "refused a request"),
    }
}

/// What a handler knows of the request besides its route.
struct Ask<'a> {
    claims: Arc<Claims>,
    method: &'a Method,
    headers: &'a HeaderMap,
}

impl Shared {
    /// Runs what blocks on a thread for it, a bounded number at a time.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        bound: &Arc<Semaphore>,
        work: impl FnOnce(&Shared) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let permit = Arc::clone(bound).acquire_owned().await.map_err(|_| Refusal::Internal)?;
        let shared = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&shared);
            // held until the work ends, also when nobody waits for it any more
            drop(permit);
            result
        });
        task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request's work failed");
            Err(Refusal::Internal)
        })
    }

    async fn dispatch(
        self: &Arc<Self>,
        route: Route,
        ask: Ask<'_>,
    ) -> Result<Response<Body>, Refusal> {
        match route {
            Route::Browse(path, paging) => {
                let listing = self.listing(&ask, path.clone(), paging).await?;
                page::browse(&listing, &path, paging, (&ask.claims, self.site()))
            }
            Route::Folder(path, paging) => {
                Ok(reply::json(StatusCode::OK, &self.listing(&ask, path, paging).await?))
            }
            Route::View(path, sort) => {
                let details = self.details(&ask, path.clone(), sort).await?;
                page::view(&details, &path, (&ask.claims, self.site()), self.sizes)
            }
            Route::Details(path) => {
                let details = self.details(&ask, path, Sort::default()).await?;
                Ok(reply::json(StatusCode::OK, &details))
            }
            Route::Image(path, picture, disposition) => {
                self.image(&ask, path, picture, disposition).await
            }
            Route::Raw(path, ext) => self.raw(&ask, path, ext).await,
            Route::Zip(path) => {
                let permit = Arc::clone(&self.archives).try_acquire_owned();
                let permit = permit.map_err(|_| Refusal::Busy)?;
                archive::respond(self, ask.claims, path, (ask.method, permit)).await
            }
            Route::Asset(name) => page::asset(&name).ok_or(Refusal::NotFound),
        }
    }

    async fn listing(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        path: GalleryPath,
        paging: Paging,
    ) -> Result<listing::Listing, Refusal> {
        let claims = Arc::clone(&ask.claims);
        let work = move |shared: &Shared| {
            shared.desk.listing(&claims, &path, paging, shared.site.as_str())
        };
        self.blocking(&self.readers, work).await
    }

    async fn details(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        path: GalleryPath,
        sort: Sort,
    ) -> Result<listing::ImageDetails, Refusal> {
        let claims = Arc::clone(&ask.claims);
        let work = move |shared: &Shared| {
            let site = shared.site.as_str();
            listing::details(&shared.desk, &claims, &path, (sort, site))
        };
        self.blocking(&self.readers, work).await
    }

    /// The site's name: the last resort for titles and names of archives.
    pub(crate) fn site(&self) -> &str {
        self.site.as_str()
    }
}
