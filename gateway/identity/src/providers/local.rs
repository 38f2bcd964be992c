//! Local accounts: a user name and a password.

use vestibule_schema::UserName;
use vestibule_store::{Account, AccountState, StoreError};

use crate::Secret;
use crate::hasher::{HashError, Place, Verdict};
use crate::identity::Identity;

/// What the local accounts say to a name and a password.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// This account's.
    Accepted(Box<Account>),
    /// Nobody's; why not is for the log alone.
    Refused(Reason),
}

/// Why a sign-in was refused. For the log; the user sees one message for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    NoSuchUser,
    NoPassword,
    WrongPassword,
    Disabled,
}

/// Why the local accounts could not say anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// Compares a password, at the same cost whoever is meant.
pub(crate) async fn verify(
    identity: &Identity,
    account: Option<Account>,
    password: &Secret<String>,
    place: Option<Place>,
) -> Result<Outcome, LocalError> {
    let hash = account.as_ref().and_then(|account| account.password_hash.as_ref());
    let verdict = identity.hasher.verify(password, hash, place).await?;
    let Some(account) = account else { return Ok(Outcome::Refused(Reason::NoSuchUser)) };
    let Some(old) = account.password_hash.as_ref() else {
        return Ok(Outcome::Refused(Reason::NoPassword));
    };
    if let Verdict::Wrong = verdict {
        return Ok(Outcome::Refused(Reason::WrongPassword));
    }
    if account.state == AccountState::Disabled {
        return Ok(Outcome::Refused(Reason::Disabled));
    }
    if !may_use_password(identity, &account).await? {
        return Ok(Outcome::Refused(Reason::NoPassword));
    }
    if let Verdict::RightRehashed(new) = &verdict {
        identity.store.accounts().strengthen_password(account.id, old, new).await?;
    }
    Ok(Outcome::Accepted(Box::new(account)))
}

/// Whether a local password counts: whoever belongs to a provider proves themselves there, unless
/// its table says `local_fallback`. A provider that is not configured any more says nothing.
pub(crate) async fn may_use_password(
    identity: &Identity,
    account: &Account,
) -> Result<bool, StoreError> {
    let linked = identity.store.identities().of_account(account.id).await?;
    let providers = &identity.settings.providers;
    let falls_back = |id| providers.get(id).is_some_and(|rules| rules.local_fallback);
    Ok(linked.is_empty() || linked.iter().any(|one| falls_back(&one.provider)))
}

/// The account of a name as somebody typed it. A text that can't be a name is nobody's.
pub(crate) async fn find(
    identity: &Identity,
    name: Option<&UserName>,
) -> Result<Option<Account>, StoreError> {
    match name {
        Some(name) => identity.store.accounts().find(name).await,
        None => Ok(None),
    }
}
