//! Second factors: codes by the clock (RFC 6238), and recovery codes that stand in for them
//! (requirement S15).
//!
//! Whoever turns one on, turns it off or wants new recovery codes shows the password again, and
//! has a new session afterwards (requirement S3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use vestibule_schema::UserName;
use vestibule_store::audit::Verb;
use vestibule_store::{Account, NewSecondFactor, StoreError};

use crate::accounts::AccountError;
use crate::credentials::SignedIn;
use crate::identity::{Identity, Unavailable};
use crate::origin::RequestOrigin;
use crate::renewed::OtherSessions;
use crate::sign_in::{NewSession, Proof, Proven, SignInError, When, Whom};
use crate::tickets::Purpose;
use crate::{Secret, UnixTime};

pub(crate) mod check;
pub(crate) mod code;

use check::Shown;

/// What the sealing key is called in the store.
const KEY: &str = "second-factors";

/// Why a second factor was not turned on or off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecondFactorError {
    /// The password is not right, the code is wrong, or they can't be checked now.
    #[error(transparent)]
    Proof(#[from] SignInError),
    /// It was begun too long ago, or the account was changed meanwhile.
    #[error("this took too long, or your account was changed meanwhile; please begin again")]
    TooLate,
    /// It is on already.
    #[error("your second factor is on already")]
    IsOn,
    /// It is off.
    #[error("your second factor is off")]
    IsOff,
    /// Whoever signs in at a provider shows a second factor there.
    #[error("you sign in at a provider, which asks for a second factor itself")]
    AtProvider,
}

/// How it stands with somebody's second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactorState {
    /// It is off.
    Off,
    /// It is on.
    On {
        /// Since when.
        since: UnixTime,
        /// How many recovery codes are left.
        recovery_codes: u32,
    },
    /// They sign in at a provider, which asks for a second factor itself.
    AtProvider,
}

/// What is needed to turn a second factor on: shown once, to who gave the password.
#[derive(Debug)]
#[non_exhaustive]
pub struct Enrolment {
    /// What the code is to be sent with; good for ten minutes.
    pub ticket: Secret<String>,
    /// The secret as it is typed, in groups of four.
    pub text: Secret<String>,
    /// The address that a QR code holds (`otpauth:`).
    pub address: Secret<String>,
}

/// The first code of an authenticator.
#[derive(Debug)]
pub struct FirstCode<'r> {
    /// The ticket of the enrolment.
    pub ticket: &'r Secret<String>,
    /// The code.
    pub code: &'r Secret<String>,
    /// What becomes of the other sessions.
    pub others: OtherSessions,
    /// What the browser calls itself.
    pub user_agent: &'r str,
}

/// What came of a first code.
#[derive(Debug)]
pub enum Enrolled {
    /// The second factor is on.
    On(NewCodes),
    /// The code was wrong: another one is to be tried.
    Again(Enrolment),
}

/// New recovery codes, shown once, and the session that goes on.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewCodes {
    /// The codes.
    pub codes: Vec<Secret<String>>,
    /// The session that takes the place of the one before.
    pub session: NewSession,
}

/// What somebody shows to change their second factor.
#[derive(Debug)]
pub struct FactorChange<'r> {
    /// The password.
    pub password: &'r Secret<String>,
    /// A code, or a recovery code.
    pub code: &'r Secret<String>,
    /// What becomes of the other sessions.
    pub others: OtherSessions,
    /// What the browser calls itself.
    pub user_agent: &'r str,
}

/// An enrolment as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    account: i64,
    session: i64,
    revision: i64,
    sealed: String,
    expires: i64,
}

impl Identity {
    /// How it stands with somebody's second factor.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn second_factor(&self, who: &SignedIn) -> Result<SecondFactorState, Unavailable> {
        let factor = self.store.second_factors().find(who.account).await?;
        Ok(match factor {
            Some(factor) => SecondFactorState::On {
                since: factor.created,
                recovery_codes: factor.recovery_codes,
            },
            None if self.is_at_provider(who) => SecondFactorState::AtProvider,
            None => SecondFactorState::Off,
        })
    }

    /// Makes a secret for somebody who gives their password again. Nothing is on before a code of
    /// it is shown.
    ///
    /// # Errors
    /// If the password is wrong, which counts as a failed sign-in, or there is nothing to turn on.
    pub async fn begin_second_factor(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        password: &Secret<String>,
    ) -> Result<Enrolment, SecondFactorError> {
        match self.second_factor(who).await.map_err(SignInError::Unavailable)? {
            SecondFactorState::On { .. } => return Err(SecondFactorError::IsOn),
            SecondFactorState::AtProvider => return Err(SecondFactorError::AtProvider),
            SecondFactorState::Off => {}
        }
        let account = self.prove_again(origin, who, password).await?;
        self.enrol(origin, who, &account)
            .await
            .map_err(|error| SignInError::Unavailable(error).into())
    }

    /// Turns a second factor on with its first code.
    ///
    /// # Errors
    /// If it was begun too long ago or in another session, or is on already.
    pub async fn turn_on_second_factor(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        first: &FirstCode<'_>,
    ) -> Result<Enrolled, SecondFactorError> {
        let failed = |error: Unavailable| SecondFactorError::from(SignInError::Unavailable(error));
        let kept = self.take_ticket::<Kept>(Purpose::Enrolment, first.ticket.expose()).await;
        let kept = kept.map_err(failed)?.filter(|kept| kept.is_of(who));
        let kept = kept.ok_or(SecondFactorError::TooLate)?;
        let sealed = STANDARD.decode(&kept.sealed).map_err(|_| failed(Unavailable::Unreadable))?;
        let secret =
            self.unseal(KEY, &kept.account.to_be_bytes(), &sealed).await.map_err(failed)?;
        let secret = secret.ok_or_else(|| failed(Unavailable::Unreadable))?;
        let code = code::bare(first.code);
        let Some(step) = code::step_of(&code, &secret, self.now()) else {
            // they see the secret: nobody guesses here
            let ticket = first.ticket.clone();
            let expires = UnixTime::from_seconds(kept.expires);
            self.keep_ticket(Purpose::Enrolment, (&ticket, expires), &kept)
                .await
                .map_err(failed)?;
            let shown = shown(origin, who, (ticket, &secret)).ok_or(Unavailable::Unreadable);
            return shown.map(Enrolled::Again).map_err(failed);
        };
        let codes = code::new_recovery_codes().map_err(failed)?;
        let factor = NewSecondFactor {
            account: who.account,
            revision: kept.revision,
            sealed,
            step,
            recovery_codes: codes.iter().map(|c| code::recovery_hash(who.account, c)).collect(),
        };
        let account = match self.store.second_factors().add(&factor, self.now()).await {
            Ok(account) => account.ok_or(SecondFactorError::IsOn)?,
            Err(StoreError::NoSuchAccount) => return Err(SecondFactorError::TooLate),
            Err(error) => return Err(failed(error.into())),
        };
        let change = Changed { verb: Verb::Added, account: &account, has_factor: true };
        let session = self.go_on(origin, who, &change, (first.others, first.user_agent)).await?;
        Ok(Enrolled::On(NewCodes { codes, session }))
    }

    /// Turns a second factor off, which needs the password and a code.
    ///
    /// # Errors
    /// If either is wrong, which counts as a failed sign-in, or it is off already.
    pub async fn turn_off_second_factor(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        change: &FactorChange<'_>,
    ) -> Result<NewSession, SecondFactorError> {
        let account = self.prove_both(origin, who, change).await?;
        let removed = self.store.second_factors().remove(account.id, self.now()).await;
        let removed = removed.map_err(|error| SignInError::Unavailable(error.into()))?;
        let account = removed.ok_or(SecondFactorError::IsOff)?;
        let done = Changed { verb: Verb::Removed, account: &account, has_factor: false };
        Ok(self.go_on(origin, who, &done, (change.others, change.user_agent)).await?)
    }

    /// Makes new recovery codes, which needs the password and a code. The old ones are worth
    /// nothing afterwards.
    ///
    /// # Errors
    /// If either is wrong, which counts as a failed sign-in, or the second factor is off.
    pub async fn renew_recovery_codes(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        change: &FactorChange<'_>,
    ) -> Result<NewCodes, SecondFactorError> {
        let account = self.prove_both(origin, who, change).await?;
        let codes = code::new_recovery_codes().map_err(SignInError::Unavailable)?;
        let hashes: Vec<_> = codes.iter().map(|c| code::recovery_hash(account.id, c)).collect();
        let replaced =
            self.store.second_factors().replace_recovery_codes(account.id, &hashes).await;
        if !replaced.map_err(|error| SignInError::Unavailable(error.into()))? {
            return Err(SecondFactorError::IsOff);
        }
        let done = Changed { verb: Verb::Changed, account: &account, has_factor: true };
        let session = self.go_on(origin, who, &done, (change.others, change.user_agent)).await?;
        Ok(NewCodes { codes, session })
    }

    /// Turns a user's second factor off for them, and ends all their sessions, app passwords and
    /// passkeys. Says whether it was on; if not, nothing ends.
    ///
    /// # Errors
    /// If there is no such user.
    pub async fn reset_second_factor(&self, name: &UserName) -> Result<bool, AccountError> {
        let id = self.user(name).await?.id;
        let was_on = self.store.second_factors().reset(id, self.now()).await;
        // also where the store can't say whether it is done
        self.cache.end_of_account(id);
        Ok(was_on?)
    }

    /// Whether a user's second factor is on.
    ///
    /// # Errors
    /// If there is no such user.
    pub async fn has_second_factor(&self, name: &UserName) -> Result<bool, AccountError> {
        let id = self.user(name).await?.id;
        Ok(self.store.second_factors().find(id).await?.is_some())
    }

    /// Whether somebody signed in at a provider that asks for a second factor itself; a directory
    /// does not.
    fn is_at_provider(&self, who: &SignedIn) -> bool {
        let rules = |provider| self.settings.providers.get(provider);
        who.provider.as_ref().is_some_and(|id| rules(id).is_none_or(|rules| !rules.asks_directory))
    }

    /// Makes a secret, and keeps it until it is confirmed.
    async fn enrol(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        account: &Account,
    ) -> Result<Enrolment, Unavailable> {
        let secret = code::new_secret()?;
        let sealed = self.seal(KEY, &account.id.number().to_be_bytes(), &secret).await?;
        let kept = Kept {
            account: account.id.number(),
            session: who.session().map_or(-1, vestibule_store::SessionId::number),
            revision: account.revision,
            sealed: STANDARD.encode(sealed),
            expires: self.now().plus(Purpose::Enrolment.lifetime()).seconds(),
        };
        let ticket = self.issue_ticket(Purpose::Enrolment, &kept).await?;
        shown(origin, who, (ticket, &secret)).ok_or(Unavailable::Unreadable)
    }

    /// Somebody who is signed in shows their password again.
    pub(crate) async fn prove_again(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        password: &Secret<String>,
    ) -> Result<Account, SignInError> {
        let account =
            match self.check_password(origin, Whom::Account(who.account), password).await? {
                Proven::Here(account) => *account,
                Proven::There(user) => {
                    let found = self.store.identities().find(&user.subject).await;
                    let found = found.map_err(|error| SignInError::Unavailable(error.into()))?;
                    found.ok_or(SignInError::Refused)?
                }
            };
        if account.id != who.account {
            return Err(SignInError::Refused);
        }
        self.require_session(who).await?;
        Ok(account)
    }

    /// Somebody who is signed in shows their password and a code.
    pub(crate) async fn prove_both(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        change: &FactorChange<'_>,
    ) -> Result<Account, SecondFactorError> {
        let factor = self.store.second_factors().find(who.account).await;
        if factor.map_err(|error| SignInError::Unavailable(error.into()))?.is_none() {
            return Err(SecondFactorError::IsOff);
        }
        let account = self.prove_again(origin, who, change.password).await?;
        match self.check_code(origin, &account, change.code).await {
            Ok(Shown::Code | Shown::RecoveryCode { .. }) => {
                let written = self.audit_code_accepted(origin, &account.name).await;
                written.map_err(SignInError::Unavailable)?;
                Ok(account)
            }
            Err(SignInError::WrongCode) => {
                self.audit_code_refused(origin, &account.name).await;
                Err(SignInError::WrongCode.into())
            }
            Err(error) => {
                self.audit_refused(origin, (&error).into(), Some(&account.name)).await;
                Err(error.into())
            }
        }
    }

    /// After a change: it is written down, and a new session takes the place of this one (S3).
    async fn go_on(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        change: &Changed<'_>,
        (others, user_agent): (OtherSessions, &str),
    ) -> Result<NewSession, SignInError> {
        let account = change.account;
        let written = self.audit_own_second_factor(origin, &account.name, change.verb).await;
        written.map_err(SignInError::Unavailable)?;
        tracing::info!(user = %account.name, verb = ?change.verb, "second factor");
        let proof = Proof {
            by: "second_factor",
            provider: who.provider.as_ref(),
            second_factor: change.has_factor,
            when: When::Now,
            user_agent,
        };
        self.renew_session(origin, who, (account, &proof, others)).await
    }
}

/// A change that was made.
struct Changed<'r> {
    verb: Verb,
    account: &'r Account,
    /// Whether the session that goes on counts as one with a second factor.
    has_factor: bool,
}

impl Kept {
    /// Whether it was begun in this very session.
    fn is_of(&self, who: &SignedIn) -> bool {
        self.account == who.account.number()
            && who.session().is_some_and(|session| session.number() == self.session)
    }
}

fn shown(
    origin: &RequestOrigin,
    who: &SignedIn,
    (ticket, secret): (Secret<String>, &Secret<Vec<u8>>),
) -> Option<Enrolment> {
    let address = code::address(secret, &origin.authority, who.name.as_str())?;
    Some(Enrolment { ticket, text: code::text(secret), address })
}

#[cfg(test)]
mod tests;
