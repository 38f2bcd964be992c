//! Identifiers as types, each with one way to read it.

use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

mod dn;

/// Names that no document may define, assign or inherit. `none` may stand in a role list.
pub const RESERVED_NAMES: [&str; 3] = ["none", "visitor", "cluster_admin"];

/// Why a text is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// It is empty.
    #[error("the name is empty")]
    Empty,
    /// It is too long.
    #[error("the name is too long")]
    TooLong,
    /// It has a character that may not stand in it.
    #[error("the name may have letters, digits, `_` and `-` only")]
    Character,
    /// It has a control character or blanks at an end.
    #[error("the name has a control character, or a blank at an end")]
    Blank,
    /// It is one of [`RESERVED_NAMES`].
    #[error("the name is reserved")]
    Reserved,
}

fn check_word(text: &str) -> Result<(), IdError> {
    match text {
        "" => Err(IdError::Empty),
        _ if text.len() > 64 => Err(IdError::TooLong),
        _ if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') => Ok(()),
        _ => Err(IdError::Character),
    }
}

macro_rules! text_type {
    ($name:ident) => {
        text_type!($name, of another text);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
    ($name:ident, of another text) => {
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

/// The name of a site: `[A-Za-z0-9_-]{1,64}`, none of [`RESERVED_NAMES`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteId(Arc<str>);
text_type!(SiteId);

impl SiteId {
    /// Reads a site's name.
    ///
    /// # Errors
    /// If it is no such name.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check_word(text)?;
        if RESERVED_NAMES.contains(&text) {
            return Err(IdError::Reserved);
        }
        Ok(Self(Arc::from(text)))
    }
}

/// The name of an identity provider, as its table in `vestibule.toml` has it:
/// `[A-Za-z0-9_-]{1,64}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(Arc<str>);
text_type!(ProviderId);

impl ProviderId {
    /// Reads a provider's name.
    ///
    /// # Errors
    /// If it is no such name.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check_word(text)?;
        Ok(Self(Arc::from(text)))
    }
}

/// The name of a role that a block may define or assign: `[A-Za-z0-9_-]{1,64}`, none of
/// [`RESERVED_NAMES`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleName(Arc<str>);
text_type!(RoleName);

impl RoleName {
    /// Reads a role's name.
    ///
    /// # Errors
    /// If it is no such name.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check_word(text)?;
        if RESERVED_NAMES.contains(&text) {
            return Err(IdError::Reserved);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The role of share links, `visitor`: reserved, so that no document, grant or group gives it.
    #[must_use]
    pub fn visitor() -> Self {
        Self(Arc::from("visitor"))
    }
}

/// A share link's public number: what lists show and revoking names. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareId(i64);

impl ShareId {
    /// The share of this number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ShareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The role that an account carries by itself. It may be `cluster_admin`, which opens no site,
/// or empty.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct AccountRole(Arc<str>);
text_type!(AccountRole);

impl AccountRole {
    /// The role that manages the cluster.
    pub const CLUSTER_ADMIN: &str = "cluster_admin";

    /// Reads an account's role; the empty text is none.
    ///
    /// # Errors
    /// If it is no such name.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if !text.is_empty() {
            check_word(text)?;
        }
        Ok(Self(Arc::from(text)))
    }

    /// Whether the account manages the cluster.
    #[must_use]
    pub fn is_cluster_admin(&self) -> bool {
        &*self.0 == Self::CLUSTER_ADMIN
    }

    /// The role of a site that an empty grant inherits; `None` for no role, `cluster_admin` and
    /// `visitor`, which are never assignable.
    #[must_use]
    pub fn inheritable(&self) -> Option<RoleName> {
        RoleName::parse(&self.0).ok()
    }
}

/// The name of a user, canonical: Unicode NFC, exact otherwise. At most 255 bytes, no control
/// characters, no blanks at the ends.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(Arc<str>);
text_type!(UserName);

impl UserName {
    /// Reads a user's name.
    ///
    /// # Errors
    /// If it is empty, too long, or has control characters or blanks at an end.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let name: String = text.nfc().collect();
        match name.as_str() {
            "" => Err(IdError::Empty),
            _ if name.len() > 255 => Err(IdError::TooLong),
            _ if name.trim() != name || name.chars().any(char::is_control) => Err(IdError::Blank),
            _ => Ok(Self(Arc::from(name))),
        }
    }
}

/// The identifier of a security group, normalised: trimmed and case-folded; a distinguished name
/// as RFC 4514 reads it (types and values case-folded, insignificant blanks removed), so that
/// two spellings of one group are equal. It may be the group of one provider alone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(Arc<str>);
text_type!(GroupId, of another text);

/// What stands between a provider and its group. Nobody can type it into a name.
const AT: char = '\u{1f}';

/// For people: `cn=photographers of office`. What is compared is [`GroupId::as_str`].
impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once(AT) {
            Some((provider, group)) => write!(f, "{group} of {provider}"),
            None => f.write_str(&self.0),
        }
    }
}

impl GroupId {
    /// Reads a group's identifier.
    ///
    /// # Errors
    /// If it is empty, has more than 1,024 bytes, or a control character.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let trimmed = text.trim();
        match trimmed {
            "" => return Err(IdError::Empty),
            _ if trimmed.len() > 1024 => return Err(IdError::TooLong),
            _ if trimmed.chars().any(char::is_control) => return Err(IdError::Blank),
            _ => {}
        }
        let folded = dn::normalise(trimmed).unwrap_or_else(|| dn::fold(trimmed));
        // an escape of a distinguished name may stand for what nobody may type
        if folded.chars().any(char::is_control) {
            return Err(IdError::Blank);
        }
        Ok(Self(Arc::from(folded)))
    }

    /// The group of this name at one provider alone. No text reads so, for a control character
    /// stands between the two: no provider can give another's groups (requirement S30).
    #[must_use]
    pub fn at(&self, provider: &ProviderId) -> Self {
        Self(Arc::from(format!("{provider}{AT}{}", self.name())))
    }

    /// Reads what [`GroupId::as_str`] wrote.
    ///
    /// # Errors
    /// As [`GroupId::parse`] and [`ProviderId::parse`].
    pub fn from_key(text: &str) -> Result<Self, IdError> {
        match text.split_once(AT) {
            Some((provider, group)) => Ok(Self::parse(group)?.at(&ProviderId::parse(provider)?)),
            None => Self::parse(text),
        }
    }

    /// The provider whose group it is, if it is one's alone.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.0.split_once(AT).map(|(provider, _)| provider)
    }

    /// Its name there.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once(AT).map_or(&self.0, |(_, group)| group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_words() {
        assert!(RoleName::parse("vip-2_A").is_ok());
        assert_eq!(RoleName::parse("a:b"), Err(IdError::Character));
        assert_eq!(RoleName::parse("@owner"), Err(IdError::Character));
        assert_eq!(RoleName::parse(""), Err(IdError::Empty));
        assert_eq!(RoleName::parse("cluster_admin"), Err(IdError::Reserved));
        assert_eq!(SiteId::parse(&"a".repeat(65)), Err(IdError::TooLong));
    }

    #[test]
    fn users_are_exact_but_for_nfc() {
        assert_eq!(UserName::parse("e\u{301}va"), UserName::parse("éva"));
        assert_ne!(UserName::parse("Jane"), UserName::parse("jane"));
        assert_eq!(UserName::parse(" jane"), Err(IdError::Blank));
        assert_eq!(UserName::parse("a\nb"), Err(IdError::Blank));
    }

    #[test]
    fn groups_compare_as_distinguished_names() {
        let check = |a: &str, b: &str| assert_eq!(GroupId::parse(a), GroupId::parse(b), "{a} {b}");
        check("Press", " press ");
        check("CN=photographers, OU=Groups, DC=Example", "cn=Photographers,ou=groups,dc=example");
        check("cn = a  b , dc=x", "CN=A B,DC=X");
        check(r"cn=a\2cb,dc=x", r"cn=a\,b,dc=x");
        check("cn=a+ou=b,dc=x", "ou=b+cn=a,dc=x");
        check("cn=É,dc=x", "cn=é,dc=x");
        let differ = |a: &str, b: &str| assert_ne!(GroupId::parse(a), GroupId::parse(b), "{a} {b}");
        differ(r"cn=a\,ou=b,dc=x", "cn=a,ou=b,dc=x");
        differ("cn=ab,dc=x", "cn=a b,dc=x");
        differ(r"cn=a\ ,dc=x", "cn=a,dc=x");
    }

    /// S30.
    #[test]
    fn a_group_of_a_provider_is_no_other_group() {
        let provider = |text: &str| ProviderId::parse(text).unwrap();
        let press = GroupId::parse("press").unwrap();
        assert_ne!(press.at(&provider("a")), press.at(&provider("b")));
        assert_ne!(press.at(&provider("a")), press);
        assert_eq!(GroupId::parse(press.at(&provider("a")).as_str()), Err(IdError::Blank));
    }

    #[test]
    fn an_account_role_that_is_reserved_inherits_nothing() {
        let inherits = |role: &str| AccountRole::parse(role).unwrap().inheritable();
        assert_eq!(inherits("user"), RoleName::parse("user").ok());
        assert_eq!(inherits("cluster_admin"), None);
        assert_eq!(inherits("visitor"), None);
        assert_eq!(inherits(""), None);
    }

    /// S30: what is compared, what people read, and the way back.
    #[test]
    fn a_group_may_be_of_one_provider() {
        let office = ProviderId::parse("office").unwrap();
        let group = GroupId::parse("CN=Family,DC=Example").unwrap();
        let there = group.at(&office);
        assert_ne!(there, group);
        assert_eq!((there.provider(), group.provider()), (Some("office"), None));
        assert_eq!(
            (there.name(), there.to_string()),
            ("cn=family,dc=example", "cn=family,dc=example of office".to_owned())
        );
        assert_eq!(GroupId::from_key(there.as_str()), Ok(there.clone()));
        assert_eq!(GroupId::from_key(group.as_str()), Ok(group));
        assert_eq!(there.at(&ProviderId::parse("club").unwrap()).provider(), Some("club"));
        assert!(GroupId::parse(r"cn=x\1ffamily").is_err(), "nor writes it as an escape");
        for text in ["office\u{1f}", "\u{1f}x", "a\u{1f}b\u{1f}c", "no provider\u{1f}x"] {
            assert!(GroupId::from_key(text).is_err(), "{text:?}");
            assert!(GroupId::parse(text).is_err(), "{text:?}: nobody types it");
        }
    }
}
