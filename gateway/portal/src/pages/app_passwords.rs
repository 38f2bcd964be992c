//! Passwords for single programs: made here and told once, listed, revoked.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use vestibule_identity::{
    AppBounds, AppPasswordId, AppPasswordOrder, AppPasswordRow, AppScope, MakeAppPasswordError,
    OwnersProof, SecondFactorState, SignedIn, UnixTime,
};
use vestibule_schema::{GalleryPath, SiteId};

use super::account::{last_used, shown};
use super::second_factor::explain;
use super::sign_in::{sentence, with_retry_after};
use crate::answer::{Failure, page, redirect};
use crate::caller::Caller;
use crate::form::Form;
use crate::form_token::Purpose;
use crate::portal::Portal;

pub(super) const PATH: &str = "/_vestibule/account/app-passwords";
pub(super) const REVOKE: &str = "/_vestibule/account/app-passwords/revoke";

const DAY: Duration = Duration::from_secs(24 * 3600);
/// For how many days one can be good, beside for ever.
const DAYS: [u32; 3] = [30, 90, 365];

#[derive(Template)]
#[template(path = "app_passwords.html")]
struct AppPasswords<'r> {
    user: Option<&'r str>,
    name: &'r str,
    form_token: &'r str,
    are_on: bool,
    asks_password: bool,
    asks_code: bool,
    /// Where whoever has no password here shows at their provider that it is them.
    again: Option<String>,
    rows: Vec<Row>,
    sites: Vec<Place>,
    made: Option<Made<'r>>,
    done: Option<&'static str>,
    error: Option<&'r str>,
    wrong: Wrong,
    wanted: Wanted<'r>,
}

/// One that is there already.
struct Row {
    id: String,
    name: String,
    good_for: String,
    created: String,
    expires: Option<String>,
    used: Option<String>,
}

/// A site that one can be bound to.
struct Place {
    id: String,
    name: String,
}

/// One that was made just now.
struct Made<'r> {
    name: &'r str,
    text: &'r str,
}

/// What the page says above everything, and what its form is filled with.
#[derive(Default)]
struct Notice<'r> {
    made: Option<Made<'r>>,
    done: Option<&'static str>,
    error: Option<&'r str>,
    wrong: Wrong,
    wanted: Wanted<'r>,
}

/// Which field an error is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Wrong {
    Days,
    Folder,
    Name,
    #[default]
    None,
    /// Password and code: which of the two is not told.
    Proof,
    Scope,
    Site,
}

/// What was typed, so that nobody types it twice. Never the password.
#[derive(Default)]
struct Wanted<'r> {
    name: &'r str,
    scope: &'r str,
    site: &'r str,
    folder: &'r str,
    days: &'r str,
}

impl<'r> Wanted<'r> {
    fn of(fields: &'r Form) -> Self {
        let [name, scope, site, folder, days] =
            ["name", "scope", "site", "folder", "days"].map(|name| fields.text(name).trim());
        Self { name, scope, site, folder, days }
    }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    let who = caller.require(PATH)?;
    let is_done = caller.parameter("done").as_deref() == Some("revoked");
    let done = is_done.then_some("The app password is revoked.");
    let notice = Notice { done, ..Notice::default() };
    list(&portal, &caller, who, (StatusCode::OK, notice)).await
}

pub(super) async fn make(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let wanted = Wanted::of(&fields);
    let (password, code) = (fields.secret("password"), fields.secret("code"));
    let proof = OwnersProof { password: &password, code: &code, user_agent: caller.user_agent() };
    let order = match order(&wanted, proof, portal.identity.now()) {
        Ok(order) => order,
        Err((wrong, error)) => {
            let notice = Notice { error: Some(&error), wrong, wanted, ..Notice::default() };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return list(&portal, &caller, who, (status, notice)).await;
        }
    };
    match portal.identity.make_app_password(&caller.origin, who, order).await {
        Ok(made) => {
            let made = Made { name: wanted.name, text: made.text.expose() };
            let notice = Notice { made: Some(made), ..Notice::default() };
            list(&portal, &caller, who, (StatusCode::CREATED, notice)).await
        }
        Err(MakeAppPasswordError::Unavailable(error)) => Err(error.into()),
        Err(error) => {
            let wrong = Wrong::of(&error);
            let (status, retry_after, message) = match &error {
                MakeAppPasswordError::Proof(error) => explain(error),
                MakeAppPasswordError::SignInAgain => {
                    (StatusCode::FORBIDDEN, None, sentence(&error.to_string()))
                }
                _ => (StatusCode::UNPROCESSABLE_ENTITY, None, sentence(&error.to_string())),
            };
            let notice = Notice { error: Some(&message), wrong, wanted, ..Notice::default() };
            let response = list(&portal, &caller, who, (status, notice)).await?;
            Ok(with_retry_after(response, retry_after))
        }
    }
}

pub(super) async fn revoke(
    State(portal): State<Portal>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Failure> {
    let (who, fields) = read(&portal, &caller, &body)?;
    let number = fields.text("app_password").parse().map_err(|_| Failure::BadRequest)?;
    // one's own only: the account is part of the question
    let id = AppPasswordId::from_number(number);
    portal.identity.revoke_own_app_password(&caller.origin, who, id).await?;
    Ok(redirect("/_vestibule/account/app-passwords?done=revoked"))
}

/// Who sent a form of this page.
fn read<'r>(
    portal: &Portal,
    caller: &'r Caller,
    body: &Bytes,
) -> Result<(&'r Arc<SignedIn>, Form), Failure> {
    let fields = Form::read(caller, body)?;
    let who = caller.require(PATH)?;
    portal.form_tokens.check_user(caller, who, (Purpose::Account, fields.token()))?;
    Ok((who, fields))
}

impl Wrong {
    fn of(error: &MakeAppPasswordError) -> Self {
        match error {
            MakeAppPasswordError::BadName => Self::Name,
            MakeAppPasswordError::FolderWithoutSite => Self::Folder,
            MakeAppPasswordError::Over => Self::Days,
            MakeAppPasswordError::Proof(_) => Self::Proof,
            _ => Self::None,
        }
    }
}

/// What the form asks for, or what is wrong with it, in a sentence.
fn order<'r>(
    wanted: &Wanted<'r>,
    proof: OwnersProof<'r>,
    now: UnixTime,
) -> Result<AppPasswordOrder<'r>, (Wrong, String)> {
    let wrong = |field: Wrong, text: &str| (field, text.to_owned());
    let scope: AppScope =
        wanted.scope.parse().map_err(|_| wrong(Wrong::Scope, "Say what it is for."))?;
    let site = match wanted.site {
        "" => None,
        text => {
            let site = SiteId::parse(text);
            Some(site.map_err(|_| wrong(Wrong::Site, "There is no such gallery."))?)
        }
    };
    let folder = match wanted.folder {
        "" | "/" => None,
        text => {
            let rooted = format!("/{}", text.trim_start_matches('/'));
            let path = GalleryPath::from_decoded(&rooted);
            let path =
                path.map_err(|error| (Wrong::Folder, format!("The folder can’t be: {error}.")))?;
            Some(path.as_folder())
        }
    };
    let expires = match wanted.days {
        "" => None,
        text => {
            let days = text.parse().ok().filter(|days| DAYS.contains(days));
            let days = days.ok_or_else(|| wrong(Wrong::Days, "Say how long it is good."))?;
            Some(now.plus(DAY * days))
        }
    };
    let name = wanted.name;
    Ok(AppPasswordOrder { name, bounds: AppBounds { scope, site, folder }, expires, proof })
}

async fn list(
    portal: &Portal,
    caller: &Caller,
    who: &SignedIn,
    (status, notice): (StatusCode, Notice<'_>),
) -> Result<Response, Failure> {
    let rows = portal.identity.app_passwords(who.account).await?;
    let sites = portal.sites.open_to(&who.principal);
    let factor = portal.identity.second_factor(who).await?;
    let template = AppPasswords {
        user: caller.display_name(),
        name: who.name.as_str(),
        form_token: &portal.form_tokens.for_user(caller, who, Purpose::Account),
        are_on: portal.identity.takes_app_passwords(),
        asks_password: factor != SecondFactorState::AtProvider,
        asks_code: matches!(factor, SecondFactorState::On { .. }),
        again: again(who).filter(|_| factor == SecondFactorState::AtProvider),
        rows: rows.iter().map(row).collect(),
        sites: sites
            .into_iter()
            .map(|site| Place { id: site.id.to_string(), name: site.name })
            .collect(),
        made: notice.made,
        done: notice.done,
        error: notice.error,
        wrong: notice.wrong,
        wanted: notice.wanted,
    };
    Ok(page(status, &template))
}

/// Where somebody signs in at their provider once more, and comes back from to this page.
fn again(who: &SignedIn) -> Option<String> {
    let provider = who.provider.as_ref()?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("again", "1").append_pair("return", PATH).finish();
    Some(format!("/_vestibule/oidc/{provider}?{query}"))
}

fn row(row: &AppPasswordRow) -> Row {
    let scope = match row.bounds.scope {
        AppScope::Read => "looks and fetches",
        AppScope::WebDav => "mounts folders (WebDAV)",
        AppScope::All => "everything that you may",
    };
    let place = match (&row.bounds.site, &row.bounds.folder) {
        (Some(site), Some(folder)) => format!("{site}, {folder}"),
        (Some(site), None) => site.to_string(),
        _ => "all galleries".to_owned(),
    };
    let used = last_used(row.last_used, row.last_client);
    Row {
        id: row.id.to_string(),
        name: row.name.clone(),
        good_for: format!("{scope} · {place}"),
        created: shown(row.created),
        expires: row.expires.map(shown),
        used,
    }
}
