//! Signing in with a directory's password: whom a typed name means, before anything is compared.

mod refresh;
mod words;

use vestibule_schema::UserName;
use vestibule_store::audit::SignInRefusal;
use vestibule_store::{Account, Subject, folded};

use crate::identity::{Identity, Unavailable};
use crate::providers::ldap::{Candidate, LdapError, LdapProvider, Reason};

pub use refresh::DirectoryWatch;
#[cfg(test)]
pub(crate) use words::Word;
pub(crate) use words::Words;

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
    /// Whom a typed name means, and the account of that name. A local account is its password's;
    /// whoever belongs to a directory, and every name that nobody has, is for the directories.
    pub(crate) async fn meant(
        &self,
        typed: &str,
        account: Option<Account>,
    ) -> Result<Meant, Unavailable> {
        let key = UserName::parse(typed).ok().as_ref().map(folded).unwrap_or_default();
        let all = &self.settings.directories;
        let own = match &account {
            Some(account) => self.directory_of(account).await?.map(|(own, _)| own),
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

    /// Somebody who is signed in and shows their password once more: known by what never changes,
    /// however the directory calls them.
    pub(crate) async fn meant_again(&self, account: Account) -> Result<Meant, Unavailable> {
        let key = folded(&account.name);
        let Some((own, subject)) = self.directory_of(&account).await? else {
            return Ok(Meant { account: Some(account), key, judge: Judge::Gateway });
        };
        let judge = match own.find_again(&subject.id).await {
            Ok(candidate) => Judge::Directory(Box::new(candidate)),
            Err(error) if self.may_fall_back(Some(&account), Some(own)) => {
                let (directory, shown) = (&own.config().id, &error as &dyn std::error::Error);
                tracing::warn!(%directory, error = shown, "a local password is compared instead");
                Judge::Gateway
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Meant { account: Some(account), key, judge })
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

    /// The directory that an account belongs to, and who its owner is there.
    async fn directory_of(
        &self,
        account: &Account,
    ) -> Result<Option<(&LdapProvider, Subject)>, Unavailable> {
        let all = &self.settings.directories;
        if all.is_empty() {
            return Ok(None);
        }
        let linked = self.store.identities().of_account(account.id).await?;
        let own = all.iter().find_map(|directory| {
            let id = &directory.config().id;
            let own = linked.iter().find(|identity| identity.provider == *id)?;
            Some((directory, own.subject.clone()))
        });
        Ok(own)
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
        Some((name, suffix)) if suffix.eq_ignore_ascii_case(directory.config().id.as_str()) => name,
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
