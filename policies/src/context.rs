//! What a request says beside who asks for what: the context that a site's own policies read.

use std::net::IpAddr;

use jiff::Timestamp;

/// The context of a request (`context` in Cedar, `Ask` in the schema).
///
/// The site's name, and weekday and time of day in the site's time zone, are added by the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestContext<'a> {
    /// The client's address. Without one, a policy that reads it can't be judged, which denies.
    pub ip: Option<IpAddr>,
    /// The moment of the request.
    pub now: Timestamp,
    /// Whether the user has shown a second factor in this session.
    pub mfa: bool,
    /// The method of the request: `GET`, `POST` …
    pub method: &'a str,
}
