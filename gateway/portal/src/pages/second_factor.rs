//! One's second factor: turning it on and off, and recovery codes.

use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use vestibule_identity::{
    Enrolled, Enrolment, FactorChange, FirstCode, NewCodes, OtherSessions, SecondFactorError,
    SecondFactorState, Secret, SignInError, SignedIn,
};

use super::account::{read, shown};
use super::sign_in::{sentence, status_of, with_retry_after};
use crate::answer::{Failure, page, redirect, with_cookie};
use crate::caller::Caller;
use crate::form::Form;
use crate::form_token::Purpose;
use crate::portal::Portal;

const PATH: &str = "/_vestibule/account/second-factor";

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactor<'r> {
    user: Option<&'r str>,
    name: &'r str,
    since: Option<String>,
    recovery_codes: u32,
    at_provider: bool,
    form_token: &'r str,
    message: Option<&'r str>,
}

#[derive(Template)]
#[template(path = "enrol.html")]
struct Enrol<'r> {
    user: Option<&'r str>,
    name: &'r str,
    picture: Option<&'r str>,
    text: &'r str,
    ticket: &'r str,
    form_token: &'r str,
    message: Option<&'r str>,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct RecoveryCodes<'r> {
    user: Option<&'r str>,
    codes: &'r [Secret<String>],
    is_new: bool,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    let who = caller.require(PATH)?;
    overview(&portal, &caller, who, (StatusCode::OK, None)).await
}

/// Asks for the password, and shows the secret.
pub(super) async fn begin(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let password = fields.secret("password");
    match portal.identity.begin_second_factor(&caller.origin, who, &password).await {
        Ok(enrolment) => Ok(enrol(&portal, &caller, who, (&enrolment, None))),
        Err(error) => refused(&portal, &caller, who, &error).await,
    }
}

/// Turns it on with a first code, and shows the recovery codes.
pub(super) async fn confirm(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let (ticket, code) = (fields.secret("ticket"), fields.secret("code"));
    let first = FirstCode {
        ticket: &ticket,
        code: &code,
        others: others(&fields),
        user_agent: caller.user_agent(),
    };
    match portal.identity.turn_on_second_factor(&caller.origin, who, &first).await {
        Ok(Enrolled::On(new)) => Ok(recovery_codes(&caller, new, true)),
        Ok(Enrolled::Again(enrolment)) => {
            let message = "The code is not the one of this moment. Please type the next one.";
            Ok(enrol(&portal, &caller, who, (&enrolment, Some(message))))
        }
        Err(error) => refused(&portal, &caller, who, &error).await,
    }
}

/// Turns it off, or makes new recovery codes.
pub(super) async fn change(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let (password, code) = (fields.secret("password"), fields.secret("code"));
    let change = FactorChange {
        password: &password,
        code: &code,
        others: others(&fields),
        user_agent: caller.user_agent(),
    };
    let (identity, origin) = (&portal.identity, &caller.origin);
    let done = match fields.text("do") {
        "codes" => {
            let new = identity.renew_recovery_codes(origin, who, &change).await;
            new.map(|new| recovery_codes(&caller, new, false))
        }
        "off" => {
            let session = identity.turn_off_second_factor(origin, who, &change).await;
            let answer = redirect("/_vestibule/account?done=second-factor-off");
            session.map(|session| with_cookie(answer, Some(session.cookie)))
        }
        _ => return Err(Failure::BadRequest),
    };
    match done {
        Ok(response) => Ok(response),
        Err(error) => refused(&portal, &caller, who, &error).await,
    }
}

pub(super) fn others(fields: &Form) -> OtherSessions {
    if fields.text("end_others") == "yes" { OtherSessions::End } else { OtherSessions::GoOn }
}

async fn overview(
    portal: &Portal,
    caller: &Caller,
    who: &SignedIn,
    (status, message): (StatusCode, Option<&str>),
) -> Result<Response, Failure> {
    let state = portal.identity.second_factor(who).await?;
    let (since, recovery_codes) = match state {
        SecondFactorState::On { since, recovery_codes } => (Some(shown(since)), recovery_codes),
        SecondFactorState::Off | SecondFactorState::AtProvider => (None, 0),
    };
    let template = SecondFactor {
        user: caller.display_name(),
        name: who.name.as_str(),
        since,
        recovery_codes,
        at_provider: state == SecondFactorState::AtProvider,
        form_token: &portal.form_tokens.for_user(caller, who, Purpose::Account),
        message,
    };
    Ok(page(status, &template))
}

async fn refused(
    portal: &Portal,
    caller: &Caller,
    who: &SignedIn,
    error: &SecondFactorError,
) -> Result<Response, Failure> {
    let (status, retry_after, message) = explain(error);
    let response = overview(portal, caller, who, (status, Some(&message))).await?;
    Ok(with_retry_after(response, retry_after))
}

pub(super) fn explain(error: &SecondFactorError) -> (StatusCode, Option<Duration>, String) {
    match error {
        SecondFactorError::Proof(SignInError::Refused) => {
            (StatusCode::FORBIDDEN, None, "Your password is not right.".to_owned())
        }
        SecondFactorError::Proof(error) => {
            let (status, retry_after) = status_of(error);
            (status, retry_after, sentence(&error.to_string()))
        }
        other => (StatusCode::CONFLICT, None, sentence(&other.to_string())),
    }
}

fn enrol(
    portal: &Portal,
    caller: &Caller,
    who: &SignedIn,
    (enrolment, message): (&Enrolment, Option<&str>),
) -> Response {
    let picture = picture(&enrolment.address);
    let status = if message.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let template = Enrol {
        user: caller.display_name(),
        name: who.name.as_str(),
        picture: picture.as_ref().map(|picture| picture.expose().as_str()),
        text: enrolment.text.expose(),
        ticket: enrolment.ticket.expose(),
        form_token: &portal.form_tokens.for_user(caller, who, Purpose::Account),
        message,
    };
    page(status, &template)
}

fn recovery_codes(caller: &Caller, new: NewCodes, is_new: bool) -> Response {
    let template = RecoveryCodes { user: caller.display_name(), codes: &new.codes, is_new };
    with_cookie(page(StatusCode::OK, &template), Some(new.session.cookie))
}

/// A QR code as an element of a page: black on white in the dark too, for cameras. None if the
/// address is too long for one; the secret can be typed all the same.
fn picture(address: &Secret<String>) -> Option<Secret<String>> {
    let code = QrCode::with_error_correction_level(address.expose(), EcLevel::M).ok()?;
    let document = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    let (_, element) = document.split_once("?>")?;
    Some(Secret::new(element.to_owned()))
}
