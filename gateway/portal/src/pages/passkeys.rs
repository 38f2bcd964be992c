//! Passkeys: listed, made and removed here, and signing in by one.

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use vestibule_identity::{
    Audience, OwnersProof, PasskeyAnswer, PasskeyAttempt, PasskeyError, PasskeyId, PasskeyOrder,
    SecondFactorState, SignedIn,
};

use super::account::{last_used, read, shown};
use super::second_factor::{explain, others};
use super::sign_in::{Again, form, sentence, status_of, welcome, with_retry_after};
use crate::answer::{Failure, page, page_with_script, redirect, with_cookie};
use crate::caller::Caller;
use crate::form::Form;
use crate::form_token::{Purpose, values};
use crate::portal::Portal;
use crate::return_to::ReturnTo;

pub(super) const PATH: &str = "/_vestibule/account/passkeys";
pub(super) const CONFIRM: &str = "/_vestibule/account/passkeys/confirm";
pub(super) const REMOVE: &str = "/_vestibule/account/passkeys/remove";
pub(super) const SIGN_IN: &str = "/_vestibule/sign-in/passkey";

#[derive(Template)]
#[template(path = "passkeys.html")]
struct Passkeys<'r> {
    user: Option<&'r str>,
    name: &'r str,
    typed: &'r str,
    form_token: &'r str,
    rows: Vec<Row>,
    are_on: bool,
    at_provider: bool,
    asks_code: bool,
    done: Option<&'static str>,
    error: Option<&'r str>,
}

#[derive(Template)]
#[template(path = "passkey.html")]
struct Making<'r> {
    user: Option<&'r str>,
    name: &'r str,
    options: &'r str,
    ticket: &'r str,
    form_token: &'r str,
}

/// One that is there already.
struct Row {
    id: String,
    name: String,
    created: String,
    used: Option<String>,
    /// The host at which it is good, if that is not this one.
    elsewhere: Option<String>,
}

/// What the page says above everything, and what stands in its form.
#[derive(Default)]
struct Notice<'r> {
    done: Option<&'static str>,
    error: Option<&'r str>,
    typed: &'r str,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    let who = caller.require(PATH)?;
    let done = match caller.parameter("done").as_deref() {
        Some("made") => Some("The passkey is made: it signs you in from now on."),
        Some("removed") => Some("The passkey is removed: it signs nobody in any more."),
        _ => None,
    };
    list(&portal, &caller, who, (StatusCode::OK, Notice { done, ..Notice::default() })).await
}

/// Asks for the password, and then the browser for a passkey.
pub(super) async fn begin(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let (password, code) = (fields.secret("password"), fields.secret("code"));
    let typed = fields.text("name");
    let order = PasskeyOrder {
        name: typed,
        proof: OwnersProof { password: &password, code: &code, user_agent: caller.user_agent() },
        others: others(&fields),
    };
    match portal.identity.begin_passkey(&caller.origin, who, &order).await {
        Ok(making) => {
            let template = Making {
                user: caller.display_name(),
                name: &making.name,
                options: &making.options,
                ticket: making.ticket.expose(),
                form_token: &portal.form_tokens.for_user(&caller, who, Purpose::Account),
            };
            Ok(page_with_script(StatusCode::OK, &template))
        }
        Err(error) => refused(&portal, &caller, who, (error, typed)).await,
    }
}

/// Keeps what the browser has made.
pub(super) async fn confirm(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let answer = PasskeyAnswer {
        ticket: &fields.secret("ticket"),
        answer: fields.text("answer"),
        user_agent: caller.user_agent(),
    };
    match portal.identity.add_passkey(&caller.origin, who, &answer).await {
        Ok(session) => {
            let response = redirect("/_vestibule/account/passkeys?done=made");
            Ok(with_cookie(response, Some(session.cookie)))
        }
        Err(error) => refused(&portal, &caller, who, (error, "")).await,
    }
}

pub(super) async fn remove(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let number = fields.text("passkey").parse().map_err(|_| Failure::BadRequest)?;
    // one's own only: the account is part of the question
    let id = PasskeyId::from_number(number);
    portal.identity.remove_own_passkey(&caller.origin, who, id).await?;
    Ok(redirect("/_vestibule/account/passkeys?done=removed"))
}

/// Signs in by a passkey, from the page of sign-in.
pub(super) async fn sign_in(
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
    let again =
        |status, message| Again { status, message, name: "", return_to: return_to.as_ref() };
    if !portal.form_tokens.is_from_stranger(&caller, fields.token()) {
        let message = "This page was open for too long. Please sign in again.";
        return form(&portal, &caller, &again(StatusCode::FORBIDDEN, Some(message))).await;
    }
    let browsers = values(&caller);
    let attempt = PasskeyAttempt {
        sealed: fields.text("question"),
        answer: fields.text("answer"),
        browsers: &browsers.iter().map(String::as_str).collect::<Vec<_>>(),
        user_agent: caller.user_agent(),
    };
    match portal.identity.sign_in_by_passkey(&caller.origin, &attempt).await {
        Ok(session) => welcome(&portal, &caller, session, return_to).await,
        Err(error) => {
            let (status, retry_after) = status_of(&error);
            let message = sentence(&error.to_string());
            let response = form(&portal, &caller, &again(status, Some(&message))).await?;
            Ok(with_retry_after(response, retry_after))
        }
    }
}

async fn refused(
    portal: &Portal,
    caller: &Caller,
    who: &SignedIn,
    (error, typed): (PasskeyError, &str),
) -> Result<Response, Failure> {
    let (status, retry_after, message) = match error {
        PasskeyError::Unavailable(error) => return Err(error.into()),
        PasskeyError::Proof(error) => explain(&error),
        PasskeyError::TooLate | PasskeyError::Known => {
            (StatusCode::CONFLICT, None, sentence(&error.to_string()))
        }
        error => (StatusCode::UNPROCESSABLE_ENTITY, None, sentence(&error.to_string())),
    };
    let notice = Notice { error: Some(&message), typed, ..Notice::default() };
    let response = list(portal, caller, who, (status, notice)).await?;
    Ok(with_retry_after(response, retry_after))
}

async fn list(
    portal: &Portal,
    caller: &Caller,
    who: &SignedIn,
    (status, notice): (StatusCode, Notice<'_>),
) -> Result<Response, Failure> {
    let rows = portal.identity.passkeys(who.account).await?;
    let factor = portal.identity.second_factor(who).await?;
    let template = Passkeys {
        user: caller.display_name(),
        name: who.name.as_str(),
        typed: notice.typed,
        form_token: &portal.form_tokens.for_user(caller, who, Purpose::Account),
        rows: rows
            .into_iter()
            .map(|row| Row {
                id: row.id.to_string(),
                name: row.name,
                created: shown(row.created),
                used: last_used(row.last_used, row.last_client),
                elsewhere: Some(row.host).filter(|host| host != caller.origin.host()),
            })
            .collect(),
        are_on: portal.identity.takes_passkeys(&caller.origin),
        at_provider: factor == SecondFactorState::AtProvider,
        asks_code: matches!(factor, SecondFactorState::On { .. }),
        done: notice.done,
        error: notice.error,
    };
    Ok(page(status, &template))
}
