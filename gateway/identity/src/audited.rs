//! What of signing in and out is written down in the audit log.
//!
//! Who is let in, and what is changed, is on disk before anybody is told so; who is not let in is
//! written soon after, so that a flood of wrong passwords makes nobody wait for a disk.

use vestibule_schema::{SiteId, UserName};
use vestibule_store::audit::{Actor, Change, Ended, Entry, Event, Object, SignInRefusal, Verb};
use vestibule_store::{AccountId, Audience, AuditLog, SessionId};

use crate::credentials::SignedIn;
use crate::identity::{Identity, Unavailable};
use crate::origin::RequestOrigin;
use crate::providers::local::Reason;

impl Identity {
    /// The audit log.
    #[must_use]
    pub const fn audit(&self) -> &AuditLog {
        &self.settings.audit
    }

    /// Somebody is let in. If that can't be written down, they are not.
    pub(crate) async fn audit_accepted(
        &self,
        origin: &RequestOrigin,
        user: &UserName,
        session: SessionId,
        by: &str,
    ) -> Result<(), Unavailable> {
        let event = Event::SignInAccepted { session, by: by.to_owned() };
        self.audit_of_user(origin, user, event).await
    }

    /// Somebody enters a site. If that can't be written down, they don't.
    pub(crate) async fn audit_entered(
        &self,
        origin: &RequestOrigin,
        (user, site): (&UserName, &SiteId),
        session: SessionId,
        reason: &str,
    ) -> Result<(), Unavailable> {
        let event = Event::SiteEntered { session, reason: reason.to_owned() };
        let entry = entry(origin, Actor::User(user.clone()), event).on_site(Some(site.clone()));
        Ok(self.audit().record(entry).await?)
    }

    /// Somebody is not let in. An account is named only if there is one: people type passwords
    /// into the wrong field.
    pub(crate) async fn audit_refused(
        &self,
        origin: &RequestOrigin,
        reason: SignInRefusal,
        account: Option<&UserName>,
    ) {
        let event = Event::SignInRefused { reason, account: account.cloned() };
        self.audit().note(entry(origin, Actor::Unknown, event)).await;
    }

    /// Somebody showed a session without the client certificate that it is bound to: once for each
    /// session, as a browser shows it with every picture of a page.
    pub(crate) async fn audit_misplaced(
        &self,
        origin: &RequestOrigin,
        (session, audience): (SessionId, &Audience),
        account: &UserName,
    ) {
        if !self.misplaced.is_new(session) {
            return;
        }
        tracing::warn!(
            %session,
            user = %account,
            client = %origin.client,
            "a session was shown without the client certificate that it is bound to"
        );
        let event = Event::SessionMisplaced { session, account: account.clone() };
        let entry = entry(origin, Actor::Unknown, event).on_site(site_of(audience));
        self.audit().note(entry).await;
    }

    /// Somebody signed out.
    pub(crate) async fn audit_signed_out(
        &self,
        origin: &RequestOrigin,
        user: &UserName,
        session: SessionId,
    ) -> Result<(), Unavailable> {
        self.audit_of_user(origin, user, Event::SignedOut { session }).await
    }

    /// Somebody ended sessions of their own.
    pub(crate) async fn audit_ended(
        &self,
        account: AccountId,
        which: Ended,
        count: u64,
    ) -> Result<(), Unavailable> {
        // an account that is gone meanwhile has had its end written down
        let Some(account) = self.store.accounts().by_id(account).await? else { return Ok(()) };
        let event = Event::SessionsEnded { account: account.name.clone(), which, count };
        Ok(self.audit().record(Entry::new(Actor::User(account.name), event)).await?)
    }

    /// Somebody changed their own password.
    pub(crate) async fn audit_own_password(
        &self,
        origin: &RequestOrigin,
        user: &UserName,
    ) -> Result<(), Unavailable> {
        let change = Change {
            object: Object::Password,
            verb: Verb::Changed,
            name: user.to_string(),
            detail: None,
        };
        self.audit_of_user(origin, user, Event::Changed(change)).await
    }

    /// Somebody changed something of their own.
    pub(crate) async fn audit_own(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        change: Change,
    ) -> Result<(), Unavailable> {
        self.audit_of_user(origin, &who.name, Event::Changed(change)).await
    }

    /// Something that a user did at a site, on disk when this returns.
    pub(crate) async fn audit_at_site(
        &self,
        origin: &RequestOrigin,
        user: &UserName,
        (audience, event): (&Audience, Event),
    ) -> Result<(), Unavailable> {
        let entry = entry(origin, Actor::User(user.clone()), event).on_site(site_of(audience));
        Ok(self.audit().record(entry).await?)
    }

    /// Somebody showed a right password, and is asked for a code.
    pub(crate) async fn audit_code_awaited(
        &self,
        origin: &RequestOrigin,
        user: &UserName,
    ) -> Result<(), Unavailable> {
        self.audit_of_user(origin, user, Event::CodeAwaited { account: user.clone() }).await
    }

    /// Somebody who is signed in showed a right code.
    pub(crate) async fn audit_code_accepted(
        &self,
        origin: &RequestOrigin,
        user: &UserName,
    ) -> Result<(), Unavailable> {
        let event = Event::SecondFactor { account: user.clone(), accepted: true };
        self.audit_of_user(origin, user, event).await
    }

    /// Somebody who is signed in showed a wrong one.
    pub(crate) async fn audit_code_refused(&self, origin: &RequestOrigin, user: &UserName) {
        let event = Event::SecondFactor { account: user.clone(), accepted: false };
        self.audit().note(entry(origin, Actor::User(user.clone()), event)).await;
    }

    /// Somebody turned their second factor on or off, or made new recovery codes.
    pub(crate) async fn audit_own_second_factor(
        &self,
        origin: &RequestOrigin,
        user: &UserName,
        verb: Verb,
    ) -> Result<(), Unavailable> {
        let detail = match verb {
            Verb::Added | Verb::Removed => None,
            Verb::Changed => Some("new recovery codes".to_owned()),
        };
        let change = Change { object: Object::SecondFactor, verb, name: user.to_string(), detail };
        self.audit_of_user(origin, user, Event::Changed(change)).await
    }

    /// Somebody made themselves the first administrator.
    pub(crate) async fn audit_first_account(
        &self,
        origin: &RequestOrigin,
        user: &UserName,
    ) -> Result<(), Unavailable> {
        let change = Change {
            object: Object::Account,
            verb: Verb::Added,
            name: user.to_string(),
            detail: Some("the first administrator".to_owned()),
        };
        self.audit_of_user(origin, user, Event::Changed(change)).await
    }

    /// Something that a user did, on disk when this returns.
    async fn audit_of_user(
        &self,
        origin: &RequestOrigin,
        user: &UserName,
        event: Event,
    ) -> Result<(), Unavailable> {
        let entry = entry(origin, Actor::User(user.clone()), event);
        Ok(self.audit().record(entry).await?)
    }
}

fn site_of(audience: &Audience) -> Option<SiteId> {
    match audience {
        Audience::Portal => None,
        Audience::Site(site) => Some(site.clone()),
    }
}

fn entry(origin: &RequestOrigin, actor: Actor, event: Event) -> Entry {
    Entry::new(actor, event).from_client(Some(origin.client)).in_request(origin.request_id.clone())
}

impl From<Reason> for SignInRefusal {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::NoSuchUser => Self::UnknownUser,
            Reason::NoPassword => Self::NoPassword,
            Reason::WrongPassword => Self::WrongPassword,
            Reason::Disabled => Self::Disabled,
        }
    }
}
