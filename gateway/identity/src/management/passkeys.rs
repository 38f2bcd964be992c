//! Passkeys of a user, seen and removed by whoever manages. Nobody makes one for somebody else.

use serde::Serialize;
use vestibule_schema::{ManagementAction, UserName};
use vestibule_store::audit::{Object, Verb};
use vestibule_store::{PasskeyId, PasskeyRow};

use super::{ManageError, Management, Outcome};

/// A passkey, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PasskeyView {
    /// Its number.
    pub id: i64,
    /// What its owner calls it.
    pub name: String,
    /// The host at which it is good.
    pub host: String,
    /// When it was made.
    pub created: String,
    /// When somebody last signed in by it.
    pub last_used: Option<String>,
    /// From where.
    pub client: Option<String>,
}

impl Management<'_> {
    /// The passkeys of a user.
    ///
    /// # Errors
    /// If there is no such user, or they may not be seen.
    pub async fn passkeys(&self, user: &UserName) -> Result<Vec<PasskeyView>, ManageError> {
        self.ask_about(ManagementAction::EndSessions, None)?;
        let account = self.identity.user(user).await?;
        let rows = self.identity.passkeys(account.id).await;
        Ok(rows.map_err(ManageError::Unavailable)?.into_iter().map(view).collect())
    }

    /// Removes a passkey of a user, or all: nobody signs in by it any more.
    ///
    /// # Errors
    /// If there is no such user or passkey, or it may not be done.
    pub async fn remove_passkeys(
        &self,
        user: &UserName,
        which: Option<PasskeyId>,
    ) -> Result<Outcome<PasskeyView>, ManageError> {
        self.ask_about(ManagementAction::EndSessions, None)?;
        let account = self.identity.user(user).await?;
        let name = &account.name;
        let held = self.identity.passkeys(account.id).await;
        let held = held.map_err(ManageError::Unavailable)?;
        let what = match which {
            Some(id) if held.iter().any(|row| row.id == id) => {
                format!("the passkey {id} of `{name}`")
            }
            Some(id) => {
                let message = format!("`{name}` has no passkey {id}");
                return Err(ManageError::NotFound(message));
            }
            None => format!("the passkeys of `{name}` ({})", held.len()),
        };
        let changed = !held.is_empty();
        if changed && !self.is_dry() {
            self.begin()?;
            let removed = self.identity.remove_passkeys(account.id, which).await;
            removed.map_err(ManageError::Unavailable)?;
            let number = which.map_or_else(|| "all".to_owned(), |id| id.to_string());
            let place = format!("{name}/{number}");
            self.changed((Object::Passkey, Verb::Removed), &place, None, None).await?;
        }
        let outcome = self.outcome(["would remove", "removed"], &what, None);
        Ok(Outcome { changed, ..outcome })
    }
}

fn view(row: PasskeyRow) -> PasskeyView {
    PasskeyView {
        id: row.id.number(),
        name: row.name,
        host: row.host,
        created: row.created.to_string(),
        last_used: row.last_used.map(|time| time.to_string()),
        client: row.last_client.map(|client| client.to_string()),
    }
}
