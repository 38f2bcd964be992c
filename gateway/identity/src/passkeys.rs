//! Passkeys (WebAuthn, requirement S16): a browser or a key proves that it holds a private half
//! which never leaves it, and that its owner is there by PIN or finger.
//!
//! One is both factors at once, so that no code is asked after it. It is good at the very host at
//! which it was made. Signing in names nobody beforehand: the browser is asked for whatever
//! passkey it has, so that the page tells no stranger which accounts there are.
//!
//! Passkeys are for those whose password counts here. Whoever belongs to a provider or a directory
//! signs in there, where they may be disabled.

mod ceremony;
mod sign_in;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use vestibule_store::audit::{Change, Object, Verb};
use vestibule_store::{Account, AccountId, NewPasskey, PasskeyId, PasskeyRow, StoreError};

use crate::Secret;
use crate::app_passwords::OwnersProof;
use crate::credentials::SignedIn;
use crate::identity::{Identity, Unavailable};
use crate::origin::RequestOrigin;
use crate::providers::local;
use crate::renewed::OtherSessions;
use crate::second_factor::{FactorChange, SecondFactorError, SecondFactorState};
use crate::sign_in::{NewSession, Proof, SignInError, When};
use crate::tickets::Purpose;

pub use sign_in::{PasskeyAttempt, PasskeyQuestion};

/// What the key is called by which accounts get the names that authenticators know them by.
const HANDLE_KEY: &str = "passkey-users";
/// How long a browser has to answer (S16).
pub(crate) const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// The longest that a name may be, in characters.
const MAX_NAME: usize = 100;
/// How many an account may have.
const MOST: u32 = 20;

/// A passkey to be made.
#[derive(Debug)]
pub struct PasskeyOrder<'r> {
    /// What its owner calls it.
    pub name: &'r str,
    /// What shows that its owner is there, and not somebody at a browser that was left open.
    pub proof: OwnersProof<'r>,
    /// What becomes of their other sessions.
    pub others: OtherSessions,
}

/// What a browser says that has made a passkey.
#[derive(Debug)]
pub struct PasskeyAnswer<'r> {
    /// The ticket that came with the question.
    pub ticket: &'r Secret<String>,
    /// The browser's answer: a `RegistrationResponseJSON`.
    pub answer: &'r str,
    /// What the browser calls itself.
    pub user_agent: &'r str,
}

/// What a browser is asked that is to make a passkey.
#[derive(Debug)]
#[non_exhaustive]
pub struct MakingPasskey {
    /// What the answer is to be sent with; good once, for five minutes.
    pub ticket: Secret<String>,
    /// What the browser is asked: a `PublicKeyCredentialCreationOptionsJSON`.
    pub options: String,
    /// What its owner calls it.
    pub name: String,
}

/// Why a passkey is not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasskeyError {
    /// The name can't be shown.
    #[error("a name has 1 to {MAX_NAME} characters, and no control characters")]
    BadName,
    /// There are as many as may be.
    #[error("there are {most} passkeys already; remove one that is not used any more")]
    TooMany {
        /// How many an account may have.
        most: u32,
    },
    /// The password or the code is not right, or can't be checked now.
    #[error(transparent)]
    Proof(#[from] SecondFactorError),
    /// Passkeys are switched off, or no browser knows them at this address.
    #[error("passkeys can't be made here")]
    NotHere,
    /// Whoever belongs to a provider signs in there.
    #[error("you sign in at a provider; a passkey is made there")]
    AtProvider,
    /// The answer came too late, or the account was changed meanwhile.
    #[error("this took too long, or your account was changed meanwhile; please begin again")]
    TooLate,
    /// The answer is not what it must be.
    #[error("what your browser answered is not a good passkey for this address; please try again")]
    BadAnswer,
    /// The authenticator showed one that is known.
    #[error("this passkey is known already")]
    Known,
    /// The store can't be reached.
    #[error("the passkey can't be made at this moment")]
    Unavailable(#[from] Unavailable),
}

/// What is kept while a browser makes a passkey.
#[derive(Serialize, Deserialize)]
struct Kept {
    account: i64,
    session: i64,
    revision: i64,
    name: String,
    end_others: bool,
    state: String,
}

impl Identity {
    /// Whether a browser could use a passkey at this address: it knows them for names alone, and
    /// over connections that protect them.
    #[must_use]
    pub fn takes_passkeys(&self, origin: &RequestOrigin) -> bool {
        self.settings.passkeys && ceremony::party(origin).is_some()
    }

    /// Asks a browser to make a passkey, for somebody who shows once more who they are.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub async fn begin_passkey(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        order: &PasskeyOrder<'_>,
    ) -> Result<MakingPasskey, PasskeyError> {
        let session = who.session().filter(|_| self.takes_passkeys(origin));
        let session = session.ok_or(PasskeyError::NotHere)?;
        let name = order.name.trim();
        let length = name.chars().count();
        if !(1..=MAX_NAME).contains(&length) || name.chars().any(char::is_control) {
            return Err(PasskeyError::BadName);
        }
        let account = self.prove_passkey_owner(origin, who, (&order.proof, order.others)).await?;
        let held = self.passkeys(account.id).await?;
        if held.len() >= usize::try_from(MOST).unwrap_or(usize::MAX) {
            return Err(PasskeyError::TooMany { most: MOST });
        }
        let user = ceremony::User {
            handle: self.passkey_handle(account.id).await?,
            name: account.name.as_str(),
            display_name: &account.display_name,
        };
        let asked = ceremony::ask_to_make(origin, &user, &held).ok_or(PasskeyError::NotHere)?;
        let kept = Kept {
            account: account.id.number(),
            session: session.number(),
            revision: account.revision,
            name: name.to_owned(),
            end_others: order.others == OtherSessions::End,
            state: STANDARD.encode(asked.state),
        };
        let ticket = self.issue_ticket(Purpose::Passkey, &kept).await?;
        Ok(MakingPasskey { ticket, options: asked.options, name: kept.name })
    }

    /// Keeps the passkey that a browser has made. A new session takes the place of this one.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub async fn add_passkey(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        answer: &PasskeyAnswer<'_>,
    ) -> Result<NewSession, PasskeyError> {
        let kept = self.take_ticket::<Kept>(Purpose::Passkey, answer.ticket.expose()).await?;
        let kept = kept.filter(|kept| kept.is_of(who)).ok_or(PasskeyError::TooLate)?;
        let state = STANDARD.decode(&kept.state).map_err(|_| Unavailable::Unreadable)?;
        let made = ceremony::made(origin, &state, answer.answer).map_err(|why| {
            tracing::info!(user = %who.name, client = %origin.client, why, "a passkey is refused");
            PasskeyError::BadAnswer
        })?;
        let new = NewPasskey {
            account: who.account,
            revision: kept.revision,
            credential: made.credential,
            host: origin.host().to_owned(),
            fixed: made.fixed,
            moving: made.moving,
            name: kept.name.clone(),
            created: self.now(),
        };
        let id = match self.store.passkeys().insert(&new, MOST).await {
            Ok(id) => id.ok_or(PasskeyError::Known)?,
            Err(StoreError::NoSuchAccount) => return Err(PasskeyError::TooLate),
            Err(StoreError::TooMany { most }) => return Err(PasskeyError::TooMany { most }),
            Err(error) => return Err(Unavailable::from(error).into()),
        };
        let change = change(Verb::Added, who, (id, Some(kept.name.as_str())));
        if let Err(error) = self.audit_own(origin, who, change).await {
            self.store.passkeys().remove(who.account, Some(id)).await.map_err(Unavailable::from)?;
            return Err(error.into());
        }
        tracing::info!(user = %who.name, passkey = %id, "a passkey is made");
        let others = if kept.end_others { OtherSessions::End } else { OtherSessions::GoOn };
        Ok(self.go_on_with_passkey(origin, who, (others, answer.user_agent)).await?)
    }

    /// The passkeys of an account.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn passkeys(&self, account: AccountId) -> Result<Vec<PasskeyRow>, Unavailable> {
        Ok(self.store.passkeys().of_account(account).await?)
    }

    /// Removes one passkey of an account, or all. Says how many there were. Whoever calls writes
    /// down who did it.
    ///
    /// # Errors
    /// If the store can't be reached; then they stand.
    pub async fn remove_passkeys(
        &self,
        account: AccountId,
        id: Option<PasskeyId>,
    ) -> Result<u64, Unavailable> {
        let removed = self.store.passkeys().remove(account, id).await?;
        if removed > 0 {
            let id = id.map(PasskeyId::number);
            tracing::info!(account = account.number(), passkey = id, removed, "passkeys removed");
        }
        Ok(removed)
    }

    /// Removes a passkey of one's own. Says whether there was one.
    ///
    /// # Errors
    /// If the store can't be reached; then it stands.
    pub async fn remove_own_passkey(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        id: PasskeyId,
    ) -> Result<bool, Unavailable> {
        if who.session().is_none() {
            return Ok(false);
        }
        let removed = self.remove_passkeys(who.account, Some(id)).await? > 0;
        if removed {
            self.audit_own(origin, who, change(Verb::Removed, who, (id, None))).await?;
        }
        Ok(removed)
    }

    /// Removes all passkeys of one's own.
    ///
    /// # Errors
    /// If the store can't be reached; then they stand.
    pub(crate) async fn remove_own_passkeys(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
    ) -> Result<(), Unavailable> {
        if self.remove_passkeys(who.account, None).await? > 0 {
            let name = format!("{}/all", who.name);
            let change =
                Change { object: Object::Passkey, verb: Verb::Removed, name, detail: None };
            self.audit_own(origin, who, change).await?;
        }
        Ok(())
    }

    /// Makes sure that it is the owner who asks, and that their password counts here.
    async fn prove_passkey_owner(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        (proof, others): (&OwnersProof<'_>, OtherSessions),
    ) -> Result<Account, PasskeyError> {
        let account = match self.second_factor(who).await? {
            SecondFactorState::AtProvider => return Err(PasskeyError::AtProvider),
            SecondFactorState::On { .. } => {
                let change = FactorChange {
                    password: proof.password,
                    code: proof.code,
                    others,
                    user_agent: proof.user_agent,
                };
                self.prove_both(origin, who, &change).await?
            }
            SecondFactorState::Off => {
                let proved = self.prove_again(origin, who, proof.password);
                proved.await.map_err(SecondFactorError::from)?
            }
        };
        let counts = local::may_use_password(self, &account).await.map_err(Unavailable::from)?;
        if counts { Ok(account) } else { Err(PasskeyError::AtProvider) }
    }

    async fn go_on_with_passkey(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        (others, user_agent): (OtherSessions, &str),
    ) -> Result<NewSession, SecondFactorError> {
        let account = self.store.accounts().by_id(who.account).await;
        let account = account.map_err(|error| SignInError::Unavailable(error.into()))?;
        let account = account.ok_or(SecondFactorError::TooLate)?;
        let proof = Proof {
            by: "new_passkey",
            provider: who.provider.as_ref(),
            second_factor: who.second_factor,
            when: When::Now,
            user_agent,
        };
        Ok(self.renew_session(origin, who, (&account, &proof, others)).await?)
    }

    /// What authenticators know an account by: nothing that tells who it is.
    async fn passkey_handle(&self, account: AccountId) -> Result<ceremony::Handle, Unavailable> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key(HANDLE_KEY).await?.bytes());
        let tag = hmac::sign(&key, &account.number().to_be_bytes());
        tag.as_ref().try_into().map_err(|_| Unavailable::Unreadable)
    }
}

impl Kept {
    /// Whether it was begun in this very session.
    fn is_of(&self, who: &SignedIn) -> bool {
        self.account == who.account.number()
            && who.session().is_some_and(|session| session.number() == self.session)
    }
}

fn change(verb: Verb, who: &SignedIn, (id, name): (PasskeyId, Option<&str>)) -> Change {
    Change {
        object: Object::Passkey,
        verb,
        name: format!("{}/{id}", who.name),
        detail: name.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
