//! pingora's phases, each a few lines: the work is in the modules they name.

mod journey;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Method, StatusCode, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType};
use vestibule_adapters::HandOver;
use vestibule_schema::SiteId;

use crate::audit::known_method;
use crate::body;
pub use crate::exchange::Exchange;
use crate::exchange::Replacement;
use crate::forward::is_repeatable;
use crate::front::ClientKind;
use crate::gateway::Gateway;
use crate::guard;
use crate::refuse::{Answer, Refusal};
use crate::respond;
use crate::tunnel;
use journey::Step;

/// A gallery server did not believe the grant.
const NO_BELIEF: ErrorType = ErrorType::Custom("upstream did not believe the grant");

/// What was asked for may no longer be.
const ENDED: ErrorType = ErrorType::Custom("the answer comes when it may no longer be");

/// The gateway as a pingora application.
#[derive(Debug)]
pub struct Enforcement {
    gateway: Arc<Gateway>,
}

impl Enforcement {
    /// The application of a gateway.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }

    fn refuse(&self, exchange: &mut Exchange, refusal: &Refusal) -> Answer {
        exchange.refusal = Some(refusal.code());
        exchange.reason = refusal.reason();
        let client = exchange.head.as_ref().map_or(ClientKind::Program, |head| head.client);
        refusal.answer(client, &*self.gateway.pages)
    }

    /// Refuses a request that did not go on: it is answered.
    async fn send_refusal(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        refusal: &Refusal,
    ) -> pingora::Result<bool> {
        let answer = self.refuse(exchange, refusal);
        Self::send(session, exchange, answer).await?;
        Ok(true)
    }

    /// Sends an answer of the gateway's own.
    async fn send(
        session: &mut Session,
        exchange: &Exchange,
        answer: Answer,
    ) -> pingora::Result<()> {
        let is_head = session.req_header().method == Method::HEAD;
        let has_body = !is_head && !answer.body.is_empty();
        let response = exchange.response(&answer)?;
        session.write_response_header(Box::new(response), !has_body).await?;
        if has_body {
            session.write_response_body(Some(answer.body), true).await?;
        }
        Ok(())
    }
}

impl Enforcement {
    /// Puts an answer of the gateway's own in the place of a gallery server's. Nothing tells it from
    /// one that no server was asked for, the connection's end neither (requirement S78).
    async fn put_in_place(
        session: &mut Session,
        (response, answer): (&mut ResponseHeader, Answer),
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
        let is_head = session.req_header().method == Method::HEAD;
        let length = response.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if !is_head && length == Some(0) {
            // there is no body that ours could take the place of: it goes out by itself, and what
            // pingora still has to send becomes something that it leaves out
            Self::send(session, exchange, answer).await?;
            session.as_downstream_mut().set_ignore_info_resp(true);
            return response.set_status(StatusCode::PROCESSING);
        }
        *response = exchange.response(&answer)?;
        let is_empty = is_head || answer.body.is_empty();
        let page = if is_empty { Replacement::Sent } else { Replacement::Pending(answer.body) };
        exchange.replacement = Some(page);
        Ok(())
    }
}

#[async_trait]
impl ProxyHttp for Enforcement {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange::new()
    }

    /// No modules: the gateway neither compresses nor unpacks.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn request_filter(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<bool> {
        let journey = AssertUnwindSafe(self.journey(session, exchange)).catch_unwind().await;
        let answer = match journey {
            Ok(Ok(Step::Forward(forwarding))) => {
                exchange.forwarding = Some(forwarding);
                if let Some(handshake) = exchange.handshake.take() {
                    return match tunnel::run(&self.gateway, session, exchange, &handshake).await {
                        Ok(()) => Ok(true),
                        Err(refusal) => self.send_refusal(session, exchange, &refusal).await,
                    };
                }
                let (_, head) = exchange.forwarding()?;
                let is_long = guard::is_long_request(head);
                body::invite(session, head).await?;
                if is_long {
                    guard::watch(&self.gateway, session, exchange)?;
                }
                return Ok(false);
            }
            Ok(Ok(Step::Answer(answer))) => answer,
            Ok(Err(refusal)) => {
                if let Some(head) = &exchange.head {
                    body::leave(session, head);
                }
                self.refuse(exchange, &refusal)
            }
            // S83: this request alone, and without a permit
            Err(_) => {
                tracing::error!(request_id = %exchange.id, "judging a request panicked");
                session.set_keepalive(None);
                self.refuse(exchange, &Refusal::Internal)
            }
        };
        Self::send(session, exchange, answer).await?;
        Ok(true)
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<Box<HttpPeer>> {
        let (forwarding, _) = exchange.forwarding()?;
        match forwarding.site().upstreams.take() {
            Some(peer) => Ok(Box::new(peer.clone())),
            None => Error::e_explain(ErrorType::InternalError, "the site has no upstream"),
        }
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        exchange: &mut Exchange,
        mut error: Box<Error>,
    ) -> Box<Error> {
        exchange.failed += 1;
        let servers = exchange.forwarding.as_ref().map_or(0, |f| f.site().upstreams.len());
        // nothing was sent yet, so another server may be asked whatever the method
        error.set_retry(exchange.failed < servers);
        error
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
        let (forwarding, head) = exchange.forwarding()?;
        let made = forwarding.request(&session.req_header().headers, head, exchange.id);
        *request = made.map_err(|error| {
            Error::because(ErrorType::InternalError, "the upstream request", error)
        })?;
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            // nobody asked for it: what may become another protocol goes through `tunnel`
            return Error::e_explain(ErrorType::InvalidHTTPHeader, "a 101 that was not asked for");
        }
        if response.status.is_informational() {
            let (forwarding, _) = exchange.forwarding()?;
            respond::leave_internal(response, forwarding.site());
            return Ok(());
        }
        if guard::is_late_and_refused(&self.gateway, session, exchange).await {
            return Err(Error::new(ENDED));
        }
        exchange.under_way = response.status.as_u16();
        let (forwarding, head) = exchange.forwarding()?;
        let reads_grants = forwarding.site().adapter.hand_over() == HandOver::Grant;
        match response.status {
            StatusCode::NOT_FOUND => {
                let refusal = exchange.not_there();
                let answer = self.refuse(exchange, &refusal);
                Self::put_in_place(session, (response, answer), exchange).await
            }
            StatusCode::UNAUTHORIZED if reads_grants => Err(Error::new(NO_BELIEF)),
            _ => {
                let is_long = guard::is_long(head, response);
                respond::take_no_challenge(response, forwarding, head)?;
                respond::correct(response, forwarding.site(), &head.origin.authority)?;
                exchange.sign_off(response)?;
                if is_long { guard::watch(&self.gateway, session, exchange) } else { Ok(()) }
            }
        }
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        exchange: &mut Exchange,
    ) -> pingora::Result<Option<Duration>> {
        if let Some(replacement) = &mut exchange.replacement {
            *body = match std::mem::replace(replacement, Replacement::Sent) {
                Replacement::Pending(page) => Some(page),
                Replacement::Sent => None,
            };
        }
        Ok(None)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        _exchange: &mut Exchange,
        client_reused: bool,
    ) -> Box<Error> {
        if is_repeatable(&session.req_header().method) {
            error.retry.decide_reuse(client_reused);
        } else {
            error.set_retry(false);
        }
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> FailToProxy {
        exchange.is_ended = *error.etype() == ENDED;
        let refusal = if exchange.is_ended { exchange.not_there() } else { refusal_of(error) };
        let is_gone = *error.esource() == ErrorSource::Downstream;
        if is_gone || session.response_written().is_some() {
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        }
        if !exchange.is_ended {
            tracing::error!(
                request_id = %exchange.id,
                site = exchange.site.as_ref().map(SiteId::as_str),
                error = %error,
                "the gallery server does not answer as it should"
            );
        }
        let answer = self.refuse(exchange, &refusal);
        session.set_keepalive(None);
        let error_code = answer.status.as_u16();
        if let Err(error) = Self::send(session, exchange, answer).await {
            tracing::debug!(request_id = %exchange.id, error = %error, "nobody takes the answer");
        }
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    /// Errors are logged once, in [`Enforcement::fail_to_proxy`].
    fn suppress_error_log(&self, _session: &Session, _exchange: &Exchange, _error: &Error) -> bool {
        true
    }

    /// For pingora's own messages: never the query.
    fn request_summary(&self, _session: &Session, exchange: &Exchange) -> String {
        format!("request {}", exchange.id)
    }

    async fn logging(
        &self,
        session: &mut Session,
        _error: Option<&Error>,
        exchange: &mut Exchange,
    ) {
        exchange.is_recorded = true;
        let status = session.response_written().map_or(0, |written| written.status.as_u16());
        let record = exchange.record(known_method(&session.req_header().method), status);
        record.write();
        if let Some(noted) = record.noted() {
            self.gateway.audit.note(noted).await;
        }
    }
}

/// What the client is told of a failure.
fn refusal_of(error: &Error) -> Refusal {
    match error.etype() {
        kind if *kind == NO_BELIEF => Refusal::BadGateway,
        ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout => {
            Refusal::GatewayTimeout
        }
        _ if *error.esource() == ErrorSource::Upstream => Refusal::BadGateway,
        ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::TLSHandshakeFailure
        | ErrorType::TLSHandshakeTimedout => Refusal::BadGateway,
        _ => Refusal::Internal,
    }
}
