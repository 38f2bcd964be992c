//! A directory's configuration: plain types, read and checked.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;
use vestibule_schema::ProviderId;

use super::filter::{FilterError, FilterTemplate, Placeholder};
use crate::Secret;

/// A directory that people sign in with.
#[derive(Debug, Clone)]
pub struct LdapConfig {
    /// Its name.
    pub id: ProviderId,
    /// Its servers, in the order in which they are tried.
    pub servers: Vec<Server>,
    /// The only authorities that its certificates may come from, in PEM; without it, those that
    /// the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The service account, which looks for people.
    pub service: ServiceAccount,
    /// What kind of directory it is.
    pub kind: DirectoryKind,
    /// How people are found.
    pub people: People,
    /// Where groups come from.
    pub groups: GroupSource,
    /// How long it may take, and how much it may say.
    pub limits: LdapLimits,
    /// How often the groups of those who are signed in are read again.
    pub refresh: Duration,
}

/// The account that looks for people.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// Its distinguished name, or what the directory takes for one.
    pub dn: String,
    /// Its password.
    pub password: Secret<String>,
}

/// What kind of directory it is: what its defaults are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DirectoryKind {
    /// OpenLDAP and those that are like it.
    #[default]
    OpenLdap,
    /// Active Directory, also Samba's.
    ActiveDirectory,
}

impl DirectoryKind {
    /// The filter that finds somebody by the name that they type.
    #[must_use]
    pub const fn user_filter(self) -> &'static str {
        match self {
            Self::OpenLdap => "(uid={name})",
            Self::ActiveDirectory => {
                "(&(objectCategory=person)(objectClass=user)\
                 (|(sAMAccountName={name})(userPrincipalName={name})))"
            }
        }
    }

    /// The filter that finds somebody's groups.
    #[must_use]
    pub const fn group_filter(self) -> &'static str {
        match self {
            Self::OpenLdap => "(|(member={dn})(uniqueMember={dn})(memberUid={user}))",
            Self::ActiveDirectory => "(&(objectClass=group)(member={dn}))",
        }
    }

    /// The attribute that never changes and is never given again.
    #[must_use]
    pub const fn id_attribute(self) -> &'static str {
        match self {
            Self::OpenLdap => "entryUUID",
            Self::ActiveDirectory => "objectGUID",
        }
    }

    /// The attribute with the user's name.
    #[must_use]
    pub const fn user_name_attribute(self) -> &'static str {
        match self {
            Self::OpenLdap => "uid",
            Self::ActiveDirectory => "sAMAccountName",
        }
    }

    /// The attribute with the name for people.
    #[must_use]
    pub const fn display_name_attribute(self) -> &'static str {
        match self {
            Self::OpenLdap => "cn",
            Self::ActiveDirectory => "displayName",
        }
    }
}

/// Active Directory's own rule: members of groups that are members (requirement S44).
pub const NESTED_GROUP_FILTER: &str =
    "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))";

/// How people are found, and what is read of them.
#[derive(Debug, Clone)]
pub struct People {
    /// Below which entry they are.
    pub base_dn: String,
    /// Who is meant by a name.
    pub user_filter: FilterTemplate,
    /// What must hold besides, at sign-in and as long as somebody is signed in.
    pub required_filter: Option<FilterTemplate>,
    /// The domain that may stand before a name, as in `EXAMPLE\jane`.
    pub domain: Option<String>,
    /// The attribute with the user's name.
    pub user_name_attribute: String,
    /// The attribute with the name for people.
    pub display_name_attribute: String,
    /// The attribute with the e-mail address.
    pub mail_attribute: String,
    /// The attribute that never changes and is never given again.
    pub id_attribute: String,
}

impl People {
    /// Everything by default.
    ///
    /// # Errors
    /// Never: the default filters are filters.
    pub fn below(base_dn: &str, kind: DirectoryKind) -> Result<Self, FilterError> {
        Ok(Self {
            base_dn: base_dn.to_owned(),
            user_filter: FilterTemplate::parse(kind.user_filter(), &[Placeholder::Name])?,
            required_filter: None,
            domain: None,
            user_name_attribute: kind.user_name_attribute().to_owned(),
            display_name_attribute: kind.display_name_attribute().to_owned(),
            mail_attribute: "mail".to_owned(),
            id_attribute: kind.id_attribute().to_owned(),
        })
    }
}

/// Where groups come from.
#[derive(Debug, Clone)]
pub enum GroupSource {
    /// From an attribute of the user's own entry, such as `memberOf`.
    MemberOf {
        /// The attribute.
        attribute: String,
    },
    /// From a search.
    Search {
        /// Below which entry they are.
        base_dn: String,
        /// Which are the user's.
        filter: FilterTemplate,
    },
}

/// How long a directory may take, and how much it may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LdapLimits {
    /// Until a server is connected, with TLS.
    pub connect: Duration,
    /// For each thing that it is asked.
    pub operation: Duration,
    /// More groups than these are not read: whoever has more is admitted by none.
    pub groups: usize,
    /// How many groups are asked for at a time.
    pub page: u16,
}

impl Default for LdapLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            operation: Duration::from_secs(10),
            groups: 2_000,
            page: 500,
        }
    }
}

/// One server of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
}

/// How what is said to a server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS after a first exchange.
    StartTls,
    /// Not at all: to this machine alone.
    Loopback,
}

/// Whether a connection to `ldap://` goes over to TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartTls {
    /// It does, or there is none.
    #[default]
    Required,
    /// It does not: to this machine alone.
    Off,
}

/// Why an address is no server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// It is no such address.
    #[error("write it like `ldaps://ldap.example.com`, without anything behind the port")]
    Address,
    /// It would be spoken to in the clear.
    #[error("passwords would travel in the clear: use `ldaps://`, or leave `starttls` out")]
    Clear,
    /// A certificate is not compared with such an address.
    #[error("certificates are compared with a host name or an IPv4 address: name the host")]
    IpV6,
}

impl Server {
    /// Reads a server's address (requirement S42).
    ///
    /// # Errors
    /// If it is none, or passwords would travel in the clear.
    pub fn parse(text: &str, start_tls: StartTls) -> Result<Self, ServerError> {
        let url = Url::parse(text).map_err(|_| ServerError::Address)?;
        let bare = url.path().trim_matches('/').is_empty()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let host = url.host_str().filter(|host| !host.is_empty() && bare);
        let host = host.ok_or(ServerError::Address)?;
        let (security, port) = match (url.scheme(), start_tls) {
            ("ldaps", _) => (Security::Tls, 636),
            ("ldap", StartTls::Required) => (Security::StartTls, 389),
            ("ldap", StartTls::Off) => (Security::Loopback, 389),
            _ => return Err(ServerError::Address),
        };
        let is_ip_v6 = host.starts_with('[');
        match security {
            Security::Loopback if !is_loopback(host) => return Err(ServerError::Clear),
            Security::Tls | Security::StartTls if is_ip_v6 => return Err(ServerError::IpV6),
            Security::Tls | Security::StartTls | Security::Loopback => {}
        }
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port: url.port().unwrap_or(port), security })
    }
}

/// Whether a host is this machine by its name. What the name resolves to is looked at again when
/// it is connected.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.security {
            Security::Tls => "ldaps",
            Security::StartTls | Security::Loopback => "ldap",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S42.
    #[test]
    fn passwords_never_travel_in_the_clear_to_another_machine() {
        let security = |text: &str, tls| Server::parse(text, tls).map(|server| server.security);
        assert_eq!(security("ldaps://ldap.example.com", StartTls::Off), Ok(Security::Tls));
        assert_eq!(security("ldap://ldap.example.com", StartTls::Required), Ok(Security::StartTls));
        assert_eq!(security("ldap://ldap.example.com", StartTls::Off), Err(ServerError::Clear));
        assert_eq!(security("ldap://192.0.2.1", StartTls::Off), Err(ServerError::Clear));
        assert_eq!(security("ldap://localhost.example", StartTls::Off), Err(ServerError::Clear));
        for host in ["localhost", "127.0.0.1:3890", "127.0.0.2", "[::1]"] {
            let url = format!("ldap://{host}");
            assert_eq!(security(&url, StartTls::Off), Ok(Security::Loopback), "{url}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let shown =
            |text: &str| Server::parse(text, StartTls::Required).map(|server| server.to_string());
        assert_eq!(shown("ldaps://a.example").as_deref(), Ok("ldaps://a.example:636"));
        assert_eq!(shown("ldap://a.example:3890/").as_deref(), Ok("ldap://a.example:3890"));
        for text in [
            "",
            "a.example",
            "https://a.example",
            "ldapi://%2frun%2fldapi",
            "ldap://",
            "ldap://a.example/dc=example",
            "ldap://a.example/?uid",
            "ldap://jane@a.example",
            "ldap://jane:secret@a.example",
        ] {
            assert_eq!(shown(text), Err(ServerError::Address), "{text}");
        }
        assert_eq!(shown("ldaps://[2001:db8::1]"), Err(ServerError::IpV6));
    }

    #[test]
    fn the_defaults_are_filters() {
        for kind in [DirectoryKind::OpenLdap, DirectoryKind::ActiveDirectory] {
            People::below("dc=example", kind).unwrap();
            let places = [Placeholder::Dn, Placeholder::User];
            FilterTemplate::parse(kind.group_filter(), &places).unwrap();
        }
        FilterTemplate::parse(NESTED_GROUP_FILTER, &[Placeholder::Dn]).unwrap();
    }

    /// S43, S84.
    #[test]
    fn the_service_accounts_password_is_not_shown() {
        let service =
            ServiceAccount { dn: "cn=svc".to_owned(), password: Secret::from("hidden-away") };
        let shown = format!("{service:?}");
        assert!(shown.contains("***") && !shown.contains("hidden-away"), "{shown}");
    }
}
