//! Sessions of a user, seen and ended by whoever manages.

use serde::Serialize;
use vestibule_schema::{ManagementAction, SiteId, UserName};
use vestibule_store::audit::{Ended, Event};
use vestibule_store::{Account, Audience, SessionId, StoreError};

use super::{ManageError, Management, Outcome};
use crate::accounts::AccountError;
use crate::identity::Unavailable;
use crate::sessions::SessionInfo;

/// A session, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Its number; not its token.
    pub id: i64,
    /// The site where it is worth something; none at the portal.
    pub node: Option<String>,
    /// The session at the portal that it was born of.
    pub parent: Option<i64>,
    /// The provider by which its owner signed in; none for a local password.
    pub provider: Option<String>,
    /// Whether its owner showed a second factor.
    pub second_factor: bool,
    /// How its owner was admitted to the site, in words.
    pub reason: String,
    /// The client's address at sign-in.
    pub client: String,
    /// What the browser called itself at sign-in.
    pub user_agent: String,
    /// When it was made.
    pub created: String,
    /// When it was last used, to the minute or so.
    pub last_seen: String,
    /// When it ends, used or not.
    pub expires: String,
}

/// Which sessions to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichSessions {
    /// This one, with those born of it.
    One(SessionId),
    /// All.
    All,
}

impl Management<'_> {
    /// The sessions of a user that have not ended, the last used first: all, or those at a site.
    ///
    /// # Errors
    /// If there is no such user, or it may not be seen.
    pub async fn sessions(
        &self,
        user: &UserName,
        node: Option<&SiteId>,
    ) -> Result<Vec<SessionView>, ManageError> {
        let Some(account) = self.owner_of_sessions(user, node).await? else {
            return Ok(Vec::new());
        };
        Ok(self.sessions_at(&account, node).await?.into_iter().map(view).collect())
    }

    /// Ends a session of a user or all, or those at a site alone; in force for their next request.
    ///
    /// # Errors
    /// If there is no such user or session, or it may not be done.
    pub async fn end_sessions(
        &self,
        user: &UserName,
        which: WhichSessions,
        node: Option<&SiteId>,
    ) -> Result<Outcome<SessionView>, ManageError> {
        let account = self.owner_of_sessions(user, node).await?;
        let mut found = match &account {
            Some(account) => self.sessions_at(account, node).await?,
            None => Vec::new(),
        };
        // whose sessions are seen nowhere else is called as they were typed
        let is_known = account.as_ref().filter(|_| !found.is_empty() || node.is_none());
        let name = &is_known.map_or_else(|| user.clone(), |account| account.name.clone());
        let what = match which {
            WhichSessions::One(id) => {
                found.retain(|session| session.id == id);
                if found.is_empty() {
                    let message = format!("`{name}` has no session {id}");
                    return Err(ManageError::NotFound(message));
                }
                format!("the session {id} of `{name}`")
            }
            WhichSessions::All => format!("the sessions of `{name}` ({})", found.len()),
        };
        let mut changed = !found.is_empty();
        // all are all, whether or not they are seen: another process may go by other times
        let is_every = which == WhichSessions::All && node.is_none();
        if let Some(account) = account.filter(|_| (changed || is_every) && !self.is_dry()) {
            self.begin()?;
            let (count, failed) = if is_every {
                (self.identity.end_every(account.id).await?, None)
            } else {
                self.end_each(&account, &found).await
            };
            changed |= count > 0;
            let which = match which {
                WhichSessions::One(id) => Ended::One(id),
                WhichSessions::All => Ended::All,
            };
            // also of those that were ended before something failed
            if changed {
                let event = Event::SessionsEnded { account: name.clone(), which, count };
                self.record(event, node).await?;
            }
            if let Some(error) = failed {
                return Err(error.into());
            }
        }
        let outcome = self.outcome(["would end", "ended"], &what, None);
        Ok(Outcome { changed, ..outcome })
    }

    /// Ends these sessions of an account. Says how many, and what kept the others from being ended.
    async fn end_each(
        &self,
        account: &Account,
        sessions: &[SessionInfo],
    ) -> (u64, Option<Unavailable>) {
        let mut count = 0;
        for session in sessions {
            // one that was born of another may be gone with it
            match self.identity.end_one(account.id, session.id).await {
                Ok(was_there) => count += u64::from(was_there),
                Err(error) => return (count, Some(error)),
            }
        }
        (count, None)
    }

    async fn owner_of_sessions(
        &self,
        user: &UserName,
        node: Option<&SiteId>,
    ) -> Result<Option<Account>, ManageError> {
        self.ask_about(ManagementAction::EndSessions, node)?;
        match self.identity.user(user).await {
            Ok(account) => Ok(Some(account)),
            // whoever manages one site does not learn who else has an account
            Err(AccountError::Store(StoreError::NoSuchUser { .. }))
                if self.ask(ManagementAction::EndSessions).is_err() =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn sessions_at(
        &self,
        account: &Account,
        node: Option<&SiteId>,
    ) -> Result<Vec<SessionInfo>, ManageError> {
        let mut sessions = self.identity.sessions(account.id).await?;
        if let Some(node) = node {
            sessions.retain(|one| matches!(&one.audience, Audience::Site(site) if site == node));
        }
        Ok(sessions)
    }
}

impl From<AccountError> for ManageError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Password(error) => Self::BadInput(error.to_string()),
            AccountError::Store(error) => error.into(),
            AccountError::Hashing => Self::Busy,
        }
    }
}

fn view(session: SessionInfo) -> SessionView {
    SessionView {
        id: session.id.number(),
        node: match session.audience {
            Audience::Portal => None,
            Audience::Site(site) => Some(site.to_string()),
        },
        parent: session.parent.map(SessionId::number),
        provider: session.provider.map(|provider| provider.to_string()),
        second_factor: session.second_factor,
        reason: session.reason,
        client: session.client.to_string(),
        user_agent: session.user_agent,
        created: session.created.to_string(),
        last_seen: session.last_seen.to_string(),
        expires: session.expires.to_string(),
    }
}
