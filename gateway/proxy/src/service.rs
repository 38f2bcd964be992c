//! pingora's phases, each a few lines: the work is in the modules they name.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType};
use vestibule_adapters::HandOver;
use vestibule_identity::Audience;
use vestibule_schema::SiteId;

use crate::body;
pub use crate::exchange::Exchange;
use crate::exchange::Replacement;
use crate::forward::{Forwarding, is_repeatable};
use crate::front::{ClientKind, Connection, Head};
use crate::gateway::Gateway;
use crate::judge::{self, Question, Verdict};
use crate::local;
use crate::refuse::{Answer, Refusal};
use crate::respond;
use crate::sites::{OWN_PREFIX, Place};

/// A gallery server said that there is nothing: ours is what the client gets.
const NOT_FOUND: ErrorType = ErrorType::Custom("upstream has nothing there");
/// A gallery server did not believe the grant.
const NO_BELIEF: ErrorType = ErrorType::Custom("upstream did not believe the grant");

/// How long a connection may be idle between two requests, and within the head of one.
const IDLE_SECONDS: u64 = 75;

/// How long a client may take none of an answer. Who stops reading holds a gallery server's
/// stream, and a media backend has only so many.
const STALLED: Duration = Duration::from_secs(30);

/// The gateway as a pingora application.
#[derive(Debug)]
pub struct Enforcement {
    gateway: Arc<Gateway>,
}

/// What follows from the first steps.
enum Step {
    Forward(Box<Forwarding>),
    Answer(Answer),
}

impl Enforcement {
    /// The application of a gateway.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }

    /// The journey of a request up to the point where it goes on or is answered.
    async fn journey(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> Result<Step, Refusal> {
        let head = self.read_head(session)?;
        let id = exchange.id;
        let head = exchange.head.insert(head);
        let world = self.gateway.world();
        let (index, path) = match world.table().place(head.host(), head.path()) {
            Place::Site(index, path) => (index, path),
            Place::Own(of_site) => {
                let site = of_site.and_then(|index| world.at(index));
                let audience = site.map_or(Audience::Portal, |s| Audience::Site(s.id.clone()));
                let headers = &session.req_header().headers;
                // the gateway's own pages never take an app password (S17)
                let at = (&audience, None);
                let who = judge::authenticate(&self.gateway, at, (head, headers)).await?;
                exchange.who = Some(who.clone());
                head.origin.request_id = Some(id.to_string());
                let answer = local::serve(&self.gateway, session, head, (audience, who)).await?;
                return Ok(Step::Answer(answer));
            }
            Place::Home => {
                return Err(Refusal::Elsewhere { location: OWN_PREFIX.to_owned() });
            }
            Place::AddSlash(location) => {
                return Err(Refusal::Moved { location: with_query(location, head.query()) });
            }
            Place::Nothing => return Err(Refusal::NotFound),
            Place::UnknownHost => return Err(Refusal::UnknownHost),
        };
        let site = Arc::clone(world.at(index).ok_or(Refusal::Internal)?);
        exchange.site = Some(site.id.clone());
        let asked = judge::classify(&site, head, path);
        let ask = asked.as_ref().ok().and_then(Option::as_ref);
        exchange.asked = ask.map(|ask| ask.path.clone());
        if asked == Err(Refusal::BadRequest) {
            return Err(Refusal::BadRequest);
        }
        // a wrong credential is 401 whatever else the request is
        let headers = &session.req_header().headers;
        let audience = Audience::Site(site.id.clone());
        let at = (&audience, Some(&*site));
        let who =
            &*exchange.who.insert(judge::authenticate(&self.gateway, at, (head, headers)).await?);
        let bearer = judge::with_shares(&self.gateway, (&site.id, who), (head, headers)).await?;
        let principal = bearer.as_ref().or(who.principal()).ok_or(Refusal::Internal)?;
        let question = Question {
            gateway: &self.gateway,
            world,
            site,
            head,
            principal,
            second_factor: who.has_second_factor(),
            bounds: who.app_password().map(|(_, bounds)| bounds),
            now: Timestamp::now(),
        };
        match question.decide(asked?) {
            Verdict::Forward(forwarding) => Ok(Step::Forward(forwarding)),
            Verdict::Refuse(refusal, denial) => {
                exchange.denial = denial;
                Err(refusal)
            }
        }
    }

    /// The first look; what does not pass it has its connection closed.
    fn read_head(&self, session: &mut Session) -> Result<Head, Refusal> {
        let raw = session.as_downstream().as_http1().map(|http1| http1.get_headers_raw_bytes());
        let connection = Connection {
            peer: session.client_addr().and_then(|address| address.as_inet()).map(|a| a.ip()),
            is_tls: session.digest().is_some_and(|digest| digest.ssl_digest.is_some()),
            trusted_proxies: &self.gateway.trusted_proxies,
        };
        // an idle connection ends some day, and so does a head that never does
        if session.get_keepalive() == Some(0) {
            session.set_keepalive(Some(IDLE_SECONDS));
        }
        session.as_downstream_mut().set_write_timeout(Some(STALLED));
        Head::read(raw.as_deref(), session.req_header(), connection).map_err(|error| {
            tracing::debug!(error = %error, "a request is not read");
            session.set_keepalive(None);
            Refusal::of_front(error)
        })
    }

    fn refuse(&self, exchange: &mut Exchange, refusal: &Refusal) -> Answer {
        exchange.refusal = Some(refusal.code());
        exchange.reason = refusal.reason();
        let client = exchange.head.as_ref().map_or(ClientKind::Program, |head| head.client);
        refusal.answer(client, &*self.gateway.pages)
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

fn with_query(path: String, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
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
                let (_, head) = exchange.forwarding()?;
                body::invite(session, head).await?;
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
        if response.status.is_informational() {
            return Ok(());
        }
        let (forwarding, head) = exchange.forwarding()?;
        let reads_grants = forwarding.site().adapter.hand_over() == HandOver::Grant;
        match response.status {
            StatusCode::NOT_FOUND => {
                let is_head = session.req_header().method == Method::HEAD;
                let length = response.headers.get(header::CONTENT_LENGTH);
                if !is_head && length.is_none_or(|length| length == "0") {
                    // without a body there is none to put ours in the place of
                    return Err(Error::new(NOT_FOUND));
                }
                let refusal = exchange.not_there();
                let answer = self.refuse(exchange, &refusal);
                *response = exchange.response(&answer)?;
                let is_empty = is_head || answer.body.is_empty();
                let page =
                    if is_empty { Replacement::Sent } else { Replacement::Pending(answer.body) };
                exchange.replacement = Some(page);
                Ok(())
            }
            StatusCode::UNAUTHORIZED if reads_grants => Err(Error::new(NO_BELIEF)),
            _ => {
                respond::take_no_challenge(response, forwarding, head)?;
                respond::correct(response, forwarding.site(), &head.origin.authority)?;
                exchange.sign_off(response)
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
        let is_missing = *error.etype() == NOT_FOUND;
        let refusal = if is_missing { exchange.not_there() } else { refusal_of(error) };
        let is_gone = *error.esource() == ErrorSource::Downstream;
        if is_gone || session.response_written().is_some() {
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        }
        if !is_missing {
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
        let record = exchange.record(session);
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
