//! What the command line, the account page and later the admin pages do with accounts.

use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{Account, AccountState, EndsWithPassword, NewAccount, StoreError};

use crate::Secret;
use crate::credentials::SignedIn;
use crate::hasher::HashError;
use crate::identity::Identity;
use crate::origin::RequestOrigin;
use crate::password::{self, PasswordError};
use crate::sign_in::{NewSession, Proof, Proven, SignInError, When, Whom};

/// Why an account was not made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The password may not be one.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store says no, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password could not be hashed.
    #[error("the password can't be hashed at this moment; try again")]
    Hashing,
}

/// Why somebody's own password was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangePasswordError {
    /// The old password is not right, or can't be checked now.
    #[error(transparent)]
    Old(#[from] SignInError),
    /// The new one may not be a password, or can't be kept.
    #[error(transparent)]
    New(#[from] AccountError),
}

/// A password to be replaced, and its successor.
#[derive(Debug)]
pub struct PasswordChange<'r> {
    /// The password until now.
    pub old: &'r Secret<String>,
    /// The password from now on.
    pub new: &'r Secret<String>,
    /// Whether the app passwords end, too.
    pub ends_app_passwords: bool,
    /// Whether the passkeys end, too.
    pub ends_passkeys: bool,
    /// What the browser calls itself.
    pub user_agent: &'r str,
}

impl Identity {
    /// Makes a local account, with a password or without.
    ///
    /// # Errors
    /// If the name is taken or the password may not be one.
    pub async fn add_user(
        &self,
        account: NewAccount,
        password: Option<&Secret<String>>,
    ) -> Result<Account, AccountError> {
        let account = match password {
            Some(password) => {
                password::check(password, &account.name)?;
                account.with_password(self.hash(password).await?)
            }
            None => account,
        };
        Ok(self.store.accounts().add(account, self.now()).await?)
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn users(&self) -> Result<Vec<Account>, AccountError> {
        Ok(self.store.accounts().list().await?)
    }

    /// The account of a name, whatever its case.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUser`].
    pub async fn user(&self, name: &UserName) -> Result<Account, AccountError> {
        let found = self.store.accounts().find(name).await?;
        Ok(found.ok_or_else(|| StoreError::NoSuchUser { user: name.clone() })?)
    }

    /// Gives a user another password, and ends all their sessions, app passwords and passkeys: it may
    /// be that somebody else knew the old one.
    ///
    /// # Errors
    /// If there is no such user or the password may not be one.
    pub async fn set_password(
        &self,
        name: &UserName,
        password: &Secret<String>,
    ) -> Result<(), AccountError> {
        let account = self.user(name).await?;
        let ends = EndsWithPassword::OtherCredentials;
        self.replace_password(&account, (password, ends)).await?;
        Ok(())
    }

    /// Gives a user another role, and ends all their sessions.
    ///
    /// # Errors
    /// If there is no such user, or nobody else could manage the cluster.
    pub async fn set_role(&self, name: &UserName, role: &AccountRole) -> Result<(), AccountError> {
        let id = self.user(name).await?.id;
        self.store.accounts().set_role(id, role, self.now()).await?;
        self.cache.end_of_account(id);
        Ok(())
    }

    /// Lets a user sign in, or no longer; the latter ends all their sessions.
    ///
    /// # Errors
    /// If there is no such user, or nobody else could manage the cluster.
    pub async fn set_state(
        &self,
        name: &UserName,
        state: AccountState,
    ) -> Result<(), AccountError> {
        let id = self.user(name).await?.id;
        self.store.accounts().set_state(id, state, self.now()).await?;
        self.cache.end_of_account(id);
        Ok(())
    }

    /// Removes a user with their sessions and grants.
    ///
    /// # Errors
    /// If there is no such user, or nobody else could manage the cluster.
    pub async fn remove_user(&self, name: &UserName) -> Result<(), AccountError> {
        let id = self.user(name).await?.id;
        self.store.accounts().remove(id).await?;
        self.cache.end_of_account(id);
        Ok(())
    }

    /// Changes somebody's own password, which needs the old one. All their sessions end; a new
    /// one begins here, with a new token.
    ///
    /// # Errors
    /// If the old password is wrong, or the new one may not be a password. Failures count as
    /// failed sign-ins.
    pub async fn change_password(
        &self,
        origin: &RequestOrigin,
        signed_in: &SignedIn,
        change: &PasswordChange<'_>,
    ) -> Result<NewSession, ChangePasswordError> {
        password::check(change.new, &signed_in.name).map_err(AccountError::from)?;
        let own = Whom::Account(signed_in.account);
        // a directory's password is changed there
        let Proven::Here(account) = self.check_password(origin, own, change.old).await? else {
            return Err(SignInError::Refused.into());
        };
        self.require_session(signed_in).await?;
        let kept = self.tokens_of_owner(signed_in).await.map_err(SignInError::Unavailable)?;
        let account =
            self.replace_password(&account, (change.new, EndsWithPassword::Nothing)).await?;
        if change.ends_app_passwords {
            let revoked = self.revoke_app_passwords(account.id, None).await;
            revoked.map_err(SignInError::Unavailable)?;
        }
        if change.ends_passkeys {
            let removed = self.remove_own_passkeys(origin, signed_in).await;
            removed.map_err(SignInError::Unavailable)?;
        }
        let written = self.audit_own_password(origin, &account.name).await;
        written.map_err(SignInError::Unavailable)?;
        let proof = Proof {
            by: "new_password",
            provider: signed_in.provider.as_ref(),
            second_factor: signed_in.second_factor,
            when: When::Now,
            user_agent: change.user_agent,
        };
        let session = self.begin_session(origin, &account, &proof).await?;
        self.carry_tokens(kept, &session).await.map_err(SignInError::Unavailable)?;
        Ok(session)
    }

    async fn replace_password(
        &self,
        account: &Account,
        (password, ends): (&Secret<String>, EndsWithPassword),
    ) -> Result<Account, AccountError> {
        password::check(password, &account.name)?;
        let hash = self.hash(password).await?;
        let set = self.store.accounts().set_password(account.id, (&hash, ends), self.now()).await;
        // also where the store can't say whether it is done
        self.cache.end_of_account(account.id);
        let account = set?;
        tracing::info!(user = %account.name, "password changed");
        Ok(account)
    }

    pub(crate) async fn hash(
        &self,
        password: &Secret<String>,
    ) -> Result<vestibule_store::PasswordHash, AccountError> {
        self.hasher.hash(password).await.map_err(|error| match error {
            HashError::Busy | HashError::Failed => AccountError::Hashing,
        })
    }
}
