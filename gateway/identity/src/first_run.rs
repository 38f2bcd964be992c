//! The first administrator (requirement S18): there is no default account. While a store holds no
//! account at all, a code that was printed once makes one.

use std::sync::atomic::Ordering;

use vestibule_schema::{AccountRole, IdError, UserName};
use vestibule_store::NewAccount;
use vestibule_store::audit::SignInRefusal;

use crate::accounts::AccountError;
use crate::identity::{Identity, Unavailable};
use crate::origin::{RequestOrigin, Transport};
use crate::password::{self, PasswordError};
use crate::second_factor::code;
use crate::sign_in::{BUSY_RETRY, NewSession, Proof, SignInError, When};
use crate::tickets::{self, Purpose};
use crate::{Secret, UnixTime};

/// The code's randomness in bytes.
const CODE: usize = 20;

/// Who wants to be the first administrator.
#[derive(Debug)]
pub struct FirstAccount<'r> {
    /// The code that was printed.
    pub code: &'r Secret<String>,
    /// The user name, as typed.
    pub name: &'r str,
    /// The password.
    pub password: &'r Secret<String>,
    /// What the browser calls itself.
    pub user_agent: &'r str,
}

/// Why nobody became the first administrator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FirstRunError {
    /// There is an account.
    #[error("there is an account already")]
    NotAwaited,
    /// The code is another, was used, or its hour is over.
    #[error(
        "the code is wrong, or its hour is over; a new one is printed when the gateway starts again"
    )]
    WrongCode,
    /// The text can't be a user name.
    #[error("this can't be a user name: {0}")]
    Name(#[from] IdError),
    /// The password may not be one.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// They can't be let in.
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl Identity {
    /// Makes the code for the first administrator, good for an hour; none if there is an account.
    /// A code that was made before is worth nothing any more.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn invite_first(&self) -> Result<Option<Secret<String>>, Unavailable> {
        if !self.awaits_first().await? {
            return Ok(None);
        }
        let code = code::random_text(CODE)?;
        let expires = self.now().plus(Purpose::FirstRun.lifetime());
        let tickets = self.store.tickets();
        tickets.delete_all(Purpose::FirstRun.name()).await?;
        self.keep_ticket(Purpose::FirstRun, (&code::bare(&code), expires), &expires.seconds())
            .await?;
        Ok(Some(code))
    }

    /// Whether there is no account at all. Once there was one, it is not asked again.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn awaits_first(&self) -> Result<bool, Unavailable> {
        if self.has_accounts.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let any = self.store.accounts().any().await?;
        self.has_accounts.fetch_or(any, Ordering::Relaxed);
        Ok(!any)
    }

    /// Makes the first administrator and signs them in.
    ///
    /// # Errors
    /// If there is an account, the code is wrong, or name or password may not be.
    pub async fn make_first(
        &self,
        origin: &RequestOrigin,
        first: &FirstAccount<'_>,
    ) -> Result<NewSession, FirstRunError> {
        let failed = |error: Unavailable| FirstRunError::from(SignInError::Unavailable(error));
        if origin.transport() == Transport::Exposed {
            return Err(SignInError::InsecureOrigin.into());
        }
        if !self.awaits_first().await.map_err(failed)? {
            return Err(FirstRunError::NotAwaited);
        }
        // what the code is not needed for: it is used up by the first try
        let name = UserName::parse(first.name.trim())?;
        password::check(first.password, &name)?;
        let here = self.begin_of_client(origin.client).await?;
        let code = code::bare(first.code);
        let kept = self.take_first(&code).await;
        here.end(matches!(kept, Ok(None)));
        let Some(expires) = kept.map_err(failed)? else {
            tracing::warn!(client = %origin.client, "a wrong code for the first administrator");
            let reason = SignInRefusal::FirstRunCode;
            self.audit_refused(origin, reason, None).await;
            return Err(FirstRunError::WrongCode);
        };
        match self.make_administrator(origin, name, first).await {
            Err(error @ FirstRunError::SignIn(_)) => {
                // it was not the code that failed
                let until = UnixTime::from_seconds(expires);
                self.keep_ticket(Purpose::FirstRun, (&code, until), &expires)
                    .await
                    .map_err(failed)?;
                Err(error)
            }
            other => other,
        }
    }

    async fn make_administrator(
        &self,
        origin: &RequestOrigin,
        name: UserName,
        first: &FirstAccount<'_>,
    ) -> Result<NewSession, FirstRunError> {
        let failed = |error: Unavailable| FirstRunError::from(SignInError::Unavailable(error));
        let role = AccountRole::parse(AccountRole::CLUSTER_ADMIN)?;
        let hash = self.hash(first.password).await.map_err(|error| match error {
            AccountError::Hashing => SignInError::Busy { retry_after: BUSY_RETRY }.into(),
            _ => failed(Unavailable::Hashing),
        })?;
        let account = NewAccount::new(name, role).with_password(hash);
        let made = self.store.accounts().add_first(account, self.now()).await;
        // another one was quicker
        let Some(account) = made.map_err(|error| failed(error.into()))? else {
            return Err(FirstRunError::NotAwaited);
        };
        self.has_accounts.store(true, Ordering::Relaxed);
        self.audit_first_account(origin, &account.name).await.map_err(failed)?;
        tracing::info!(user = %account.name, client = %origin.client, "the first administrator");
        let proof = Proof {
            by: "first_run",
            provider: None,
            second_factor: false,
            when: When::Now,
            user_agent: first.user_agent,
        };
        Ok(self.begin_session(origin, &account, &proof).await?)
    }

    /// Uses a code up; until when it was good.
    async fn take_first(&self, code: &Secret<String>) -> Result<Option<i64>, Unavailable> {
        let key = tickets::key(Purpose::FirstRun, code.expose());
        let purpose = Purpose::FirstRun.name();
        let kept = self.store.tickets().take(&key, purpose, self.now()).await?;
        kept.map(|text| tickets::read(&text)).transpose()
    }
}

#[cfg(test)]
mod tests;
