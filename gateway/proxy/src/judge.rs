//! Who asks, what, and whether they may: identity, adapter, engine, in this order.

mod again;
mod assertion;
mod bounds;
mod whole;

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, header};
use jiff::Timestamp;
use vestibule_adapters::{Ask, Asked, Classified, HandOver, Kind};
use vestibule_identity::{Audience, Authentication, Credentials, FailedCredential};
use vestibule_policies::decision::Missing;
use vestibule_policies::engine::Judge;
use vestibule_policies::{Decision, Denial, Need, Permit, Principal, RequestContext};
use vestibule_schema::SiteId;

use crate::cookies;
use crate::destination;
use crate::forward::{ForwardError, Forwarding};
use crate::front::Head;
use crate::gateway::Gateway;
use crate::grants::GrantRequest;
use crate::refuse::{Challenge, FolderLink, Refusal};
use crate::world::{SiteRuntime, SiteState, World};
pub(crate) use again::Reach;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It goes on.
    Forward(Box<Forwarding>),
    /// It doesn't, by a decision or before one.
    Refuse(Refusal, Option<Denial>),
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal, None)
    }
}

/// Who sent a request.
///
/// # Errors
/// The refusal, if that can't be told, or a credential is wrong.
pub(crate) async fn authenticate(
    gateway: &Gateway,
    (audience, site): (&Audience, Option<&SiteRuntime>),
    (head, headers): (&Head, &HeaderMap),
) -> Result<Authentication, Refusal> {
    let cookies = cookies::read(headers);
    let cookies = cookies.values();
    // a value that is no text is a wrong credential, not an absent one
    let authorization = headers.get(header::AUTHORIZATION).map(|value| text(value).unwrap_or(""));
    // a browser adds a password that it remembers to whatever a page of somebody else's asks for
    let takes_app_passwords =
        site.is_some_and(|site| site.app_passwords) && !head.is_from_elsewhere;
    let credentials = Credentials { cookies, authorization, takes_app_passwords };
    match gateway.identity.authenticate(&head.origin, audience, &credentials).await {
        Ok(Authentication::Failed(FailedCredential::Held { retry_after })) => {
            Err(Refusal::TooManyAttempts { seconds: retry_after.as_secs().max(1) })
        }
        Ok(Authentication::Failed(_)) => Err(unauthorized_credential(head)),
        Ok(who) => Ok(who),
        Err(error) => {
            tracing::error!(error = %error, "nobody can be recognised at the moment");
            Err(Refusal::Unavailable)
        }
    }
}

fn text(value: &http::HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok()
}

/// Whoever sent a request to a site, with the share links that they opened; none, if they opened
/// none.
///
/// # Errors
/// The refusal, if that can't be told.
pub(crate) async fn with_shares(
    gateway: &Gateway,
    (site, who): (&SiteId, &Authentication),
    (head, headers): (&Head, &HeaderMap),
) -> Result<Option<Principal>, Refusal> {
    let cookies = cookies::read(headers);
    let found = gateway.identity.with_shares((&head.origin, site), cookies.values(), who).await;
    found.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(error = %error, cause, "nobody can tell what was shared with whom");
        Refusal::Unavailable
    })
}

/// A wrong credential is always 401; a browser is not made to show its dialogue.
fn unauthorized_credential(head: &Head) -> Refusal {
    let challenge = if head.has_fetch_metadata { Challenge::Bearer } else { Challenge::Basic };
    Refusal::WrongCredential { challenge }
}

/// What a request asks of a site.
///
/// # Errors
/// The refusal, if that needs nobody's name.
pub(crate) fn classify(
    site: &SiteRuntime,
    head: &Head,
    path: &str,
) -> Result<Option<Ask>, Refusal> {
    let mut request = Asked::new(head.method.as_str(), path, head.query());
    request.depth = head.depth.as_deref();
    request.destination = destination::within(site, head)?;
    let classified = site.adapter.classify_all(request, &site.sizes);
    let asked = match classified {
        Classified::BadRequest(_) => return Err(Refusal::BadRequest),
        Classified::Ask(ask) => Ok(Some(ask)),
        Classified::Unclassified => Ok(None),
        Classified::MethodNotAllowed { allow } => Err(Refusal::MethodNotAllowed { allow }),
        Classified::Reserved => Err(Refusal::NotFound),
    };
    if site.state == SiteState::Closed { Err(Refusal::Closed) } else { asked }
}

/// One question to the engine, with everything that the answer depends on.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) world: Arc<World>,
    pub(crate) site: Arc<SiteRuntime>,
    pub(crate) head: &'a Head,
    pub(crate) who: &'a Authentication,
    /// Who asks, with the share links that they opened.
    pub(crate) principal: &'a Principal,
    pub(crate) now: Timestamp,
}

impl Question<'_> {
    /// Decides. What no route classifies is refused as if `view` were missing.
    pub(crate) fn decide(mut self, asked: Option<Ask>) -> Verdict {
        let Some(ask) = asked else { return self.missing_view(Kind::Page).into() };
        let bounds = self.who.app_password().map(|(_, bounds)| bounds);
        if bounds.is_some_and(|bounds| !bounds::admit(bounds, &self.site, (self.head, &ask))) {
            return Refusal::OutOfBounds.into();
        }
        if let Err(refusal) = self.refresh(&ask) {
            return refusal.into();
        }
        let world = Arc::clone(&self.world);
        let Some(engine) = world.engine(&self.site.id) else {
            tracing::error!(site = %self.site.id, "a site has no policies");
            return Refusal::Unavailable.into();
        };
        let context = self.context();
        let judge = engine.on(&context);
        match self.ask_engine(judge, &ask) {
            Decision::Allow(permit) => self.allow(judge, permit, ask),
            Decision::Deny(denial) => {
                Verdict::Refuse(self.refusal(judge, &ask, denial.missing()), Some(denial))
            }
        }
    }

    /// Sees to it that the folders on the way have been read, and judges by the world of the
    /// moment after that.
    // INVARIANT: the world is taken after the folders are known. One that was taken before may
    // lack the block of a folder that another request has made known in between.
    fn refresh(&mut self, ask: &Ask) -> Result<(), Refusal> {
        let further = ask.further.iter().map(|further| &further.path);
        for path in std::iter::once(&ask.path).chain(further) {
            let freshness = self.gateway.folders.ensure(&self.site.id, path);
            if let Err(unready) = freshness {
                tracing::warn!(site = %self.site.id, error = %unready, "a request is refused");
                return Err(Refusal::Unavailable);
            }
        }
        let now = self.gateway.world();
        if Arc::ptr_eq(&now, &self.world) {
            return Ok(());
        }
        self.world = now;
        match self.world.site(&self.site.id) {
            Some(site) if site.state == SiteState::Open => {
                self.site = Arc::clone(site);
                Ok(())
            }
            _ => Err(Refusal::Closed),
        }
    }

    /// What a site's own policies may read of the request.
    fn context(&self) -> RequestContext<'_> {
        RequestContext {
            ip: Some(self.head.origin.client),
            now: self.now,
            mfa: self.who.has_second_factor(),
            method: self.head.method.as_str(),
        }
    }

    fn ask_engine(&self, judge: Judge<'_>, ask: &Ask) -> Decision {
        let need = match ask.wanted.or {
            Some(or) => Need::either(ask.wanted.first, or),
            None => Need::one(ask.wanted.first),
        };
        let decision = judge.decide(self.principal, need, &ask.path);
        if ask.kind == Kind::Asset && !decision.is_allow() {
            // what belongs to the gallery as a whole is for whoever may see anything of it
            let entrances = judge.entrances(self.principal);
            let shared = self.principal.shares().iter().map(|share| &share.path);
            let may = |path| judge.decide(self.principal, need, path);
            let anywhere = entrances.first().into_iter().chain(shared).map(may);
            return anywhere.into_iter().find(Decision::is_allow).unwrap_or(decision);
        }
        decision
    }

    fn allow(&self, judge: Judge<'_>, permit: Permit, ask: Ask) -> Verdict {
        let further = match self.ask_the_rest(judge, &permit, &ask) {
            Ok(further) => further,
            Err((refusal, denial)) => return Verdict::Refuse(refusal, denial),
        };
        match self.forward(judge, (permit, further), ask) {
            Ok(forwarding) => Verdict::Forward(Box::new(forwarding)),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(site = %self.site.id, error = %error, cause, "a permit is not used");
                Refusal::Internal.into()
            }
        }
    }

    fn forward(
        &self,
        judge: Judge<'_>,
        (permit, further): (Permit, Vec<Permit>),
        ask: Ask,
    ) -> Result<Forwarding, ForwardError> {
        let span = ask.span;
        let archived = self.archived(judge, &ask);
        let mut forwarding = Forwarding::new(permit, ask, Arc::clone(&self.site))?;
        forwarding.set_archived(archived);
        forwarding.set_further(further)?;
        if let (true, Authentication::SignedIn(signed_in)) = (self.site.asserts, self.who) {
            let said = self.assertion(judge, forwarding.permit(), signed_in)?;
            forwarding.set_assertion(said);
        }
        match self.site.adapter.hand_over() {
            HandOver::Nothing => {}
            HandOver::Grant => {
                let request = GrantRequest {
                    permit: forwarding.permit(),
                    site: &self.site,
                    judge,
                    world: self.world.serial(),
                    method: self.head.method.as_str(),
                    target: forwarding.target(),
                    span,
                };
                let token = self.gateway.grants.token(request, SystemTime::now())?;
                forwarding.set_grant(token);
            }
        }
        Ok(forwarding)
    }

    fn refusal(&self, judge: Judge<'_>, ask: &Ask, missing: Missing) -> Refusal {
        match missing {
            Missing::View => {
                let entrance = self.entrance(judge, ask);
                entrance.unwrap_or_else(|| self.missing_view(ask.kind))
            }
            // who may see the folder is not told "forbidden" of what is not there: a folder below
            // that is closed would be known by the difference
            Missing::Action(_)
                if !self.may_tell(ask, &ask.path) || self.is_closed_folder(judge, ask) =>
            {
                self.missing_view(ask.kind)
            }
            Missing::Action(missing) if self.principal.is_signed_in() => {
                Refusal::Forbidden { missing }
            }
            Missing::Action(_) => Refusal::unauthorized(self.head, &self.site),
        }
    }

    /// Who may see some folder but not the root is led there from the root's page.
    fn entrance(&self, judge: Judge<'_>, ask: &Ask) -> Option<Refusal> {
        let is_root_page = ask.kind == Kind::Page && ask.path.is_root();
        if !is_root_page || !self.principal.is_signed_in() {
            return None;
        }
        let base = self.site.mount.base();
        let links: Vec<FolderLink> = judge
            .entrances(self.principal)
            .iter()
            .filter(|folder| !folder.is_root() && judge.lists(self.principal, folder))
            .filter_map(|folder| {
                let href = format!("{base}{}", self.site.adapter.folder_page(folder)?);
                Some(FolderLink { name: folder.as_str().to_owned(), href })
            })
            .collect();
        match links.as_slice() {
            [] => None,
            [only] => Some(Refusal::Elsewhere { location: only.href.clone() }),
            _ => Some(Refusal::Folders(links)),
        }
    }

    fn missing_view(&self, kind: Kind) -> Refusal {
        Refusal::missing_view(self.principal, kind, self.head, &self.site)
    }
}
