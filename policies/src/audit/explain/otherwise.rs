//! Requests with another context that get the other answer, found by trying.

use std::net::IpAddr;
use std::str::FromStr as _;

use jiff::civil::Time;
use jiff::{Timestamp, ToSpan as _, Zoned};
use serde_json::Value;

use super::Asked;
use super::edits::{Change, Reach};
use crate::audit::{context, syntax};
use crate::context::RequestContext;
use crate::decision::Need;
use crate::model::CustomPolicy;

/// What is asked instead, in words, and as a context.
type Tried<'a> = (String, RequestContext<'a>);

/// One change for each part of the context that gives the other answer by itself.
pub(super) fn flipping<'a>(asked: &Asked<'a>, allowed: bool) -> Vec<Change> {
    let needed = asked.needed();
    let custom = asked.engine.model().custom.iter().filter(|one| one.reads_context());
    let applying = custom.filter(|one| needed.iter().any(|action| one.applies_to(*action)));
    let trees: Vec<Value> = applying.map(|one: &CustomPolicy| syntax::tree(one)).collect();
    let nodes: Vec<&Value> = trees.iter().flat_map(syntax::nodes).collect();
    let reads = |name: &str| nodes.iter().any(|n| syntax::context_attribute(n) == Some(name));
    let flips = |tried: &Tried<'a>| {
        let judge = asked.engine.on(&tried.1);
        let answer = judge.decide(asked.principal, Need::one(asked.action), asked.path);
        answer.is_allow() != allowed
    };
    let mut parts: Vec<Vec<Tried<'a>>> = Vec::new();
    if reads("mfa") {
        parts.push(vec![factor(asked)]);
    }
    if reads("ip") {
        parts.push(addresses(asked, &nodes));
    }
    if reads("method") {
        parts.push(methods(asked));
    }
    if reads("weekday") {
        parts.push(days(asked));
    }
    if reads("time_of_day") {
        parts.push(hours(asked));
    }
    if reads("now") {
        parts.push(dates(asked, &nodes));
    }
    let found = parts.into_iter().filter_map(|part| part.into_iter().find(flips));
    found.map(|(text, _)| Change { text, source: None, reach: Reach::Request }).collect()
}

/// With a second factor, or without.
fn factor<'a>(asked: &Asked<'a>) -> Tried<'a> {
    let mfa = !asked.context.mfa;
    let text = if mfa { "ask with a second factor" } else { "ask without a second factor" };
    (text.to_owned(), RequestContext { mfa, ..*asked.context })
}

/// From the first address of each network that is named.
fn addresses<'a>(asked: &Asked<'a>, nodes: &[&Value]) -> Vec<Tried<'a>> {
    let networks = nodes.iter().filter_map(|node| syntax::literal(node, "ip"));
    let from = networks.filter_map(|network| {
        let address = network.split('/').next().unwrap_or_default();
        let ip = IpAddr::from_str(address).ok()?;
        Some((format!("ask from {network}"), RequestContext { ip: Some(ip), ..*asked.context }))
    });
    from.collect()
}

/// By another method.
fn methods<'a>(asked: &Asked<'a>) -> Vec<Tried<'a>> {
    let others = ["GET", "POST"].into_iter().filter(|method| *method != asked.context.method);
    let with = |method| (format!("ask by {method}"), RequestContext { method, ..*asked.context });
    others.map(with).collect()
}

/// On one of the next days, at the same time.
fn days<'a>(asked: &Asked<'a>) -> Vec<Tried<'a>> {
    let today = context::local(asked.engine, asked.context);
    let days = (1..7i64).filter_map(|number| today.checked_add(number.days()).ok());
    days.map(|day| (format!("ask on a {}", day.strftime("%A")), at(asked, &day))).collect()
}

/// At another hour of the day.
fn hours<'a>(asked: &Asked<'a>) -> Vec<Tried<'a>> {
    let today = context::local(asked.engine, asked.context);
    let from = today.hour();
    let hours = (1..24i8).filter_map(|number| Time::new((from + number) % 24, 0, 0, 0).ok());
    let hours = hours.filter_map(|time| today.with().time(time).build().ok());
    hours.map(|time| (format!("ask at {}", time.strftime("%H:%M")), at(asked, &time))).collect()
}

/// At each of the moments that are named, and just before it.
fn dates<'a>(asked: &Asked<'a>, nodes: &[&Value]) -> Vec<Tried<'a>> {
    let named = nodes.iter().filter_map(|node| syntax::literal(node, "datetime"));
    let moments = named.filter_map(|text| Some((text, syntax::moment(text)?)));
    let tried = moments.flat_map(|(text, moment)| {
        let at = |now: Timestamp| RequestContext { now, ..*asked.context };
        let before = moment.checked_sub(1.millisecond()).ok();
        let before = before.map(|before| (format!("ask before {text}"), at(before)));
        before.into_iter().chain([(format!("ask on or after {text}"), at(moment))])
    });
    tried.collect()
}

fn at<'a>(asked: &Asked<'a>, moment: &Zoned) -> RequestContext<'a> {
    RequestContext { now: moment.timestamp(), ..*asked.context }
}
