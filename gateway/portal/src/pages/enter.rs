//! From the portal to a site and back: who is signed in at the portal gets a session at the site by
//! a code that is good once, for a minute, in this browser.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use vestibule_identity::{Audience, Entry, SessionId, SignedIn, UnixTime, browser_mark};
use vestibule_schema::SiteId;

use crate::answer::{Failure, go_on, page, redirect, with_cookie};
use crate::caller::Caller;
use crate::form_token::{self, Stranger};
use crate::portal::Portal;
use crate::return_to::ReturnTo;
use crate::sites::SitePlace;

/// How often somebody may enter one site within [`ROUND_TIME`] before they are asked.
const MAX_ROUNDS: u32 = 3;
/// Who comes back so soon goes round in a circle.
const ROUND_TIME: Duration = Duration::from_secs(20);
/// How many circles are remembered.
const MAX_REMEMBERED: usize = 4096;

/// How somebody comes to the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coming {
    /// By a link or an address.
    ByLink,
    /// By a form, whose answer may not lead to another origin.
    ByForm,
}

/// Where somebody wants to go.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) site: SiteId,
    pub(super) back: ReturnTo,
    /// The origin and the mark of the browser that set out at a site's own host.
    from: Option<(String, String)>,
}

impl Wish {
    /// Into a site, from the portal.
    pub(super) const fn into_site(site: SiteId, back: ReturnTo) -> Self {
        Self { site, back, from: None }
    }
}

#[derive(Template)]
#[template(path = "no_entry.html")]
struct NoEntry<'r> {
    user: Option<&'r str>,
    contact: Option<String>,
}

#[derive(Template)]
#[template(path = "circle.html")]
struct Circle<'r> {
    user: Option<&'r str>,
    again: &'r str,
}

#[derive(Template)]
#[template(path = "not_arrived.html")]
struct NotArrived<'r> {
    user: Option<&'r str>,
}

/// At the portal: makes the code, or asks for sign-in first.
pub(super) async fn show(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    let Some(wish) = read(&caller) else { return Err(Failure::BadRequest) };
    let Some(who) = caller.signed_in.clone() else {
        let here = format!("/_vestibule/enter?{}", caller.query);
        return Ok(redirect(&sign_in_address(&ReturnTo::parse(&here))));
    };
    proceed(&portal, &caller, (&who, wish), Coming::ByLink).await
}

/// At a site's own host: sets out for the portal.
pub(super) fn set_out(
    portal: &Portal,
    caller: &Caller,
    back: &ReturnTo,
) -> Result<Response, Failure> {
    let (Audience::Site(site), Some(at)) = (&caller.audience, portal.sites.portal()) else {
        return Err(Failure::Internal);
    };
    let stranger = Stranger::of(caller)?;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("site", site.as_str())
        .append_pair("return", back.as_str())
        .append_pair("at", &caller.origin.ascii_origin())
        .append_pair("to", &browser_mark(&stranger.value))
        .finish();
    let response = redirect(&format!("{at}/_vestibule/enter?{query}"));
    Ok(with_cookie(response, stranger.cookie))
}

/// Hands somebody who is signed in at the portal on to a site.
pub(super) async fn proceed(
    portal: &Portal,
    caller: &Caller,
    (who, wish): (&SignedIn, Wish),
    coming: Coming,
) -> Result<Response, Failure> {
    let bearer = portal.identity.bearer_of(who).await?;
    let admitted = portal.sites.admission(&wish.site, &bearer);
    let (Some(reason), Some(place)) = (admitted, portal.sites.place(&wish.site)) else {
        // the same for a site that is closed to them and one that is not there
        let contact = portal.sites.contact();
        let template = NoEntry { user: Some(&who.display_name), contact };
        return Ok(page(StatusCode::NOT_FOUND, &template));
    };
    let here = caller.origin.ascii_origin();
    let is_here = is_here(portal, caller, (&wish.site, &place));
    let (origin, mark, cookie) = match &wish.from {
        // S27: only to a host that is this site's
        Some((at, mark)) if place.origins.contains(at) => (at.clone(), mark.clone(), None),
        Some(_) => return Err(Failure::BadRequest),
        None if is_here => {
            let stranger = Stranger::of(caller)?;
            (String::new(), browser_mark(&stranger.value), stranger.cookie)
        }
        None => {
            // the browser must be known there first
            let there = place.origins.first().ok_or(Failure::Internal)?;
            return Ok(leave(&format!("{there}{}", sign_in_address(&wish.back)), (&here, coming)));
        }
    };
    let now = portal.identity.now();
    if portal.rounds.is_circle((who.session(), &wish.site), now) {
        let again = format!("{origin}{}", wish.back.as_str());
        return Ok(page(StatusCode::OK, &Circle { user: Some(&who.display_name), again: &again }));
    }
    let entry =
        Entry { site: &wish.site, back: wish.back.as_str(), browser: &mark, reason: &reason };
    let code = portal.identity.issue_entry(who, &entry).await?;
    let to = format!("{origin}/_vestibule/arrive?code={}", code.expose());
    Ok(with_cookie(leave(&to, (&here, coming)), cookie))
}

/// At the site: makes of the code a session.
pub(super) async fn arrive(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Response, Failure> {
    let code = caller.parameter("code").ok_or(Failure::BadRequest)?;
    let browsers = form_token::values(&caller);
    let arrived = portal.identity.redeem_entry(&caller.origin, &code, &browsers).await?;
    let is_its_place = |site: &SiteId| match &caller.audience {
        Audience::Site(here) => here == site,
        Audience::Portal => true,
    };
    let Some(arrived) = arrived.filter(|arrived| is_its_place(&arrived.site)) else {
        let template = NotArrived { user: caller.display_name() };
        return Ok(page(StatusCode::FORBIDDEN, &template));
    };
    // S3: the token of before is dead at once
    let shown = caller.cookies();
    portal.identity.end_earlier_entries(&caller.origin, &arrived.site, &shown).await?;
    let back = ReturnTo::parse(&arrived.back);
    let response = with_cookie(redirect(back.as_str()), Some(arrived.cookie));
    Ok(with_cookie(response, form_token::clear(&caller.origin)))
}

/// Where one signs in, to come back to a path of this host.
pub(super) fn sign_in_address(back: &ReturnTo) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("return", back.as_str())
        .finish();
    format!("{}?{query}", crate::SIGN_IN)
}

/// Whether a site is on the host of this very request.
pub(super) fn is_here(
    portal: &Portal,
    caller: &Caller,
    (site, place): (&SiteId, &SitePlace),
) -> bool {
    let path = format!("{}/", place.base);
    place.origins.contains(&caller.origin.ascii_origin())
        || portal.sites.site_at(&caller.origin.authority, &path).as_ref() == Some(site)
}

fn leave(to: &str, (here, coming): (&str, Coming)) -> Response {
    let stays = to.starts_with('/') || to.strip_prefix(here).is_some_and(|r| r.starts_with('/'));
    if stays || coming == Coming::ByLink { redirect(to) } else { go_on(to) }
}

fn read(caller: &Caller) -> Option<Wish> {
    let site = SiteId::parse(&caller.parameter("site")?).ok()?;
    let back = caller.parameter("return").map(|text| ReturnTo::parse(&text));
    let from = match (caller.parameter("at"), caller.parameter("to")) {
        (Some(at), Some(to)) => Some((at, to)),
        (None, None) => None,
        _ => return None,
    };
    Some(Wish { site, back: back.unwrap_or_default(), from })
}

/// Who went to which site lately: a browser that does not keep the site's cookie would be sent to
/// and fro for ever (complaint 11).
#[derive(Debug, Default)]
pub(crate) struct Rounds(Mutex<HashMap<Walk, (u32, UnixTime)>>);

/// Whose session goes to which site.
type Walk = (Option<SessionId>, SiteId);

impl Rounds {
    fn is_circle(&self, (session, site): (Option<SessionId>, &SiteId), now: UnixTime) -> bool {
        // no code that holds the lock can panic half-way through a change
        let mut rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rounds.len() >= MAX_REMEMBERED {
            rounds.retain(|_, (_, since)| now.since(*since) < ROUND_TIME);
        }
        if rounds.len() >= MAX_REMEMBERED {
            rounds.clear();
        }
        let round = rounds.entry((session, site.clone())).or_insert((0, now));
        if now.since(round.1) >= ROUND_TIME {
            *round = (0, now);
        }
        round.0 += 1;
        if round.0 <= MAX_ROUNDS {
            return false;
        }
        *round = (0, now);
        true
    }
}
