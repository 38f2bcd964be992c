//! `/users`: accounts.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use vestibule_identity::Secret;
use vestibule_identity::management::{Adoption, UserChange, UserWanted};
use vestibule_schema::{AccountRole, ProviderId, UserName};
use vestibule_store::AccountState;

use super::asking::{Asking, Part};
use super::body::{
    Dry, Json, Named, Parameters, in_body, present, secret, some_secret, user_in_path,
};
use super::problem::Problem;
use crate::portal::Portal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {
    offset: Option<usize>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    user: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    display_name: String,
    #[serde(default, deserialize_with = "some_secret")]
    password: Option<Secret<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    #[serde(default, deserialize_with = "present")]
    role: Option<String>,
    #[serde(default, deserialize_with = "present")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    state: Option<Standing>,
    #[serde(default, deserialize_with = "present")]
    adopt: Option<Adopt>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Standing {
    Enabled,
    Disabled,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adopt {
    provider: String,
    subject: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    #[serde(deserialize_with = "secret")]
    password: Secret<String>,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(all): Parameters<All>,
) -> Result<Response, Problem> {
    let room = asking.look(&portal)?;
    let users = room.verbs().users().await;
    room.listed(users, Part { offset: all.offset, limit: all.limit }).await
}

pub(super) async fn show(
    State(portal): State<Portal>,
    asking: Asking,
    Named(user): Named<String>,
) -> Result<Response, Problem> {
    let user = user_in_path(&user)?;
    let room = asking.look(&portal)?;
    let user = room.verbs().user(&user).await;
    room.shown(user).await
}

pub(super) async fn add(
    State(portal): State<Portal>,
    asking: Asking,
    Parameters(dry): Parameters<Dry>,
    Json(new): Json<New>,
) -> Result<Response, Problem> {
    let room = asking.change(&portal, dry.dry_run)?;
    let wanted = UserWanted {
        name: in_body("user", UserName::parse(&new.user))?,
        role: in_body("role", AccountRole::parse(&new.role))?,
        display_name: &new.display_name,
        password: new.password.as_ref(),
    };
    let outcome = room.verbs().add_user(wanted).await;
    room.done(outcome, StatusCode::CREATED).await
}

pub(super) async fn modify(
    State(portal): State<Portal>,
    asking: Asking,
    Named(user): Named<String>,
    Parameters(dry): Parameters<Dry>,
    Json(change): Json<Change>,
) -> Result<Response, Problem> {
    let user = user_in_path(&user)?;
    let room = asking.change(&portal, dry.dry_run)?;
    let outcome = room.verbs().modify_user(&user, &change.read()?).await;
    room.done(outcome, StatusCode::OK).await
}

pub(super) async fn remove(
    State(portal): State<Portal>,
    asking: Asking,
    Named(user): Named<String>,
    Parameters(dry): Parameters<Dry>,
) -> Result<Response, Problem> {
    let user = user_in_path(&user)?;
    let room = asking.change(&portal, dry.dry_run)?;
    let outcome = room.verbs().remove_user(&user).await;
    room.done(outcome, StatusCode::OK).await
}

pub(super) async fn set_password(
    State(portal): State<Portal>,
    asking: Asking,
    Named(user): Named<String>,
    Parameters(dry): Parameters<Dry>,
    Json(new): Json<NewPassword>,
) -> Result<Response, Problem> {
    let user = user_in_path(&user)?;
    let room = asking.change(&portal, dry.dry_run)?;
    let outcome = room.verbs().set_password(&user, &new.password).await;
    room.done(outcome, StatusCode::OK).await
}

pub(super) async fn reset_second_factor(
    State(portal): State<Portal>,
    asking: Asking,
    Named(user): Named<String>,
    Parameters(dry): Parameters<Dry>,
) -> Result<Response, Problem> {
    let user = user_in_path(&user)?;
    let room = asking.change(&portal, dry.dry_run)?;
    let outcome = room.verbs().reset_second_factor(&user).await;
    room.done(outcome, StatusCode::OK).await
}

impl Change {
    fn read(self) -> Result<UserChange, Problem> {
        let role = self.role.map(|role| in_body("role", AccountRole::parse(&role)));
        let adopt = self.adopt.map(|adopt| {
            let provider = in_body("provider", ProviderId::parse(&adopt.provider))?;
            Ok::<_, Problem>(Adoption { provider, subject: adopt.subject })
        });
        Ok(UserChange {
            role: role.transpose()?,
            display_name: self.display_name,
            state: self.state.map(|state| match state {
                Standing::Enabled => AccountState::Enabled,
                Standing::Disabled => AccountState::Disabled,
            }),
            adopt: adopt.transpose()?,
        })
    }
}
