//! Signing in with a user name and a password.

use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use vestibule_identity::{
    Attempt, Audience, NewSession, PasskeyQuestion, SignInError, SignInStep, SignedIn, Transport,
};

use super::code;
use super::enter::{self, Coming, Wish};
use super::oidc::{self, Button};
use crate::answer::{Failure, page, page_with_script, redirect, with_cookie};
use crate::caller::Caller;
use crate::form::Form;
use crate::form_token::{self, Stranger};
use crate::portal::Portal;
use crate::return_to::ReturnTo;

/// The longest user name that is shown again, in characters.
const SHOWN_NAME: usize = 255;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'r> {
    user: Option<&'r str>,
    name: &'r str,
    return_to: Option<&'r str>,
    form_token: &'r str,
    message: Option<&'r str>,
    providers: &'r [Button],
    passkey: Option<&'r PasskeyQuestion>,
}

#[derive(Template)]
#[template(path = "signed_in.html")]
struct SignedInAlready<'r> {
    user: Option<&'r str>,
    return_to: &'r str,
}

#[derive(Template)]
#[template(path = "not_secure.html")]
struct NotSecure<'r> {
    user: Option<&'r str>,
    authority: &'r str,
}

/// What a form that was not accepted shows again.
pub(super) struct Again<'r> {
    pub(super) status: StatusCode,
    pub(super) message: Option<&'r str>,
    pub(super) name: &'r str,
    pub(super) return_to: Option<&'r ReturnTo>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    let return_to = caller.parameter("return").map(|text| ReturnTo::parse(&text));
    if let Audience::Site(_) = caller.audience {
        let back = return_to.unwrap_or_default();
        return match &caller.signed_in {
            Some(_) => Ok(already(&caller, Some(&back))),
            None => enter::set_out(&portal, &caller, &back),
        };
    }
    if let Some(who) = caller.signed_in.clone() {
        return match wish(&portal, &caller, return_to.as_ref()) {
            Some(wish) => enter::proceed(&portal, &caller, (&who, wish), Coming::ByLink).await,
            None => Ok(already(&caller, return_to.as_ref())),
        };
    }
    let again =
        Again { status: StatusCode::OK, message: None, name: "", return_to: return_to.as_ref() };
    form(&portal, &caller, &again).await
}

/// The page for somebody who is signed in.
fn already(caller: &Caller, return_to: Option<&ReturnTo>) -> Response {
    let return_to = return_to.map_or("/_vestibule/", ReturnTo::as_str);
    page(StatusCode::OK, &SignedInAlready { user: caller.display_name(), return_to })
}

/// The site to which a path of this host belongs: there one enters by a code.
fn wish(portal: &Portal, caller: &Caller, back: Option<&ReturnTo>) -> Option<Wish> {
    let back = back?;
    if back.as_str().starts_with(crate::PREFIX) {
        return None;
    }
    let path = back.as_str().split('?').next().unwrap_or_default();
    let site = portal.sites.site_at(&caller.origin.authority, path)?;
    Some(Wish::into_site(site, back.clone()))
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
    let name = fields.text("name");
    let again = |status, message| Again { status, message, name, return_to: return_to.as_ref() };
    if !portal.form_tokens.is_from_stranger(&caller, fields.token()) {
        let message = "This page was open for too long. Please sign in again.";
        return form(&portal, &caller, &again(StatusCode::FORBIDDEN, Some(message))).await;
    }
    let password = fields.secret("password");
    let attempt = Attempt { name, password: &password, user_agent: caller.user_agent() };
    match portal.identity.sign_in(&caller.origin, &attempt).await {
        Ok(SignInStep::Done(session)) => welcome(&portal, &caller, session, return_to).await,
        Ok(SignInStep::CodeNeeded(cookie)) => Ok(code::ask(cookie, return_to.as_ref())),
        Err(error) => {
            let (status, retry_after) = status_of(&error);
            let message = sentence(&error.to_string());
            let response = form(&portal, &caller, &again(status, Some(&message))).await?;
            Ok(with_retry_after(response, retry_after))
        }
    }
}

/// Lets somebody in who has just proved who they are.
pub(super) async fn welcome(
    portal: &Portal,
    caller: &Caller,
    session: NewSession,
    return_to: Option<ReturnTo>,
) -> Result<Response, Failure> {
    end_before(portal, caller).await?;
    let who = &session.signed_in;
    let wish = match &return_to {
        Some(back) => wish(portal, caller, Some(back)),
        None => only_site(portal, who),
    };
    let response = match (wish, &return_to) {
        (Some(wish), _) => enter::proceed(portal, caller, (who, wish), Coming::ByForm).await?,
        (None, target) => {
            let response = redirect(target.as_ref().map_or("/_vestibule/", ReturnTo::as_str));
            with_cookie(response, form_token::clear(&caller.origin))
        }
    };
    Ok(with_cookie(response, Some(session.cookie)))
}

/// Ends the session that a new one takes the place of.
pub(super) async fn end_before(portal: &Portal, caller: &Caller) -> Result<(), Failure> {
    // S3: the token of before is dead at once
    if let Some(before) = &caller.signed_in
        && let Some(id) = before.session()
    {
        portal.identity.end_session(before.account, id).await?;
    }
    Ok(())
}

/// Where somebody goes who came for nothing in particular and has one site to go to.
fn only_site(portal: &Portal, who: &SignedIn) -> Option<Wish> {
    let sites = portal.sites.open_to(&who.principal);
    let [only] = sites.as_slice() else { return None };
    let place = portal.sites.place(&only.id)?;
    Some(Wish::into_site(only.id.clone(), ReturnTo::parse(&format!("{}/", place.base))))
}

/// The form, or over a plain connection the reason why there is none.
pub(super) async fn form(
    portal: &Portal,
    caller: &Caller,
    again: &Again<'_>,
) -> Result<Response, Failure> {
    let user = caller.display_name();
    if caller.origin.transport() == Transport::Exposed {
        return Ok(not_secure(caller));
    }
    let stranger = Stranger::of(caller)?;
    let passkey = match again.status {
        // whoever is turned away in a storm is told so at the least cost
        StatusCode::SERVICE_UNAVAILABLE => None,
        _ => {
            let asked = portal.identity.passkey_question(&caller.origin, &stranger.value).await;
            // without the store there is no passkey, but the page
            asked.unwrap_or_else(|error| {
                tracing::error!(%error, "passkeys can't be asked for");
                None
            })
        }
    };
    let name: String = again.name.chars().take(SHOWN_NAME).collect();
    let template = SignIn {
        user,
        name: &name,
        return_to: again.return_to.map(ReturnTo::as_str),
        form_token: &portal.form_tokens.for_stranger(caller, &stranger),
        message: again.message,
        providers: &oidc::buttons(portal, again.return_to),
        passkey: passkey.as_ref(),
    };
    let response = match template.passkey {
        Some(_) => page_with_script(again.status, &template),
        None => page(again.status, &template),
    };
    Ok(with_cookie(response, stranger.cookie))
}

/// The reason why there is no form over a plain connection.
pub(super) fn not_secure(caller: &Caller) -> Response {
    let user = caller.display_name();
    page(StatusCode::FORBIDDEN, &NotSecure { user, authority: &caller.origin.authority })
}

/// A refused password is 403, not 401: there is no challenge that a browser could answer, and
/// RFC 9110 allows no 401 without one.
pub(super) fn status_of(error: &SignInError) -> (StatusCode, Option<Duration>) {
    match error {
        SignInError::TooMany { retry_after } => (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after)),
        SignInError::Busy { retry_after } => (StatusCode::SERVICE_UNAVAILABLE, Some(*retry_after)),
        SignInError::Unavailable(error) => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, cause, "nobody can sign in");
            (StatusCode::SERVICE_UNAVAILABLE, Some(Duration::from_secs(5)))
        }
        _ => (StatusCode::FORBIDDEN, None),
    }
}

pub(super) fn with_retry_after(mut response: Response, after: Option<Duration>) -> Response {
    if let Some(after) = after {
        let seconds = after.as_secs().max(1);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An error's text as a sentence for people.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}
