//! The second step of signing in: a code, after the password was right.

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use vestibule_identity::{Audience, CodeAttempt, NewSession, SetCookie, SignInError};

use super::enter::sign_in_address;
use super::sign_in::{self, Again, sentence, status_of, with_retry_after};
use crate::answer::{Failure, page, redirect, with_cookie};
use crate::caller::Caller;
use crate::form::Form;
use crate::form_token::{self, Stranger};
use crate::portal::Portal;
use crate::return_to::ReturnTo;

/// Where the code is asked for.
const PATH: &str = "/_vestibule/sign-in/code";

#[derive(Template)]
#[template(path = "code.html")]
struct Code<'r> {
    user: Option<&'r str>,
    return_to: Option<&'r str>,
    form_token: &'r str,
    message: Option<&'r str>,
    /// Whether it is about the field for recovery codes.
    is_recovery: bool,
    begin_again: &'r str,
}

#[derive(Template)]
#[template(path = "recovery_used.html")]
struct RecoveryUsed<'r> {
    user: Option<&'r str>,
    left: u32,
    go_on: &'r str,
}

/// Which of the two fields a code was typed into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Code,
    Recovery,
}

/// What the page is shown again with.
struct Asked<'r> {
    status: StatusCode,
    message: Option<&'r str>,
    field: Field,
    return_to: Option<&'r ReturnTo>,
}

/// Sends somebody whose password was right to this page.
pub(super) fn ask(cookie: SetCookie, return_to: Option<&ReturnTo>) -> Response {
    let address = return_to.map_or_else(
        || PATH.to_owned(),
        |back| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            format!("{PATH}?{}", query.append_pair("return", back.as_str()).finish())
        },
    );
    with_cookie(redirect(&address), Some(cookie))
}

pub(super) async fn show(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    let return_to = caller.parameter("return").map(|text| ReturnTo::parse(&text));
    if !portal.identity.awaits_code(&caller.origin, &caller.cookies()) {
        return Ok(redirect(&way_in(return_to.as_ref())));
    }
    let asked = Asked {
        status: StatusCode::OK,
        message: None,
        field: Field::Code,
        return_to: return_to.as_ref(),
    };
    form(&portal, &caller, &asked)
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let fields = Form::read(&caller, &body)?;
    if caller.audience != Audience::Portal {
        return Err(Failure::MethodNotAllowed);
    }
    let return_to = Some(fields.text("return")).filter(|text| !text.is_empty());
    let return_to = return_to.map(ReturnTo::parse);
    let field = if fields.text("recovery") == "yes" { Field::Recovery } else { Field::Code };
    if !portal.form_tokens.is_from_stranger(&caller, fields.token()) {
        let message = "This page was open for too long. Please type the code again.";
        let (status, message) = (StatusCode::FORBIDDEN, Some(message));
        let asked = Asked { status, message, field, return_to: return_to.as_ref() };
        return form(&portal, &caller, &asked);
    }
    let (code, cookies) = (fields.secret("code"), caller.cookies());
    let attempt = CodeAttempt { cookies: &cookies, code: &code, user_agent: caller.user_agent() };
    let done = match portal.identity.finish_sign_in(&caller.origin, &attempt).await {
        Ok(done) => done,
        Err(error) => return refused(&portal, &caller, (return_to.as_ref(), field), &error).await,
    };
    let response = match done.recovery_codes_left {
        None => sign_in::welcome(&portal, &caller, done.session, return_to).await?,
        Some(left) => {
            recovery_used(&portal, &caller, (done.session, left), return_to.as_ref()).await?
        }
    };
    Ok(with_cookie(response, done.forget))
}

/// Lets somebody in by a recovery code, and says how many are left.
async fn recovery_used(
    portal: &Portal,
    caller: &Caller,
    (session, left): (NewSession, u32),
    return_to: Option<&ReturnTo>,
) -> Result<Response, Failure> {
    sign_in::end_before(portal, caller).await?;
    let user = Some(session.signed_in.display_name.as_str());
    let go_on = way_in(return_to);
    let go_on = if return_to.is_some() { &go_on } else { "/_vestibule/" };
    let response = page(StatusCode::OK, &RecoveryUsed { user, left, go_on });
    let response = with_cookie(response, form_token::clear(&caller.origin));
    Ok(with_cookie(response, Some(session.cookie)))
}

async fn refused(
    portal: &Portal,
    caller: &Caller,
    (return_to, field): (Option<&ReturnTo>, Field),
    error: &SignInError,
) -> Result<Response, Failure> {
    let (status, retry_after) = status_of(error);
    let message = sentence(&error.to_string());
    let message = Some(message.as_str());
    let response = match error {
        SignInError::StartAgain | SignInError::InsecureOrigin => {
            let again = Again { status, message, name: "", return_to };
            sign_in::form(portal, caller, &again).await?
        }
        _ => form(portal, caller, &Asked { status, message, field, return_to })?,
    };
    Ok(with_retry_after(response, retry_after))
}

fn form(portal: &Portal, caller: &Caller, asked: &Asked<'_>) -> Result<Response, Failure> {
    let stranger = Stranger::of(caller)?;
    let template = Code {
        user: caller.display_name(),
        return_to: asked.return_to.map(ReturnTo::as_str),
        form_token: &portal.form_tokens.for_stranger(caller, &stranger),
        message: asked.message,
        is_recovery: asked.field == Field::Recovery,
        begin_again: &way_in(asked.return_to),
    };
    Ok(with_cookie(page(asked.status, &template), stranger.cookie))
}

/// The first step, from which whoever is signed in goes on.
fn way_in(return_to: Option<&ReturnTo>) -> String {
    return_to.map_or_else(|| crate::SIGN_IN.to_owned(), sign_in_address)
}
