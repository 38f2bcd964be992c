//! [`ExternalUser`]: what an identity provider says of somebody who has just proved who they are.

use std::collections::BTreeSet;

use vestibule_schema::{AccountRole, GroupId, ProviderId, UserName};
use vestibule_store::audit::SignInRefusal;
use vestibule_store::{
    Account, AccountId, AccountState, NewAccount, NewIdentity, StoreError, UnixTime,
};
pub use vestibule_store::{ProviderGroups, Subject};

use crate::address;
use crate::identity::{Identity, Unavailable};
use crate::origin::{RequestOrigin, Transport};
use crate::sign_in::{NewSession, Proof, SignInError, When};

/// What an identity provider says of somebody who has just proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUser {
    /// Which provider.
    pub provider: ProviderId,
    /// Who, for ever.
    pub subject: Subject,
    /// What they are called there; becomes part of the account's name when it is made.
    pub user_name: Option<String>,
    /// The name for people.
    pub display_name: Option<String>,
    /// An e-mail address that the provider has verified, with exactly one `@`; else none.
    pub verified_email: Option<String>,
    /// Their groups.
    pub groups: ProviderGroups,
    /// Whether a second factor was shown there.
    pub second_factor: bool,
    /// When they signed in there, if the provider says.
    pub signed_in: Option<UnixTime>,
}

/// Which accounts a provider may make, and how it may name them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registration {
    /// Whether somebody who has no account gets one at their first sign-in; else an administrator
    /// makes it, or adopts an account for them.
    pub auto_register: bool,
    /// Only members of one of these groups get an account; empty: no such bound.
    pub allow_groups: BTreeSet<GroupId>,
    /// Only who has a verified address at one of these domains gets an account, in lower case;
    /// empty: no such bound.
    pub allow_email_domains: BTreeSet<String>,
    /// Whether the provider's names are taken as they are; else the account is `name@provider`.
    pub trust_names: bool,
    /// Whether a local password may stand beside the provider.
    pub local_fallback: bool,
    /// Whether it is a directory, which is asked again while a session goes on; else the session
    /// stands on one word of the provider and ends within a day.
    pub asks_directory: bool,
}

impl Identity {
    /// The groups of an account, as the engine compares them, at the providers that there are.
    ///
    /// With one provider a mapping may leave its name out; with several it must say whose group it
    /// means, for one provider can't be let speak for another (requirement S30).
    pub(crate) async fn groups_of(
        &self,
        account: AccountId,
    ) -> Result<BTreeSet<GroupId>, Unavailable> {
        let providers = &self.settings.providers;
        if providers.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut ids = BTreeSet::new();
        for linked in self.store.identities().of_account(account).await? {
            if !providers.contains_key(&linked.provider) {
                continue;
            }
            match linked.groups {
                ProviderGroups::Known(groups) => {
                    for group in groups {
                        ids.insert(group.id().at(&linked.provider));
                        if providers.len() == 1 {
                            ids.insert(group.id().clone());
                        }
                    }
                }
                ProviderGroups::Unsaid => {}
                ProviderGroups::Unknown => tracing::warn!(
                    %account,
                    provider = %linked.provider,
                    "the provider did not say which groups: nobody is admitted by group"
                ),
            }
        }
        Ok(ids)
    }

    /// Signs somebody in whom a provider vouches for.
    ///
    /// # Errors
    /// If they have no account and get none, or their account may not sign in.
    pub async fn sign_in_external(
        &self,
        origin: &RequestOrigin,
        user: &ExternalUser,
        user_agent: &str,
    ) -> Result<NewSession, SignInError> {
        let account = self.admit(origin, user).await?;
        self.begin_session(origin, &account, &self.proof_of(user, user_agent)).await
    }

    /// The account of somebody whom a provider vouches for; made, where its table allows it.
    ///
    /// # Errors
    /// If they have none and get none, or it may not sign in.
    pub(crate) async fn admit(
        &self,
        origin: &RequestOrigin,
        user: &ExternalUser,
    ) -> Result<Account, SignInError> {
        if origin.transport() == Transport::Exposed {
            self.audit_refused(origin, SignInRefusal::InsecureOrigin, None).await;
            return Err(SignInError::InsecureOrigin);
        }
        let failed = |error: StoreError| SignInError::Unavailable(error.into());
        let account = match self.store.identities().find(&user.subject).await.map_err(failed)? {
            Some(account) => {
                self.take_over_groups(&account, user).await?;
                // an address may be given to somebody else: what is said of it is of now
                let email = user.verified_email.as_deref().unwrap_or_default();
                self.store.accounts().set_email(account.id, email).await.map_err(failed)?;
                account
            }
            None => match self.register(user).await {
                Ok(account) => account,
                Err(error) => {
                    let reason = match error {
                        SignInError::Unavailable(_) => SignInRefusal::Unavailable,
                        _ => SignInRefusal::Provider,
                    };
                    self.audit_refused(origin, reason, None).await;
                    return Err(error);
                }
            },
        };
        if account.state == AccountState::Disabled {
            tracing::info!(user = %account.name, provider = %user.provider, "sign-in refused: disabled");
            let known = Some(&account.name);
            self.audit_refused(origin, SignInRefusal::Disabled, known).await;
            return Err(SignInError::Refused);
        }
        Ok(account)
    }

    /// How somebody proved who they are whom a provider vouches for.
    pub(crate) fn proof_of<'r>(&self, user: &'r ExternalUser, user_agent: &'r str) -> Proof<'r> {
        let rules = self.settings.providers.get(&user.provider);
        let asks_directory = rules.is_some_and(|rules| rules.asks_directory);
        Proof {
            by: if asks_directory { "ldap" } else { "provider" },
            provider: Some(&user.provider),
            second_factor: user.second_factor,
            when: if asks_directory { When::Now } else { When::There(user.signed_in) },
            user_agent,
        }
    }

    /// Takes over which groups somebody is in now; in force for their next request.
    pub(crate) async fn take_over_groups(
        &self,
        account: &Account,
        user: &ExternalUser,
    ) -> Result<(), SignInError> {
        self.set_groups(account.id, &user.subject, &user.groups)
            .await
            .map_err(SignInError::Unavailable)
    }

    /// Takes over which groups somebody is in at a provider; in force for their next request.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn set_groups(
        &self,
        account: AccountId,
        subject: &Subject,
        groups: &ProviderGroups,
    ) -> Result<(), Unavailable> {
        let is_news = self.store.identities().set_groups(subject, groups, self.now()).await?;
        self.words.forget(account);
        if is_news {
            self.cache.end_of_account(account);
        }
        Ok(())
    }

    /// Makes an account for somebody, where the provider's table allows it.
    async fn register(&self, user: &ExternalUser) -> Result<Account, SignInError> {
        let refused = |why: &'static str| {
            tracing::info!(
                provider = %user.provider,
                issuer = %user.subject.issuer,
                subject = %user.subject.id,
                why,
                "no account was made"
            );
            SignInError::NotRegistered
        };
        let rules = self.settings.providers.get(&user.provider);
        let rules = rules.ok_or_else(|| refused("the provider is not configured"))?;
        rules.admits(user).map_err(refused)?;
        let name = rules.account_name(user).ok_or_else(|| refused("the provider gives no name"))?;
        let account = NewAccount::new(name, AccountRole::default())
            .with_display_name(user.display_name.clone().unwrap_or_default())
            .with_email(user.verified_email.clone().unwrap_or_default());
        let identity = NewIdentity {
            provider: user.provider.clone(),
            subject: user.subject.clone(),
            groups: user.groups.clone(),
        };
        match self.store.identities().add_account(account, &identity, self.now()).await {
            Ok(account) => {
                tracing::info!(user = %account.name, provider = %user.provider, "account made");
                Ok(account)
            }
            Err(StoreError::NameTaken { taken }) => {
                tracing::warn!(
                    user = %taken,
                    provider = %user.provider,
                    subject = %user.subject.id,
                    adopt = adoption(&taken, user),
                    "the name belongs to another account, which is never taken over"
                );
                Err(SignInError::NotRegistered)
            }
            Err(error) => Err(SignInError::Unavailable(error.into())),
        }
    }
}

/// The command by which an administrator gives an account to whoever this is at the provider. What
/// the provider says is quoted, so that it is nothing but a word in a shell.
fn adoption(taken: &UserName, user: &ExternalUser) -> String {
    let word = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let (name, subject) = (word(taken.as_str()), word(&user.subject.id));
    format!("vestibule users mod --provider={} --subject={subject} -- {name}", user.provider)
}

impl Registration {
    /// Whether somebody may have an account made; else why not, for the log.
    fn admits(&self, user: &ExternalUser) -> Result<(), &'static str> {
        if !self.auto_register {
            return Err("accounts are made by an administrator (`auto_register`)");
        }
        let in_group = match &user.groups {
            ProviderGroups::Known(groups) => {
                groups.iter().any(|group| self.allow_groups.contains(group.id()))
            }
            ProviderGroups::Unsaid | ProviderGroups::Unknown => false,
        };
        if !self.allow_groups.is_empty() && !in_group {
            return Err("they are in none of `allow_groups`");
        }
        // S23: the whole domain, of an address with exactly one `@`
        let parts = user.verified_email.as_deref().and_then(address::parts);
        let domain = parts.map(|(_, domain)| domain.to_lowercase());
        let at_domain = domain.is_some_and(|domain| self.allow_email_domains.contains(&domain));
        if !self.allow_email_domains.is_empty() && !at_domain {
            return Err("they have no verified address at one of `allow_email_domains`");
        }
        Ok(())
    }

    /// What an account of theirs is called.
    fn account_name(&self, user: &ExternalUser) -> Option<UserName> {
        let name = user.user_name.as_deref()?.trim();
        let full =
            if self.trust_names { name.to_owned() } else { format!("{name}@{}", user.provider) };
        UserName::parse(&full).ok().filter(|_| !name.is_empty())
    }
}

#[cfg(test)]
mod tests;
