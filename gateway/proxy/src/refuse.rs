//! What a request that may not be is told (`permissions.md` 6).
//!
//! A refusal says as little as the one who asks may know: who lacks `view` can't tell a folder
//! that is closed from one that never was.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use vestibule_adapters::Kind;
use vestibule_policies::Principal;
use vestibule_schema::Action;

use crate::front::{ClientKind, FrontError, Head};
use crate::world::SiteRuntime;

/// Where one signs in, and how it knows the way back.
const SIGN_IN: &str = "/_vestibule/sign-in?return=";

/// What stays as it is in a query's value.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request that is not let through, and why, in public words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The request can be read in more than one way.
    BadRequest,
    /// The target is too long.
    TargetTooLong,
    /// The head is too large.
    HeadTooLarge,
    /// The body is too large.
    BodyTooLarge,
    /// The protocol can't be changed.
    NoUpgrade,
    /// A page of another origin asks for a WebSocket.
    ForeignOrigin,
    /// No site has this host.
    UnknownHost,
    /// Nothing is there, or nothing that this one may see.
    NotFound,
    /// The method is not one of those.
    MethodNotAllowed {
        /// Those that are, for the header `Allow`.
        allow: Arc<str>,
    },
    /// A person who has not signed in goes to a page.
    SignIn {
        /// The path and query to come back to.
        back: String,
    },
    /// Somebody who has not signed in asks for something else.
    Unauthorized {
        /// The path and query to come back to.
        back: String,
        /// What a program is asked for.
        challenge: Challenge,
    },
    /// A password or token that is worth nothing was sent.
    WrongCredential {
        /// Whether a program sent it that can ask for another.
        challenge: Challenge,
    },
    /// The resource may be seen, but not this done with it.
    Forbidden {
        /// The action that is missing.
        missing: Action,
    },
    /// The app password is not good for this.
    OutOfBounds,
    /// Too many wrong passwords were sent.
    TooManyAttempts {
        /// In so many seconds the next may be.
        seconds: u64,
    },
    /// What is meant is at another address, for this one at this time.
    Elsewhere {
        /// The address.
        location: String,
    },
    /// The root may not be seen, but these folders below it.
    Folders(Vec<FolderLink>),
    /// The page has its slash at the end.
    Moved {
        /// The same with a slash.
        location: String,
    },
    /// The site's configuration has an error.
    Closed,
    /// It can't be told who asks or what may be, at the moment.
    Unavailable,
    /// The gallery server does not answer as it should.
    BadGateway,
    /// The gallery server does not answer in time.
    GatewayTimeout,
    /// A mistake of the gateway's own.
    Internal,
}

/// What a 401 asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// A token; no browser shows a dialogue for it.
    Bearer,
    /// A name and an app password.
    Basic,
}

impl Challenge {
    /// What somebody who sent nothing is asked for. A browser is not made to show its dialogue; a
    /// program that mounts folders knows nothing but a name and a password.
    pub(crate) fn to(head: &Head, site: &SiteRuntime) -> Self {
        let mounts = site.adapter.speaks_webdav() && !head.has_fetch_metadata;
        if mounts { Self::Basic } else { Self::Bearer }
    }

    pub(crate) fn header(self) -> (HeaderName, HeaderValue) {
        let value = match self {
            Self::Basic => "Basic realm=\"vestibule\", charset=\"UTF-8\"",
            Self::Bearer => "Bearer realm=\"vestibule\"",
        };
        (header::WWW_AUTHENTICATE, HeaderValue::from_static(value))
    }
}

/// A folder that may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderLink {
    /// The folder's path, for people.
    pub name: String,
    /// The address of its page.
    pub href: String,
}

/// Makes the pages that people see in place of what is refused.
pub trait RefusalPages: Send + Sync {
    /// The HTML page of a refusal. The same for the same refusal: nothing of the request in it.
    fn page(&self, refusal: &Refusal) -> String;
}

/// An answer of the gateway's own.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Refusal {
    /// What a head that is not believed is told.
    #[must_use]
    pub fn of_front(error: FrontError) -> Self {
        match error {
            FrontError::HeadTooLarge | FrontError::TooManyFields => Self::HeadTooLarge,
            FrontError::TargetTooLong => Self::TargetTooLong,
            FrontError::Method => Self::MethodNotAllowed { allow: Arc::from("GET, HEAD, POST") },
            FrontError::Upgrade => Self::NoUpgrade,
            FrontError::ServerName => Self::UnknownHost,
            _ => Self::BadRequest,
        }
    }

    /// As if nothing were there: a visitor may sign in and see, anybody else may not. What really
    /// is not there is refused by this too, so that nobody can tell the two apart.
    pub(crate) fn missing_view(
        principal: &Principal,
        kind: Kind,
        head: &Head,
        site: &SiteRuntime,
    ) -> Self {
        if principal.is_signed_in() {
            Self::NotFound
        } else if kind == Kind::Page && head.client == ClientKind::Navigation {
            Self::SignIn { back: head.target().to_owned() }
        } else {
            Self::unauthorized(head, site)
        }
    }

    /// A visitor would have to sign in for it.
    pub(crate) fn unauthorized(head: &Head, site: &SiteRuntime) -> Self {
        let challenge = Challenge::to(head, site);
        Self::Unauthorized { back: head.target().to_owned(), challenge }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoUpgrade => StatusCode::NOT_IMPLEMENTED,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::SignIn { .. } | Self::Elsewhere { .. } => StatusCode::SEE_OTHER,
            Self::Moved { .. } => StatusCode::PERMANENT_REDIRECT,
            Self::Unauthorized { .. } | Self::WrongCredential { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } | Self::OutOfBounds | Self::ForeignOrigin => {
                StatusCode::FORBIDDEN
            }
            Self::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Folders(_) => StatusCode::OK,
            Self::Closed | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::NoUpgrade => "no_upgrade",
            Self::ForeignOrigin => "foreign_origin",
            Self::UnknownHost => "unknown_host",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::SignIn { .. } | Self::Unauthorized { .. } | Self::WrongCredential { .. } => {
                "unauthorized"
            }
            Self::Forbidden { .. } => "forbidden",
            Self::OutOfBounds => "app_password_bounds",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Elsewhere { .. } | Self::Moved { .. } => "moved",
            Self::Folders(_) => "folders",
            Self::Closed => "site_closed",
            Self::Unavailable => "unavailable",
            Self::BadGateway => "bad_gateway",
            Self::GatewayTimeout => "gateway_timeout",
            Self::Internal => "internal",
        }
    }

    /// Why, for the audit log: a credential that failed is told from one that is absent. Nothing,
    /// for what only leads elsewhere.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Elsewhere { .. } | Self::Moved { .. } => None,
            Self::WrongCredential { .. } => Some("wrong_credential"),
            _ => Some(self.code()),
        }
    }

    /// The address of the sign-in page that leads back to a path and query.
    #[must_use]
    pub fn sign_in_address(back: &str) -> String {
        format!("{SIGN_IN}{}", utf8_percent_encode(back, ENCODED))
    }

    fn location(&self) -> Option<String> {
        match self {
            Self::SignIn { back } => Some(Self::sign_in_address(back)),
            Self::Elsewhere { location } | Self::Moved { location } => Some(location.clone()),
            _ => None,
        }
    }

    /// The answer, in the form that the client reads.
    pub(crate) fn answer(&self, client: ClientKind, pages: &dyn RefusalPages) -> Answer {
        let mut headers = Vec::with_capacity(10);
        headers.push((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
        if let Some(location) = self.location() {
            let location = HeaderValue::from_str(&location);
            headers.extend(location.ok().map(|location| (header::LOCATION, location)));
            return Answer { status: self.status(), headers, body: Bytes::new() };
        }
        self.add_own_headers(&mut headers);
        let body = if client == ClientKind::Navigation {
            add_page_headers(&mut headers);
            Bytes::from(pages.page(self))
        } else {
            let json = HeaderValue::from_static("application/json");
            headers.push((header::CONTENT_TYPE, json));
            headers.push((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
            Bytes::from(self.json())
        };
        Answer { status: self.status(), headers, body }
    }

    fn add_own_headers(&self, headers: &mut Vec<(HeaderName, HeaderValue)>) {
        match self {
            Self::MethodNotAllowed { allow } => {
                let allow = HeaderValue::from_str(allow);
                headers.extend(allow.ok().map(|allow| (header::ALLOW, allow)));
            }
            Self::Unauthorized { challenge, .. } | Self::WrongCredential { challenge } => {
                headers.push(challenge.header())
            }
            Self::TooManyAttempts { seconds } => {
                headers.push((header::RETRY_AFTER, HeaderValue::from(*seconds)));
            }
            Self::Unavailable => headers.push((header::RETRY_AFTER, HeaderValue::from_static("5"))),
            _ => {}
        }
    }

    fn json(&self) -> String {
        match self {
            Self::Forbidden { missing } => {
                format!("{{\"error\":\"{}\",\"missing\":\"{}\"}}\n", self.code(), missing.name())
            }
            _ => format!("{{\"error\":\"{}\"}}\n", self.code()),
        }
    }
}

/// What an HTML page of the gateway is sent with (requirement S81).
fn add_page_headers(headers: &mut Vec<(HeaderName, HeaderValue)>) {
    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                          form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let mut add = |name, value| headers.push((name, HeaderValue::from_static(value)));
    add(header::CONTENT_TYPE, "text/html; charset=utf-8");
    add(header::CONTENT_SECURITY_POLICY, POLICY);
    add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(header::X_FRAME_OPTIONS, "DENY");
    add(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    add(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    add(header::REFERRER_POLICY, "no-referrer");
}

#[cfg(test)]
mod tests;
