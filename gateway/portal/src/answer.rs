//! Answers: pages, redirections and failures, and the headers that all of them carry.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use askama::Template;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE};
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::runtime::Handle;
use vestibule_identity::{Audience, Authentication, RequestOrigin, SetCookie, Unavailable};

use crate::refusal::{RefusalPage, refusal_page};

/// The headers of every page (requirements S29, S81), refusals among them.
pub const PAGE_HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
];

/// How long an answer may take: longer than everything that it may wait for, one by one.
const TIME_LIMIT: Duration = Duration::from_secs(45);

/// Why a page is not shown. What is told to the browser says no more than it must; the log says
/// the rest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("a form came from another site")]
    CrossSite,
    #[error("a form was made for another session, or is too old")]
    OldForm,
    #[error("the request can't be understood")]
    BadRequest,
    #[error("a credential failed")]
    FailedCredential,
    #[error("there is no such page")]
    NotFound,
    #[error("the page does not take this method")]
    MethodNotAllowed,
    #[error("somebody must sign in first")]
    SignInFirst { back_to: &'static str },
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error("an answer took too long")]
    TooLong,
    #[error("the gateway ends")]
    Unfinished,
    #[error("something is wrong within")]
    Internal,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let kind = match self {
            Self::SignInFirst { back_to } => {
                return redirect(&format!("{}?return={back_to}", crate::SIGN_IN));
            }
            Self::CrossSite | Self::OldForm => RefusalPage::OldForm,
            Self::BadRequest => RefusalPage::BadRequest,
            Self::FailedCredential => RefusalPage::WrongCredential,
            Self::NotFound => RefusalPage::NotFound,
            Self::MethodNotAllowed => RefusalPage::MethodNotAllowed,
            Self::Unavailable(ref error) => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::error!(%error, cause, "the portal can't answer");
                RefusalPage::Unavailable
            }
            Self::TooLong => {
                tracing::error!(limit = ?TIME_LIMIT, "the portal can't answer in time");
                RefusalPage::Unavailable
            }
            Self::Unfinished => RefusalPage::Unavailable,
            Self::Internal => RefusalPage::Internal,
        };
        (kind.status(), Html(refusal_page(kind))).into_response()
    }
}

/// A page of this status.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be made");
            Failure::Internal.into_response()
        }
    }
}

/// A page that runs the script of passkeys.
pub(crate) fn page_with_script(status: StatusCode, template: &impl Template) -> Response {
    let mut response = page(status, template);
    response.extensions_mut().insert(RunsScript);
    response
}

/// That a page runs the script of passkeys.
#[derive(Debug, Clone, Copy)]
struct RunsScript;

/// The policy of a page that runs the script of passkeys: that file of this very host, and no
/// other script.
fn policy_with_script(origin: &RequestOrigin) -> Option<HeaderValue> {
    let (_, policy) = PAGE_HEADERS.iter().find(|(name, _)| *name == "content-security-policy")?;
    let script = format!("{}/_vestibule/assets/passkey.js", origin.ascii_origin());
    HeaderValue::from_str(&format!("{policy}; script-src {script}")).ok()
}

/// `303 See Other`: also after a form, so that going back sends nothing twice.
pub(crate) fn redirect(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        Err(_) => redirect_home(),
    }
}

/// Sends the browser to another origin after a form. Not a redirection: browsers hold those of a
/// form against `form-action`, which names this origin alone.
pub(crate) fn go_on(to: &str) -> Response {
    page(StatusCode::OK, &GoOn { user: None, to })
}

#[derive(Template)]
#[template(path = "go_on.html")]
struct GoOn<'r> {
    user: Option<&'r str>,
    to: &'r str,
}

/// The response with one more cookie.
pub(crate) fn with_cookie(mut response: Response, cookie: Option<SetCookie>) -> Response {
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::from_str(cookie.as_str()).ok()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}

/// Gives up waiting for an answer that takes too long, whatever holds it up.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(TIME_LIMIT, to_the_end(next.run(request))).await;
    answer.unwrap_or_else(|_| Failure::TooLong.into_response())
}

/// Does something that goes on when nobody waits for it any more: what has begun to change the store
/// is written down and taken over, also if the client is gone (requirements S74 and S82).
///
/// It becomes a task of its own only then: to begin with one would wake another thread for each page.
pub(crate) async fn to_the_end<F>(work: F) -> Response
where
    F: Future<Output = Response> + Send + 'static,
{
    let mut begun = Begun(Some(Box::pin(work)));
    std::future::poll_fn(|context| begun.go_on(context)).await
}

/// What has begun and has not ended.
struct Begun<F: Future<Output = Response> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output = Response> + Send + 'static> Begun<F> {
    fn go_on(&mut self, context: &mut Context<'_>) -> Poll<Response> {
        // a panic is the whole request's (requirement S83), and nothing of it goes on
        let Some(mut work) = self.0.take() else {
            return Poll::Ready(Failure::Unfinished.into_response());
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<F: Future<Output = Response> + Send + 'static> Drop for Begun<F> {
    fn drop(&mut self) {
        // without a runtime the process ends
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

/// Gives every answer the headers of a page, and makes the browser forget a session cookie that
/// is worth nothing.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let clear = cookie_to_clear(&request);
    let with_script = request.extensions().get::<RequestOrigin>().and_then(policy_with_script);
    let mut response = next.run(request).await;
    let runs_script = response.extensions_mut().remove::<RunsScript>().is_some();
    let may_be_kept = response.headers().contains_key(CACHE_CONTROL);
    for (name, value) in PAGE_HEADERS {
        let name = HeaderName::from_static(name);
        if !(name == CACHE_CONTROL && may_be_kept) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    if let Some(policy) = with_script.filter(|_| runs_script) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    // a sign-in that succeeded just now sets a good one, and no cookie is kept for others (S77)
    let is_set = clear.as_ref().is_some_and(|clear| sets(&response, clear));
    with_cookie(response, clear.filter(|_| !is_set && !may_be_kept))
}

/// Whether an answer sets the cookie of this one's name.
fn sets(response: &Response, cookie: &SetCookie) -> bool {
    let name = |text: &str| text.split('=').next().map(str::to_owned);
    let wanted = name(cookie.as_str());
    let mut set = response.headers().get_all(SET_COOKIE).iter();
    set.any(|value| value.to_str().is_ok_and(|text| name(text) == wanted))
}

fn cookie_to_clear(request: &Request) -> Option<SetCookie> {
    let origin = request.extensions().get::<RequestOrigin>()?;
    let audience = request.extensions().get::<Audience>()?;
    match request.extensions().get::<Authentication>()? {
        Authentication::Anonymous { clear_cookie: true } => SetCookie::clear(origin, audience),
        Authentication::Anonymous { clear_cookie: false }
        | Authentication::SignedIn(_)
        | Authentication::Failed(_) => None,
    }
}

fn redirect_home() -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/"))]).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Notify, oneshot};

    use super::*;

    /// S74, S82: what a change has begun it ends, whoever still waits.
    #[tokio::test]
    async fn what_has_begun_goes_on_when_nobody_waits_for_it() {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (done, is_done) = oneshot::channel();
        let mut waiting = Box::pin(to_the_end({
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            async move {
                begun.notify_one();
                go_on.notified().await;
                let _ = done.send(());
                StatusCode::OK.into_response()
            }
        }));
        tokio::select! {
            _ = &mut waiting => panic!("it is over before it may be"),
            () = begun.notified() => {}
        }
        drop(waiting);
        go_on.notify_one();
        is_done.await.unwrap();
    }

    #[tokio::test]
    #[should_panic(expected = "this page panics")]
    async fn a_panic_is_that_of_who_waits() {
        to_the_end(async { panic!("this page panics") }).await;
    }
}
