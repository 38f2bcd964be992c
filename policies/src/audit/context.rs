//! The context of an auditor's question, and what hand-written policies read of it.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value};
use vestibule_schema::{Action, GalleryPath, PathKind, PermissionSet};

use super::syntax;
use crate::context::RequestContext;
use crate::decision::{Need, PolicyRef};
use crate::engine::{Judge, SiteEngine};
use crate::model::CustomPolicy;
use crate::principal::Principal;

/// What a context consists of, in the order of the schema.
const ATTRIBUTES: [&str; 7] = ["ip", "now", "weekday", "time_of_day", "mfa", "method", "site"];

/// A moment, as somebody types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// With its distance from UTC: `2026-12-31T23:59:00+01:00`.
    Exact(Timestamp),
    /// As clocks show it where the site is: `2026-12-31T23:59`, or a day, which means its midnight.
    Local(DateTime),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let exact = text.parse().map(Self::Exact);
        // a time zone in brackets would be left out of a local time in silence
        let local = || text.parse().map(Self::Local).ok().filter(|_| !text.contains(['[', '+']));
        exact.ok().or_else(local).ok_or_else(|| {
            "no time such as `2026-12-31T23:59:00+01:00` or, where the site is, `2026-12-31T23:59`"
                .to_owned()
        })
    }
}

impl Moment {
    /// The moment, where clocks show the time of this zone.
    ///
    /// # Errors
    /// If it is beyond what can be reckoned with.
    pub fn timestamp(self, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        match self {
            Self::Exact(moment) => Ok(moment),
            Self::Local(local) => local.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()),
        }
    }
}

/// A hand-written policy of a site, and what it reads of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandWritten {
    /// Its name and place.
    pub reference: PolicyRef,
    /// Whether it forbids.
    pub forbids: bool,
    /// The actions that it can apply to.
    pub actions: PermissionSet,
    /// What it reads of the context, in the order of the schema: `ip`, `now` …
    pub reads: Vec<&'static str>,
}

impl HandWritten {
    fn of(policy: &CustomPolicy) -> Self {
        let applies = |action: &Action| policy.applies_to(*action);
        Self {
            reference: policy.reference().clone(),
            forbids: policy.forbids(),
            actions: Action::ALL.iter().copied().filter(applies).collect(),
            reads: reads(policy),
        }
    }

    /// `forbids`, or `permits`.
    #[must_use]
    pub const fn effect(&self) -> &'static str {
        if self.forbids { "forbids" } else { "permits" }
    }

    /// What it reads, in words: `context.ip and context.mfa`; nothing for who reads nothing.
    #[must_use]
    pub fn reads_in_words(&self) -> Option<String> {
        let names: Vec<_> = self.reads.iter().map(|name| format!("context.{name}")).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }
}

/// The hand-written policies of a site, by file and line.
#[must_use]
pub fn hand_written(engine: &SiteEngine) -> Vec<HandWritten> {
    engine.model().custom.iter().map(HandWritten::of).collect()
}

/// What a policy reads of the context.
fn reads(policy: &CustomPolicy) -> Vec<&'static str> {
    if !policy.reads_context() {
        return Vec::new();
    }
    let tree = syntax::tree(policy);
    let nodes = syntax::nodes(&tree);
    let read: Vec<&str> = nodes.into_iter().filter_map(syntax::context_attribute).collect();
    ATTRIBUTES.into_iter().filter(|attribute| read.contains(attribute)).collect()
}

/// The context as policies see it, for people and programs; an unknown address is `null`.
#[must_use]
pub fn values(engine: &SiteEngine, context: &RequestContext<'_>) -> Map<String, Value> {
    let given = engine.context_value(context);
    let value = |name: &str| match name {
        "now" => Value::from(local(engine, context).to_string()),
        "time_of_day" => {
            Value::from(local(engine, context).time().strftime("%H:%M:%S").to_string())
        }
        _ => given.get(name).map(plain).unwrap_or_default(),
    };
    ATTRIBUTES.into_iter().map(|name| (name.to_owned(), value(name))).collect()
}

/// The moment, as clocks show it where the site is.
pub(super) fn local(engine: &SiteEngine, context: &RequestContext<'_>) -> Zoned {
    context.now.to_zoned(engine.model().zone.clone())
}

/// A value of an extension type as its text.
fn plain(value: &Value) -> Value {
    let text = value.get("__extn").and_then(|extension| extension.get("arg"));
    text.unwrap_or(value).clone()
}

/// The values that some of a site's policies read, in words: `mfa false, weekday Sunday`.
#[must_use]
pub fn values_read(engine: &SiteEngine, context: &RequestContext<'_>) -> Vec<(String, String)> {
    let policies = hand_written(engine);
    let is_read = |name: &str| policies.iter().any(|policy| policy.reads.contains(&name));
    let all = values(engine, context).into_iter();
    let mut read: Vec<_> = all.filter(|(name, _)| is_read(name)).collect();
    read.sort_by_key(|(name, _)| ATTRIBUTES.iter().position(|attribute| attribute == name));
    let text = |value: Value| match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) => text,
        other => other.to_string(),
    };
    read.into_iter().map(|(name, value)| (name, text(value))).collect()
}

/// What may be done at a path. Where one action can't be decided, as its policy reads an address
/// and none is known, the others are asked one by one.
pub(super) fn permissions(
    judge: Judge<'_>,
    principal: &Principal,
    path: &GalleryPath,
) -> PermissionSet {
    let set = judge.permissions(principal, path);
    if !set.is_empty() || !judge.engine().reads_context() {
        return set;
    }
    let image = path.is_folder().then(|| shown_image(judge.engine(), path)).flatten();
    let may = |action: &Action| {
        let may = |path| judge.decide(principal, Need::one(*action), path).is_allow();
        may(path) && image.as_ref().is_none_or(may)
    };
    Action::ALL.iter().copied().filter(may).collect()
}

/// An image of a folder that it does not hide.
pub(super) fn shown_image(engine: &SiteEngine, folder: &GalleryPath) -> Option<GalleryPath> {
    let hidden = engine.folders().get(folder).map(|rules| &rules.hidden_images);
    let names = (0..).map(|number| format!("image-{number}.jpg"));
    let mut shown = names.filter(|name| hidden.is_none_or(|hidden| !hidden.contains(name)));
    shown.next().and_then(|name| folder.join(&name, PathKind::Image).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_exact_or_of_the_site() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (text, expected) in [
            ("2026-12-31T23:59:00+01:00", "2026-12-31T22:59:00Z"),
            ("2026-12-31T23:59:00Z", "2026-12-31T23:59:00Z"),
            ("2026-12-31T23:59", "2026-12-31T22:59:00Z"),
            ("2026-07-01 12:00:00", "2026-07-01T10:00:00Z"),
            ("2026-07-01", "2026-06-30T22:00:00Z"),
        ] {
            let moment = text.parse::<Moment>().unwrap().timestamp(&zone).unwrap();
            assert_eq!(moment.to_string(), expected, "{text}");
        }
        for text in ["", "noon", "2026-13-01", "12:00", "2026-07-01T12:00[Europe/Berlin]"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
