//! Changes of an account that somebody else makes, each of them whole or not at all.

use vestibule_schema::AccountRole;

use super::{
    Account, AccountId, AccountState, Accounts, end_credentials, end_sessions, existing,
    spare_last_administrator,
};
use crate::error::unavailable;
use crate::identities::{self, NewIdentity};
use crate::open::commit_change;
use crate::{StoreError, UnixTime};

/// What becomes of an account; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// Its role.
    pub role: Option<AccountRole>,
    /// The name for people; empty for the user name.
    pub display_name: Option<String>,
    /// Whether it may sign in.
    pub state: Option<AccountState>,
    /// Who at a provider owns it from now on, too.
    pub adopt: Option<NewIdentity>,
}

/// Whether a change is made, or only tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is made.
    Yes,
    /// It is found out whether it could be made, and nothing is kept.
    No,
}

impl Accounts<'_> {
    /// Changes an account. Another role, another owner, or being disabled, ends its sessions. The answer is the
    /// account as it is, or would be, afterwards.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], [`StoreError::LastAdministrator`],
    /// [`StoreError::IdentityTaken`].
    pub async fn modify(
        &self,
        id: AccountId,
        change: &AccountChange,
        now: UnixTime,
        keep: Keep,
    ) -> Result<Account, StoreError> {
        let mut tx = self.0.begin().await?;
        let before = existing(&mut tx, id).await?;
        let role = change.role.as_ref().unwrap_or(&before.role);
        let state = change.state.unwrap_or(before.state);
        let display = change.display_name.as_deref().map_or(before.display_name.as_str(), |name| {
            if name.is_empty() { before.name.as_str() } else { name }
        });
        let manages = role.is_cluster_admin() && state == AccountState::Enabled;
        if !manages {
            spare_last_administrator(&mut tx, &before).await?;
        }
        let privilege = *role != before.role || state != before.state || change.adopt.is_some();
        sqlx::query(
            "UPDATE accounts SET account_role = $1, display_name = $2, disabled = $3, \
             changed = $4, revision = revision + $5 WHERE id = $6",
        )
        .bind(role.as_str())
        .bind(display)
        .bind(i64::from(state == AccountState::Disabled))
        .bind(now.seconds())
        .bind(i64::from(privilege))
        .bind(id.number())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if let Some(identity) = &change.adopt {
            identities::insert(&mut tx, id, identity, now).await?;
        }
        if privilege {
            end_sessions(&mut tx, id).await?;
        }
        if state == AccountState::Disabled {
            end_credentials(&mut tx, id).await?;
        }
        let after = existing(&mut tx, id).await?;
        match keep {
            Keep::Yes => commit_change(tx).await?,
            Keep::No => tx.rollback().await.map_err(unavailable)?,
        }
        Ok(after)
    }

    /// Finds out whether an account could be removed.
    ///
    /// # Errors
    /// As [`Accounts::remove`].
    pub async fn rehearse_removal(&self, id: AccountId) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        let account = existing(&mut tx, id).await?;
        spare_last_administrator(&mut tx, &account).await?;
        tx.rollback().await.map_err(unavailable)
    }
}
