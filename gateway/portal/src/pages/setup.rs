//! The first administrator: not there once there is an account.

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use vestibule_identity::{Audience, FirstAccount, FirstRunError, Transport};

use super::sign_in::{not_secure, sentence, status_of, welcome, with_retry_after};
use crate::answer::{Failure, page, with_cookie};
use crate::caller::Caller;
use crate::form::Form;
use crate::form_token::Stranger;
use crate::portal::Portal;

/// The longest user name that is shown again, in characters.
const SHOWN_NAME: usize = 255;

#[derive(Template)]
#[template(path = "setup.html")]
struct Setup<'r> {
    user: Option<&'r str>,
    name: &'r str,
    form_token: &'r str,
    message: Option<&'r str>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    if !portal.identity.awaits_first().await? {
        return Err(Failure::NotFound);
    }
    form(&portal, &caller, "", (StatusCode::OK, None))
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    if !portal.identity.awaits_first().await? || caller.audience != Audience::Portal {
        return Err(Failure::NotFound);
    }
    let fields = Form::read(&caller, &body)?;
    let name = fields.text("name");
    let again = |status, message| form(&portal, &caller, name, (status, Some(message)));
    if !portal.form_tokens.is_from_stranger(&caller, fields.token()) {
        let message = "This page was open for too long. Please fill it in again.";
        return again(StatusCode::FORBIDDEN, message);
    }
    let [code, password, twice] = ["code", "password", "again"].map(|name| fields.secret(name));
    if password.expose() != twice.expose() {
        return again(StatusCode::UNPROCESSABLE_ENTITY, "The two passwords differ.");
    }
    let user_agent = caller.user_agent();
    let first = FirstAccount { code: &code, name, password: &password, user_agent };
    let (status, retry_after, message) =
        match portal.identity.make_first(&caller.origin, &first).await {
            Ok(session) => return welcome(&portal, &caller, session, None).await,
            Err(FirstRunError::NotAwaited) => return Err(Failure::NotFound),
            Err(FirstRunError::SignIn(error)) => {
                let (status, retry_after) = status_of(&error);
                (status, retry_after, error.to_string())
            }
            Err(error @ FirstRunError::WrongCode) => {
                (StatusCode::FORBIDDEN, None, error.to_string())
            }
            Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, None, error.to_string()),
        };
    Ok(with_retry_after(again(status, &sentence(&message))?, retry_after))
}

fn form(
    portal: &Portal,
    caller: &Caller,
    name: &str,
    (status, message): (StatusCode, Option<&str>),
) -> Result<Response, Failure> {
    if caller.origin.transport() == Transport::Exposed {
        return Ok(not_secure(caller));
    }
    let stranger = Stranger::of(caller)?;
    let name: String = name.chars().take(SHOWN_NAME).collect();
    let template = Setup {
        user: caller.display_name(),
        name: &name,
        form_token: &portal.form_tokens.for_stranger(caller, &stranger),
        message,
    };
    Ok(with_cookie(page(status, &template), stranger.cookie))
}
