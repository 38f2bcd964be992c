//! One line a request, made from the decision itself.

use std::net::IpAddr;
use std::time::Duration;

use vestibule_identity::Authentication;
use vestibule_policies::decision::Missing;
use vestibule_policies::{Denial, Permit, PolicyRef, Principal};
use vestibule_schema::{GalleryPath, SiteId};

use crate::request_id::RequestId;

/// What was decided.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Decided<'a> {
    Allow(&'a Permit),
    Deny(&'a Denial),
    /// Answered before anybody asked the engine.
    Nothing,
}

/// What is written down of a request. Never a query, a cookie or a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) id: RequestId,
    pub(crate) method: &'a str,
    pub(crate) client: Option<IpAddr>,
    pub(crate) site: Option<&'a SiteId>,
    pub(crate) who: Option<&'a Authentication>,
    /// The folder or image that was asked for.
    pub(crate) path: Option<&'a GalleryPath>,
    pub(crate) decided: Decided<'a>,
    pub(crate) refusal: Option<&'a str>,
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

impl Record<'_> {
    /// Writes the line, if anybody listens.
    pub(crate) fn write(self) {
        if !tracing::enabled!(target: "vestibule::request", tracing::Level::INFO) {
            return;
        }
        let share = match self.decided {
            Decided::Allow(permit) => permit.share().map(|share| share.id.number()),
            Decided::Deny(_) | Decided::Nothing => None,
        };
        let (decision, action, policies) = match self.decided {
            Decided::Allow(permit) => ("allow", Some(permit.action().name()), permit.policies()),
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
            policies = %Policies(policies),
            refusal = self.refusal,
            status = self.status,
            duration_us = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }

    fn principal(&self) -> &str {
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
