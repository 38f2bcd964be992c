//! Opening a share link. To look at it uses nothing up; a wrong password costs an attempt of the
//! link and of the client's address.

use std::sync::Arc;
use std::time::Duration;

use vestibule_policies::principal::Share;
use vestibule_store::{Opener, ShareRow};

use super::{LONGEST, account_of, opened_from};
use crate::cookie::SetCookie;
use crate::credentials::SignedIn;
use crate::hasher::{HashError, Verdict};
use crate::identity::{Identity, Unavailable};
use crate::limits::TooMany;
use crate::origin::{RequestOrigin, Transport};
use crate::sign_in::BUSY_RETRY;
use crate::{Secret, cookie, token};

/// What whoever holds a link is shown before they open it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShareFace {
    /// What it gives, as far as its maker may.
    pub share: Arc<Share>,
    /// What its maker calls it; may be empty.
    pub label: String,
    /// Whether a password is asked for.
    pub asks_password: bool,
}

/// Somebody opens a link.
#[derive(Debug)]
pub struct ShareAttempt<'r> {
    /// The secret part of its address.
    pub token: &'r str,
    /// The password that was typed.
    pub password: &'r Secret<String>,
    /// The values of the request's `Cookie` headers.
    pub cookies: &'r [&'r str],
    /// Who is signed in, if anybody is: the link stays with their account.
    pub who: Option<&'r SignedIn>,
}

/// A link that was opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenedShare {
    /// What is shared.
    pub face: ShareFace,
    /// The cookie by which the browser is known; none, if the account holds it.
    pub cookie: Option<SetCookie>,
}

/// Whether an opener was known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It was.
    Before,
    /// Its token was made just now.
    Never,
}

/// Why a link is not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenShareError {
    /// There is no such link, or it is over, used up or revoked: which, nobody is told.
    #[error("there is no such link")]
    NotThere,
    /// The password is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// Too many passwords were wrong.
    #[error("too many attempts have failed; try again in {} s", retry_after.as_secs())]
    TooMany {
        /// When the next attempt is free.
        retry_after: Duration,
    },
    /// Too many passwords are checked at this moment.
    #[error("too many people are here at this moment; try again in {} s", retry_after.as_secs())]
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// The browser would take no cookie here.
    #[error("this address is not secure: open the address that begins with https://")]
    InsecureOrigin,
    /// The store can't be reached.
    #[error("the link can't be opened at this moment; try again later")]
    Unavailable(#[from] Unavailable),
}

impl Identity {
    /// Looks at a link, which uses nothing up. `None`: there is nothing to open any more.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn look_at_share(&self, text: &str) -> Result<Option<ShareFace>, Unavailable> {
        let Some(row) = self.standing_share(text).await? else { return Ok(None) };
        self.face(row).await.map(Some)
    }

    /// Opens a link.
    ///
    /// # Errors
    /// [`OpenShareError`].
    pub async fn open_share(
        &self,
        origin: &RequestOrigin,
        attempt: &ShareAttempt<'_>,
    ) -> Result<OpenedShare, OpenShareError> {
        if origin.transport() == Transport::Exposed {
            return Err(OpenShareError::InsecureOrigin);
        }
        let row = self.standing_share(attempt.token).await?;
        let row = row.ok_or(OpenShareError::NotThere)?;
        // each opening is hashed for, and written down: nobody fills the queue or the store with them
        self.limits.count_opening(origin.client, self.now())?;
        self.check_share_password(origin, &row, attempt.password).await?;
        // of after what was waited for
        let now = self.now();
        let (opener, cookie, known) = match account_of(attempt.who) {
            Some(account) => (account, None, Known::Before),
            None => self.browser(origin, &row, attempt.cookies).await?,
        };
        let opened = self.store.shares().open(row.id, &opener, now).await;
        if !opened.map_err(Unavailable::from)? {
            return Err(OpenShareError::NotThere);
        }
        // of a browser that nobody knew nothing was read
        if known == Known::Before {
            self.share_cache.forget(&opener);
            // a read that began before must not be kept
            self.cache.note_an_end();
        }
        tracing::info!(
            share = %row.id, site = %row.site, client = %origin.client,
            user = attempt.who.map(|who| who.name.as_str()), "a share link is opened"
        );
        Ok(OpenedShare { face: self.face(row).await?, cookie })
    }

    /// The browser of an opener: that of a cookie with which it opened something before, or a new
    /// one, which the cookie makes known.
    async fn browser(
        &self,
        origin: &RequestOrigin,
        row: &ShareRow,
        cookies: &[&str],
    ) -> Result<(Opener, Option<SetCookie>, Known), OpenShareError> {
        let age = match row.expires {
            Some(expires) => expires.since(self.now()).min(LONGEST),
            None => LONGEST,
        };
        for value in cookie::share_values(origin, &row.site, cookies) {
            let Some(opener) = token::hash(value).map(Opener::Browser) else { continue };
            let known = self.store.shares().opened_by(&opener).await;
            if !known.map_err(Unavailable::from)?.is_empty() {
                // what was opened before may last longer
                let cookie = SetCookie::share(origin, &row.site, (value, LONGEST));
                return Ok((opener, cookie, Known::Before));
            }
        }
        let random = |_| OpenShareError::Unavailable(Unavailable::Randomness);
        let secret = token::random().map_err(random)?;
        let hash = token::hash(secret.expose());
        let hash = hash.ok_or(OpenShareError::Unavailable(Unavailable::Randomness))?;
        let cookie = SetCookie::share(origin, &row.site, (secret.expose(), age));
        Ok((Opener::Browser(hash), cookie, Known::Never))
    }

    async fn face(&self, row: ShareRow) -> Result<ShareFace, Unavailable> {
        let (label, asks_password) = (row.label.clone(), row.password.is_some());
        let groups = self.groups_of(row.maker).await?;
        Ok(ShareFace { share: opened_from(row, groups).share, label, asks_password })
    }

    /// The link of a token, if it can be opened.
    async fn standing_share(&self, text: &str) -> Result<Option<ShareRow>, Unavailable> {
        let Some(token) = token::hash(text) else { return Ok(None) };
        let row = self.store.shares().find(&token).await?;
        let now = self.now();
        // used up, it is gone: who opened it before does not need it any more
        let row = row.filter(|row| row.is_current(now) && row.uses_left != Some(0));
        match row {
            // and so it is with whoever made it
            Some(row) if self.is_vouched_for(row.maker).await? => Ok(Some(row)),
            _ => Ok(None),
        }
    }

    /// Compares a password within the limits of the link and of the client's address, which count
    /// failures alone.
    async fn check_share_password(
        &self,
        origin: &RequestOrigin,
        row: &ShareRow,
        password: &Secret<String>,
    ) -> Result<(), OpenShareError> {
        let Some(hash) = &row.password else { return Ok(()) };
        // no user's name has a control character
        let key = format!("\u{0}share {}", row.id);
        let (now, wait) = (|| self.now(), self.settings.hash_wait);
        let here = self.limits.begin_of_client(origin.client, now, wait).await?;
        let there = match self.limits.begin_within(&key, now, wait).await {
            Ok(there) => there,
            Err(too_many) => {
                here.forgive();
                return Err(too_many.into());
            }
        };
        let verdict = self.hasher.verify(password, Some(hash), None).await;
        let is_wrong = matches!(verdict, Ok(Verdict::Wrong));
        there.end(is_wrong);
        here.end(is_wrong);
        match verdict {
            Ok(Verdict::Right | Verdict::RightRehashed(_)) => Ok(()),
            Ok(Verdict::Wrong) => {
                tracing::info!(share = %row.id, client = %origin.client, "a wrong password for a share link");
                Err(OpenShareError::WrongPassword)
            }
            Err(HashError::Busy) => Err(OpenShareError::Busy { retry_after: BUSY_RETRY }),
            Err(HashError::Failed) => Err(Unavailable::Hashing.into()),
        }
    }
}

impl From<TooMany> for OpenShareError {
    fn from(limit: TooMany) -> Self {
        if limit.may_pass {
            return Self::Busy { retry_after: BUSY_RETRY };
        }
        Self::TooMany { retry_after: limit.retry_after.max(Duration::from_secs(1)) }
    }
}
