//! Sessions: from a cookie to somebody, and their end.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use vestibule_policies::UserFacts;
use vestibule_schema::{GroupId, ProviderId};
use vestibule_store::audit::Ended;
use vestibule_store::{
    AccountId, Audience, CertificateHash, SessionId, SessionRow, TokenHash, UnixTime,
};

use crate::app_passwords::Shown;
use crate::credentials::{Authentication, Credentials, FailedCredential, Means, SignedIn};
use crate::identity::{Identity, Unavailable};
use crate::origin::RequestOrigin;
use crate::{cookie, token};

pub(crate) mod cache;
pub(crate) mod misplaced;

use cache::{Cached, SeenAndRead};

/// A session in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its public name.
    pub id: SessionId,
    /// Where it is worth something.
    pub audience: Audience,
    /// The session at the portal that it was born of.
    pub parent: Option<SessionId>,
    /// The provider by which its owner signed in; none for a local password.
    pub provider: Option<ProviderId>,
    /// Whether its owner showed a second factor.
    pub second_factor: bool,
    /// When its owner proved who they are; none if nobody says.
    pub proved: Option<UnixTime>,
    /// How its owner was admitted to the site, in words.
    pub reason: String,
    /// When it was made.
    pub created: UnixTime,
    /// When it was last used, to the minute or so.
    pub last_seen: UnixTime,
    /// When it ends, used or not.
    pub expires: UnixTime,
    /// The client's address at sign-in.
    pub client: IpAddr,
    /// What the browser called itself at sign-in.
    pub user_agent: String,
}

/// What the cache says of a token.
enum Known {
    /// Its session is worth something here and now.
    Good(Arc<SignedIn>),
    /// Its session belongs elsewhere, or its time is over.
    Worthless,
    /// The same, as it is bound to a client certificate that was not shown here; that is yet to be
    /// written down.
    Misplaced(Arc<Cached>),
    /// Nothing that can be relied on: the store must be asked.
    No,
}

/// What the cookies of a request come to without the store.
enum WithoutStore {
    Decided(Authentication),
    /// These tokens are not known here; the store may know them.
    Ask(Vec<TokenHash>),
    /// An app password that is not known here; the store may know it.
    AskOf(Shown),
}

impl Identity {
    /// Who sent a request.
    ///
    /// # Errors
    /// If the store had to be asked and can't be reached (503): it is not known who it is.
    pub async fn authenticate(
        &self,
        origin: &RequestOrigin,
        audience: &Audience,
        credentials: &Credentials<'_>,
    ) -> Result<Authentication, Unavailable> {
        let tokens = match self.without_store(origin, audience, credentials) {
            WithoutStore::Decided(authentication) => return Ok(authentication),
            WithoutStore::Ask(tokens) => tokens,
            WithoutStore::AskOf(shown) => return self.prove(origin, audience, shown).await,
        };
        for token in tokens {
            if let Some(signed_in) = self.find(origin, audience, &token).await? {
                return Ok(Authentication::SignedIn(signed_in));
            }
        }
        Ok(Authentication::Anonymous { clear_cookie: true })
    }

    /// Who sent a request, if that is known without asking the store: for all but a session's
    /// first request. Never waits.
    #[cfg(test)]
    pub(crate) fn authenticate_cached(
        &self,
        origin: &RequestOrigin,
        audience: &Audience,
        credentials: &Credentials<'_>,
    ) -> Option<Authentication> {
        match self.without_store(origin, audience, credentials) {
            WithoutStore::Decided(authentication) => Some(authentication),
            WithoutStore::Ask(_) | WithoutStore::AskOf(_) => None,
        }
    }

    /// The sessions of an account that have not ended, the last used first.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn sessions(&self, account: AccountId) -> Result<Vec<SessionInfo>, Unavailable> {
        self.flush().await?;
        let now = self.now();
        let rows = self.store.sessions().of_account(account).await?;
        let current = rows.into_iter().filter(|row| self.is_current(row, now));
        Ok(current.map(info).collect())
    }

    /// Ends one session of an account. Says whether there was one.
    ///
    /// # Errors
    /// If the store can't be reached; then the session goes on.
    pub async fn end_session(
        &self,
        account: AccountId,
        session: SessionId,
    ) -> Result<bool, Unavailable> {
        let ended = self.end_one(account, session).await?;
        if ended {
            self.audit_ended(account, Ended::One(session), 1).await?;
        }
        Ok(ended)
    }

    /// The same, for who writes down themselves why.
    pub(crate) async fn end_one(
        &self,
        account: AccountId,
        session: SessionId,
    ) -> Result<bool, Unavailable> {
        let ended = self.store.sessions().delete_one(account, session).await?;
        self.cache.end_of_account(account);
        Ok(ended)
    }

    /// Ends all sessions of an account at once, for who writes down themselves why. Says how many.
    pub(crate) async fn end_every(&self, account: AccountId) -> Result<u64, Unavailable> {
        let ended = self.store.sessions().delete_of_account(account, None).await?;
        self.cache.end_of_account(account);
        Ok(ended)
    }

    /// Ends all sessions of an account but this one and those born of it. Says how many.
    ///
    /// # Errors
    /// If the store can't be reached; then they go on.
    pub async fn end_other_sessions(&self, signed_in: &SignedIn) -> Result<u64, Unavailable> {
        let account = signed_in.account;
        let spared = signed_in.root_session();
        let ended = self.store.sessions().delete_of_account(account, spared).await?;
        self.cache.end_of_account(account);
        self.audit_ended(account, Ended::Others, ended).await?;
        Ok(ended)
    }

    /// Ends all sessions of an account. Says how many.
    ///
    /// # Errors
    /// If the store can't be reached; then they go on.
    pub async fn end_all_sessions(&self, account: AccountId) -> Result<u64, Unavailable> {
        let ended = self.end_every(account).await?;
        self.audit_ended(account, Ended::All, ended).await?;
        Ok(ended)
    }

    /// Ends the oldest sessions of an account that has more than it may have (requirement S7).
    pub(crate) async fn keep_to_limit(&self, account: AccountId) -> Result<(), Unavailable> {
        let Some(most) = self.settings.sessions_per_account else { return Ok(()) };
        let ended = self.store.sessions().delete_beyond(account, most).await?;
        if ended > 0 {
            self.cache.end_of_account(account);
            self.audit_ended(account, Ended::Oldest, ended).await?;
        }
        Ok(())
    }

    fn without_store(
        &self,
        origin: &RequestOrigin,
        audience: &Audience,
        credentials: &Credentials<'_>,
    ) -> WithoutStore {
        if let Some(header) = credentials.authorization {
            let failed = FailedCredential::of_header(header);
            let is_here = matches!(audience, Audience::Site(_)) && credentials.takes_app_passwords;
            let shown = if is_here { Shown::in_header(origin, header) } else { None };
            return match shown {
                None => WithoutStore::Decided(Authentication::Failed(failed)),
                Some(shown) => match self.known_app_password(origin, audience, &shown) {
                    Some(who) => WithoutStore::Decided(Authentication::SignedIn(who)),
                    None => WithoutStore::AskOf(shown),
                },
            };
        }
        let now = self.now();
        let mut clear_cookie = false;
        let mut unknown = Vec::new();
        for value in cookie::session_values(origin, audience, credentials.cookies) {
            clear_cookie = true;
            let Some(token) = token::hash(value) else { continue };
            // INVARIANT: the first cookie that is worth something wins, cached or not: once one
            // must be looked up, those after it wait for that
            match self.look_up_cached((origin, audience), &token, now) {
                Known::Good(signed_in) if unknown.is_empty() => {
                    return WithoutStore::Decided(Authentication::SignedIn(signed_in));
                }
                Known::Worthless => {}
                Known::Good(_) | Known::Misplaced(_) | Known::No => unknown.push(token),
            }
        }
        if unknown.is_empty() {
            WithoutStore::Decided(Authentication::Anonymous { clear_cookie })
        } else {
            WithoutStore::Ask(unknown)
        }
    }

    /// A token's user, from the cache or else from the store, whose word is kept.
    async fn find(
        &self,
        origin: &RequestOrigin,
        audience: &Audience,
        token: &TokenHash,
    ) -> Result<Option<Arc<SignedIn>>, Unavailable> {
        let before = self.cache.before_read();
        let now = self.now();
        let at = (origin, audience);
        match self.look_up_cached(at, token, now) {
            Known::No => {}
            known => return Ok(self.settled(origin, known).await),
        }
        let Some(mut row) = self.store.sessions().find(token).await? else { return Ok(None) };
        let written = row.last_seen;
        // a use that is not written down yet counts too
        let remembered = self.cache.find(token).map(|cached| cached.last_seen());
        row.last_seen = remembered.map_or(written, |seen| seen.max(written));
        if !self.is_current(&row, now) {
            return Ok(None);
        }
        let groups = self.groups_of(row.account).await?;
        let name = (row.id, row.audience.clone());
        let (seen, certificate) = (row.last_seen, row.client_certificate);
        let times = SeenAndRead { last_seen: written, read: now };
        let cached = Cached::new(Arc::new(signed_in(row, groups)), name, times);
        let cached = Arc::new(cached.bound_to(certificate));
        cached.touch(seen);
        self.cache.fill(*token, Arc::clone(&cached), before);
        let known = self.judge(cached, at, now);
        Ok(self.settled(origin, known).await)
    }

    fn look_up_cached(
        &self,
        at: (&RequestOrigin, &Audience),
        token: &TokenHash,
        now: UnixTime,
    ) -> Known {
        let Some(cached) = self.cache.find(token) else { return Known::No };
        // what is known goes on for a while without the store, and no longer
        let confirmed = cached.read.max(self.maintained());
        if now > confirmed.plus(self.settings.store_grace) {
            return Known::No;
        }
        self.judge(cached, at, now)
    }

    /// Whether a session is worth something here and now.
    // INVARIANT: what is asked on every request, also of a session that is known: audience, times,
    // and the client certificate of the very connection
    fn judge(
        &self,
        cached: Arc<Cached>,
        (origin, audience): (&RequestOrigin, &Audience),
        now: UnixTime,
    ) -> Known {
        let idle_end = cached.last_seen().plus(self.settings.session_idle);
        let good = cached.audience == *audience && now < cached.signed_in.expires && now < idle_end;
        if !good {
            // only the store knows of uses at sites that were born of it, and on other nodes
            let may_be_used = cached.audience == *audience && now < cached.signed_in.expires;
            return if may_be_used { Known::No } else { Known::Worthless };
        }
        if !origin.shows(cached.certificate) {
            let is_told = self.misplaced.knows(cached.session);
            return if is_told { Known::Worthless } else { Known::Misplaced(cached) };
        }
        cached.touch(now);
        Known::Good(Arc::clone(&cached.signed_in))
    }

    /// The user, if there is one; what is to be written down is.
    async fn settled(&self, origin: &RequestOrigin, known: Known) -> Option<Arc<SignedIn>> {
        match known {
            Known::Good(signed_in) => Some(signed_in),
            Known::Misplaced(cached) => {
                let name = (cached.session, &cached.audience);
                self.audit_misplaced(origin, name, &cached.signed_in.name).await;
                None
            }
            Known::Worthless | Known::No => None,
        }
    }

    /// What a session that begins on this connection is bound to.
    pub(crate) fn binding(&self, origin: &RequestOrigin) -> Option<CertificateHash> {
        origin.client_certificate.filter(|_| self.settings.bind_to_client_certificate)
    }

    pub(crate) fn is_current(&self, row: &SessionRow, now: UnixTime) -> bool {
        now < row.expires && now < row.last_seen.plus(self.settings.session_idle)
    }
}

fn signed_in(row: SessionRow, groups: BTreeSet<GroupId>) -> SignedIn {
    let facts = UserFacts { name: row.user, account_role: row.role, groups };
    let means = Means::Session { id: row.id, parent: row.parent };
    let mut signed_in =
        SignedIn::new(facts, row.account, means, row.expires).with_display_name(row.display_name);
    signed_in.email = Some(row.email).filter(|email| !email.is_empty());
    signed_in.provider = row.provider;
    signed_in.second_factor = row.second_factor;
    signed_in
}

fn info(row: SessionRow) -> SessionInfo {
    SessionInfo {
        id: row.id,
        audience: row.audience,
        parent: row.parent,
        provider: row.provider,
        second_factor: row.second_factor,
        proved: row.proved,
        reason: row.reason,
        created: row.created,
        last_seen: row.last_seen,
        expires: row.expires,
        client: row.client,
        user_agent: row.user_agent,
    }
}

#[cfg(test)]
mod tests;
