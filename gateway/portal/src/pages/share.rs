//! A share link: the page that asks whether to open it. To look at it uses nothing up, so that a
//! preview of the link does not either.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use vestibule_identity::{OpenShareError, Secret, ShareAttempt, ShareFace, Transport};

use super::enter::is_here;
use super::sign_in::not_secure;
use crate::answer::{Failure, page, redirect, with_cookie};
use crate::caller::Caller;
use crate::form::Form;
use crate::form_token::Stranger;
use crate::portal::Portal;

/// Links begin so; the token follows.
pub(super) const PREFIX: &str = "/_vestibule/s/";

#[derive(Template)]
#[template(path = "share.html")]
struct Link<'r> {
    user: Option<&'r str>,
    label: &'r str,
    asks_password: bool,
    action: &'r str,
    form_token: &'r str,
    message: Option<&'r str>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    Path(token): Path<String>,
    caller: Caller,
) -> Result<Response, Failure> {
    if caller.origin.transport() == Transport::Exposed {
        return Ok(not_secure(&caller));
    }
    let face = find(&portal, &caller, &token).await?;
    link_page(&portal, &caller, (&token, &face), None)
}

pub(super) async fn open(
    State(portal): State<Portal>,
    Path(token): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    if caller.origin.transport() == Transport::Exposed {
        return Ok(not_secure(&caller));
    }
    let fields = Form::read(&caller, &body)?;
    let face = find(&portal, &caller, &token).await?;
    portal.form_tokens.check_share(&caller, fields.token())?;
    let password: Secret<String> = fields.secret("password");
    let cookies = caller.cookies();
    let attempt = ShareAttempt {
        token: &token,
        password: &password,
        cookies: &cookies,
        who: caller.signed_in.as_deref(),
    };
    match portal.identity.open_share(&caller.origin, &attempt).await {
        Ok(opened) => {
            let share = &opened.face.share;
            let there = portal.sites.page(&share.site, &share.path);
            let base = portal.sites.place(&share.site).map(|place| place.base);
            let there = there.unwrap_or_else(|| format!("{}/", base.unwrap_or_default()));
            Ok(with_cookie(redirect(&there), opened.cookie))
        }
        Err(error) => refused(&portal, &caller, (&token, &face), error),
    }
}

/// What can be opened here. A link that is not there, one that is over, one whose maker lost their
/// right and one of another host's site look the same.
async fn find(portal: &Portal, caller: &Caller, token: &str) -> Result<ShareFace, Failure> {
    let face = portal.identity.look_at_share(token).await?.ok_or(Failure::NotFound)?;
    let place = portal.sites.place(&face.share.site).ok_or(Failure::NotFound)?;
    let opens = is_here(portal, caller, (&face.share.site, &place));
    if opens && portal.sites.gives(&face.share) { Ok(face) } else { Err(Failure::NotFound) }
}

fn refused(
    portal: &Portal,
    caller: &Caller,
    link: (&str, &ShareFace),
    error: OpenShareError,
) -> Result<Response, Failure> {
    let (status, retry_after) = match &error {
        OpenShareError::NotThere => return Err(Failure::NotFound),
        OpenShareError::WrongPassword | OpenShareError::InsecureOrigin => {
            (StatusCode::FORBIDDEN, None)
        }
        OpenShareError::TooMany { retry_after } => {
            (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after))
        }
        OpenShareError::Busy { retry_after } => {
            (StatusCode::SERVICE_UNAVAILABLE, Some(*retry_after))
        }
        _ => {
            if let OpenShareError::Unavailable(error) = error {
                return Err(error.into());
            }
            return Err(Failure::Internal);
        }
    };
    let message = error.to_string();
    let mut response = link_page(portal, caller, link, Some(&message))?;
    *response.status_mut() = status;
    if let Some(after) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs()));
    }
    Ok(response)
}

fn link_page(
    portal: &Portal,
    caller: &Caller,
    (token, face): (&str, &ShareFace),
    message: Option<&str>,
) -> Result<Response, Failure> {
    let stranger = Stranger::of(caller)?;
    let action = format!("{PREFIX}{token}");
    let template = Link {
        user: caller.display_name(),
        label: &face.label,
        asks_password: face.asks_password,
        action: &action,
        form_token: &portal.form_tokens.for_share(caller, &stranger),
        message,
    };
    Ok(with_cookie(page(StatusCode::OK, &template), stranger.cookie))
}
