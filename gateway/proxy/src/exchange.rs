//! [`Exchange`]: what is known of one request, from its first byte to its line in the log.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use pingora::http::ResponseHeader;
use pingora::{Error, ErrorType};
use vestibule_adapters::Kind;
use vestibule_identity::{Audience, Authentication, SetCookie};
use vestibule_policies::Denial;
use vestibule_schema::{GalleryPath, SiteId};

use crate::audit::{Decided, Record, known_method};
use crate::forward::{Forwarding, REQUEST_ID};
use crate::front::Head;
use crate::guard::Guard;
use crate::refuse::{Answer, Refusal};
use crate::request_id::RequestId;
use crate::tunnel::Handshake;

/// One year, as requirement S80 asks. Other hosts of the domain are not ours to speak for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What is known of one request, from its first byte to its line in the log.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) id: RequestId,
    pub(crate) started: Instant,
    pub(crate) head: Option<Head>,
    pub(crate) site: Option<SiteId>,
    /// The folder or image that is asked for.
    pub(crate) asked: Option<GalleryPath>,
    pub(crate) who: Option<Authentication>,
    pub(crate) denial: Option<Denial>,
    pub(crate) refusal: Option<&'static str>,
    /// Why it was refused, for the audit log alone.
    pub(crate) reason: Option<&'static str>,
    pub(crate) forwarding: Option<Box<Forwarding>>,
    /// How many gallery servers could not be reached.
    pub(crate) failed: usize,
    /// What is sent in the place of an upstream's body.
    pub(crate) replacement: Option<Replacement>,
    /// The WebSocket that the client asks for and the route allows.
    pub(crate) handshake: Option<Handshake>,
    /// What ends it when it may no longer be.
    pub(crate) guard: Option<Guard>,
    /// Whether it was refused when its answer came, because it may no longer be.
    pub(crate) is_ended: bool,
    /// The status of a gallery server's answer that is under way.
    pub(crate) under_way: u16,
    /// Whether its line is written.
    pub(crate) is_recorded: bool,
}

/// A body that takes the place of an upstream's.
#[derive(Debug)]
pub(crate) enum Replacement {
    Pending(Bytes),
    Sent,
}

impl Exchange {
    pub(crate) fn new() -> Self {
        Self {
            id: RequestId::fresh(),
            started: Instant::now(),
            head: None,
            site: None,
            asked: None,
            who: None,
            denial: None,
            refusal: None,
            reason: None,
            forwarding: None,
            failed: 0,
            replacement: None,
            handshake: None,
            guard: None,
            is_ended: false,
            under_way: 0,
            is_recorded: false,
        }
    }

    /// The head of an answer of the gateway's own.
    pub(crate) fn response(&self, answer: &Answer) -> pingora::Result<ResponseHeader> {
        let size = answer.headers.len() + 4;
        let mut response = ResponseHeader::build_no_case(answer.status, Some(size))?;
        for (name, value) in &answer.headers {
            response.append_header(name.clone(), value.clone())?;
        }
        let is_bodiless =
            matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if !is_bodiless {
            response.set_content_length(answer.body.len())?;
        }
        self.sign_off(&mut response)?;
        Ok(response)
    }

    /// What every answer has: the request's name, and the end of a cookie that is worth nothing.
    pub(crate) fn sign_off(&self, response: &mut ResponseHeader) -> pingora::Result<()> {
        response.insert_header(REQUEST_ID, self.id.header_value())?;
        if self.head.as_ref().is_some_and(|head| head.origin.secure) {
            response.insert_header(header::STRICT_TRANSPORT_SECURITY, HSTS)?;
        }
        // the portal sees to its cookies itself
        let Some(Authentication::Anonymous { clear_cookie: true }) = self.who else {
            return Ok(());
        };
        let (Some(site), Some(head)) = (&self.site, &self.head) else { return Ok(()) };
        if let Some(cookie) = SetCookie::clear(&head.origin, &Audience::Site(site.clone())) {
            response.append_header(header::SET_COOKIE, cookie.as_str())?;
        }
        Ok(())
    }

    /// What is told of something that the gallery server does not have: the same as of something
    /// that may not be seen. Files of the gallery as a whole are no secret.
    pub(crate) fn not_there(&self) -> Refusal {
        match (&self.forwarding, &self.head) {
            (Some(forwarding), Some(head)) if forwarding.kind() != Kind::Asset => {
                let who = forwarding.permit().principal();
                Refusal::missing_view(who, forwarding.kind(), head, forwarding.site())
            }
            _ => Refusal::NotFound,
        }
    }

    pub(crate) fn forwarding(&self) -> pingora::Result<(&Forwarding, &Head)> {
        match (&self.forwarding, &self.head) {
            (Some(forwarding), Some(head)) => Ok((forwarding, head)),
            _ => {
                Error::e_explain(ErrorType::InternalError, "nothing is forwarded without a permit")
            }
        }
    }

    /// What is written down of the request.
    pub(crate) fn record(&self, method: &'static str, status: u16) -> Record<'_> {
        let decided = match (&self.forwarding, &self.denial) {
            (Some(forwarding), _) if self.is_ended => Decided::Ended(forwarding.permit()),
            (Some(forwarding), _) => Decided::Allow(forwarding.permit()),
            (None, Some(denial)) => Decided::Deny(denial),
            (None, None) => Decided::Nothing,
        };
        let is_cut = self.guard.as_ref().is_some_and(Guard::has_cut);
        Record {
            id: self.id,
            method,
            client: self.head.as_ref().map(|head| head.origin.client),
            site: self.site.as_ref(),
            who: self.who.as_ref(),
            path: self.asked.as_ref(),
            decided,
            refusal: self.refusal.or(is_cut.then_some("ended")),
            reason: self.reason,
            status,
            took: self.started.elapsed(),
        }
    }
}

impl Drop for Exchange {
    /// What ends with its connection, because that was cut or the gateway ends, has its line too.
    fn drop(&mut self) {
        if let (false, Some(head)) = (self.is_recorded, &self.head) {
            self.record(known_method(&head.method), self.under_way).write();
        }
    }
}
