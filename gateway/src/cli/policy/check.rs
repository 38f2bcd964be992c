//! `vestibule policy check`

use std::collections::BTreeSet;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;
use vestibule_policies::{Decision, Need, PolicyRef, Principal, UserFacts};
use vestibule_schema::{AccountRole, Action, GalleryPath, GroupId, SiteId, UserName};

use super::site::OfflineSite;
use super::stored::StoredFacts;
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule policy check --site family --as jane download_large /clients/smith/a.jpg
  vestibule policy check --site family --as anonymous view /private/

Exit codes: 0 allowed, 2 bad input or configuration, 3 denied.";

/// Ask one question: may this user do that there?
///
/// Answers as the gateway would: from the documents and from the accounts and grants of the store.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArg,
    /// The site
    #[arg(long)]
    site: SiteId,
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
    /// How the answer is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// A permission without `can_`
    action: String,
    /// An image, or a folder with `/` at the end
    path: String,
}

impl Check {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let action = Action::from_name(&self.action).ok_or_else(|| {
            let names = Action::ALL.iter().map(|action| action.name());
            let near = vestibule_schema::problem::nearest(&self.action, names);
            let near = self.action.strip_prefix("can_").filter(|n| names_one(n)).or(near);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            anyhow!(BadInput(format!("unknown action `{}`{near}", self.action)))
        })?;
        let path = GalleryPath::from_decoded(&self.path)
            .map_err(|error| anyhow!(BadInput(format!("`{}`: {error}", self.path))))?;
        let with_store = !self.documents_only;
        let (site, stored) =
            OfflineSite::load(&self.config.config, &self.site, with_store, output)?;
        let principal = self.principal(&stored, output)?;
        let decision = site.engine.decide(&principal, Need::one(action), &path);
        let word = if decision.is_allow() { "allow" } else { "deny" };
        match self.format {
            Format::Json => output.json(&json!({
                "decision": word,
                "policies": decision.policies().iter().map(policy_json).collect::<Vec<_>>(),
            })),
            Format::Table | Format::Csv => {
                output.line(word);
                for policy in decision.policies() {
                    output.line(format!("  {policy}"));
                }
                if decision.policies().is_empty() {
                    output.line("  nothing permits it");
                }
            }
        }
        Ok(match decision {
            Decision::Allow(_) => Exit::Done,
            Decision::Deny(_) => Exit::DeniedOrNotFound,
        })
    }

    fn principal(&self, stored: &StoredFacts, output: &mut Output) -> anyhow::Result<Principal> {
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

fn names_one(text: &str) -> bool {
    Action::from_name(text).is_some()
}

/// A policy for programs.
pub(super) fn policy_json(policy: &PolicyRef) -> serde_json::Value {
    json!({ "id": &*policy.id, "source": policy.source.to_string() })
}
