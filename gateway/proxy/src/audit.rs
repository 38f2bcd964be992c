//! One line a request, made from the decision itself; what was refused goes into the audit log, too.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use vestibule_identity::Authentication;
use vestibule_policies::decision::Missing;
use vestibule_policies::{Denial, Permit, PolicyRef, Principal};
use vestibule_schema::{GalleryPath, SiteId};

use crate::request_id::RequestId;

/// Where requests that were not let through are written down for good.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Writes one down. Called after the answer; waits only while there is no place for it.
    async fn note(&self, noted: Noted<'_>);
}

/// A request that was not let through.
#[derive(Debug, Clone, Copy)]
pub struct Noted<'a> {
    /// The request's name.
    pub id: RequestId,
    /// Its method; one that nobody knows is `other`, for anything might stand there.
    pub method: &'static str,
    /// The client's address, if the request could be read.
    pub client: Option<IpAddr>,
    /// Who sent it; none if a credential failed, or nobody asked.
    pub principal: Option<&'a Principal>,
    /// The site it was for.
    pub site: Option<&'a SiteId>,
    /// The folder or image that was asked for.
    pub path: Option<&'a GalleryPath>,
    /// What the engine said, if it was asked.
    pub denial: Option<&'a Denial>,
    /// Why it was refused, in one word.
    pub reason: &'static str,
    /// The status of the answer.
    pub status: u16,
}

impl Noted<'_> {
    /// The action that was missing.
    #[must_use]
    pub fn action(&self) -> Option<&'static str> {
        self.denial.map(missing)
    }
}

/// A method's name, if it is one that somebody registered.
pub(crate) fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 22] = [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "DELETE",
        "PATCH",
        "OPTIONS",
        "CONNECT",
        "TRACE",
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "COPY",
        "MOVE",
        "LOCK",
        "UNLOCK",
        "SEARCH",
        "REPORT",
        "ACL",
        "BIND",
        "MKCALENDAR",
        "QUERY",
    ];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// What was decided.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Decided<'a> {
    Allow(&'a Permit),
    /// It was allowed, and no longer when its answer came.
    Ended(&'a Permit),
    Deny(&'a Denial),
    /// Answered before anybody asked the engine.
    Nothing,
}

/// What is written down of a request. Never a query, a cookie or a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) id: RequestId,
    pub(crate) method: &'static str,
    pub(crate) client: Option<IpAddr>,
    pub(crate) site: Option<&'a SiteId>,
    pub(crate) who: Option<&'a Authentication>,
    /// The folder or image that was asked for.
    pub(crate) path: Option<&'a GalleryPath>,
    pub(crate) decided: Decided<'a>,
    pub(crate) refusal: Option<&'static str>,
    /// Why it was refused, for the audit log alone.
    pub(crate) reason: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) took: Duration,
}

/// The policies of a decision, joined when they are written.
struct Policies<'a>(&'a [PolicyRef]);

impl std::fmt::Display for Policies<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, policy) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{policy}")?;
        }
        Ok(())
    }
}

impl<'a> Record<'a> {
    /// What of it belongs into the audit log: what the engine denied, what was refused before it was
    /// asked, and what was no longer allowed when its answer came.
    pub(crate) fn noted(&self) -> Option<Noted<'a>> {
        let (denial, reason) = match self.decided {
            Decided::Allow(_) => return None,
            Decided::Ended(_) => (None, Some("ended before it was answered")),
            Decided::Deny(denial) => (Some(denial), self.reason),
            Decided::Nothing => (None, self.reason),
        };
        Some(Noted {
            id: self.id,
            method: self.method,
            client: self.client,
            principal: self.who.and_then(Authentication::principal),
            site: self.site,
            path: self.path,
            denial,
            reason: reason?,
            status: self.status,
        })
    }

    /// Writes the line, if anybody listens.
    pub(crate) fn write(&self) {
        if !tracing::enabled!(target: "vestibule::request", tracing::Level::INFO) {
            return;
        }
        let share = match self.decided {
            Decided::Allow(permit) | Decided::Ended(permit) => {
                permit.share().map(|share| share.id.number())
            }
            Decided::Deny(_) | Decided::Nothing => None,
        };
        let app_password = self.who.and_then(Authentication::app_password);
        let app_password = app_password.map(|(id, _)| id.number());
        let (decision, action, policies) = match self.decided {
            Decided::Allow(permit) | Decided::Ended(permit) => {
                ("allow", Some(permit.action().name()), permit.policies())
            }
            Decided::Deny(denial) => ("deny", Some(missing(denial)), denial.policies()),
            Decided::Nothing => ("none", None, [].as_slice()),
        };
        tracing::info!(
            target: "vestibule::request",
            request_id = %self.id,
            client = self.client.map(tracing::field::display),
            site = self.site.map(SiteId::as_str),
            principal = self.principal(),
            method = self.method,
            action,
            path = self.path.map(GalleryPath::as_str),
            decision,
            share,
            app_password,
            policies = %Policies(policies),
            refusal = self.refusal,
            status = self.status,
            duration_us = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }

    fn principal(&self) -> &'a str {
        match self.who.and_then(Authentication::principal).map(Principal::as_user) {
            Some(Some(user)) => user.name.as_str(),
            Some(None) => "visitor",
            None => "unknown",
        }
    }
}

fn missing(denial: &Denial) -> &'static str {
    match denial.missing() {
        Missing::View => "view",
        Missing::Action(action) => action.name(),
    }
}
