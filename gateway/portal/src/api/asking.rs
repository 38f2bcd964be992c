//! [`Asking`]: who asks the API, and what becomes of it. Everything passes here.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Serialize;
use vestibule_identity::management::{By, Cluster, ManageError, Management, Mode, Outcome};
use vestibule_identity::{Audience, Authentication, Means, RequestOrigin, SignedIn};
use vestibule_store::audit::{Actor, DeniedRequest, Entry, Event, RefusedRequest};

use super::problem::Problem;
use crate::portal::Portal;
use crate::same_origin;

/// Somebody with a session of the portal, whose browser was on a page of this origin if it is one.
#[derive(Debug)]
pub(super) struct Asking {
    by: By,
    method: Method,
    /// The path of the resource.
    path: String,
}

impl FromRequestParts<Portal> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Problem> {
        let origin = parts.extensions.get::<RequestOrigin>();
        let audience = parts.extensions.get::<Audience>();
        let authentication = parts.extensions.get::<Authentication>();
        let (Some(origin), Some(audience), Some(authentication)) =
            (origin, audience, authentication)
        else {
            tracing::error!("a request reached the API without origin, audience or authentication");
            return Err(Problem::internal());
        };
        if *audience != Audience::Portal {
            return Err(Problem::not_found());
        }
        // S17: only a session manages; a credential that failed is never taken for an absent one
        let who = match authentication {
            Authentication::SignedIn(who) if is_session(&who.means) => Arc::clone(who),
            _ => {
                refuse(portal, parts, (origin, None), (StatusCode::UNAUTHORIZED, "unauthorized"))
                    .await;
                return Err(Problem::unauthorized());
            }
        };
        if !parts.method.is_safe()
            && let Err(problem) = from_here(origin, &parts.headers)
        {
            let why = (StatusCode::FORBIDDEN, "from_another_site");
            refuse(portal, parts, (origin, Some(&who)), why).await;
            return Err(problem);
        }
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        Ok(Self { by: By::SignedIn(who, origin.clone()), method, path })
    }
}

/// Writes down a request that was refused before Cedar was asked (requirement S82).
async fn refuse(
    portal: &Portal,
    parts: &Parts,
    (origin, who): (&RequestOrigin, Option<&SignedIn>),
    (status, reason): (StatusCode, &'static str),
) {
    let refused = RefusedRequest {
        method: known(&parts.method),
        path: Some(parts.uri.path().to_owned()),
        reason,
        status: status.as_u16(),
    };
    let actor = who.map_or(Actor::Unknown, |who| Actor::User(who.name.clone()));
    let entry = Entry::new(actor, Event::Refused(Box::new(refused)))
        .from_client(Some(origin.client))
        .in_request(origin.request_id.clone());
    portal.identity.audit().note(entry).await;
}

const fn is_session(means: &Means) -> bool {
    match means {
        Means::Session { .. } => true,
        Means::AppPassword { .. } => false,
    }
}

/// S85: what changes something comes from a page of this origin, or from no browser. There is no
/// token here as in forms, so that `Origin: null` is nothing good either.
fn from_here(origin: &RequestOrigin, headers: &HeaderMap) -> Result<(), Problem> {
    let is_null = headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() == b"null");
    match same_origin::check(origin, headers) {
        Ok(()) if !is_null => Ok(()),
        _ => Err(Problem::new(StatusCode::FORBIDDEN, "the request comes from another site")),
    }
}

impl Asking {
    /// The verbs that only look.
    pub(super) fn look(self, portal: &Portal) -> Result<Room<'_>, Problem> {
        self.enter(portal, Mode::Do)
    }

    /// The verbs that change something, or say what they would.
    pub(super) fn change(self, portal: &Portal, dry: Option<bool>) -> Result<Room<'_>, Problem> {
        let mode = if dry == Some(true) { Mode::DryRun } else { Mode::Do };
        self.enter(portal, mode)
    }

    fn enter(self, portal: &Portal, mode: Mode) -> Result<Room<'_>, Problem> {
        let cluster = portal.sites.cluster().ok_or_else(Problem::not_found)?;
        Ok(Room { portal, cluster, by: self.by, mode, method: self.method, path: self.path })
    }
}

/// Where a verb runs.
#[derive(Debug)]
pub(super) struct Room<'p> {
    portal: &'p Portal,
    cluster: Cluster,
    by: By,
    mode: Mode,
    method: Method,
    path: String,
}

/// A part of a list.
#[derive(Debug, Serialize)]
struct Page<T> {
    items: Vec<T>,
    total: usize,
    offset: usize,
    limit: usize,
}

/// Which part of a list somebody wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) offset: Option<usize>,
    pub(super) limit: Option<usize>,
}

impl Part {
    const DEFAULT: usize = 100;
    const MOST: usize = 1000;
    const LAST: usize = 1_000_000_000;

    /// Where it begins, and how many are in it at most.
    fn bounds(self) -> Result<(usize, usize), Problem> {
        let (offset, limit) = (self.offset.unwrap_or(0), self.limit.unwrap_or(Self::DEFAULT));
        if (1..=Self::MOST).contains(&limit) && offset <= Self::LAST {
            return Ok((offset, limit));
        }
        let detail = format!("`limit` is 1 to {}, `offset` at most {}", Self::MOST, Self::LAST);
        Err(Problem::new(StatusCode::BAD_REQUEST, detail))
    }
}

impl Room<'_> {
    pub(super) fn verbs(&self) -> Management<'_> {
        Management::new(&self.portal.identity, &self.cluster, &self.by, self.mode)
    }

    /// What was looked at.
    pub(super) async fn shown<T: Serialize>(
        &self,
        found: Result<T, ManageError>,
    ) -> Result<Response, Problem> {
        let found = self.noted(found).await?;
        json(StatusCode::OK, &found)
    }

    /// A part of what was looked at.
    pub(super) async fn listed<T: Serialize>(
        &self,
        found: Result<Vec<T>, ManageError>,
        part: Part,
    ) -> Result<Response, Problem> {
        let (offset, limit) = part.bounds()?;
        let all = self.noted(found).await?;
        let total = all.len();
        let items = all.into_iter().skip(offset).take(limit).collect();
        json(StatusCode::OK, &Page { items, total, offset, limit })
    }

    /// What was done and tells a secret: it is sent also where others could not be told of it at
    /// once, as nobody could ask for it again.
    pub(super) async fn told<T: Serialize>(
        &self,
        outcome: Result<Outcome<T>, ManageError>,
        status: StatusCode,
    ) -> Result<Response, Problem> {
        let outcome = self.noted(outcome).await?;
        let made_nothing = outcome.dry_run || !outcome.changed;
        if !made_nothing && let Err(error) = self.portal.sites.take_over().await {
            tracing::error!(%error, "a change is stored, and in force within a second of the store");
        }
        json(if made_nothing { StatusCode::OK } else { status }, &outcome)
    }

    /// What was done, in force when this is sent (requirement S74).
    pub(super) async fn done<T: Serialize>(
        &self,
        outcome: Result<Outcome<T>, ManageError>,
        status: StatusCode,
    ) -> Result<Response, Problem> {
        let is_done = match &outcome {
            Ok(outcome) => outcome.changed && !outcome.dry_run,
            // what could not be written down has happened all the same
            Err(error) => matches!(error, ManageError::Unrecorded(_)),
        };
        if is_done && let Err(error) = self.portal.sites.take_over().await {
            tracing::error!(%error, "a change is stored, and in force within a second of the store");
            return Err(Problem::unavailable());
        }
        let outcome = self.noted(outcome).await?;
        let made_nothing = outcome.dry_run || !outcome.changed;
        json(if made_nothing { StatusCode::OK } else { status }, &outcome)
    }

    /// Writes a denial down, and a refusal for want of a fresh sign-in.
    async fn noted<T>(&self, result: Result<T, ManageError>) -> Result<T, Problem> {
        let (event, site) = match &result {
            Err(ManageError::Denied { action, site }) => {
                let denied = DeniedRequest {
                    method: known(&self.method),
                    action: action.to_string(),
                    path: Some(self.path.clone()),
                    policies: Vec::new(),
                    generation: 0,
                    refusal: Some("management"),
                    status: StatusCode::FORBIDDEN.as_u16(),
                };
                (Some(Event::Denied(Box::new(denied))), site.clone())
            }
            Err(ManageError::SignInAgain) => {
                let refused = RefusedRequest {
                    method: known(&self.method),
                    path: Some(self.path.clone()),
                    reason: "sign_in_again",
                    status: StatusCode::FORBIDDEN.as_u16(),
                };
                (Some(Event::Refused(Box::new(refused))), None)
            }
            Ok(_) | Err(_) => (None, None),
        };
        if let (Some(event), By::SignedIn(who, origin)) = (event, &self.by) {
            let entry = Entry::new(Actor::User(who.name.clone()), event)
                .from_client(Some(origin.client))
                .in_request(origin.request_id.clone())
                .on_site(site);
            self.portal.identity.audit().note(entry).await;
        }
        result.map_err(Problem::from)
    }
}

/// The methods that the API takes.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "GET",
    }
}

pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Response, Problem> {
    let text = serde_json::to_string(value).map_err(|error| {
        tracing::error!(%error, "an answer can't be written");
        Problem::internal()
    })?;
    let mut response = (status, text).into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}
