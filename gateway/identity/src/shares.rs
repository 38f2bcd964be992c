//! Share links: made, looked at, opened, revoked; and what whoever opened some is given.
//!
//! A share gives nothing by itself: the engine judges its role and its maker for each request.
//! What ends a link here (its time, its revocation, its maker's account) ends it for everybody
//! who opened it with their next request.

pub(crate) mod cache;
mod open;

use std::sync::Arc;
use std::time::Duration;

use vestibule_policies::principal::Share;
use vestibule_policies::{Principal, UserFacts};
use vestibule_schema::{GalleryPath, RoleName, ShareId, SiteId, UserName};
use vestibule_store::{AccountState, NewShare, Opener, ShareRow, StoreError, UnixTime};

use crate::credentials::{Authentication, SignedIn};
use crate::hasher::HashError;
use crate::identity::{Identity, Unavailable};
use crate::origin::RequestOrigin;
use crate::{Secret, cookie, token};
use cache::{Opened, Opening};
pub use open::{OpenShareError, OpenedShare, ShareAttempt, ShareFace};

/// The longest that a label may be, in characters.
const MAX_LABEL: usize = 200;
/// How long what somebody opened is believed without asking anew whether its makers' directories
/// vouch for them.
const BELIEVED: Duration = Duration::from_secs(60);
/// How long a browser keeps what it opened, if the link has no end of its own: 400 days, which is
/// the most that browsers allow.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// A share link to be made.
#[derive(Debug)]
pub struct ShareOrder<'r> {
    /// The site.
    pub site: SiteId,
    /// The folder or image.
    pub path: GalleryPath,
    /// The role that it gives. Whether the maker may give it is the engine's word
    /// (`SiteEngine::may_share`).
    pub role: RoleName,
    /// Whose right it stands on.
    pub maker: UserName,
    /// What people call it.
    pub label: &'r str,
    /// Its password, if it shall have one.
    pub password: Option<&'r Secret<String>>,
    /// When it ends, if ever.
    pub expires: Option<UnixTime>,
    /// How often it can be opened, if that is limited.
    pub uses: Option<u32>,
}

/// A share link that was made. Its token is told once, here.
#[derive(Debug)]
#[non_exhaustive]
pub struct MadeShare {
    /// Its public number.
    pub id: ShareId,
    /// The secret part of its address.
    pub token: Secret<String>,
}

/// Why a share link is not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeShareError {
    /// Its maker is not there, or may not sign in.
    #[error("there is no user `{user}` who may sign in")]
    NoMaker {
        /// Who was named.
        user: UserName,
    },
    /// An empty password would protect nothing.
    #[error("the password is empty")]
    EmptyPassword,
    /// It would have ended before it was made.
    #[error("it would have ended already")]
    Over,
    /// Nobody could open it.
    #[error("it could not be opened once")]
    NoUses,
    /// The label can't be shown.
    #[error("a label has up to {MAX_LABEL} characters, and no control characters")]
    BadLabel,
    /// Too many passwords are hashed at this moment.
    #[error("too many passwords are being checked at this moment; try again")]
    Busy,
    /// The store can't be reached.
    #[error("the share link can't be made at this moment")]
    Unavailable(#[source] Unavailable),
}

impl From<StoreError> for MakeShareError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Identity {
    /// Makes a share link.
    ///
    /// # Errors
    /// [`MakeShareError`].
    pub async fn make_share(&self, order: &ShareOrder<'_>) -> Result<MadeShare, MakeShareError> {
        self.check_order(order)?;
        let now = self.now();
        let password = match order.password {
            None => None,
            Some(password) => Some(self.hasher.hash(password).await?),
        };
        let no_maker = || MakeShareError::NoMaker { user: order.maker.clone() };
        let account = self.store.accounts().find(&order.maker).await?.ok_or_else(no_maker)?;
        let random = |_| MakeShareError::Unavailable(Unavailable::Randomness);
        let secret = token::random().map_err(random)?;
        let hash = token::hash(secret.expose());
        let share = NewShare {
            token: hash.ok_or(MakeShareError::Unavailable(Unavailable::Randomness))?,
            site: order.site.clone(),
            path: order.path.clone(),
            role: order.role.clone(),
            maker: account.id,
            label: order.label.to_owned(),
            password,
            created: now,
            expires: order.expires,
            uses: order.uses,
        };
        let id = match self.store.shares().insert(&share).await {
            Ok(id) => id,
            Err(StoreError::NoSuchAccount) => return Err(no_maker()),
            Err(error) => return Err(error.into()),
        };
        tracing::info!(share = %id, site = %order.site, maker = %account.name, "a share link is made");
        Ok(MadeShare { id, token: secret })
    }

    /// Whether a share link can be as it is wanted, whoever makes it.
    pub(crate) fn check_order(&self, order: &ShareOrder<'_>) -> Result<(), MakeShareError> {
        let now = self.now();
        if order.expires.is_some_and(|expires| expires <= now) {
            return Err(MakeShareError::Over);
        }
        if order.uses == Some(0) {
            return Err(MakeShareError::NoUses);
        }
        let too_long = order.label.chars().count() > MAX_LABEL;
        if too_long || order.label.chars().any(char::is_control) {
            return Err(MakeShareError::BadLabel);
        }
        if order.password.is_some_and(|password| password.expose().is_empty()) {
            return Err(MakeShareError::EmptyPassword);
        }
        Ok(())
    }

    /// The share links of a site, or of all. Whether each still gives something is the engine's
    /// word.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn shares(&self, site: Option<&SiteId>) -> Result<Vec<ShareRow>, Unavailable> {
        Ok(self.store.shares().list(site).await?)
    }

    /// Revokes a share link: whoever opened it has nothing of it from their next request on. Says
    /// whether there was one.
    ///
    /// # Errors
    /// If the store can't be reached; then it stands.
    pub async fn revoke_share(&self, id: ShareId) -> Result<bool, Unavailable> {
        let revoked = self.store.shares().remove(id).await?;
        self.cache.note_an_end();
        if revoked {
            tracing::info!(share = %id, "a share link is revoked");
        }
        Ok(revoked)
    }

    /// The principal of somebody who may sign in, as they would be signed in now: the maker of a
    /// share. `None`: there is no such account, or it is disabled.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn principal_of(&self, name: &UserName) -> Result<Option<Principal>, Unavailable> {
        let account = self.store.accounts().find(name).await?;
        let Some(account) = account.filter(|one| one.state == AccountState::Enabled) else {
            return Ok(None);
        };
        let groups = self.groups_of(account.id).await?;
        let facts = UserFacts { name: account.name, account_role: account.role, groups };
        Ok(Some(Principal::user(facts)))
    }

    /// Whoever sent a request to a site, with the share links that they opened: in this browser,
    /// or with their account.
    ///
    /// # Errors
    /// If the store had to be asked and can't be reached.
    pub async fn with_shares(
        &self,
        (origin, site): (&RequestOrigin, &SiteId),
        cookies: &[&str],
        who: &Authentication,
    ) -> Result<Option<Principal>, Unavailable> {
        let Some(own) = who.principal() else { return Ok(None) };
        let mut openers = Vec::new();
        if let Authentication::SignedIn(signed_in) = who {
            openers.push(Opener::Account(signed_in.account));
        }
        let values = cookie::share_values(origin, site, cookies);
        openers.extend(values.filter_map(token::hash).map(Opener::Browser));
        let mut shares = Vec::new();
        for opener in openers {
            let opened = self.opened_by(&opener).await?;
            let now = self.now();
            let good = opened.iter().filter(|one| one.share.site == *site && one.is_current(now));
            shares.extend(good.map(|one| Arc::clone(&one.share)));
        }
        // the usual case costs no copy
        if shares.is_empty() { Ok(None) } else { Ok(Some(own.clone().with_shares(shares))) }
    }

    /// Somebody who is signed in, with the share links that their account opened, of whatever site.
    ///
    /// # Errors
    /// If the store had to be asked and can't be reached.
    pub async fn bearer_of(&self, who: &SignedIn) -> Result<Principal, Unavailable> {
        let opened = self.opened_by(&Opener::Account(who.account)).await?;
        let now = self.now();
        let good = opened.iter().filter(|one| one.is_current(now));
        Ok(who.principal.clone().with_shares(good.map(|one| Arc::clone(&one.share))))
    }

    /// What an opener opened: remembered, or from the store.
    async fn opened_by(&self, opener: &Opener) -> Result<Arc<[Opened]>, Unavailable> {
        let before = self.cache.before_read();
        let now = self.now();
        // what is known goes on for a while without the store, and no longer
        let known = self.share_cache.find(opener, before).filter(|opening| {
            let confirmed = opening.read.max(self.maintained());
            now <= confirmed.plus(self.settings.store_grace)
        });
        // whom the makers' directories vouch for, no change in the store tells
        let is_fresh = |known: &Opening| {
            self.settings.directories.is_empty() || now <= known.read.plus(BELIEVED)
        };
        if let Some(known) = known.as_ref().filter(|known| is_fresh(known)) {
            return Ok(Arc::clone(&known.opened));
        }
        let opened = match (self.read_opened_by(opener).await, known) {
            (Ok(opened), _) => opened,
            (Err(Unavailable::Store(_)), Some(known)) => return Ok(known.opened),
            (Err(error), _) => return Err(error),
        };
        let opening = Opening { opened: Arc::clone(&opened), read: now };
        self.share_cache.fill(*opener, opening, before);
        Ok(opened)
    }

    /// What an opener opened and still stands, from the store.
    async fn read_opened_by(&self, opener: &Opener) -> Result<Arc<[Opened]>, Unavailable> {
        let mut opened = Vec::new();
        for row in self.store.shares().opened_by(opener).await? {
            if !self.is_vouched_for(row.maker).await? {
                continue;
            }
            let groups = self.groups_of(row.maker).await?;
            opened.push(opened_from(row, groups));
        }
        Ok(opened.into())
    }
}

fn opened_from(
    row: ShareRow,
    groups: std::collections::BTreeSet<vestibule_schema::GroupId>,
) -> Opened {
    let facts = UserFacts { name: row.maker_name, account_role: row.maker_role, groups };
    let share = Share {
        id: row.id,
        site: row.site,
        path: row.path,
        role: row.role,
        maker: Principal::user(facts),
    };
    Opened { share: Arc::new(share), expires: row.expires }
}

impl From<HashError> for MakeShareError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Failed => Self::Unavailable(Unavailable::Hashing),
        }
    }
}

/// Who opens a link: the account that is signed in, or a browser.
fn account_of(who: Option<&SignedIn>) -> Option<Opener> {
    who.map(|signed_in| Opener::Account(signed_in.account))
}

#[cfg(test)]
mod tests;
