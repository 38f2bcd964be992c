//! From the portal to a site: a code that is good once, for a minute, in one browser.

use serde::{Deserialize, Serialize};
use vestibule_schema::SiteId;
use vestibule_store::{Audience, SessionId, SessionRow, SiteSession, StoreError};

use crate::credentials::SignedIn;
use crate::identity::{Identity, Unavailable};
use crate::origin::RequestOrigin;
use crate::tickets::{self, Purpose};
use crate::{Secret, SetCookie, cookie, token};

/// Where somebody is about to enter.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'r> {
    /// The site.
    pub site: &'r SiteId,
    /// The path on the site's host to which they go.
    pub back: &'r str,
    /// The browser that set out: what [`browser_mark`] says of its cookie at the site's host.
    pub browser: &'r str,
    /// How they were admitted, in words.
    pub reason: &'r str,
}

/// Somebody has arrived at a site.
#[derive(Debug)]
#[non_exhaustive]
pub struct Arrived {
    /// The cookie that carries the token of the site's session.
    pub cookie: SetCookie,
    /// The site.
    pub site: SiteId,
    /// The path on the site's host to which they go.
    pub back: String,
}

/// What a code stands for, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    session: i64,
    site: String,
    back: String,
    browser: String,
    reason: String,
}

/// What tells a browser by the value of a cookie that it holds, without telling the value: it
/// stands in addresses.
#[must_use]
pub fn browser_mark(cookie: &str) -> String {
    tickets::mark(&["browser", cookie])
}

impl Identity {
    /// Makes a code by which somebody at the portal enters a site.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn issue_entry(
        &self,
        who: &SignedIn,
        entry: &Entry<'_>,
    ) -> Result<Secret<String>, Unavailable> {
        let kept = Kept {
            session: who.session().map_or(-1, SessionId::number),
            site: entry.site.to_string(),
            back: entry.back.to_owned(),
            browser: entry.browser.to_owned(),
            reason: entry.reason.to_owned(),
        };
        self.issue_ticket(Purpose::Entry, &kept).await
    }

    /// Makes of a code a session at its site, if it is the browser's that set out for it. `None`
    /// for a code that is not good, of which there is no telling why.
    ///
    /// # Errors
    /// If the store can't be reached.
    // INVARIANT: the code is used up by the first who shows it, whoever that is.
    pub async fn redeem_entry(
        &self,
        origin: &RequestOrigin,
        code: &str,
        browsers: &[String],
    ) -> Result<Option<Arrived>, Unavailable> {
        let Some(kept) = self.take_ticket::<Kept>(Purpose::Entry, code).await? else {
            return Ok(None);
        };
        let is_this_browser = browsers.iter().any(|cookie| browser_mark(cookie) == kept.browser);
        let Ok(site) = SiteId::parse(&kept.site) else { return Ok(None) };
        if !is_this_browser {
            tracing::warn!(%site, client = %origin.client, "a code was shown by another browser");
            return Ok(None);
        }
        let token = token::random().map_err(|_| Unavailable::Randomness)?;
        let hash = token::hash(token.expose()).ok_or(Unavailable::Randomness)?;
        let audience = Audience::Site(site.clone());
        let lifetime = self.settings.session_lifetime;
        let Some(cookie) = SetCookie::session(origin, &audience, (token.expose(), lifetime)) else {
            return Ok(None);
        };
        let session = SiteSession {
            token: hash,
            parent: SessionId::from_number(kept.session),
            site: site.clone(),
            reason: kept.reason,
            created: self.now(),
            client: origin.client,
        };
        let id = match self.store.sessions().insert_at_site(&session).await {
            Ok(id) => id,
            // ended in this very moment
            Err(StoreError::NoSuchSession) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(row) = self.store.sessions().find(&session.token).await? else {
            return Ok(None);
        };
        if !origin.shows(row.client_certificate) {
            // the code was asked for on a connection with the certificate, and this is another
            self.end_one(row.account, id).await?;
            self.audit_misplaced(origin, (session.parent, &audience), &row.user).await;
            return Ok(None);
        }
        let whose = (&row.user, &site);
        if let Err(error) = self.audit_entered(origin, whose, id, &session.reason).await {
            // nobody has its token
            self.end_one(row.account, id).await?;
            return Err(error);
        }
        tracing::info!(%site, session = %id, client = %origin.client, "entered");
        Ok(Some(Arrived { cookie, site, back: kept.back }))
    }

    /// Ends the sessions at a site that a browser still shows when it enters anew: the token of
    /// before is dead at once (requirement S3), also where the site is below a path of the portal's
    /// host. `cookies` is what came with the request, without the token of now.
    ///
    /// # Errors
    /// If the store can't be reached; then they go on.
    pub async fn end_earlier_entries(
        &self,
        origin: &RequestOrigin,
        site: &SiteId,
        cookies: &[&str],
    ) -> Result<(), Unavailable> {
        let audience = Audience::Site(site.clone());
        let shown = cookie::session_values(origin, &audience, cookies);
        for token in shown.filter_map(token::hash) {
            let found = self.store.sessions().find(&token).await?;
            let is_theirs =
                |row: &SessionRow| row.audience == audience && origin.shows(row.client_certificate);
            if let Some(row) = found.filter(is_theirs) {
                self.end_session(row.account, row.id).await?;
            }
        }
        Ok(())
    }
}
