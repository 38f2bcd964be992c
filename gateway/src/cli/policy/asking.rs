//! Who asks, and what: the arguments that verbs about one question have in common.

use std::collections::BTreeSet;

use anyhow::anyhow;
use clap::Args;
use vestibule_policies::{Principal, UserFacts};
use vestibule_schema::{AccountRole, Action, GalleryPath, GroupId, SiteId, UserName};
use vestibule_store::AccountState;

use super::stored::StoredFacts;
use crate::cli::{BadInput, ConfigArg, Output};

/// Who asks, of which site.
#[derive(Debug, Args)]
pub(super) struct Asking {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// The site
    #[arg(long)]
    pub(super) site: SiteId,
    /// The user, or `anonymous`
    #[arg(long = "as", value_name = "USER")]
    user: String,
    /// A group of the user; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// The role of the user's account, instead of what the store says
    #[arg(long, value_name = "ROLE")]
    account_role: Option<String>,
    /// Leave the store out: as if nobody had an account or a grant
    #[arg(long)]
    documents_only: bool,
}

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct Question {
    /// A permission without `can_`
    action: String,
    /// An image, or a folder with `/` at the end
    path: String,
}

impl Asking {
    /// Whether the store has a say.
    pub(super) fn with_store(&self) -> bool {
        !self.documents_only
    }

    /// The user as the store knows him, or as he was typed.
    pub(super) fn principal(
        &self,
        stored: &StoredFacts,
        output: &mut Output,
    ) -> anyhow::Result<Principal> {
        let bad = |what: &str, error: vestibule_schema::IdError| {
            anyhow!(BadInput(format!("`{what}`: {error}")))
        };
        if self.user == "anonymous" {
            return Ok(Principal::Visitor);
        }
        let groups = self.groups.iter().map(|g| GroupId::parse(g).map_err(|e| bad(g, e)));
        let typed = UserName::parse(&self.user).map_err(|e| bad(&self.user, e))?;
        let account = stored.account(&typed);
        if account.is_none() && stored.users().next().is_some() {
            output.note(format!("no account is called `{typed}`; answered as if there were one"));
        }
        if let Some(account) = account.filter(|account| account.state == AccountState::Disabled) {
            let name = &account.name;
            output.note(format!(
                "the account `{name}` is disabled: nobody signs in by it; answered as for a visitor"
            ));
            return Ok(Principal::Visitor);
        }
        if self.groups.is_empty() && stored.may_have_groups() {
            let note = "answered without groups, which providers give: say them with `--group`";
            output.note(note);
        }
        let account_role = match &self.account_role {
            Some(text) => AccountRole::parse(text).map_err(|e| bad(text, e))?,
            None => account.map(|account| account.role.clone()).unwrap_or_default(),
        };
        Ok(Principal::user(UserFacts {
            name: account.map_or(typed, |account| account.name.clone()),
            account_role,
            groups: groups.collect::<Result<BTreeSet<_>, _>>()?,
        }))
    }
}

impl Question {
    /// The action and the path.
    pub(super) fn parse(&self) -> anyhow::Result<(Action, GalleryPath)> {
        let action = Action::from_name(&self.action).ok_or_else(|| {
            let names = Action::ALL.iter().map(|action| action.name());
            let near = vestibule_schema::problem::nearest(&self.action, names);
            let near = self.action.strip_prefix("can_").filter(|n| names_one(n)).or(near);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            anyhow!(BadInput(format!("unknown action `{}`{near}", self.action)))
        })?;
        let path = GalleryPath::from_decoded(&self.path)
            .map_err(|error| anyhow!(BadInput(format!("`{}`: {error}", self.path))))?;
        Ok((action, path))
    }
}

fn names_one(text: &str) -> bool {
    Action::from_name(text).is_some()
}
