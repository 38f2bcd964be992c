//! The journey of a request up to the point where it goes on or is answered.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pingora::proxy::Session;
use vestibule_identity::{Audience, Authentication, CertificateHash};

use super::Enforcement;
use crate::exchange::Exchange;
use crate::forward::Forwarding;
use crate::front::{Connection, FrontError, Head};
use crate::judge::{self, Question, Verdict};
use crate::refuse::{Answer, Refusal};
use crate::sites::{OWN_PREFIX, Place};
use crate::tunnel::Handshake;
use crate::{line, local, well_known};

/// How long a connection may be idle between two requests, and within the head of one.
const IDLE_SECONDS: u64 = 75;

/// How long a client may take none of an answer. Who stops reading holds a gallery server's
/// stream, and a media backend has only so many.
const STALLED: Duration = Duration::from_secs(30);

/// What follows from the first steps.
pub(super) enum Step {
    Forward(Box<Forwarding>),
    Answer(Answer),
}

impl Enforcement {
    /// The journey of a request up to the point where it goes on or is answered.
    pub(super) async fn journey(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> Result<Step, Refusal> {
        let head = self.read_head(session)?;
        let head = exchange.head.insert(head);
        let world = self.gateway.world();
        let place = world.table().place(head.host(), head.path());
        if !matches!(place, Place::UnknownHost)
            && let Some(answer) = well_known::serve(&self.gateway, head)
        {
            return answer.map(Step::Answer);
        }
        let (index, path) = match place {
            Place::Site(index, path) => (index, path),
            Place::Own(of_site) => {
                let site = of_site.and_then(|index| world.at(index));
                let audience = site.map_or(Audience::Portal, |s| Audience::Site(s.id.clone()));
                head.origin.request_id = Some(exchange.id.to_string());
                return self.show_portal(session, (head, audience), &mut exchange.who).await;
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
        let headers = &session.req_header().headers;
        exchange.handshake = Handshake::asked(head, &asked, headers)?;
        // a wrong credential is 401 whatever else the request is
        let audience = Audience::Site(site.id.clone());
        let at = (&audience, Some(&*site));
        let who = judge::authenticate(&self.gateway, at, (head, headers)).await?;
        let who = &*exchange.who.insert(who);
        let bearer = judge::with_shares(&self.gateway, (&site.id, who), (head, headers)).await?;
        let principal = bearer.as_ref().or(who.principal()).ok_or(Refusal::Internal)?;
        let question = Question {
            gateway: &self.gateway,
            world,
            site,
            head,
            who,
            principal,
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

    /// The gateway's own pages.
    async fn show_portal(
        &self,
        session: &mut Session,
        (head, audience): (&Head, Audience),
        known: &mut Option<Authentication>,
    ) -> Result<Step, Refusal> {
        if head.upgrade.is_some() {
            return Err(Refusal::NoUpgrade);
        }
        let headers = &session.req_header().headers;
        // the gateway's own pages never take an app password (S17)
        let at = (&audience, None);
        let who = judge::authenticate(&self.gateway, at, (head, headers)).await?;
        *known = Some(who.clone());
        local::serve(&self.gateway, session, head, (audience, who)).await.map(Step::Answer)
    }

    /// The first look; what does not pass it has its connection closed.
    fn read_head(&self, session: &mut Session) -> Result<Head, Refusal> {
        // an idle connection ends some day, and so does a head that never does
        if session.get_keepalive() == Some(0) {
            session.set_keepalive(Some(IDLE_SECONDS));
        }
        session.as_downstream_mut().set_write_timeout(Some(STALLED));
        let raw = session.as_downstream().as_http1().map(|http1| http1.get_headers_raw_bytes());
        let tls = session.digest().and_then(|digest| digest.ssl_digest.as_ref());
        let shown = tls.map(|tls| tls.cert_digest.as_slice());
        let server_name = line::server_name();
        let connection = Connection {
            peer: session.client_addr().and_then(|address| address.as_inet()).map(|a| a.ip()),
            is_tls: tls.is_some(),
            server_name: server_name.as_deref(),
            // empty if the client showed none
            certificate: shown
                .and_then(|hash| hash.try_into().ok())
                .map(CertificateHash::from_bytes),
            trusted_proxies: &self.gateway.trusted_proxies,
        };
        let head = if line::shows_a_good_certificate() {
            Head::read(raw.as_deref(), session.req_header(), connection)
        } else {
            Err(FrontError::Certificate)
        };
        if head.as_ref().map_or(true, |head| head.upgrade.is_some()) {
            // what may come after such a head is not for the next reader
            session.set_keepalive(None);
        }
        head.map_err(|error| {
            tracing::debug!(error = %error, "a request is not read");
            Refusal::of_front(error)
        })
    }
}

fn with_query(path: String, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    }
}
