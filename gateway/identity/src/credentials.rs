//! What a request shows, and what it proves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use vestibule_policies::{Principal, UserFacts};
use vestibule_schema::{ProviderId, UserName};
use vestibule_store::{AccountId, AppBounds, AppPasswordId, SessionId, UnixTime};

/// What a request shows of itself.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'r> {
    /// The value of every `Cookie` header, as it came.
    pub cookies: &'r [&'r str],
    /// The value of the `Authorization` header.
    pub authorization: Option<&'r str>,
    /// Whether app passwords are good here: a site may do without them, and a browser may have been
    /// made to send one by a page of somebody else's.
    pub takes_app_passwords: bool,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("cookies", &self.cookies.len())
            .field("authorization", &self.authorization.map(|_| "***"))
            .finish()
    }
}

/// Who sent a request. The portal receives it as an extension of the request.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Somebody who has not signed in.
    Anonymous {
        /// Whether the browser shows a cookie that is worth nothing and is to be cleared.
        clear_cookie: bool,
    },
    /// Somebody who has.
    SignedIn(Arc<SignedIn>),
    /// Somebody who showed a credential that is wrong: 401, never anonymous.
    Failed(FailedCredential),
}

impl Authentication {
    /// The principal of the request; none for a failed credential, which has no rights at all.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Anonymous { .. } => Some(&Principal::Visitor),
            Self::SignedIn(signed_in) => Some(&signed_in.principal),
            Self::Failed(_) => None,
        }
    }

    /// The app password by which somebody asks, and where and for what it is good.
    #[must_use]
    pub fn app_password(&self) -> Option<(AppPasswordId, &AppBounds)> {
        match self {
            Self::SignedIn(signed_in) => signed_in.app_password(),
            Self::Anonymous { .. } | Self::Failed(_) => None,
        }
    }

    /// Whether somebody is signed in who showed a second factor.
    #[must_use]
    pub fn has_second_factor(&self) -> bool {
        matches!(self, Self::SignedIn(signed_in) if signed_in.second_factor)
    }
}

/// What kind of credential failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailedCredential {
    /// A user name and password in the `Authorization` header.
    Basic,
    /// A token in the `Authorization` header.
    Bearer,
    /// An `Authorization` header of another scheme.
    Unknown,
    /// A user name and password, after too many that were wrong (429).
    Held {
        /// When the next attempt is free.
        retry_after: Duration,
    },
}

impl FailedCredential {
    /// What kind of credential an `Authorization` header holds.
    pub(crate) fn of_header(value: &str) -> Self {
        let scheme = value.trim_start().split([' ', '\t']).next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case("basic") {
            Self::Basic
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Self::Bearer
        } else {
            Self::Unknown
        }
    }
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedIn {
    /// Who, for the engine.
    pub principal: Principal,
    /// The account.
    pub account: AccountId,
    /// The canonical user name.
    pub name: UserName,
    /// The name for people.
    pub display_name: String,
    /// An address that a provider has verified.
    pub email: Option<String>,
    /// By what they are.
    pub means: Means,
    /// The provider by which they proved who they are; none for a local password.
    pub provider: Option<ProviderId>,
    /// Whether they showed a second factor.
    pub second_factor: bool,
    /// When it ends, used or not.
    pub expires: UnixTime,
}

/// By what somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Means {
    /// A session, of the portal or of one site.
    Session {
        /// Its public name; not its token.
        id: SessionId,
        /// The session at the portal that it was born of.
        parent: Option<SessionId>,
    },
    /// An app password, which a program shows with each request.
    AppPassword {
        /// Its public number.
        id: AppPasswordId,
        /// Where and for what it is good.
        bounds: Arc<AppBounds>,
    },
}

impl SignedIn {
    /// Somebody whose account, groups and means are known.
    #[must_use]
    pub fn new(facts: UserFacts, account: AccountId, means: Means, expires: UnixTime) -> Self {
        let (name, display_name) = (facts.name.clone(), facts.name.as_str().to_owned());
        Self {
            principal: Principal::user(facts),
            account,
            name,
            display_name,
            email: None,
            means,
            provider: None,
            second_factor: false,
            expires,
        }
    }

    /// The same with a name for people.
    #[must_use]
    pub fn with_display_name(mut self, display_name: impl Into<String>) -> Self {
        self.display_name = display_name.into();
        self
    }

    /// The session, if it is one.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match self.means {
            Means::Session { id, .. } => Some(id),
            Means::AppPassword { .. } => None,
        }
    }

    /// The session at the portal: this one, or what it was born of. Whoever signs out ends it.
    #[must_use]
    pub fn root_session(&self) -> Option<SessionId> {
        match self.means {
            Means::Session { id, parent } => Some(parent.unwrap_or(id)),
            Means::AppPassword { .. } => None,
        }
    }

    /// The app password by which they ask, if it is one, and where and for what it is good.
    #[must_use]
    pub fn app_password(&self) -> Option<(AppPasswordId, &AppBounds)> {
        match &self.means {
            Means::Session { .. } => None,
            Means::AppPassword { id, bounds } => Some((*id, bounds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_apart_in_any_case() {
        assert_eq!(FailedCredential::of_header("Basic amFuZTp4"), FailedCredential::Basic);
        assert_eq!(FailedCredential::of_header(" bEARER abc"), FailedCredential::Bearer);
        assert_eq!(FailedCredential::of_header("Negotiate abc"), FailedCredential::Unknown);
        assert_eq!(FailedCredential::of_header(""), FailedCredential::Unknown);
    }
}
