//! Turning off the second factor of somebody who has lost it.

use vestibule_schema::{ManagementAction, UserName};
use vestibule_store::audit::{Object, Verb};

use super::users::view;
use super::{ManageError, Management, Outcome, UserView};

impl Management<'_> {
    /// Turns a user's second factor off, with the recovery codes; their sessions end.
    ///
    /// # Errors
    /// If there is no such user, they have none, or it may not be done.
    pub async fn reset_second_factor(
        &self,
        name: &UserName,
    ) -> Result<Outcome<UserView>, ManageError> {
        self.ask(ManagementAction::ManageUsers)?;
        let account = self.identity.user(name).await?;
        self.step_up(Some(&account)).await?;
        let name = &account.name;
        if !self.identity.has_second_factor(name).await? {
            return Err(ManageError::NotFound(format!("`{name}` has no second factor")));
        }
        let what = format!("the second factor of `{name}`; all its sessions end");
        if !self.is_dry() {
            self.begin()?;
            self.identity.reset_second_factor(name).await?;
            self.changed((Object::SecondFactor, Verb::Removed), name, None, None).await?;
        }
        Ok(self.outcome(["would turn off", "turned off"], &what, Some(view(&account))))
    }
}
