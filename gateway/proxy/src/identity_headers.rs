//! Who asks, in plain headers, for gallery servers that sign their users in by them.
//!
//! Such a server believes whoever reaches it: it must be reachable from the gateway alone, and
//! should ask for the secret. What came from outside under these names never passes (headers pass
//! by name), whatever its spelling.

use std::fmt;

use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use vestibule_policies::Principal;

use crate::forward::ForwardError;
use crate::headers::{is_protected, passes_to_any};

/// What servers read as the end of a group's name. A group whose name has one is not named: half
/// of it could be another group's name.
const SEPARATORS: [char; 6] = [',', ';', ':', '|', '+', ' '];

/// The headers by which a gallery server learns who asks.
#[derive(Clone)]
pub struct IdentityHeaders {
    user: HeaderName,
    groups: Option<HeaderName>,
    secret: Option<(HeaderName, HeaderValue)>,
}

/// Why a header can't carry an identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityHeaderError {
    /// It is no header's name.
    #[error("it is no name of a header")]
    Name,
    /// HTTP, a browser or the gateway means something else by it.
    #[error("this header has a meaning already")]
    Taken,
    /// Two of them are the same for a careless server.
    #[error("two of the headers have the same name")]
    Twice,
    /// The secret can't stand in a header.
    #[error("the secret has a character that can't stand in a header, or is empty")]
    Secret,
}

impl IdentityHeaders {
    /// Reads the name of the header for the user.
    ///
    /// # Errors
    /// [`IdentityHeaderError`].
    pub fn new(user: &str) -> Result<Self, IdentityHeaderError> {
        Ok(Self { user: name(user)?, groups: None, secret: None })
    }

    /// Adds the header for the groups.
    ///
    /// # Errors
    /// [`IdentityHeaderError`].
    pub fn with_groups(self, groups: &str) -> Result<Self, IdentityHeaderError> {
        let groups = name(groups)?;
        if is_same(&groups, &self.user) {
            return Err(IdentityHeaderError::Twice);
        }
        Ok(Self { groups: Some(groups), ..self })
    }

    /// Adds the header that proves where the others come from.
    ///
    /// # Errors
    /// [`IdentityHeaderError`].
    pub fn with_secret(self, header: &str, value: &str) -> Result<Self, IdentityHeaderError> {
        let header = name(header)?;
        if std::iter::once(&self.user).chain(&self.groups).any(|known| is_same(known, &header)) {
            return Err(IdentityHeaderError::Twice);
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| IdentityHeaderError::Secret)?;
        if value.is_empty() {
            return Err(IdentityHeaderError::Secret);
        }
        value.set_sensitive(true);
        Ok(Self { secret: Some((header, value)), ..self })
    }

    /// Whether a careless reader takes this name for one of these headers.
    pub(crate) fn has(&self, name: &HeaderName) -> bool {
        let secret = self.secret.as_ref().map(|(name, _)| name);
        let mut names = std::iter::once(&self.user).chain(&self.groups).chain(secret);
        names.any(|known| is_same(known, name))
    }

    /// Says who asks. Of a visitor nothing is said.
    pub(crate) fn add(
        &self,
        request: &mut RequestHeader,
        who: &Principal,
    ) -> Result<(), ForwardError> {
        if let Some((name, value)) = &self.secret {
            request.insert_header(name.clone(), value).map_err(ForwardError::Request)?;
        }
        let Some(user) = who.as_user() else { return Ok(()) };
        let name = HeaderValue::from_bytes(user.name.as_str().as_bytes())?;
        request.insert_header(self.user.clone(), name).map_err(ForwardError::Request)?;
        let Some(header) = &self.groups else { return Ok(()) };
        let plain = |group: &&str| !group.contains(|c: char| c.is_control() || is_separator(c));
        let groups: Vec<&str> =
            user.groups.iter().map(vestibule_schema::GroupId::as_str).filter(plain).collect();
        if groups.is_empty() {
            return Ok(());
        }
        let groups = HeaderValue::from_bytes(groups.join(",").as_bytes())?;
        request.insert_header(header.clone(), groups).map(|_| ()).map_err(ForwardError::Request)
    }
}

impl fmt::Debug for IdentityHeaders {
    /// Of the secret not even the header: there are servers for which its name is the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityHeaders")
            .field("user", &self.user)
            .field("groups", &self.groups)
            .field("secret", &self.secret.as_ref().map(|_| "***"))
            .finish()
    }
}

fn is_separator(character: char) -> bool {
    SEPARATORS.contains(&character)
}

/// A name that nothing from outside passes under, and that the gateway sends nothing else in.
fn name(text: &str) -> Result<HeaderName, IdentityHeaderError> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| IdentityHeaderError::Name)?;
    let folded = name.as_str().replace('_', "-");
    let is_for_identity = ["x-vestibule-user", "x-vestibule-groups", "x-vestibule-key"]
        .iter()
        .any(|start| folded.starts_with(start))
        || folded.starts_with("remote-")
        || folded.starts_with("x-remote-")
        || folded.starts_with("x-auth-")
        || folded.starts_with("x-authenticated-")
        || folded.starts_with("x-webauth-")
        || folded == "x-user"
        || ["x-forwarded-user", "x-forwarded-groups", "x-forwarded-preferred-username"]
            .contains(&folded.as_str());
    let is_taken = passes_to_any(&folded)
        || is_webdav(&folded)
        || is_hop(&folded)
        || (is_protected(&folded) && !is_for_identity);
    if is_taken { Err(IdentityHeaderError::Taken) } else { Ok(name) }
}

fn is_webdav(name: &str) -> bool {
    name == "depth" || vestibule_adapters::HeaderWord::ALL.iter().any(|word| word.name() == name)
}

fn is_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "te"
            | "trailer"
            | "upgrade"
            | "expect"
            | "date"
            | "proxy-connection"
    )
}

/// Whether a careless server takes two names for one.
fn is_same(one: &HeaderName, other: &HeaderName) -> bool {
    let folded = |byte: u8| if byte == b'_' { b'-' } else { byte };
    one.as_str().bytes().map(folded).eq(other.as_str().bytes().map(folded))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use vestibule_policies::UserFacts;
    use vestibule_schema::{AccountRole, GroupId, UserName};

    use super::*;

    fn user(name: &str, groups: &[&str]) -> Principal {
        let groups: BTreeSet<GroupId> =
            groups.iter().map(|group| GroupId::parse(group).unwrap()).collect();
        let (name, account_role) =
            (UserName::parse(name).unwrap(), AccountRole::parse("").unwrap());
        Principal::user(UserFacts { name, account_role, groups })
    }

    fn sent(who: &Principal) -> RequestHeader {
        let headers = IdentityHeaders::new("X-Vestibule-User").unwrap();
        let headers = headers.with_groups("X-Vestibule-Groups").unwrap();
        let headers = headers.with_secret("X-Vestibule-Key", "hunter2").unwrap();
        assert!(!format!("{headers:?}").contains("hunter2"));
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        headers.add(&mut request, who).unwrap();
        request
    }

    #[test]
    fn users_are_named_and_visitors_are_not() {
        let jane = sent(&user("jane", &["family", "friends"]));
        assert_eq!(jane.headers["x-vestibule-user"], "jane");
        assert_eq!(jane.headers["x-vestibule-groups"], "family,friends");
        assert_eq!(jane.headers["x-vestibule-key"], "hunter2");
        let visitor = sent(&Principal::Visitor);
        assert_eq!(visitor.headers.len(), 1);
        assert_eq!(visitor.headers["x-vestibule-key"], "hunter2");
    }

    /// A distinguished name would be read as several groups.
    #[test]
    fn a_group_that_can_be_read_as_several_is_left_out() {
        let jane = sent(&user("jané", &["cn=admins,dc=example", "a;b", "family"]));
        assert_eq!(jane.headers["x-vestibule-groups"], "family");
        assert_eq!(jane.headers["x-vestibule-user"].as_bytes(), "jané".as_bytes());
        assert!(!sent(&user("mia", &["a b"])).headers.contains_key("x-vestibule-groups"));
    }

    #[test]
    fn a_header_that_means_something_carries_no_identity() {
        for name in [
            "Host",
            "Cookie",
            "Authorization",
            "X-Forwarded-For",
            "X_Forwarded_For",
            "Range",
            "Accept",
            "If",
            "Depth",
            "Destination",
            "Connection",
            "Content_Length",
            "X-Vestibule-Grant",
            "X-Vestibule-Assertion",
            "X-Request-Id",
        ] {
            let got = IdentityHeaders::new(name).err();
            assert_eq!(got, Some(IdentityHeaderError::Taken), "{name}");
        }
        for name in ["Remote-User", "X-Forwarded-User", "X-Auth-Request-User", "my-user"] {
            assert!(IdentityHeaders::new(name).is_ok(), "{name}");
        }
        let twice = IdentityHeaders::new("Remote-User").unwrap().with_groups("remote_user");
        assert_eq!(twice.err(), Some(IdentityHeaderError::Twice));
        assert_eq!(IdentityHeaders::new("a b").err(), Some(IdentityHeaderError::Name));
    }
}
