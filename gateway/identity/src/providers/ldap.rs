//! Directories: LDAP and Active Directory.
//!
//! A sign-in is three steps on one connection: the service account looks for exactly one entry,
//! the entry's name is bound with the password, and the service account reads the groups. Start
//! at [`LdapProvider::find`].

mod ber;
mod bind;
mod config;
mod connect;
mod entry;
mod escape;
mod filter;
mod groups;
mod search;
mod start_tls;
mod state;

use std::future::Future;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio::task::JoinSet;
use vestibule_schema::UserName;

use crate::address;
use crate::clock::{Clock, SystemClock};
use crate::{ExternalUser, ProviderGroups, Secret, Subject};
use bind::Proof;
use connect::Connection;
use entry::Entry;
use search::Query;

pub use config::{
    DirectoryKind, GroupSource, LdapConfig, LdapLimits, NESTED_GROUP_FILTER, People, Server,
    ServerError, ServiceAccount, StartTls,
};
pub use connect::{ConnectError, TrustError};
pub use filter::{FilterError, FilterTemplate, Placeholder};
pub use start_tls::StartTlsError;

/// What is bound for a name that nobody has, so that it costs what a wrong password costs
/// (requirement S12). Whatever the directory says to it, the answer is no.
const NOBODY: &str = "vestibule-nobody";

/// Why a directory could not say anything. Nobody gets in then; the user is told to try later.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LdapError {
    /// No server can be used.
    #[error("no server of the directory can be used")]
    Unreachable(#[source] ConnectError),
    /// The service account may not sign in.
    #[error("the directory refuses its service account (result {code})")]
    ServiceAccount {
        /// The directory's result code.
        code: u32,
    },
    /// Something was not done.
    #[error("the directory could not do it (result {code})")]
    Answer {
        /// The directory's result code.
        code: u32,
    },
    /// What is asked for lies elsewhere, where nobody told us to go.
    #[error("the directory refers to another server, which is not followed")]
    Referral,
    /// It took too long.
    #[error("the directory did not answer in time")]
    Late,
    /// The connection broke.
    #[error("the connection to the directory broke")]
    Broken(#[source] Box<ldap3::LdapError>),
    /// An entry can't be told from others for ever.
    #[error("an entry has not exactly one `{attribute}`; may the service account read it?")]
    NoId {
        /// The attribute that should say which it is.
        attribute: String,
    },
    /// The answer is no LDAP.
    #[error("the directory's answer can't be read")]
    Unreadable,
}

impl LdapError {
    fn broken(error: ldap3::LdapError) -> Self {
        Self::Broken(Box::new(error))
    }
}

/// Why somebody was not let in. For the log; the user sees one message for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No entry has the name.
    NoSuchUser,
    /// Several entries have the name.
    Ambiguous,
    /// No password was typed, or one that some directories take for none.
    NoPassword,
    /// The password is wrong.
    WrongPassword,
    /// The account is disabled.
    Disabled,
    /// The account is locked, after too many wrong passwords.
    Locked,
    /// The account's time is over.
    AccountExpired,
    /// The password's time is over.
    PasswordExpired,
    /// The password must be changed first.
    MustChangePassword,
    /// Not at this time, or not from here.
    NotNow,
}

/// What a directory says to a name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This is who it is.
    Accepted(Box<ExternalUser>),
    /// No; why not is for the log alone.
    Refused(Reason),
}

/// What has become of somebody who signed in earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// They are still there, and this is what the directory says of them now.
    Active(Box<ExternalUser>),
    /// Their account is shut: their sessions end.
    Shut(Reason),
}

/// A directory that people sign in with.
#[derive(Debug, Clone)]
pub struct LdapProvider(Arc<Directory>);

#[derive(Debug)]
struct Directory {
    config: LdapConfig,
    tls: Arc<ClientConfig>,
    clock: Arc<dyn Clock>,
}

impl LdapProvider {
    /// A directory; it is not asked anything yet.
    ///
    /// # Errors
    /// If no authority for its certificates is known.
    pub fn new(config: LdapConfig) -> Result<Self, TrustError> {
        Self::with_clock(config, Arc::new(SystemClock))
    }

    /// The same with a clock of one's own.
    ///
    /// # Errors
    /// As [`LdapProvider::new`].
    pub fn with_clock(config: LdapConfig, clock: Arc<dyn Clock>) -> Result<Self, TrustError> {
        let tls = connect::trust(config.ca_file.as_deref())?;
        Ok(Self(Arc::new(Directory { config, tls, clock })))
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &LdapConfig {
        &self.0.config
    }

    /// Looks for the one whom a typed name means. It costs as much whether there is one or not.
    ///
    /// # Errors
    /// If the directory can't say.
    pub async fn find(&self, name: &str) -> Result<Candidate, LdapError> {
        let (directory, name) = (Arc::clone(&self.0), name.to_owned());
        contained(async move {
            let (connection, found) = directory.find(&name).await?;
            let found = directory.only(found)?;
            Ok(Candidate { found, connection, directory })
        })
        .await
    }

    /// Looks for somebody by what the directory never gives again, however they are called now. It
    /// costs as much whether they are there or not.
    ///
    /// # Errors
    /// If the directory can't say.
    pub async fn find_again(&self, id: &str) -> Result<Candidate, LdapError> {
        let (directory, id) = (Arc::clone(&self.0), id.to_owned());
        contained(async move {
            let (connection, found) = directory.find_again(&id).await?;
            Ok(Candidate { found, connection, directory })
        })
        .await
    }

    /// Compares a name and a password; both steps in one.
    ///
    /// # Errors
    /// If the directory can't say.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &Secret<String>,
    ) -> Result<Verdict, LdapError> {
        if bind::is_void(password) {
            return Ok(Verdict::Refused(Reason::NoPassword));
        }
        self.find(name).await?.prove(password).await
    }

    /// What has become of somebody; `None` if they are gone.
    ///
    /// # Errors
    /// If the directory can't say: their sessions go on for as long as that is bearable.
    pub async fn look_up(&self, id: &str) -> Result<Option<Standing>, LdapError> {
        let (directory, id) = (Arc::clone(&self.0), id.to_owned());
        contained(async move { directory.look_up(&id).await }).await
    }
}

/// The one entry that was found, and who it is; or why there is none.
type Only = Result<Box<(Entry, Subject)>, Reason>;

/// Whom a typed name means; the password is not proven yet.
pub struct Candidate {
    found: Only,
    connection: Connection,
    directory: Arc<Directory>,
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Candidate").field("subject", &self.subject()).finish_non_exhaustive()
    }
}

impl Candidate {
    /// Who it is, for limits that count by account however the name was written (requirement
    /// S13); `None` if nobody is meant.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.found.as_ref().ok().map(|found| &found.1)
    }

    /// Compares the password, reads what the directory says of the account, and its groups.
    ///
    /// # Errors
    /// If the directory can't say.
    pub async fn prove(self, password: &Secret<String>) -> Result<Verdict, LdapError> {
        let password = password.clone();
        contained(async move {
            let Self { found, mut connection, directory } = self;
            match found {
                Ok(found) => directory.prove(&mut connection, *found, &password).await,
                Err(reason) => {
                    directory.prove_nobody(&mut connection, &password).await?;
                    Ok(Verdict::Refused(reason))
                }
            }
        })
        .await
    }
}

impl Directory {
    /// Searches for a typed name with the service account.
    async fn find(&self, typed: &str) -> Result<(Connection, search::Found), LdapError> {
        let people = &self.config.people;
        let name = meant(typed, people.domain.as_deref());
        let name = name.as_ref().map_or(NOBODY, UserName::as_str);
        let filter = people.user_filter.fill(|_| name.as_bytes());
        self.search(&filter).await
    }

    /// Searches for people who meet a filter and what is required besides, with the service
    /// account.
    async fn search(&self, filter: &str) -> Result<(Connection, search::Found), LdapError> {
        let mut connection = self.connect().await?;
        let people = &self.config.people;
        let required = people.required_filter.as_ref().map(|filter| filter.fill(|_| b""));
        let filter = filter::both(filter, required.as_deref());
        let attributes = self.attributes();
        let query = Query {
            base_dn: &people.base_dn,
            filter: &filter,
            attributes: &attributes,
            most: 1,
            page: None,
        };
        let found = search::run(&mut connection, &query, self.config.limits.operation).await?;
        Ok((connection, found))
    }

    /// Connects the first server that answers, as the service account.
    async fn connect(&self) -> Result<Connection, LdapError> {
        let mut last = LdapError::Unreachable(ConnectError::Late);
        let mut failed = Vec::new();
        for server in &self.config.servers {
            let error = match self.connect_to(server).await {
                Ok(connection) => {
                    if !failed.is_empty() {
                        let directory = &self.config.id;
                        tracing::warn!(%directory, %server, ?failed, "another server stands in");
                    }
                    return Ok(connection);
                }
                // another server knows the same account; too many tries would lock it
                Err(error @ LdapError::ServiceAccount { .. }) => return Err(error),
                Err(error) => error,
            };
            let (directory, shown) = (&self.config.id, &error as &dyn std::error::Error);
            tracing::debug!(%directory, %server, error = shown, "a server can't be used");
            failed.push(server.to_string());
            last = error;
        }
        Err(last)
    }

    async fn connect_to(&self, server: &Server) -> Result<Connection, LdapError> {
        let limits = &self.config.limits;
        let opened = connect::open(server, &self.tls, limits).await;
        let mut connection = opened.map_err(LdapError::Unreachable)?;
        bind::as_service(&mut connection, &self.config.service, limits.operation).await?;
        Ok(connection)
    }

    /// What is read of somebody.
    fn attributes(&self) -> Vec<&str> {
        let people = &self.config.people;
        let mut attributes = vec![
            people.user_name_attribute.as_str(),
            &people.display_name_attribute,
            &people.mail_attribute,
            &people.id_attribute,
        ];
        if let GroupSource::MemberOf { attribute } = &self.config.groups {
            attributes.push(attribute);
        }
        attributes.extend(state::ATTRIBUTES);
        attributes
    }

    /// The one entry that was found, and who it is.
    fn only(&self, found: search::Found) -> Result<Only, LdapError> {
        if found.is_cut {
            return Ok(Err(Reason::Ambiguous));
        }
        let Some(entry) = found.entries.into_iter().next() else {
            return Ok(Err(Reason::NoSuchUser));
        };
        let attribute = &self.config.people.id_attribute;
        let Some(id) = entry.id(attribute) else {
            return Err(LdapError::NoId { attribute: attribute.clone() });
        };
        let subject = Subject { issuer: format!("ldap:{}", self.config.id), id };
        Ok(Ok(Box::new((entry, subject))))
    }

    async fn prove(
        &self,
        connection: &mut Connection,
        (entry, subject): (Entry, Subject),
        password: &Secret<String>,
    ) -> Result<Verdict, LdapError> {
        let within = self.config.limits.operation;
        if let Proof::Refused(reason) = bind::prove(connection, &entry.dn, password, within).await?
        {
            // a lock may be for ever: then the entry says so
            let shut = state::barred(&entry, self.clock.now());
            let is_locked = reason == Reason::Locked;
            return Ok(Verdict::Refused(shut.filter(|_| is_locked).unwrap_or(reason)));
        }
        // a directory that lets the bind pass may still say of the account that it is shut
        if let Some(reason) = state::barred(&entry, self.clock.now()) {
            return Ok(Verdict::Refused(reason));
        }
        bind::as_service(connection, &self.config.service, within).await?;
        let groups = groups::read(&self.config, connection, &entry).await?;
        Ok(Verdict::Accepted(Box::new(self.external(&entry, subject, groups))))
    }

    /// What a wrong password costs.
    async fn prove_nobody(
        &self,
        connection: &mut Connection,
        password: &Secret<String>,
    ) -> Result<(), LdapError> {
        let dn = format!("cn={},{}", escape::dn_value(NOBODY), self.config.people.base_dn);
        match bind::prove(connection, &dn, password, self.config.limits.operation).await {
            Ok(_) | Err(LdapError::Answer { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Searches for an identifier with the service account. What can be none is nobody's.
    async fn find_again(&self, id: &str) -> Result<(Connection, Only), LdapError> {
        let attribute = &self.config.people.id_attribute;
        let Some(value) = entry::id_value(attribute, id) else {
            return Ok((self.connect().await?, Err(Reason::NoSuchUser)));
        };
        let filter = format!("({attribute}={})", escape::filter_value(&value));
        let (connection, found) = self.search(&filter).await?;
        let found = self.only(found)?;
        Ok((connection, found))
    }

    async fn look_up(&self, id: &str) -> Result<Option<Standing>, LdapError> {
        let (mut connection, found) = self.find_again(id).await?;
        let Ok(found) = found else { return Ok(None) };
        let (entry, subject) = *found;
        let barred = state::barred(&entry, self.clock.now());
        if let Some(reason) = barred.filter(|reason| state::ends_sessions(*reason)) {
            return Ok(Some(Standing::Shut(reason)));
        }
        let groups = groups::read(&self.config, &mut connection, &entry).await?;
        Ok(Some(Standing::Active(Box::new(self.external(&entry, subject, groups)))))
    }

    fn external(&self, entry: &Entry, subject: Subject, groups: ProviderGroups) -> ExternalUser {
        let people = &self.config.people;
        let text = |attribute: &str| entry.text(attribute).map(str::to_owned);
        ExternalUser {
            provider: self.config.id.clone(),
            subject,
            user_name: text(&people.user_name_attribute),
            display_name: text(&people.display_name_attribute),
            verified_email: text(&people.mail_attribute)
                .filter(|mail| address::parts(mail).is_some()),
            groups,
            second_factor: false,
            signed_in: None,
        }
    }
}

/// The name that somebody means, without the directory's own domain before it. `None` for what
/// can be nobody's.
fn meant(typed: &str, domain: Option<&str>) -> Option<UserName> {
    let name = match (typed.split_once('\\'), domain) {
        (Some((before, name)), Some(own)) if before.eq_ignore_ascii_case(own) => name,
        _ => typed,
    };
    UserName::parse(name).ok()
}

/// Runs what speaks with a server apart from the caller: the library panics where an answer is no
/// LDAP, and that must be no more than a directory that can't be used.
async fn contained<T: Send + 'static>(
    work: impl Future<Output = Result<T, LdapError>> + Send + 'static,
) -> Result<T, LdapError> {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    match tasks.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(_)) | None => Err(LdapError::Unreadable),
    }
}

#[cfg(test)]
mod tests;
