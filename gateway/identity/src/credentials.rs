//! What a request shows, and what it proves.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use vestibule_policies::{Principal, UserFacts};
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{AccountId, SessionId, UnixTime};

/// What a request shows of itself.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'r> {
    /// The value of every `Cookie` header, as it came.
    pub cookies: &'r [&'r str],
    /// The value of the `Authorization` header.
    pub authorization: Option<&'r str>,
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

/// Somebody who is signed in, by one session.
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
    /// The session's public name; not its token.
    pub session: SessionId,
    /// When the session ends, used or not.
    pub expires: UnixTime,
}

impl SignedIn {
    /// Somebody who is signed in with a local account, which has no groups.
    #[must_use]
    pub fn new(
        account: AccountId,
        name: UserName,
        role: AccountRole,
        session: SessionId,
        expires: UnixTime,
    ) -> Self {
        let facts = UserFacts { name: name.clone(), account_role: role, groups: BTreeSet::new() };
        let display_name = name.as_str().to_owned();
        let principal = Principal::user(facts);
        Self { principal, account, name, display_name, session, expires }
    }

    /// The same with a name for people.
    #[must_use]
    pub fn with_display_name(mut self, display_name: impl Into<String>) -> Self {
        self.display_name = display_name.into();
        self
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
