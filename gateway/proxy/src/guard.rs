//! What goes on after its permit was given: it is asked for again while it runs, and cut when the
//! answer would be another.
//!
//! The question is the whole of it, as a request that comes now would put it: where it belongs,
//! who sends it, whether they may. So whatever ends a session or takes a right away ends what runs
//! by it, within a second (requirements S59 and S74, complaint 13). What is over in a moment is
//! not watched.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use jiff::Timestamp;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use tokio::task::AbortHandle;
use vestibule_adapters::Ask;
use vestibule_identity::{Audience, Authentication};
use vestibule_schema::{GalleryPath, SiteId};

use crate::audit::{Noted, known_method};
use crate::exchange::Exchange;
use crate::front::{Framing, Head};
use crate::gateway::Gateway;
use crate::judge::{self, Question, Reach};
use crate::line::Hold;
use crate::request_id::RequestId;
use crate::sites::Place;

/// How often the question is put where nothing says that anything changed: sessions end and rules
/// change by the clock alone.
const EVERY: Duration = Duration::from_millis(500);
/// How often at most, however often the world changes.
const PAUSE: Duration = Duration::from_millis(50);
/// Shorter bodies leave for the system's buffers at once, and could not be held back.
const LONG: u64 = 256 * 1024;
/// A gallery server that answers after so long answers a question of then.
const LATE: Duration = Duration::from_secs(1);

/// A request that was let through, to be asked for again.
pub(crate) struct Asked {
    gateway: Arc<Gateway>,
    id: RequestId,
    head: Head,
    /// The headers that tell who sent it.
    credentials: HeaderMap,
    who: Authentication,
    site: SiteId,
    path: Option<GalleryPath>,
    /// What the permit reached when it was given, if the answer is an archive.
    archived: Option<Reach>,
}

impl Asked {
    /// The request of an exchange that was let through.
    pub(crate) fn of(
        gateway: &Arc<Gateway>,
        session: &Session,
        exchange: &Exchange,
    ) -> Option<Self> {
        let mut credentials = HeaderMap::new();
        for name in [header::COOKIE, header::AUTHORIZATION] {
            for value in session.req_header().headers.get_all(&name) {
                let mut value = value.clone();
                value.set_sensitive(true);
                credentials.append(name.clone(), value);
            }
        }
        Some(Self {
            gateway: Arc::clone(gateway),
            id: exchange.id,
            head: exchange.head.clone()?,
            credentials,
            who: exchange.who.clone()?,
            site: exchange.site.clone()?,
            path: exchange.asked.clone(),
            archived: exchange.forwarding.as_ref().and_then(|f| f.archived().cloned()),
        })
    }

    /// Waits until the request would be refused.
    // INVARIANT: the first look is held against the permit itself. What an archive is made of is
    // settled by its grant, and what was closed between that and the first look is in it.
    async fn until_refused(&self) {
        let mut worlds = self.gateway.worlds();
        let mut revocations = self.gateway.identity.revocations();
        let mut before = self.archived.clone();
        loop {
            before = self.still(before).await;
            if before.is_none() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                () = revocations.happened() => {}
                _ = worlds.changed() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        tracing::info!(
            request_id = %self.id,
            site = self.site.as_str(),
            "what may no longer be is cut while it runs"
        );
    }

    /// What is reached now; none if the request would be refused, or reaches less than before.
    async fn still(&self, before: Option<Reach>) -> Option<Reach> {
        let now = self.reach(before.as_ref()).await?;
        match before {
            Some(before) => before.still(now),
            None => Some(now),
        }
    }

    /// Writes down that it was cut.
    async fn note(&self) {
        let noted = Noted {
            id: self.id,
            method: known_method(&self.head.method),
            client: Some(self.head.origin.client),
            principal: self.who.principal(),
            site: Some(&self.site),
            path: self.path.as_ref(),
            denial: None,
            reason: "ended while it ran",
            status: 0,
        };
        self.gateway.audit.note(noted).await;
    }

    /// What a request like this would reach now; none if it would be refused.
    async fn reach(&self, before: Option<&Reach>) -> Option<Reach> {
        let (gateway, shown) = (&self.gateway, (&self.head, &self.credentials));
        let world = self.gateway.world();
        let Place::Site(index, path) = world.table().place(self.head.host(), self.head.path())
        else {
            return None;
        };
        let site = Arc::clone(world.at(index).filter(|site| site.id == self.site)?);
        let audience = Audience::Site(self.site.clone());
        let at = (&audience, Some(&*site));
        let who = judge::authenticate(gateway, at, shown).await.ok()?;
        if !is_by_same_session(&self.who, &who) {
            return None;
        }
        let bearer = judge::with_shares(gateway, (&self.site, &who), shown).await.ok()?;
        let ask: Ask = judge::classify(&site, &self.head, path).ok()??;
        let question = Question {
            gateway: &self.gateway,
            world,
            site,
            head: &self.head,
            who: &who,
            principal: bearer.as_ref().or(who.principal())?,
            now: Timestamp::now(),
        };
        question.reach(&ask, before)
    }
}

/// Whether it is still the same who asks. What was let through by a session ends with it, also if
/// nobody would need one for it.
fn is_by_same_session(before: &Authentication, now: &Authentication) -> bool {
    match (before, now) {
        (Authentication::SignedIn(before), Authentication::SignedIn(now)) => {
            before.account == now.account && before.means == now.means
        }
        (Authentication::Anonymous { .. }, Authentication::Anonymous { .. }) => true,
        _ => false,
    }
}

/// Watches an exchange while it runs, and cuts its connection.
#[derive(Debug)]
pub(crate) struct Guard {
    hold: Hold,
    task: AbortHandle,
}

impl Guard {
    fn start(asked: Asked, hold: Hold) -> Self {
        let scissors = hold.clone();
        let task = tokio::spawn(async move {
            asked.until_refused().await;
            if scissors.cut() {
                asked.note().await;
            }
        });
        Self { hold, task: task.abort_handle() }
    }

    /// Whether the connection was cut.
    pub(crate) fn has_cut(&self) -> bool {
        self.hold.is_cut()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.hold.release();
        // once it has cut, it has something to write down
        if !self.hold.is_cut() {
            self.task.abort();
        }
    }
}

/// Watches an exchange from now on, unless it is watched already.
///
/// # Errors
/// If it can't be watched; then it may not go on.
pub(crate) fn watch(
    gateway: &Arc<Gateway>,
    session: &Session,
    exchange: &mut Exchange,
) -> pingora::Result<()> {
    if exchange.guard.is_some() {
        return Ok(());
    }
    let asked = Asked::of(gateway, session, exchange);
    let (Some(asked), Some(hold)) = (asked, Hold::of_this_task()) else {
        return pingora::Error::e_explain(
            pingora::ErrorType::InternalError,
            "a long exchange can't be watched",
        );
    };
    exchange.guard = Some(Guard::start(asked, hold));
    Ok(())
}

/// Whether an exchange that took so long until it was answered would be refused by now.
pub(crate) async fn is_late_and_refused(
    gateway: &Arc<Gateway>,
    session: &Session,
    exchange: &Exchange,
) -> bool {
    if exchange.started.elapsed() <= LATE {
        return false;
    }
    match Asked::of(gateway, session, exchange) {
        Some(asked) => asked.still(asked.archived.clone()).await.is_none(),
        None => true,
    }
}

/// Whether a request's body takes its time.
pub(crate) fn is_long_request(head: &Head) -> bool {
    match head.framing {
        Framing::None => false,
        // however short it is: who sends it slowly would have it written after they may no longer
        Framing::Length(length) => length > 0,
        Framing::Chunked => true,
    }
}

/// Whether an answer takes its time.
pub(crate) fn is_long(head: &Head, answer: &ResponseHeader) -> bool {
    let has_body = head.method != Method::HEAD
        && !matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let length = answer.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    has_body && length.is_none_or(|length: u64| length > LONG)
}
