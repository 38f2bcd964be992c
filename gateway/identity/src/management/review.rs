//! The access review: who may enter which site, as what, and by what.

use serde::Serialize;
use vestibule_policies::audit::admission::ways_in;
use vestibule_policies::{Principal, SiteEngine, UserFacts};
use vestibule_schema::{ManagementAction, RoleName, SiteId, UserName};
use vestibule_store::{AccountState, folded};

use super::{ManageError, Management};

/// One way of somebody into a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewRow {
    /// The user; empty for everybody who has not signed in.
    pub user: String,
    /// The site.
    pub node: String,
    /// The role there; empty if it counts in some folder alone.
    pub role: String,
    /// By what: `by a stored grant`, `by the declared group …`, `by default`.
    pub why: String,
}

/// What of the review to show.
#[derive(Debug, Clone, Default)]
pub struct ReviewFilter {
    /// This user alone.
    pub user: Option<UserName>,
    /// This site alone.
    pub node: Option<SiteId>,
    /// This role alone.
    pub role: Option<RoleName>,
}

impl Management<'_> {
    /// Who may enter which site, as what, and by what: by site and user. Accounts that may not sign
    /// in are left out, for they enter nothing; share links have a list of their own.
    ///
    /// # Errors
    /// If that may not be seen, the site is closed, or the store can't be reached.
    pub async fn review(&self, filter: &ReviewFilter) -> Result<Vec<ReviewRow>, ManageError> {
        let nodes = self.ask_about(ManagementAction::ReviewAccess, filter.node.as_ref())?;
        let engines: Vec<&SiteEngine> =
            nodes.iter().filter_map(|node| node.engine.as_deref()).collect();
        let people = self.people(filter.user.as_ref()).await?;
        let mut rows = Vec::new();
        for engine in engines {
            for principal in &people {
                let ways = ways_in(engine, principal).into_iter();
                let wanted = ways.filter(|way| filter.role.is_none() || way.role == filter.role);
                rows.extend(wanted.map(|way| ReviewRow {
                    user: principal.user_name().map(ToString::to_string).unwrap_or_default(),
                    node: engine.id().to_string(),
                    role: way.role.map(|role| role.to_string()).unwrap_or_default(),
                    why: way.by,
                }));
            }
        }
        Ok(rows)
    }

    /// Who might enter: everybody who has not signed in, and each account that may sign in.
    async fn people(&self, only: Option<&UserName>) -> Result<Vec<Principal>, ManageError> {
        let mut people = Vec::new();
        if only.is_none() {
            people.push(Principal::Visitor);
        }
        let only = only.map(folded);
        for account in self.identity.users().await? {
            let is_wanted = only.as_ref().is_none_or(|name| *name == folded(&account.name));
            if !is_wanted || account.state == AccountState::Disabled {
                continue;
            }
            let groups = self.identity.groups_of(account.id).await?;
            let facts = UserFacts { name: account.name, account_role: account.role, groups };
            people.push(Principal::user(facts));
        }
        Ok(people)
    }
}
