//! Signing in and out at OpenID providers.

use std::error::Error;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use url::Url;
use vestibule_identity::providers::oidc::{
    Asked, Callback, CallbackError, OidcError, OidcProvider, ProviderError, Tokens,
};
use vestibule_identity::{Beginning, SignInError, SignedIn, SignedOutThere, UnderWayError};
use vestibule_schema::ProviderId;

use super::sign_in;
use crate::answer::{Failure, page, redirect, with_cookie};
use crate::caller::Caller;
use crate::form_token::{self, Stranger};
use crate::portal::Portal;
use crate::return_to::ReturnTo;

/// What is said to somebody who could not sign in, with a way back.
#[derive(Template)]
#[template(path = "oidc_failed.html")]
struct Failed<'r> {
    user: Option<&'r str>,
    provider: &'r str,
    what: &'r str,
}

/// A provider as a button.
#[derive(Debug)]
pub(super) struct Button {
    pub(super) name: String,
    pub(super) address: String,
}

/// The providers as buttons, each with where somebody wants to go.
pub(super) fn buttons(portal: &Portal, return_to: Option<&ReturnTo>) -> Vec<Button> {
    let query = return_to.map(|back| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        format!("?{}", query.append_pair("return", back.as_str()).finish())
    });
    let query = query.unwrap_or_default();
    let button = |provider: &OidcProvider| {
        let config = provider.config();
        let address = format!("/_vestibule/oidc/{}{query}", config.id);
        Button { name: config.display_name.clone(), address }
    };
    portal.oidc.values().map(button).collect()
}

/// Sends the browser to a provider.
pub(super) async fn begin(
    State(portal): State<Portal>,
    Path(name): Path<String>,
    caller: Caller,
) -> Result<Response, Failure> {
    let provider = find(&portal, &name)?;
    let return_to = caller.parameter("return").map(|text| ReturnTo::parse(&text));
    let return_to = return_to.as_ref().map_or("", ReturnTo::as_str);
    // S8: the browser is known before it leaves, and again when it comes back
    let stranger = Stranger::of(&caller)?;
    // S85: who is to show that it is them is asked, also where the provider would let them through
    let asked = match caller.parameter("again").as_deref() {
        Some("1") => Asked::Again,
        _ => Asked::AsItLikes,
    };
    let wanted = Beginning { browser: &stranger.value, return_to, asked };
    match portal.identity.begin_at(&caller.origin, provider, wanted).await {
        Ok(begun) => Ok(with_cookie(redirect(begun.address.as_str()), stranger.cookie)),
        Err(error) => failed(&caller, provider, error),
    }
}

/// Takes what the browser brings back.
pub(super) async fn callback(
    State(portal): State<Portal>,
    Path(name): Path<String>,
    caller: Caller,
) -> Result<Response, Failure> {
    let provider = find(&portal, &name)?;
    let callback = match Callback::read(&caller.query) {
        Ok(callback) => callback,
        Err(error) => return failed(&caller, provider, OidcError::from(error).into()),
    };
    let browsers = form_token::values(&caller);
    let browsers: Vec<&str> = browsers.iter().map(String::as_str).collect();
    let back = match portal.identity.finish_at(provider, &browsers, &callback).await {
        Ok(back) => back,
        Err(error) => return failed(&caller, provider, error),
    };
    let (user, agent) = (&back.arrived.user, caller.user_agent());
    let session = match portal.identity.sign_in_external(&caller.origin, user, agent).await {
        Ok(session) => session,
        Err(error) => return Ok(refused(&caller, provider, &error)),
    };
    if let Some(id) = session.signed_in.session() {
        portal.identity.keep_tokens(id, &back.arrived).await?;
    }
    let return_to = Some(back.return_to).filter(|text| !text.is_empty());
    sign_in::welcome(&portal, &caller, session, return_to.map(|text| ReturnTo::parse(&text))).await
}

/// Takes a provider's word that somebody signed out there (OpenID Connect Back-Channel Logout).
pub(super) async fn back_channel_logout(
    State(portal): State<Portal>,
    Path(name): Path<String>,
    headers: http::HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(provider) = find(&portal, &name) else { return Failure::NotFound.into_response() };
    let Some(token) = logout_token(&headers, &body) else {
        return no("the request holds no logout token");
    };
    let word = match provider.logout_token(&token).await {
        Ok(word) => word,
        Err(error) => {
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(provider = %name, %error, cause, "a logout token is not obeyed");
            return no("the logout token is not accepted");
        }
    };
    match portal.identity.sign_out_there(&word).await {
        Ok(SignedOutThere::Ended(_)) => StatusCode::OK.into_response(),
        Ok(SignedOutThere::Replayed) => no("the logout token was heard before"),
        Err(error) => Failure::from(error).into_response(),
    }
}

/// The one `logout_token` of a form; none if it comes twice (requirement S25).
fn logout_token(headers: &http::HeaderMap, body: &Bytes) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    let mut tokens = form_urlencoded::parse(body).filter(|(name, _)| name == "logout_token");
    let token = tokens.next()?.1.into_owned();
    tokens.next().is_none().then_some(token)
}

fn no(what: &str) -> Response {
    let body = format!(r#"{{"error":"invalid_request","error_description":"{what}"}}"#);
    let kind = HeaderValue::from_static("application/json");
    (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, kind)], body).into_response()
}

/// The provider and the tokens of a session, by which the provider's ends too; `None` if there are
/// none, or they can't be read. Asked before the session ends here, for then they are gone.
pub(super) async fn tokens(portal: &Portal, who: &SignedIn) -> Option<(ProviderId, Tokens)> {
    match portal.identity.tokens_of(who.root_session()?).await {
        Ok(found) => found.map(|(kept, tokens)| (kept.provider, tokens)),
        Err(error) => {
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(%error, cause, "the provider's session goes on");
            None
        }
    }
}

/// Where a browser goes so that the provider's session ends too; `None` if there is nothing to end
/// there.
pub(super) async fn way_out(portal: &Portal, (name, tokens): &(ProviderId, Tokens)) -> Option<Url> {
    let name = name.as_str();
    let provider = portal.oidc.get(name)?;
    let mut back: Url = provider.config().redirect_uri.clone();
    back.set_path(&format!("/_vestibule/oidc/{name}/signed-out"));
    // whoever comes back changes nothing there, so that the state need not be a secret
    match provider.end_session(tokens, &back, name).await {
        Ok(address) => address,
        Err(error) => {
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(provider = name, %error, cause, "the provider's session goes on");
            None
        }
    }
}

/// The browser comes back from signing out at the provider.
pub(super) async fn signed_out(
    State(portal): State<Portal>,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    find(&portal, &name)?;
    Ok(redirect("/_vestibule/sign-out"))
}

fn find<'p>(portal: &'p Portal, name: &str) -> Result<&'p OidcProvider, Failure> {
    portal.oidc.get(name).ok_or(Failure::NotFound)
}

/// Says what went wrong: to people in a sentence, to the log wholly.
fn failed(
    caller: &Caller,
    provider: &OidcProvider,
    error: UnderWayError,
) -> Result<Response, Failure> {
    let error = match error {
        UnderWayError::Oidc(error) => error,
        UnderWayError::Unavailable(error) => return Err(error.into()),
        UnderWayError::TooMany { retry_after } => {
            let what = "Too many have begun to sign in from where you are. Please try again soon.";
            let response = say(caller, provider, (StatusCode::TOO_MANY_REQUESTS, what));
            return Ok(sign_in::with_retry_after(response, Some(retry_after)));
        }
        _ => return Err(Failure::Internal),
    };
    let cause = error.source().map(ToString::to_string);
    tracing::warn!(provider = %provider.config().id, %error, cause, "nobody signed in");
    let (status, what) = words(&error);
    Ok(say(caller, provider, (status, what)))
}

/// What people are told. Nothing of it comes from the provider.
fn words(error: &OidcError) -> (StatusCode, &'static str) {
    if error.is_temporary() {
        let what = "It can't be reached at the moment. Please try again in a few minutes.";
        return (StatusCode::SERVICE_UNAVAILABLE, what);
    }
    match error {
        OidcError::Callback(CallbackError::State | CallbackError::Expired) => (
            StatusCode::FORBIDDEN,
            "This sign-in was begun too long ago, or in another browser. Please begin again.",
        ),
        OidcError::Provider(ProviderError::AccessDenied) => {
            (StatusCode::FORBIDDEN, "It did not let you in.")
        }
        OidcError::Provider(ProviderError::InteractionRequired) => {
            (StatusCode::FORBIDDEN, "It wants you to sign in there first. Please begin again.")
        }
        _ => (
            StatusCode::BAD_GATEWAY,
            "Its answer is not what it should be. Whoever runs this gateway finds the reason in \
             its log.",
        ),
    }
}

/// Somebody is who they are, and has no way in.
fn refused(caller: &Caller, provider: &OidcProvider, error: &SignInError) -> Response {
    let (status, after) = sign_in::status_of(error);
    let what = sign_in::sentence(&error.to_string());
    sign_in::with_retry_after(say(caller, provider, (status, &what)), after)
}

fn say(caller: &Caller, provider: &OidcProvider, (status, what): (StatusCode, &str)) -> Response {
    let provider = provider.config().display_name.as_str();
    page(status, &Failed { user: caller.display_name(), provider, what })
}
