//! Signing in with a directory's password: whom a typed name means, before anything is compared.

mod refresh;

use vestibule_schema::UserName;
use vestibule_store::audit::SignInRefusal;
use vestibule_store::{Account, Subject, folded};

use crate::identity::{Identity, Unavailable};
use crate::providers::ldap::{Candidate, LdapError, LdapProvider, Reason};
use crate::providers::local;

pub use refresh::DirectoryWatch;

/// Whom a typed name means.
pub(crate) struct Meant {
    /// Their account, if they have one.
    pub(crate) account: Option<Account>,
    /// By what their failures are counted: the account, however its name was typed (S13).
    pub(crate) key: String,
    /// Who compares the password.
    pub(crate) judge: Judge,
}

/// Who compares a password.
pub(crate) enum Judge {
    /// The gateway, with the hash that it keeps.
    Gateway,
    /// A directory.
    Directory(Box<Candidate>),
}

impl Identity {
    /// Whom a typed name means. A local account is its password's; whoever belongs to a directory,
    /// and every name that nobody has, is for the directories.
    pub(crate) async fn meant(&self, typed: &str) -> Result<Meant, Unavailable> {
        let name = UserName::parse(typed).ok();
        let account = local::find(self, name.as_ref()).await?;
        let key = name.as_ref().map(folded).unwrap_or_default();
        let all = &self.settings.directories;
        let own = match &account {
            Some(account) => self.directory_of(account).await?,
            None => None,
        };
        let asked = match (&account, own) {
            (Some(_), Some(own)) => std::slice::from_ref(own),
            (Some(_), None) => &[],
            (None, _) => all.as_slice(),
        };
        match self.candidate(asked, typed).await {
            Ok(None) => Ok(Meant { account, key, judge: Judge::Gateway }),
            Ok(Some(candidate)) => self.meant_there(candidate, key).await,
            Err(error) if self.may_fall_back(account.as_ref(), own) => {
                let directory = own.map(|own| own.config().id.as_str());
                let shown = &error as &dyn std::error::Error;
                tracing::warn!(directory, error = shown, "a local password is compared instead");
                Ok(Meant { account, key, judge: Judge::Gateway })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whom a directory means by it, who may have another name here.
    async fn meant_there(&self, candidate: Candidate, key: String) -> Result<Meant, Unavailable> {
        let judge = |candidate| Judge::Directory(Box::new(candidate));
        let Some(subject) = candidate.subject() else {
            return Ok(Meant { account: None, key, judge: judge(candidate) });
        };
        let account = self.store.identities().find(subject).await?;
        let key = match &account {
            Some(account) => folded(&account.name),
            None => key_of(subject),
        };
        Ok(Meant { account, key, judge: judge(candidate) })
    }

    /// The first whom a directory knows by a name, or nobody of the first one: a bind that proves
    /// nothing then costs what a wrong password costs (S12).
    async fn candidate(
        &self,
        asked: &[LdapProvider],
        typed: &str,
    ) -> Result<Option<Candidate>, LdapError> {
        let mut nobody = None;
        for directory in asked {
            let found = directory.find(without_suffix(typed, directory)).await?;
            if found.subject().is_some() {
                return Ok(Some(found));
            }
            nobody = nobody.or(Some(found));
        }
        Ok(nobody)
    }

    /// The directory that an account belongs to.
    async fn directory_of(&self, account: &Account) -> Result<Option<&LdapProvider>, Unavailable> {
        let all = &self.settings.directories;
        if all.is_empty() {
            return Ok(None);
        }
        let linked = self.store.identities().of_account(account.id).await?;
        let is_own = |directory: &&LdapProvider| {
            linked.iter().any(|identity| identity.provider == directory.config().id)
        };
        Ok(all.iter().find(is_own))
    }

    /// Whether somebody's local password counts while their directory can't be asked.
    fn may_fall_back(&self, account: Option<&Account>, own: Option<&LdapProvider>) -> bool {
        let has_password = account.is_some_and(|account| account.password_hash.is_some());
        let rules = own.and_then(|own| self.settings.providers.get(&own.config().id));
        has_password && rules.is_some_and(|rules| rules.local_fallback)
    }
}

/// `jane@office` is what the directory `office` calls `jane`: accounts are shown so.
fn without_suffix<'t>(typed: &'t str, directory: &LdapProvider) -> &'t str {
    match typed.rsplit_once('@') {
        Some((name, suffix)) if suffix == directory.config().id.as_str() => name,
        _ => typed,
    }
}

/// What failures of somebody count by who has no account yet; no name looks like it.
fn key_of(subject: &Subject) -> String {
    format!("{}\u{1f}{}", subject.issuer, subject.id)
}

impl From<Reason> for SignInRefusal {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::NoSuchUser | Reason::Ambiguous => Self::UnknownUser,
            Reason::NoPassword | Reason::WrongPassword => Self::WrongPassword,
            Reason::Disabled | Reason::Locked | Reason::AccountExpired => Self::Disabled,
            Reason::PasswordExpired | Reason::MustChangePassword | Reason::NotNow => Self::Provider,
        }
    }
}
