//! The upstream request: made from the permit, never copied from what came.
//!
//! The target is rebuilt from the judged path, headers pass by name only, and what says who asks
//! is set after everything from outside has been left behind (requirements S56 to S58).

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::InvalidHeaderValue;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use pingora::http::RequestHeader;
use vestibule_adapters::{Ask, Depth, ForwardTarget, HandOver, HeaderWord, Kind, WriteTarget};
use vestibule_identity::{Unavailable, assertion};
use vestibule_policies::Permit;

use crate::cookies;
use crate::front::{Framing, Head};
use crate::headers::{passes_to_any, passes_to_backend};
use crate::judge::Reach;
use crate::request_id::RequestId;
use crate::world::SiteRuntime;

const DEPTH: HeaderName = HeaderName::from_static("depth");
const DESTINATION: HeaderName = HeaderName::from_static("destination");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const GRANT: HeaderName = HeaderName::from_static(vestibule_grant::HEADER);
const ASSERTION: HeaderName = HeaderName::from_static(assertion::HEADER);
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
    assertion: Option<HeaderValue>,
    /// The permits of what is asked beside it.
    further: Vec<Permit>,
    /// The place that something is moved or copied to.
    destination: Option<WriteTarget>,
    depth: Option<Depth>,
    /// The headers that pass on this route beside those that pass on any.
    headers: Arc<[HeaderWord]>,
    /// What the permit reaches, if the answer is an archive.
    archived: Option<Reach>,
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
    /// There is no grant for it.
    #[error("the grant can't be made")]
    Grant(#[from] vestibule_grant::GrantError),
    /// Nobody can be told who asks.
    #[error("the assertion can't be signed")]
    Assertion(#[from] Unavailable),
    /// The upstream request can't be made.
    #[error("the upstream request can't be made")]
    Request(#[source] Box<pingora::Error>),
    /// A header's value can't be made.
    #[error("a header's value can't be made")]
    Value(#[from] InvalidHeaderValue),
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
        Ok(Self {
            permit,
            site,
            target: ask.forward,
            kind: ask.kind,
            grant: None,
            assertion: None,
            further: Vec::new(),
            destination: ask.write.and_then(|write| write.target),
            depth: ask.depth,
            headers: ask.headers,
            archived: None,
        })
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

    /// Adds the permits of what is asked beside it.
    ///
    /// # Errors
    /// If one is for another site or for somebody else, or there is none for the destination.
    pub(crate) fn set_further(&mut self, further: Vec<Permit>) -> Result<(), ForwardError> {
        let who = self.permit.principal();
        if further.iter().any(|permit| *permit.site() != self.site.id || permit.principal() != who)
        {
            return Err(ForwardError::AnotherSite);
        }
        let is_for =
            |target: &WriteTarget| further.iter().any(|permit| *permit.path() == target.path);
        if !self.destination.as_ref().is_none_or(is_for) {
            return Err(ForwardError::AnotherPath);
        }
        self.further = further;
        Ok(())
    }

    /// What the permit reached when it was given, if the answer is an archive.
    pub(crate) fn archived(&self) -> Option<&Reach> {
        self.archived.as_ref()
    }

    pub(crate) fn set_archived(&mut self, archived: Option<Reach>) {
        self.archived = archived;
    }

    pub(crate) fn set_grant(&mut self, grant: HeaderValue) {
        self.grant = Some(grant);
    }

    pub(crate) fn set_assertion(&mut self, assertion: HeaderValue) {
        self.assertion = Some(assertion);
    }

    /// The upstream request. Of `incoming` only the headers that pass by name are taken.
    pub(crate) fn request(
        &self,
        incoming: &HeaderMap,
        head: &Head,
        id: RequestId,
    ) -> Result<RequestHeader, ForwardError> {
        let target = self.upstream_path(&self.target);
        let outgoing = Outgoing {
            target: &target,
            hand_over: self.site.adapter.hand_over(),
            base: self.site.mount.base(),
            grant: self.grant.as_ref(),
            id,
        };
        let mut request = outgoing.request(incoming, head)?;
        self.keep_known_cookies(&mut request)?;
        self.add_webdav(&mut request, incoming)?;
        if let Some(assertion) = &self.assertion {
            add(&mut request, ASSERTION, assertion.clone())?;
        }
        if let Some(identity) = &self.site.identity_headers {
            identity.add(&mut request, self.permit.principal())?;
        }
        Ok(request)
    }

    /// A target in the server's own form.
    fn upstream_path<'t>(&self, target: &'t ForwardTarget) -> Cow<'t, str> {
        let base = self.site.mount.base();
        if self.site.adapter.keeps_prefix() && !base.is_empty() {
            Cow::Owned(format!("{base}{target}"))
        } else {
            Cow::Borrowed(target.as_str())
        }
    }

    /// Of the cookies that are not the gateway's, those that the map names.
    fn keep_known_cookies(&self, request: &mut RequestHeader) -> Result<(), ForwardError> {
        let Some(cookies) = request.remove_header(&header::COOKIE) else { return Ok(()) };
        let passes = |name: &str| self.site.adapter.passes_cookie(name);
        match cookies::only(&cookies, passes) {
            Some(cookies) => add(request, header::COOKIE, cookies),
            None => Ok(()),
        }
    }

    /// What a WebDAV request says in headers, rebuilt from what was judged.
    fn add_webdav(
        &self,
        request: &mut RequestHeader,
        incoming: &HeaderMap,
    ) -> Result<(), ForwardError> {
        if let Some(depth) = self.depth {
            add(request, DEPTH, HeaderValue::from_static(depth.as_str()))?;
        }
        if let Some(destination) = &self.destination {
            let path = self.upstream_path(&destination.forward);
            add(request, DESTINATION, HeaderValue::from_str(&path)?)?;
        }
        for word in self.headers.iter() {
            let name = HeaderName::from_static(word.name());
            for value in incoming.get_all(&name) {
                add(request, name.clone(), value.clone())?;
            }
        }
        Ok(())
    }
}

/// What an upstream request is made of, beside what came.
#[derive(Debug, Clone, Copy)]
struct Outgoing<'a> {
    target: &'a str,
    hand_over: HandOver,
    base: &'a str,
    grant: Option<&'a HeaderValue>,
    id: RequestId,
}

impl Outgoing<'_> {
    fn request(self, incoming: &HeaderMap, head: &Head) -> Result<RequestHeader, ForwardError> {
        let method = head.method.as_str();
        let mut request = RequestHeader::build_no_case(method, self.target.as_bytes(), Some(24))
            .map_err(ForwardError::Request)?;
        request.set_version(Version::HTTP_11);
        let host = HeaderValue::from_str(&head.origin.authority)?;
        add(&mut request, header::HOST, host.clone())?;
        self.add_passing(&mut request, incoming)?;
        match head.framing {
            Framing::None => {}
            Framing::Length(length) => {
                add(&mut request, header::CONTENT_LENGTH, HeaderValue::from(length))?;
            }
            Framing::Chunked => {
                let chunked = HeaderValue::from_static("chunked");
                add(&mut request, header::TRANSFER_ENCODING, chunked)?;
            }
        }
        add(&mut request, FORWARDED_FOR, address_value(head.origin.client)?)?;
        add(&mut request, FORWARDED_HOST, host)?;
        let proto = if head.origin.secure { "https" } else { "http" };
        add(&mut request, FORWARDED_PROTO, HeaderValue::from_static(proto))?;
        if !self.base.is_empty() {
            add(&mut request, FORWARDED_PREFIX, HeaderValue::from_str(self.base)?)?;
        }
        add(&mut request, REQUEST_ID, self.id.header_value())?;
        if let Some(grant) = self.grant {
            add(&mut request, GRANT, grant.clone())?;
        }
        Ok(request)
    }

    /// The headers from outside that pass by name.
    fn add_passing(
        self,
        request: &mut RequestHeader,
        incoming: &HeaderMap,
    ) -> Result<(), ForwardError> {
        let passes: fn(&HeaderName) -> bool = match self.hand_over {
            HandOver::Grant => passes_to_backend,
            HandOver::Nothing => |name| passes_to_any(name.as_str()),
        };
        for (name, value) in incoming.iter().filter(|(name, _)| passes(name)) {
            add(request, name.clone(), value.clone())?;
        }
        match self.hand_over {
            HandOver::Grant => Ok(()),
            HandOver::Nothing => match cookies::without_ours(incoming) {
                Some(cookies) => add(request, header::COOKIE, cookies),
                None => Ok(()),
            },
        }
    }
}

fn add(
    request: &mut RequestHeader,
    name: HeaderName,
    value: HeaderValue,
) -> Result<(), ForwardError> {
    request.append_header(name, value).map(|_| ()).map_err(ForwardError::Request)
}

fn address_value(address: IpAddr) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::from_str(&address.to_canonical().to_string())
}

/// Whether a failed connection may be tried again with another server.
pub(crate) fn is_repeatable(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests;
