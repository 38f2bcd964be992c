//! Signing out.

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use vestibule_identity::SetCookie;

use super::oidc;
use crate::answer::{Failure, go_on, page, redirect, with_cookie};
use crate::caller::Caller;
use crate::form::Form;
use crate::form_token::Purpose;
use crate::portal::Portal;

#[derive(Template)]
#[template(path = "sign_out.html")]
struct SignOut<'r> {
    user: Option<&'r str>,
    form_token: &'r str,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOut<'r> {
    user: Option<&'r str>,
}

pub(super) async fn show(State(portal): State<Portal>, caller: Caller) -> Response {
    match &caller.signed_in {
        None => page(StatusCode::OK, &SignedOut { user: None }),
        Some(who) => {
            let form_token = &portal.form_tokens.for_user(&caller, who, Purpose::SignOut);
            page(StatusCode::OK, &SignOut { user: caller.display_name(), form_token })
        }
    }
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let fields = Form::read(&caller, &body)?;
    let Some(who) = &caller.signed_in else { return Ok(redirect("/")) };
    portal.form_tokens.check_user(&caller, who, (Purpose::SignOut, fields.token()))?;
    let tokens = oidc::tokens(&portal, who).await;
    portal.identity.sign_out(&caller.origin, who).await?;
    // whatever the provider does, and however long it takes, it is over here
    let way_out = match &tokens {
        Some(tokens) => oidc::way_out(&portal, tokens).await,
        None => None,
    };
    let response = way_out.map_or_else(|| redirect("/"), |address| go_on(address.as_str()));
    Ok(with_cookie(response, SetCookie::clear(&caller.origin, &caller.audience)))
}
