//! Accounts: seen, made, changed and removed by whoever manages.

use serde::Serialize;
use vestibule_schema::{AccountRole, ManagementAction, ProviderId, UserName};
use vestibule_store::audit::{Object, Verb};
use vestibule_store::{
    Account, AccountChange, AccountState, GrantFilter, Keep, NewAccount, NewIdentity,
    ProviderGroups, StoreError, Subject,
};

use super::grants::GrantView;
use super::{ManageError, Management, Outcome};
use crate::{Secret, password};

/// The longest that a name for people may be, in characters.
const MAX_DISPLAY_NAME: usize = 200;

/// An account, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserView {
    /// The user's name.
    pub user: String,
    /// The name for people.
    pub name: String,
    /// The account's own role; may be empty.
    pub role: String,
    /// `enabled` or `disabled`.
    pub state: &'static str,
    /// Whether there is a local password.
    pub password: bool,
    /// When it was made.
    pub created: String,
    /// When somebody last changed it.
    pub changed: String,
}

/// An account with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserDetail {
    /// The account.
    pub account: UserView,
    /// Who its owner is at identity providers.
    pub identities: Vec<IdentityView>,
    /// Its grants, on whatever site.
    pub grants: Vec<GrantView>,
    /// How many sessions it has at the moment.
    pub sessions: usize,
}

/// Who somebody is at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentityView {
    /// The provider.
    pub provider: String,
    /// Who vouches.
    pub issuer: String,
    /// The identifier there.
    pub subject: String,
    /// The groups there; none: they are not known.
    pub groups: Option<Vec<String>>,
}

/// An account to be made.
#[derive(Debug)]
pub struct UserWanted<'r> {
    /// The name.
    pub name: UserName,
    /// The account's own role.
    pub role: AccountRole,
    /// The name for people; empty for the user name.
    pub display_name: &'r str,
    /// The local password; none: nobody signs in by one.
    pub password: Option<&'r Secret<String>>,
}

/// What becomes of an account; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// Its role.
    pub role: Option<AccountRole>,
    /// The name for people; empty for the user name.
    pub display_name: Option<String>,
    /// Whether it may sign in.
    pub state: Option<AccountState>,
    /// Whose it becomes.
    pub adopt: Option<Adoption>,
}

/// Somebody at a provider, who becomes the owner of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The provider.
    pub provider: ProviderId,
    /// The identifier there that is never given again, as the log of the refused sign-in has it.
    pub subject: String,
}

impl UserChange {
    /// Whether nothing is said to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words().is_empty()
    }

    /// Whether somebody may lose something by it: their sessions, their role.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        self.role.is_some() || self.state == Some(AccountState::Disabled) || self.adopt.is_some()
    }

    fn words(&self) -> Vec<String> {
        let role = self.role.as_ref().map(|role| format!("role `{role}`"));
        let name = self.display_name.as_ref().map(|name| format!("name `{name}`"));
        let state = self.state.map(|state| word(state).to_owned());
        let adopt = self.adopt.as_ref();
        let adopt = adopt.map(|it| format!("belongs to `{}` at `{}`", it.subject, it.provider));
        [role, name, state, adopt].into_iter().flatten().collect()
    }
}

impl Management<'_> {
    /// Every account, by name.
    ///
    /// # Errors
    /// If that may not be seen, or the store can't be reached.
    pub async fn users(&self) -> Result<Vec<UserView>, ManageError> {
        self.ask(ManagementAction::ReviewAccess)?;
        Ok(self.identity.users().await?.iter().map(view).collect())
    }

    /// One account, with what belongs to it.
    ///
    /// # Errors
    /// If there is none, or it may not be seen.
    pub async fn user(&self, name: &UserName) -> Result<UserDetail, ManageError> {
        self.ask(ManagementAction::ReviewAccess)?;
        let account = self.identity.user(name).await?;
        let linked = self.identity.store().identities().of_account(account.id).await?;
        let identities = linked.into_iter().map(|identity| IdentityView {
            provider: identity.provider.to_string(),
            issuer: identity.subject.issuer,
            subject: identity.subject.id,
            groups: match identity.groups {
                ProviderGroups::Known(groups) => {
                    Some(groups.iter().map(|group| group.typed().to_owned()).collect())
                }
                ProviderGroups::Unsaid | ProviderGroups::Unknown => None,
            },
        });
        let filter = GrantFilter { site: None, user: Some(account.name.clone()) };
        Ok(UserDetail {
            identities: identities.collect(),
            grants: self.grants(&filter).await?,
            sessions: self.identity.sessions(account.id).await?.len(),
            account: view(&account),
        })
    }

    /// Makes an account.
    ///
    /// # Errors
    /// If the name is taken, or the password may not be one.
    pub async fn add_user(&self, wanted: UserWanted<'_>) -> Result<Outcome<UserView>, ManageError> {
        self.ask(ManagementAction::ManageUsers)?;
        if wanted.role.is_cluster_admin() {
            self.step_up(None).await?;
        }
        may_be_shown(wanted.display_name)?;
        let new = NewAccount::new(wanted.name.clone(), wanted.role.clone())
            .with_display_name(wanted.display_name);
        let what = format!("`{}`", wanted.name);
        if self.is_dry() {
            if let Some(taken) = self.identity.store().accounts().find(&wanted.name).await? {
                return Err(StoreError::NameTaken { taken: taken.name }.into());
            }
            if let Some(password) = wanted.password {
                let checked = password::check(password, &wanted.name);
                checked.map_err(|error| ManageError::BadInput(error.to_string()))?;
            }
            return Ok(self.outcome(["would add", "added"], &what, None));
        }
        self.begin()?;
        let account = self.identity.add_user(new, wanted.password).await?;
        let detail = Some(format!("role `{}`", wanted.role));
        self.changed((Object::Account, Verb::Added), &account.name, detail, None).await?;
        Ok(self.outcome(["would add", "added"], &what, Some(view(&account))))
    }

    /// Changes an account: whole, or not at all. Another role, and being disabled, end its
    /// sessions.
    ///
    /// # Errors
    /// If there is no such account, nobody else could manage the cluster, or whoever is to own it
    /// has another.
    pub async fn modify_user(
        &self,
        name: &UserName,
        change: &UserChange,
    ) -> Result<Outcome<UserView>, ManageError> {
        self.ask(ManagementAction::ManageUsers)?;
        let words = change.words();
        if words.is_empty() {
            return Err(ManageError::BadInput("nothing is said to be changed".into()));
        }
        may_be_shown(change.display_name.as_deref().unwrap_or_default())?;
        let account = self.identity.user(name).await?;
        let role = change.role.as_ref().unwrap_or(&account.role);
        let gives_role = change.role.is_some() && role.is_cluster_admin();
        // who was shut out, and has power when they are let in again
        let gives_state = change.state == Some(AccountState::Enabled)
            && account.state == AccountState::Disabled
            && role.is_cluster_admin();
        if gives_role || gives_state || change.adopt.is_some() {
            self.step_up(None).await?;
        }
        let adoption = match &change.adopt {
            Some(adopt) => self.adoption(&account, adopt).await?,
            None => None,
        };
        let is_adopted = adoption.is_some();
        let stored = AccountChange {
            role: change.role.clone(),
            display_name: change.display_name.clone(),
            state: change.state,
            adopt: adoption,
        };
        let accounts = self.identity.store().accounts();
        let now = self.identity.now();
        let keep = if self.is_dry() { Keep::No } else { Keep::Yes };
        if !self.is_dry() {
            self.begin()?;
        }
        let after = accounts.modify(account.id, &stored, now, keep).await?;
        if !self.is_dry() {
            self.identity.cache.end_of_account(account.id);
        }
        let same = (&after.role, &after.display_name, after.state)
            == (&account.role, &account.display_name, account.state);
        let changed = !same || is_adopted;
        if changed && !self.is_dry() {
            let (name, detail) = (&account.name, Some(words.join(", ")));
            self.changed((Object::Account, Verb::Changed), name, detail, None).await?;
        }
        let what = format!("`{}`: {}", account.name, words.join(", "));
        let outcome = self.outcome(["would change", "changed"], &what, Some(view(&after)));
        Ok(Outcome { changed, ..outcome })
    }

    /// Whom an account is to belong to; none if it does already.
    async fn adoption(
        &self,
        account: &Account,
        adopt: &Adoption,
    ) -> Result<Option<NewIdentity>, ManageError> {
        let provider = &adopt.provider;
        let issuer = self.cluster.issuers.get(provider).ok_or_else(|| {
            let names = self.cluster.issuers.keys().map(ProviderId::as_str);
            let near = vestibule_schema::problem::nearest(provider.as_str(), names);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            ManageError::NotFound(format!("no identity provider is called `{provider}`{near}"))
        })?;
        let bad = adopt.subject.is_empty() || adopt.subject.chars().any(char::is_control);
        if bad || adopt.subject.len() > 1024 {
            let message = "say who it is at the provider, as the log has it (`--subject`)";
            return Err(ManageError::BadInput(message.into()));
        }
        let subject = Subject { issuer: issuer.clone(), id: adopt.subject.clone() };
        match self.identity.store().identities().find(&subject).await? {
            Some(owner) if owner.id == account.id => Ok(None),
            Some(_) => Err(StoreError::IdentityTaken { provider: provider.clone() }.into()),
            None => {
                let groups = ProviderGroups::Unsaid;
                Ok(Some(NewIdentity { provider: provider.clone(), subject, groups }))
            }
        }
    }

    /// Gives an account another password; its sessions end.
    ///
    /// # Errors
    /// If there is no such account, or it may not be a password.
    pub async fn set_password(
        &self,
        name: &UserName,
        new: &Secret<String>,
    ) -> Result<Outcome<UserView>, ManageError> {
        self.ask(ManagementAction::ManageUsers)?;
        let account = self.identity.user(name).await?;
        self.step_up(Some(&account)).await?;
        let what = format!("the password of `{}`; all its sessions end", account.name);
        let verbs = ["would change", "changed"];
        if self.is_dry() {
            let checked = password::check(new, &account.name);
            checked.map_err(|error| ManageError::BadInput(error.to_string()))?;
            return Ok(self.outcome(verbs, &what, Some(view(&account))));
        }
        self.begin()?;
        self.identity.set_password(&account.name, new).await?;
        self.changed((Object::Password, Verb::Changed), &account.name, None, None).await?;
        let account = self.identity.user(&account.name).await?;
        Ok(self.outcome(verbs, &what, Some(view(&account))))
    }

    /// Removes an account with its sessions and grants.
    ///
    /// # Errors
    /// If there is none, or nobody else could manage the cluster.
    pub async fn remove_user(&self, name: &UserName) -> Result<Outcome<UserView>, ManageError> {
        self.ask(ManagementAction::ManageUsers)?;
        let account = self.identity.user(name).await?;
        let what = format!("`{}`", account.name);
        if self.is_dry() {
            self.identity.store().accounts().rehearse_removal(account.id).await?;
            let what = format!("{what} with all sessions and grants");
            return Ok(self.outcome(["would remove", "removed"], &what, None));
        }
        self.begin()?;
        self.identity.remove_user(&account.name).await?;
        self.changed((Object::Account, Verb::Removed), &account.name, None, None).await?;
        Ok(self.outcome(["would remove", "removed"], &what, None))
    }
}

/// A name for people is shown as it is.
fn may_be_shown(name: &str) -> Result<(), ManageError> {
    if name.chars().count() > MAX_DISPLAY_NAME || name.chars().any(char::is_control) {
        let most = MAX_DISPLAY_NAME;
        let message =
            format!("a name for people has up to {most} characters, and no control characters");
        return Err(ManageError::BadInput(message));
    }
    Ok(())
}

const fn word(state: AccountState) -> &'static str {
    match state {
        AccountState::Enabled => "enabled",
        AccountState::Disabled => "disabled",
    }
}

pub(super) fn view(account: &Account) -> UserView {
    UserView {
        user: account.name.to_string(),
        name: account.display_name.clone(),
        role: account.role.to_string(),
        state: word(account.state),
        password: account.password_hash.is_some(),
        created: account.created.to_string(),
        changed: account.changed.to_string(),
    }
}
