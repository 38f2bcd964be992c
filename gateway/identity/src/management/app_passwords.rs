//! App passwords of a user, seen and revoked by whoever manages. Nobody makes one for somebody else.

use serde::Serialize;
use vestibule_schema::{ManagementAction, UserName};
use vestibule_store::audit::{Object, Verb};
use vestibule_store::{AppPasswordId, AppPasswordRow, UnixTime};

use super::{ManageError, Management, Outcome};

/// An app password, for programs. Never the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppPasswordView {
    /// Its number.
    pub id: i64,
    /// What its owner calls it.
    pub name: String,
    /// What it is good for: `read`, `webdav` or `all`.
    pub scope: String,
    /// At which site; none: at all of them.
    pub node: Option<String>,
    /// In which folder of the site; none: in all.
    pub folder: Option<String>,
    /// When it was made.
    pub created: String,
    /// When it ends, if ever.
    pub expires: Option<String>,
    /// When it was last used, to the minute or so.
    pub last_used: Option<String>,
    /// From where it was last used.
    pub client: Option<String>,
}

impl Management<'_> {
    /// The app passwords of a user.
    ///
    /// # Errors
    /// If there is no such user, or they may not be seen.
    pub async fn app_passwords(
        &self,
        user: &UserName,
    ) -> Result<Vec<AppPasswordView>, ManageError> {
        self.ask_about(ManagementAction::EndSessions, None)?;
        let account = self.identity.user(user).await?;
        let rows = self.identity.app_passwords(account.id).await;
        Ok(rows.map_err(ManageError::Unavailable)?.into_iter().map(view).collect())
    }

    /// Revokes an app password of a user, or all; in force for the next request.
    ///
    /// # Errors
    /// If there is no such user or app password, or it may not be done.
    pub async fn revoke_app_passwords(
        &self,
        user: &UserName,
        which: Option<AppPasswordId>,
    ) -> Result<Outcome<AppPasswordView>, ManageError> {
        self.ask_about(ManagementAction::EndSessions, None)?;
        let account = self.identity.user(user).await?;
        let name = &account.name;
        let held = self.identity.app_passwords(account.id).await;
        let held = held.map_err(ManageError::Unavailable)?;
        let what = match which {
            Some(id) if held.iter().any(|row| row.id == id) => {
                format!("the app password {id} of `{name}`")
            }
            Some(id) => {
                let message = format!("`{name}` has no app password {id}");
                return Err(ManageError::NotFound(message));
            }
            None => format!("the app passwords of `{name}` ({})", held.len()),
        };
        let changed = !held.is_empty();
        if changed && !self.is_dry() {
            self.begin()?;
            let revoked = self.identity.revoke_app_passwords(account.id, which).await;
            revoked.map_err(ManageError::Unavailable)?;
            let number = which.map_or_else(|| "all".to_owned(), |id| id.to_string());
            let place = format!("{name}/{number}");
            self.changed((Object::AppPassword, Verb::Removed), &place, None, None).await?;
        }
        let outcome = self.outcome(["would revoke", "revoked"], &what, None);
        Ok(Outcome { changed, ..outcome })
    }
}

fn view(row: AppPasswordRow) -> AppPasswordView {
    let time = |time: Option<UnixTime>| time.map(|time| time.to_string());
    AppPasswordView {
        id: row.id.number(),
        name: row.name,
        scope: row.bounds.scope.to_string(),
        node: row.bounds.site.map(|site| site.to_string()),
        folder: row.bounds.folder.map(|folder| folder.to_string()),
        created: row.created.to_string(),
        expires: time(row.expires),
        last_used: time(row.last_used),
        client: row.last_client.map(|client| client.to_string()),
    }
}
