//! The upstream request: made from the permit, never copied from what came.
//!
//! The target is rebuilt from the judged path, headers pass by name only, and what says who asks
//! is set after everything from outside has been left behind (requirements S56 to S58).

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use pingora::http::RequestHeader;
use vestibule_adapters::{Ask, ForwardTarget, HandOver, Kind};
use vestibule_policies::Permit;

use crate::cookies;
use crate::front::{Framing, Head};
use crate::headers::{passes_to_any, passes_to_backend};
use crate::request_id::RequestId;
use crate::world::SiteRuntime;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const GRANT: HeaderName = HeaderName::from_static(vestibule_grant::HEADER);
/// The header that names a request, on both sides.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that may go on.
// INVARIANT: there is none without a permit, and its target is of the path that the permit names.
#[derive(Debug)]
pub struct Forwarding {
    permit: Permit,
    site: Arc<SiteRuntime>,
    target: ForwardTarget,
    kind: Kind,
    grant: Option<HeaderValue>,
}

/// Why a permitted request does not go on: a mistake of the gateway's own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The permit is for another path than the target.
    #[error("the permit is for another path")]
    AnotherPath,
    /// The permit is for another site.
    #[error("the permit is for another site")]
    AnotherSite,
    /// The upstream request can't be made.
    #[error("the upstream request can't be made")]
    Request(#[source] Box<pingora::Error>),
    /// A header's value can't be made.
    #[error("a header's value can't be made")]
    Value(#[from] http::header::InvalidHeaderValue),
}

impl Forwarding {
    /// What is forwarded for a permit. The grant is set later, for servers that read one.
    ///
    /// # Errors
    /// If permit and ask don't belong together.
    pub fn new(permit: Permit, ask: Ask, site: Arc<SiteRuntime>) -> Result<Self, ForwardError> {
        // what belongs to the gallery as a whole is judged by any folder that may be seen
        if *permit.path() != ask.path && ask.kind != Kind::Asset {
            return Err(ForwardError::AnotherPath);
        }
        if *permit.site() != site.id {
            return Err(ForwardError::AnotherSite);
        }
        Ok(Self { permit, site, target: ask.forward, kind: ask.kind, grant: None })
    }

    /// The permit.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> &Arc<SiteRuntime> {
        &self.site
    }

    /// What the route serves.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Path and query as they are forwarded.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.as_str()
    }

    pub(crate) fn set_grant(&mut self, grant: HeaderValue) {
        self.grant = Some(grant);
    }

    /// The upstream request. Of `incoming` only the headers that pass by name are taken.
    pub(crate) fn request(
        &self,
        incoming: &HeaderMap,
        head: &Head,
        id: RequestId,
    ) -> Result<RequestHeader, ForwardError> {
        let target = self.target.as_str().as_bytes();
        let mut request = RequestHeader::build_no_case(head.method.as_str(), target, Some(24))
            .map_err(ForwardError::Request)?;
        request.set_version(Version::HTTP_11);
        let mut add = |name: HeaderName, value: HeaderValue| {
            request.append_header(name, value).map(|_| ()).map_err(ForwardError::Request)
        };
        let host = HeaderValue::from_str(&head.origin.authority)?;
        add(header::HOST, host.clone())?;
        let for_backend = self.site.adapter.hand_over() == HandOver::Grant;
        for (name, value) in incoming {
            let passes =
                if for_backend { passes_to_backend(name) } else { passes_to_any(name.as_str()) };
            if passes {
                add(name.clone(), value.clone())?;
            }
        }
        if !for_backend && let Some(cookies) = cookies::without_ours(incoming) {
            add(header::COOKIE, cookies)?;
        }
        match head.framing {
            Framing::None => {}
            Framing::Length(length) => add(header::CONTENT_LENGTH, HeaderValue::from(length))?,
            Framing::Chunked => add(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?,
        }
        add(FORWARDED_FOR, address_value(head.origin.client)?)?;
        add(FORWARDED_HOST, host)?;
        let proto = if head.origin.secure { "https" } else { "http" };
        add(FORWARDED_PROTO, HeaderValue::from_static(proto))?;
        if !self.site.mount.base().is_empty() {
            add(FORWARDED_PREFIX, HeaderValue::from_str(self.site.mount.base())?)?;
        }
        add(REQUEST_ID, id.header_value())?;
        if let Some(grant) = &self.grant {
            add(GRANT, grant.clone())?;
        }
        Ok(request)
    }
}

fn address_value(address: IpAddr) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    HeaderValue::from_str(&address.to_canonical().to_string())
}

/// Whether a failed connection may be tried again with another server.
pub(crate) fn is_repeatable(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests;
