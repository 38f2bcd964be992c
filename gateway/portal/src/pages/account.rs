//! One's own account: who one is, one's sessions, one's password.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use vestibule_identity::{
    AccountError, Audience, ChangePasswordError, PasswordChange, SecondFactorState, SessionId,
    SessionInfo, SignedIn, UnixTime,
};

use super::browser;
use super::sign_in::{sentence, status_of, with_retry_after};
use crate::answer::{Failure, page, redirect, with_cookie};
use crate::caller::Caller;
use crate::form::Form;
use crate::form_token::Purpose;
use crate::portal::Portal;

const PATH: &str = "/_vestibule/account";

#[derive(Template)]
#[template(path = "account.html")]
struct Account<'r> {
    user: Option<&'r str>,
    name: &'r str,
    role: &'r str,
    sessions: Vec<Row>,
    second_factor: &'r str,
    /// How many there are.
    passkeys: usize,
    has_others: bool,
    form_token: &'r str,
    done: Option<&'static str>,
    /// What is wrong with the form for another password.
    error: Option<&'r str>,
}

/// A session as the page shows it.
struct Row {
    id: String,
    browser: String,
    audience: String,
    client: String,
    reason: String,
    created: String,
    last_seen: String,
    is_this: bool,
}

/// What the page says above everything, and above the form for another password.
#[derive(Default)]
struct Notice<'r> {
    done: Option<&'static str>,
    error: Option<&'r str>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    let who = caller.require(PATH)?;
    // a fixed set: nothing of the address is shown
    let done = match caller.parameter("done").as_deref() {
        Some("session") => Some("The session has ended."),
        Some("others") => Some("All other sessions have ended."),
        Some("second-factor-off") => Some("Your second factor is off."),
        Some("password") => Some("Your password is changed. All other sessions have ended."),
        _ => None,
    };
    let notice = Notice { done, error: None };
    account(&portal, &caller, who, (StatusCode::OK, notice)).await
}

pub(super) async fn end_session(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let number = fields.text("session").parse().map_err(|_| Failure::BadRequest)?;
    let session = SessionId::from_number(number);
    // one's own only: the account is part of the question
    portal.identity.end_session(who.account, session).await?;
    let target =
        if Some(session) == who.session() { "/" } else { "/_vestibule/account?done=session" };
    Ok(redirect(target))
}

pub(super) async fn end_other_sessions(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, _) = read(&portal, &caller, &body)?;
    portal.identity.end_other_sessions(who).await?;
    Ok(redirect("/_vestibule/account?done=others"))
}

pub(super) async fn change_password(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let [old, new, again] = ["old", "new", "again"].map(|name| fields.secret(name));
    if new.expose() != again.expose() {
        let notice = Notice { error: Some("The two new passwords differ."), ..Notice::default() };
        return account(&portal, &caller, who, (StatusCode::UNPROCESSABLE_ENTITY, notice)).await;
    }
    let change = PasswordChange {
        old: &old,
        new: &new,
        ends_app_passwords: fields.text("end_app_passwords") == "yes",
        ends_passkeys: fields.text("end_passkeys") == "yes",
        user_agent: caller.user_agent(),
    };
    match portal.identity.change_password(&caller.origin, who, &change).await {
        Ok(session) => {
            let response = redirect("/_vestibule/account?done=password");
            Ok(with_cookie(response, Some(session.cookie)))
        }
        Err(error) => {
            let (status, retry_after, message) = explain(&error);
            let notice = Notice { error: Some(&message), ..Notice::default() };
            let response = account(&portal, &caller, who, (status, notice)).await?;
            Ok(with_retry_after(response, retry_after))
        }
    }
}

/// Who sent a form of this page.
pub(super) fn read<'r>(
    portal: &Portal,
    caller: &'r Caller,
    body: &Bytes,
) -> Result<(&'r Arc<SignedIn>, Form), Failure> {
    let fields = Form::read(caller, body)?;
    let who = caller.require(PATH)?;
    portal.form_tokens.check_user(caller, who, (Purpose::Account, fields.token()))?;
    Ok((who, fields))
}

fn explain(error: &ChangePasswordError) -> (StatusCode, Option<Duration>, String) {
    match error {
        ChangePasswordError::Old(vestibule_identity::SignInError::Refused) => {
            (StatusCode::FORBIDDEN, None, "Your current password is not right.".to_owned())
        }
        ChangePasswordError::Old(error) => {
            let (status, retry_after) = status_of(error);
            (status, retry_after, sentence(&error.to_string()))
        }
        ChangePasswordError::New(AccountError::Password(error)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, None, sentence(&error.to_string()))
        }
        _ => {
            let message = "Your password can’t be changed at this moment. Try again later.";
            (StatusCode::SERVICE_UNAVAILABLE, Some(Duration::from_secs(5)), message.to_owned())
        }
    }
}

async fn account(
    portal: &Portal,
    caller: &Caller,
    who: &SignedIn,
    (status, notice): (StatusCode, Notice<'_>),
) -> Result<Response, Failure> {
    let sessions = portal.identity.sessions(who.account).await?;
    let second_factor = match portal.identity.second_factor(who).await? {
        SecondFactorState::On { recovery_codes: 1, .. } => "It is on; one recovery code is left.",
        SecondFactorState::On { recovery_codes, .. } => {
            &format!("It is on; {recovery_codes} recovery codes are left.")
        }
        SecondFactorState::Off => "It is off: your password alone signs you in.",
        SecondFactorState::AtProvider => "Your provider looks after it.",
    };
    let role = who.principal.as_user().map_or("", |user| user.account_role.as_str());
    let template = Account {
        user: caller.display_name(),
        name: who.name.as_str(),
        role,
        has_others: sessions.iter().any(|session| !is_own(session, who)),
        sessions: sessions.iter().map(|session| row(session, who)).collect(),
        second_factor,
        passkeys: portal.identity.passkeys(who.account).await?.len(),
        form_token: &portal.form_tokens.for_user(caller, who, Purpose::Account),
        done: notice.done,
        error: notice.error,
    };
    Ok(page(status, &template))
}

fn row(session: &SessionInfo, who: &SignedIn) -> Row {
    Row {
        id: session.id.to_string(),
        browser: browser::name(&session.user_agent),
        audience: match &session.audience {
            Audience::Portal => "the portal".to_owned(),
            Audience::Site(site) => site.to_string(),
        },
        client: session.client.to_string(),
        reason: session.reason.clone(),
        created: shown(session.created),
        last_seen: shown(session.last_seen),
        is_this: is_own(session, who),
    }
}

/// Whether a session is the one of this page, or was born of it.
fn is_own(session: &SessionInfo, who: &SignedIn) -> bool {
    let own = who.session();
    Some(session.id) == own || (session.parent.is_some() && session.parent == own)
}

/// A moment to the minute, in UTC: the browser's time zone is not known without a script.
pub(super) fn shown(time: UnixTime) -> String {
    let text = time.to_string();
    match text.split_once('T').and_then(|(day, clock)| Some((day, clock.get(..5)?))) {
        Some((day, clock)) => format!("{day} {clock} UTC"),
        None => text,
    }
}

/// When something was last used, and from where if that is known; none if it never was.
pub(super) fn last_used(when: Option<UnixTime>, client: Option<IpAddr>) -> Option<String> {
    when.map(|when| match client {
        Some(client) => format!("{} from {client}", shown(when)),
        None => shown(when),
    })
}
