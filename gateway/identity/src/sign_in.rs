//! Signing in and out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use vestibule_policies::UserFacts;
use vestibule_schema::{ProviderId, UserName};
use vestibule_store::audit::SignInRefusal;
use vestibule_store::{Account, AccountId, Audience, StoreError, UnixTime, folded};

use crate::cookie::SetCookie;
use crate::credentials::{Means, SignedIn};
use crate::directories::{Judge, Meant};
use crate::external::ExternalUser;
use crate::hasher::{HashError, Place};
use crate::identity::{Identity, Unavailable};
use crate::limits::{TooMany, UnderWay};
use crate::origin::{RequestOrigin, Transport, counted};
use crate::providers::ldap::Verdict;
use crate::providers::local::{self, LocalError, Outcome};
use crate::second_step::SignInStep;
use crate::{Secret, token};

/// No account has this number.
const NOBODY: AccountId = AccountId::from_number(-1);

/// When somebody who found the queue full is asked to come back.
pub(crate) const BUSY_RETRY: Duration = Duration::from_secs(5);

/// What somebody types to sign in.
#[derive(Debug)]
pub struct Attempt<'r> {
    /// The user name, as typed.
    pub name: &'r str,
    /// The password, exactly as typed.
    pub password: &'r Secret<String>,
    /// What the browser calls itself.
    pub user_agent: &'r str,
}

/// A session that has just begun.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewSession {
    /// The cookie that carries its token.
    pub cookie: SetCookie,
    /// Whose it is.
    pub signed_in: Arc<SignedIn>,
}

/// Why somebody was not let in. The text is for the user, and the same whoever is meant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The name or the password is wrong, or the account may not sign in (401).
    #[error("the user name or the password is wrong")]
    Refused,
    /// The code of a second factor is wrong, or was used before (403).
    #[error("the code is wrong, or was used before")]
    WrongCode,
    /// A passkey is not known here, or what it shows is not good (403).
    #[error("this passkey is not good here; sign in by another way")]
    PasskeyRefused,
    /// The password was given too long ago, in another browser, or before a change (403).
    #[error("this took too long, or your account was changed meanwhile; please sign in again")]
    StartAgain,
    /// A provider vouches for somebody who has no account here, and none is made (403).
    #[error("there is no account for you here; ask whoever runs this gateway for one")]
    NotRegistered,
    /// Too many attempts have failed (429).
    #[error("too many attempts have failed; try again in {} s", retry_after.as_secs())]
    TooMany {
        /// When the next attempt is free.
        retry_after: Duration,
    },
    /// Too many are signing in at this moment (503).
    #[error("too many people are signing in at this moment; try again in {} s", retry_after.as_secs())]
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// The password would travel in the clear (403).
    #[error(
        "this address is not secure: nobody can sign in over plain HTTP. Open the address that \
         begins with https://"
    )]
    InsecureOrigin,
    /// It can't be told who somebody is (503).
    #[error("sign-in is not possible at this moment; try again later")]
    Unavailable(#[source] Unavailable),
}

impl Identity {
    /// Signs somebody in at the portal, with a new token. Whose second factor is on gets no session
    /// yet, but is asked for a code.
    ///
    /// # Errors
    /// If they are not let in; see [`SignInError`].
    pub async fn sign_in(
        &self,
        origin: &RequestOrigin,
        attempt: &Attempt<'_>,
    ) -> Result<SignInStep, SignInError> {
        if origin.transport() == Transport::Exposed {
            self.audit_refused(origin, SignInRefusal::InsecureOrigin, None).await;
            return Err(SignInError::InsecureOrigin);
        }
        match self.check_password(origin, Whom::Typed(attempt.name), attempt.password).await? {
            Proven::Here(account) => {
                self.after_password(origin, &account, &Proof::password(attempt.user_agent)).await
            }
            Proven::There(user) => {
                let account = self.admit(origin, &user).await?;
                let proof = self.proof_of(&user, attempt.user_agent);
                self.after_password(origin, &account, &proof).await
            }
        }
    }

    /// Signs somebody out: their session at the portal and every one at a site that was born of it
    /// are over when this returns.
    ///
    /// # Errors
    /// If the store can't be reached; then the session goes on.
    pub async fn sign_out(
        &self,
        origin: &RequestOrigin,
        signed_in: &SignedIn,
    ) -> Result<(), Unavailable> {
        if let Some(root) = signed_in.root_session() {
            self.end_one(signed_in.account, root).await?;
            self.audit_signed_out(origin, &signed_in.name, root).await?;
            tracing::info!(user = %signed_in.name, session = %root, "signed out");
        }
        Ok(())
    }

    /// Compares a name and a password within the limits, which count failures alone. What is not
    /// accepted is in the audit log when this returns, or soon after.
    pub(crate) async fn check_password(
        &self,
        origin: &RequestOrigin,
        whom: Whom<'_>,
        password: &Secret<String>,
    ) -> Result<Proven, SignInError> {
        let checked = self.compare(origin, whom, password).await;
        let reason = match &checked {
            // told of where it is known why
            Ok(_) | Err(SignInError::Refused) => None,
            Err(SignInError::TooMany { .. }) => Some(SignInRefusal::TooMany),
            Err(SignInError::Busy { .. }) => Some(SignInRefusal::Busy),
            Err(SignInError::InsecureOrigin) => Some(SignInRefusal::InsecureOrigin),
            Err(SignInError::Unavailable(_)) => Some(SignInRefusal::Unavailable),
            // a password is nobody's who has no account, and no code
            Err(
                SignInError::NotRegistered
                | SignInError::WrongCode
                | SignInError::PasskeyRefused
                | SignInError::StartAgain,
            ) => None,
        };
        if let Some(reason) = reason {
            self.audit_refused(origin, reason, None).await;
        }
        checked
    }

    async fn compare(
        &self,
        origin: &RequestOrigin,
        whom: Whom<'_>,
        password: &Secret<String>,
    ) -> Result<Proven, SignInError> {
        let client = origin.client;
        let here = self.begin_of_client(client).await?;
        let place = match self.place_to_hash().await {
            Ok(place) => place,
            Err(error) => {
                here.forgive();
                return Err(error);
            }
        };
        let Taken { meant, held } = match self.take_account(client, whom).await {
            Ok(taken) => taken,
            Err(error) => {
                here.end(is_held_back(&error));
                return Err(error);
            }
        };
        let Meant { account, key: _, judge } = meant;
        // only a name that exists is logged: people type passwords into the wrong field
        let known = account.as_ref().map(|account| account.name.clone());
        let outcome = self.judged((judge, place), account, password).await;
        let failed = matches!(outcome, Ok(Judged::Refused(..)));
        // the account's first: who waits at the address tries it next
        held.into_iter().for_each(|one| one.end(failed));
        here.end(failed);
        match outcome? {
            Judged::Proven(proven) => Ok(proven),
            Judged::Refused(refusal, reason) => {
                tracing::info!(reason, %client, user = ?known, "sign-in refused");
                self.audit_refused(origin, refusal, known.as_ref()).await;
                Err(SignInError::Refused)
            }
        }
    }

    /// A place among those whose passwords are hashed, before anything is asked of the store: a storm
    /// costs no more than it must. Where there are directories, one of them may be who compares, and
    /// nobody waits here.
    async fn place_to_hash(&self) -> Result<Option<Place>, SignInError> {
        if !self.settings.directories.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.hasher.place().await.map_err(LocalError::from)?))
    }

    /// Has a password compared by whoever can.
    async fn judged(
        &self,
        (judge, place): (Judge, Option<Place>),
        account: Option<Account>,
        password: &Secret<String>,
    ) -> Result<Judged, SignInError> {
        match judge {
            Judge::Gateway => Ok(match local::verify(self, account, password, place).await? {
                Outcome::Accepted(account) => Judged::Proven(Proven::Here(account)),
                Outcome::Refused(reason) => Judged::Refused(reason.into(), format!("{reason:?}")),
            }),
            Judge::Directory(candidate) => {
                let verdict = candidate.prove(password).await.map_err(Unavailable::from);
                Ok(match verdict.map_err(SignInError::Unavailable)? {
                    Verdict::Accepted(user) => Judged::Proven(Proven::There(user)),
                    Verdict::Refused(reason) => {
                        Judged::Refused(reason.into(), format!("{reason:?}"))
                    }
                })
            }
        }
    }

    /// Finds out who is meant, and begins an attempt at their account: before a directory is asked,
    /// where the name is an account's.
    async fn take_account(&self, client: IpAddr, whom: Whom<'_>) -> Result<Taken<'_>, SignInError> {
        let named = self.named(whom).await.map_err(SignInError::Unavailable)?;
        let first = named.as_ref().map(|account| folded(&account.name));
        let mut held = Vec::new();
        if let Some(key) = &first {
            held.extend(self.hold_account(client, key, named.as_ref()).await?);
        }
        let forgive = |held: Vec<UnderWay<'_, _>>| held.into_iter().for_each(UnderWay::forgive);
        let meant = match (whom, named) {
            (Whom::Typed(typed), named) => self.meant(typed, named).await,
            (Whom::Account(_), Some(account)) => self.meant_again(account).await,
            // removed in this very moment
            (Whom::Account(_), None) => return Err(SignInError::Refused),
        };
        let meant = match meant {
            Ok(meant) => meant,
            Err(error) => {
                forgive(held);
                return Err(SignInError::Unavailable(error));
            }
        };
        if first.as_ref() != Some(&meant.key) {
            match self.hold_account(client, &meant.key, meant.account.as_ref()).await {
                Ok(second) => held.extend(second),
                Err(error) => {
                    forgive(held);
                    return Err(error);
                }
            }
        }
        Ok(Taken { meant, held })
    }

    /// Begins an attempt from an address, and waits a moment while others from there that are under way
    /// hold it back.
    pub(crate) async fn begin_of_client(
        &self,
        client: IpAddr,
    ) -> Result<UnderWay<'_, IpAddr>, SignInError> {
        let (now, wait) = (|| self.now(), self.settings.hash_wait);
        Ok(self.limits.begin_of_client(client, now, wait).await?)
    }

    /// The account that is named so here.
    async fn named(&self, whom: Whom<'_>) -> Result<Option<Account>, Unavailable> {
        Ok(match whom {
            Whom::Typed(typed) => local::find(self, UserName::parse(typed).ok().as_ref()).await?,
            Whom::Account(id) => self.store.accounts().by_id(id).await?,
        })
    }

    /// Begins an attempt at an account. None where its bucket does not hold it: somebody at an address
    /// where they are signed in is let through all the same.
    pub(crate) async fn hold_account(
        &self,
        client: IpAddr,
        key: &str,
        account: Option<&Account>,
    ) -> Result<Option<UnderWay<'_, String>>, SignInError> {
        let too_many = match self.limits.begin_at_account(key, self.now()) {
            Ok(begun) => return Ok(Some(begun)),
            Err(too_many) => too_many,
        };
        // S13: a stranger can't lock somebody out of where they are signed in already
        let known = self.is_known_client(account, client).await;
        if known.map_err(SignInError::Unavailable)? { Ok(None) } else { Err(too_many.into()) }
    }

    /// Whether an account has a session from this address. For a name that nobody has, the store is
    /// asked all the same: how long it takes tells nothing (S12).
    async fn is_known_client(
        &self,
        account: Option<&Account>,
        client: IpAddr,
    ) -> Result<bool, Unavailable> {
        let id = account.map_or(NOBODY, |account| account.id);
        let (sessions, now) = (self.store.sessions().of_account(id).await?, self.now());
        let mut current = sessions.iter().filter(|row| self.is_current(row, now));
        // who could not be told may be anybody
        Ok(!client.is_unspecified() && current.any(|row| counted(row.client) == counted(client)))
    }

    /// Begins a session at the portal for somebody who has proved who they are.
    pub(crate) async fn begin_session(
        &self,
        origin: &RequestOrigin,
        account: &Account,
        proof: &Proof<'_>,
    ) -> Result<NewSession, SignInError> {
        let failed = |error| SignInError::Unavailable(error);
        let token = token::random().map_err(|_| failed(Unavailable::Randomness))?;
        let hash = token::hash(token.expose()).ok_or_else(|| failed(Unavailable::Randomness))?;
        let lifetime = self.settings.lifetime(proof.provider);
        let cookie = SetCookie::session(origin, &Audience::Portal, (token.expose(), lifetime))
            .ok_or(SignInError::InsecureOrigin)?;
        let now = self.now();
        let session = vestibule_store::NewSession {
            token: hash,
            account: account.id,
            revision: account.revision,
            audience: Audience::Portal,
            provider: proof.provider.cloned(),
            second_factor: proof.second_factor,
            proved: proof.when.moment(now),
            created: now,
            expires: now.plus(lifetime),
            client: origin.client,
            user_agent: proof.user_agent.to_owned(),
            client_certificate: self.binding(origin),
        };
        let id = match self.store.sessions().insert(&session).await {
            Ok(id) => id,
            // disabled, removed or changed in this very moment
            Err(StoreError::NoSuchAccount) => {
                let known = Some(&account.name);
                self.audit_refused(origin, SignInRefusal::Overtaken, known).await;
                return Err(SignInError::Refused);
            }
            Err(error) => return Err(failed(error.into())),
        };
        if let Err(error) = self.audit_accepted(origin, &account.name, id, proof.by).await {
            // nobody has its token
            self.end_one(account.id, id).await.map_err(failed)?;
            return Err(failed(error));
        }
        self.keep_to_limit(account.id).await.map_err(failed)?;
        tracing::info!(
            user = %account.name,
            session = %id,
            client = %origin.client,
            provider = proof.provider.map(ProviderId::as_str),
            second_factor = proof.second_factor,
            "signed in"
        );
        let groups = self.groups_of(account.id).await.map_err(failed)?;
        let facts =
            UserFacts { name: account.name.clone(), account_role: account.role.clone(), groups };
        let means = Means::Session { id, parent: None };
        let mut signed_in = SignedIn::new(facts, account.id, means, session.expires)
            .with_display_name(&account.display_name);
        signed_in.provider = session.provider;
        signed_in.second_factor = session.second_factor;
        Ok(NewSession { cookie, signed_in: Arc::new(signed_in) })
    }
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof<'r> {
    /// In what way, for the audit log.
    pub(crate) by: &'static str,
    /// By which provider; none for a local password.
    pub(crate) provider: Option<&'r ProviderId>,
    /// Whether with a second factor.
    pub(crate) second_factor: bool,
    /// When.
    pub(crate) when: When,
    /// What the browser calls itself.
    pub(crate) user_agent: &'r str,
}

/// When somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Here and now.
    Now,
    /// At a provider, when it says; none if it doesn't.
    There(Option<UnixTime>),
}

impl When {
    /// The moment, which does not lie ahead.
    fn moment(self, now: UnixTime) -> Option<UnixTime> {
        match self {
            Self::Now => Some(now),
            Self::There(said) => said.map(|said| said.min(now)),
        }
    }
}

impl<'r> Proof<'r> {
    /// By a local password alone.
    pub(crate) const fn password(user_agent: &'r str) -> Self {
        let (provider, when) = (None, When::Now);
        Self { by: "password", provider, second_factor: false, when, user_agent }
    }
}

/// Whose password was right.
#[derive(Debug)]
pub(crate) enum Proven {
    /// A local account's.
    Here(Box<Account>),
    /// Somebody's in a directory, who may have no account here.
    There(Box<ExternalUser>),
}

/// What became of a password.
enum Judged {
    Proven(Proven),
    /// No; why not, for the audit log and in more words for the log.
    Refused(SignInRefusal, String),
}

/// Whose password is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whom<'r> {
    /// Of whoever is meant by a name as it was typed.
    Typed(&'r str),
    /// Of the owner of an account, who is signed in.
    Account(AccountId),
}

/// An attempt that may go on.
struct Taken<'l> {
    meant: Meant,
    /// What the buckets of accounts hold of it.
    held: Vec<UnderWay<'l, String>>,
}

impl From<&SignInError> for SignInRefusal {
    /// Why a code was not accepted, for the audit log.
    fn from(error: &SignInError) -> Self {
        match error {
            SignInError::TooMany { .. } => Self::TooMany,
            SignInError::Busy { .. } => Self::Busy,
            SignInError::InsecureOrigin => Self::InsecureOrigin,
            SignInError::Unavailable(_) => Self::Unavailable,
            SignInError::PasskeyRefused => Self::Passkey,
            SignInError::Refused
            | SignInError::WrongCode
            | SignInError::StartAgain
            | SignInError::NotRegistered => Self::SecondFactor,
        }
    }
}

/// Whether an attempt was held back at an account by those that failed: it asked the store and perhaps a
/// directory, and may not do so for ever.
pub(crate) const fn is_held_back(error: &SignInError) -> bool {
    matches!(error, SignInError::TooMany { .. })
}

impl From<TooMany> for SignInError {
    fn from(limit: TooMany) -> Self {
        if limit.may_pass {
            // nobody has failed so often yet
            return Self::Busy { retry_after: BUSY_RETRY };
        }
        Self::TooMany { retry_after: limit.retry_after.max(Duration::from_secs(1)) }
    }
}

impl From<LocalError> for SignInError {
    fn from(error: LocalError) -> Self {
        match error {
            LocalError::Store(error) => Self::Unavailable(error.into()),
            LocalError::Hash(HashError::Busy) => Self::Busy { retry_after: BUSY_RETRY },
            LocalError::Hash(HashError::Failed) => Self::Unavailable(Unavailable::Hashing),
        }
    }
}

#[cfg(test)]
mod tests;
