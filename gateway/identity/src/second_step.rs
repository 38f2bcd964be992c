//! The second step of a sign-in: a password was right, and the account wants a code too.
//!
//! There is no session before the code is right. What has been proved is kept as a ticket, good
//! for five minutes in the browser that holds its cookie, and is worth nothing once the account
//! changes.

use serde::{Deserialize, Serialize};
use vestibule_schema::ProviderId;
use vestibule_store::audit::SignInRefusal;
use vestibule_store::{Account, AccountId, AccountState};

use crate::cookie::{self, SetCookie};
use crate::identity::{Identity, Unavailable};
use crate::origin::{RequestOrigin, Transport};
use crate::second_factor::check::Shown;
use crate::sign_in::{NewSession, Proof, SignInError, When};
use crate::tickets::Purpose;
use crate::{Secret, UnixTime};

/// The cookie by which a browser is known that has given a password.
const COOKIE: &str = "vestibule-code";

/// How far somebody has come whose password was right.
#[derive(Debug, Clone)]
pub enum SignInStep {
    /// They are in.
    Done(NewSession),
    /// Their account wants a code too; this cookie says that they may give it.
    CodeNeeded(SetCookie),
}

impl SignInStep {
    /// The session, if no code is needed.
    #[must_use]
    pub fn session(self) -> Option<NewSession> {
        match self {
            Self::Done(session) => Some(session),
            Self::CodeNeeded(_) => None,
        }
    }
}

/// A code that somebody types to sign in.
#[derive(Debug)]
pub struct CodeAttempt<'r> {
    /// The value of every `Cookie` header.
    pub cookies: &'r [&'r str],
    /// The code, or a recovery code.
    pub code: &'r Secret<String>,
    /// What the browser calls itself.
    pub user_agent: &'r str,
}

/// Somebody who is in by a code.
#[derive(Debug)]
#[non_exhaustive]
pub struct SecondStepDone {
    /// Their session.
    pub session: NewSession,
    /// What makes the browser forget the cookie between the steps.
    pub forget: Option<SetCookie>,
    /// How many recovery codes are left, if one was used.
    pub recovery_codes_left: Option<u32>,
}

/// What a password proved, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    account: i64,
    revision: i64,
    provider: Option<String>,
    expires: i64,
}

impl Identity {
    /// After a right password: a session, or the wish for a code.
    pub(crate) async fn after_password(
        &self,
        origin: &RequestOrigin,
        account: &Account,
        proof: &Proof<'_>,
    ) -> Result<SignInStep, SignInError> {
        let failed = |error: Unavailable| SignInError::Unavailable(error);
        let factor = self.store.second_factors().find(account.id).await;
        if factor.map_err(|error| failed(error.into()))?.is_none() {
            return self.begin_session(origin, account, proof).await.map(SignInStep::Done);
        }
        let lifetime = Purpose::SecondStep.lifetime();
        let kept = Kept {
            account: account.id.number(),
            revision: account.revision,
            provider: proof.provider.map(ToString::to_string),
            expires: self.now().plus(lifetime).seconds(),
        };
        let ticket = self.issue_ticket(Purpose::SecondStep, &kept).await.map_err(failed)?;
        let cookie = SetCookie::new(origin, COOKIE, ticket.expose(), lifetime);
        self.audit_code_awaited(origin, &account.name).await.map_err(failed)?;
        tracing::info!(user = %account.name, client = %origin.client, "a code is needed too");
        cookie.map(SignInStep::CodeNeeded).ok_or(SignInError::InsecureOrigin)
    }

    /// Whether a browser shows that it may give a code. Whether that is still so is found out when
    /// it does.
    #[must_use]
    pub fn awaits_code(&self, origin: &RequestOrigin, cookies: &[&str]) -> bool {
        !tickets(origin, cookies).is_empty()
    }

    /// Signs somebody in whose password was right, with a code (requirement S15).
    ///
    /// # Errors
    /// If the code is wrong, which counts as a failed sign-in, or the password was given too long
    /// ago.
    pub async fn finish_sign_in(
        &self,
        origin: &RequestOrigin,
        attempt: &CodeAttempt<'_>,
    ) -> Result<SecondStepDone, SignInError> {
        if origin.transport() == Transport::Exposed {
            self.audit_refused(origin, SignInRefusal::InsecureOrigin, None).await;
            return Err(SignInError::InsecureOrigin);
        }
        for ticket in tickets(origin, attempt.cookies) {
            // one who tries it at a time
            let kept = self.take_ticket::<Kept>(Purpose::SecondStep, ticket.expose()).await;
            let Some(kept) = kept.map_err(SignInError::Unavailable)? else { continue };
            let done = self.second_step(origin, &kept, attempt).await;
            let may_try_again = !matches!(done, Ok(_) | Err(SignInError::StartAgain));
            if may_try_again {
                let until = UnixTime::from_seconds(kept.expires);
                let kept = self.keep_ticket(Purpose::SecondStep, (&ticket, until), &kept).await;
                kept.map_err(SignInError::Unavailable)?;
            }
            return done;
        }
        Err(SignInError::StartAgain)
    }

    async fn second_step(
        &self,
        origin: &RequestOrigin,
        kept: &Kept,
        attempt: &CodeAttempt<'_>,
    ) -> Result<SecondStepDone, SignInError> {
        let account = self.store.accounts().by_id(AccountId::from_number(kept.account)).await;
        let account = account.map_err(|error| SignInError::Unavailable(error.into()))?;
        // disabled, removed or changed meanwhile
        let stands = |account: &Account| {
            account.state == AccountState::Enabled && account.revision == kept.revision
        };
        let Some(account) = account.filter(stands) else { return Err(SignInError::StartAgain) };
        let provider = kept.provider.as_deref().map(ProviderId::parse).transpose();
        let provider = provider.map_err(|_| SignInError::StartAgain)?;
        let shown = match self.check_code(origin, &account, attempt.code).await {
            Ok(shown) => shown,
            Err(error) => {
                self.audit_refused(origin, (&error).into(), Some(&account.name)).await;
                return Err(error);
            }
        };
        let proof = Proof {
            by: by(provider.is_some(), shown),
            provider: provider.as_ref(),
            second_factor: true,
            when: When::Now,
            user_agent: attempt.user_agent,
        };
        let session = match self.begin_session(origin, &account, &proof).await {
            // overtaken by a change
            Err(SignInError::Refused) => return Err(SignInError::StartAgain),
            other => other?,
        };
        let recovery_codes_left = match shown {
            Shown::Code => None,
            Shown::RecoveryCode { left } => Some(left),
        };
        let forget = SetCookie::new(origin, COOKIE, "", std::time::Duration::ZERO);
        Ok(SecondStepDone { session, forget, recovery_codes_left })
    }
}

/// How somebody proved who they are, for the audit log.
const fn by(in_directory: bool, shown: Shown) -> &'static str {
    match (in_directory, shown) {
        (false, Shown::Code) => "password+totp",
        (false, Shown::RecoveryCode { .. }) => "password+recovery_code",
        (true, Shown::Code) => "ldap+totp",
        (true, Shown::RecoveryCode { .. }) => "ldap+recovery_code",
    }
}

/// The tickets that a browser shows; several cookies of one name are possible (requirement S9).
fn tickets(origin: &RequestOrigin, cookies: &[&str]) -> Vec<Secret<String>> {
    let name = match origin.transport() {
        Transport::Secure => format!("__Host-{COOKIE}"),
        Transport::Loopback => COOKIE.to_owned(),
        Transport::Exposed => return Vec::new(),
    };
    let values = cookie::values(cookies, &name).filter(|value| !value.is_empty());
    values.map(Secret::from).collect()
}
