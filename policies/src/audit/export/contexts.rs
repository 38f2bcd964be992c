//! The contexts of sampled requests: such that what hand-written policies read of them comes out
//! both ways.

use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::Value;

use crate::audit::syntax;
use crate::context::RequestContext;
use crate::engine::SiteEngine;

/// What every request is sampled with where no policy reads it: New Year's Day of 2026, from the
/// machine itself.
const PLAIN: RequestContext<'static> = RequestContext {
    ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    now: Timestamp::constant(1_767_225_600, 0),
    mfa: false,
    method: "GET",
};

/// The values to choose from.
#[derive(Debug)]
pub(super) struct Contexts {
    /// The machine itself, and one of each network that a policy names.
    addresses: Vec<IpAddr>,
    /// Each day of a week, and both sides of each moment and time of day that a policy names.
    moments: Vec<Timestamp>,
    factors: &'static [bool],
    methods: &'static [&'static str],
}

impl Contexts {
    pub(super) fn of(engine: &SiteEngine) -> Self {
        let mut contexts = Self {
            addresses: PLAIN.ip.into_iter().collect(),
            moments: vec![PLAIN.now],
            factors: &[PLAIN.mfa],
            methods: &[PLAIN.method],
        };
        if !engine.reads_context() {
            return contexts;
        }
        contexts.factors = &[false, true];
        contexts.methods = &["GET", "POST"];
        let days = (0..7).filter_map(|day| PLAIN.now.checked_add((day * 24).hours()).ok());
        contexts.moments = days.collect();
        for policy in engine.model().custom.iter() {
            let tree = syntax::tree(policy);
            syntax::nodes(&tree).into_iter().for_each(|node| contexts.take(engine, node));
        }
        contexts.addresses.dedup();
        contexts
    }

    /// Takes over what a literal divides.
    fn take(&mut self, engine: &SiteEngine, node: &Value) {
        if let Some(network) = syntax::literal(node, "ip") {
            let address = network.split('/').next().unwrap_or(network);
            self.addresses.extend(address.parse::<IpAddr>().ok());
        }
        let moment = syntax::literal(node, "datetime").and_then(syntax::moment);
        self.both_sides(moment);
        let time = syntax::literal(node, "duration");
        let time = time.and_then(|time| time.parse::<SignedDuration>().ok());
        let midnight = PLAIN.now.to_zoned(engine.model().zone.clone()).start_of_day();
        let moment = midnight.ok().zip(time).and_then(|(day, time)| day.checked_add(time).ok());
        self.both_sides(moment.map(|moment| moment.timestamp()));
    }

    fn both_sides(&mut self, moment: Option<Timestamp>) {
        let before = moment.and_then(|moment| moment.checked_sub(1.second()).ok());
        self.moments.extend(moment.into_iter().chain(before));
    }

    /// One of them for each number, whatever is asked with it: a step of its own would go along
    /// with that of the actions.
    pub(super) fn pick(&self, number: usize) -> RequestContext<'static> {
        let mut rest = number.wrapping_mul(0x9e37_79b1) >> 9;
        let mut digit = |base: usize| {
            let digit = rest % base.max(1);
            rest /= base.max(1);
            digit
        };
        RequestContext {
            ip: self.addresses.get(digit(self.addresses.len())).copied(),
            now: self.moments.get(digit(self.moments.len())).copied().unwrap_or(PLAIN.now),
            mfa: self.factors.get(digit(self.factors.len())).copied().unwrap_or(PLAIN.mfa),
            method: self.methods.get(digit(self.methods.len())).copied().unwrap_or(PLAIN.method),
        }
    }
}
