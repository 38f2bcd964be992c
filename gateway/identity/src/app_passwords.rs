//! App passwords, for programs that know nothing but a name and a password (RFC 7617).
//!
//! One is 140 random bits, so that nobody guesses it and a fast keyed hash keeps it
//! (requirement S17). It is good at sites alone: the portal, where passwords are changed and
//! everything is managed, never takes one. It gives nothing by itself: the engine judges its owner
//! for each request, and its bounds narrow that.

pub(crate) mod cache;
mod prove;
mod text;

use vestibule_store::audit::{Change, Object, Verb};
use vestibule_store::{
    AccountId, AppBounds, AppPasswordId, AppPasswordRow, NewAppPassword, StoreError, UnixTime,
};

use crate::Secret;
use crate::credentials::SignedIn;
use crate::identity::{Identity, Unavailable};
use crate::origin::RequestOrigin;
use crate::renewed::OtherSessions;
use crate::second_factor::{FactorChange, SecondFactorError, SecondFactorState};
pub(crate) use prove::Shown;

/// What the hashing key is called in the store.
pub(crate) const KEY: &str = "app-passwords";
/// The longest that a name may be, in characters.
const MAX_NAME: usize = 100;
/// How many an account may have.
const MOST: u32 = 100;

/// An app password to be made.
#[derive(Debug)]
pub struct AppPasswordOrder<'r> {
    /// What its owner calls it.
    pub name: &'r str,
    /// Where and for what it is good. A site that is not there makes it good for nothing.
    pub bounds: AppBounds,
    /// When it ends, if ever.
    pub expires: Option<UnixTime>,
    /// What shows that its owner is there, and not somebody at a browser that was left open.
    pub proof: OwnersProof<'r>,
}

/// What somebody shows once more to make what outlives their session.
#[derive(Debug)]
pub struct OwnersProof<'r> {
    /// The password; who signs in at a provider has none, and must have done so a moment ago.
    pub password: &'r Secret<String>,
    /// A code, or a recovery code, where a second factor is on.
    pub code: &'r Secret<String>,
    /// What the browser calls itself.
    pub user_agent: &'r str,
}

/// An app password that was made. It is told once, here.
#[derive(Debug)]
#[non_exhaustive]
pub struct MadeAppPassword {
    /// Its public number.
    pub id: AppPasswordId,
    /// The password, in groups of four.
    pub text: Secret<String>,
}

/// Why an app password is not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeAppPasswordError {
    /// The name can't be shown.
    #[error("a name has 1 to {MAX_NAME} characters, and no control characters")]
    BadName,
    /// It would have ended before it was made.
    #[error("it would have ended already")]
    Over,
    /// A folder is one of a site.
    #[error("a folder is good with its site alone")]
    FolderWithoutSite,
    /// There are as many as may be.
    #[error("there are {most} app passwords already; revoke one that is not used any more")]
    TooMany {
        /// How many an account may have.
        most: u32,
    },
    /// The password or the code is not right, or can't be checked now.
    #[error(transparent)]
    Proof(#[from] SecondFactorError),
    /// Its maker signed in at a provider, and not a moment ago.
    #[error("your provider does not say that you signed in a moment ago; sign in there again")]
    SignInAgain,
    /// They are switched off, or its maker has not signed in by a session.
    #[error("app passwords can't be made here")]
    NotHere,
    /// The store can't be reached.
    #[error("the app password can't be made at this moment")]
    Unavailable(#[from] Unavailable),
}

impl From<StoreError> for MakeAppPasswordError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooMany { most } => Self::TooMany { most },
            // disabled or removed in this very moment
            StoreError::NoSuchAccount => Self::NotHere,
            error => Self::Unavailable(error.into()),
        }
    }
}

impl Identity {
    /// Makes an app password of one's own. Who asks by an app password makes none.
    ///
    /// # Errors
    /// [`MakeAppPasswordError`].
    pub async fn make_app_password(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        order: AppPasswordOrder<'_>,
    ) -> Result<MadeAppPassword, MakeAppPasswordError> {
        if !self.settings.app_passwords || who.session().is_none() {
            return Err(MakeAppPasswordError::NotHere);
        }
        let name = order.name.trim();
        let length = name.chars().count();
        if !(1..=MAX_NAME).contains(&length) || name.chars().any(char::is_control) {
            return Err(MakeAppPasswordError::BadName);
        }
        let now = self.now();
        if order.expires.is_some_and(|expires| expires <= now) {
            return Err(MakeAppPasswordError::Over);
        }
        if order.bounds.folder.is_some() && order.bounds.site.is_none() {
            return Err(MakeAppPasswordError::FolderWithoutSite);
        }
        self.prove_owner(origin, who, &order.proof).await?;
        let text = text::random().map_err(|_| Unavailable::Randomness)?;
        let hash = text::canonical(text.expose()).map(|text| self.app_passwords.hash(&text));
        let new = NewAppPassword {
            hash: hash.ok_or(Unavailable::Randomness)?,
            account: who.account,
            name: name.to_owned(),
            bounds: order.bounds,
            created: now,
            expires: order.expires,
        };
        let id = self.store.app_passwords().insert(&new, MOST).await?;
        let change = self.app_password_change(Verb::Added, who, (id, Some(&new.bounds)));
        if let Err(error) = self.audit_own(origin, who, change).await {
            // nobody has seen it
            self.store.app_passwords().remove(who.account, Some(id)).await?;
            return Err(error.into());
        }
        tracing::info!(user = %who.name, app_password = %id, "an app password is made");
        Ok(MadeAppPassword { id, text })
    }

    /// The app passwords of an account.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn app_passwords(
        &self,
        account: AccountId,
    ) -> Result<Vec<AppPasswordRow>, Unavailable> {
        let now = self.now();
        let rows = self.store.app_passwords().of_account(account).await?;
        Ok(rows.into_iter().filter(|row| row.is_current(now)).collect())
    }

    /// Whether programs may show app passwords at all.
    #[must_use]
    pub const fn takes_app_passwords(&self) -> bool {
        self.settings.app_passwords
    }

    /// Revokes one app password of an account, or all: in force for the next request. Says how
    /// many there were. Whoever calls writes down who did it.
    ///
    /// # Errors
    /// If the store can't be reached; then they stand.
    pub async fn revoke_app_passwords(
        &self,
        account: AccountId,
        id: Option<AppPasswordId>,
    ) -> Result<u64, Unavailable> {
        let revoked = self.store.app_passwords().remove(account, id).await?;
        self.cache.note_an_end();
        if revoked > 0 {
            let id = id.map(AppPasswordId::number);
            tracing::info!(
                account = account.number(),
                app_password = id,
                revoked,
                "app passwords are revoked"
            );
        }
        Ok(revoked)
    }

    /// Revokes an app password of one's own. Says whether there was one.
    ///
    /// # Errors
    /// If the store can't be reached; then it stands.
    pub async fn revoke_own_app_password(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        id: AppPasswordId,
    ) -> Result<bool, Unavailable> {
        if who.session().is_none() {
            return Ok(false);
        }
        let revoked = self.revoke_app_passwords(who.account, Some(id)).await? > 0;
        if revoked {
            let change = self.app_password_change(Verb::Removed, who, (id, None));
            self.audit_own(origin, who, change).await?;
        }
        Ok(revoked)
    }

    /// Makes sure that it is the owner who asks.
    async fn prove_owner(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        proof: &OwnersProof<'_>,
    ) -> Result<(), MakeAppPasswordError> {
        match self.second_factor(who).await? {
            SecondFactorState::On { .. } => {
                let change = FactorChange {
                    password: proof.password,
                    code: proof.code,
                    others: OtherSessions::GoOn,
                    user_agent: proof.user_agent,
                };
                self.prove_both(origin, who, &change).await?;
            }
            SecondFactorState::Off => {
                let proved = self.prove_again(origin, who, proof.password);
                proved.await.map_err(SecondFactorError::from)?;
            }
            SecondFactorState::AtProvider => {
                if !self.is_fresh(who).await? {
                    return Err(MakeAppPasswordError::SignInAgain);
                }
            }
        }
        Ok(())
    }

    fn app_password_change(
        &self,
        verb: Verb,
        who: &SignedIn,
        (id, bounds): (AppPasswordId, Option<&AppBounds>),
    ) -> Change {
        Change {
            object: Object::AppPassword,
            verb,
            name: format!("{}/{id}", who.name),
            detail: bounds.map(in_words),
        }
    }
}

/// Where and for what an app password is good, for people: `webdav, family, /2026/`.
#[must_use]
pub fn in_words(bounds: &AppBounds) -> String {
    let site = bounds.site.as_ref().map(|site| format!(", {site}"));
    let folder = bounds.folder.as_ref().map(|folder| format!(", {folder}"));
    format!("{}{}{}", bounds.scope, site.unwrap_or_default(), folder.unwrap_or_default())
}

#[cfg(test)]
mod tests;
