//! `vestibule policy check`

use std::collections::BTreeSet;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;
use vestibule_policies::{Decision, Need, PolicyRef, Principal, UserFacts};
use vestibule_schema::{AccountRole, Action, GalleryPath, GroupId, SiteId, UserName};

use super::site::OfflineSite;
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule policy check --site family --as jane download_large /clients/smith/a.jpg
  vestibule policy check --site family --as anonymous view /private/

Exit codes: 0 allowed, 2 bad input or configuration, 3 denied.";

/// Ask one question: may this user do that there?
///
/// Answers from the documents alone; grants of the store are not asked.
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
    /// The role of the user's account
    #[arg(long, value_name = "ROLE", default_value = "")]
    account_role: String,
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
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            anyhow!(BadInput(format!("unknown action `{}`{near}", self.action)))
        })?;
        let path = GalleryPath::from_decoded(&self.path)
            .map_err(|error| anyhow!(BadInput(format!("`{}`: {error}", self.path))))?;
        let principal = self.principal()?;
        let (site, _) = OfflineSite::load(&self.config.config, &self.site, output)?;
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

    fn principal(&self) -> anyhow::Result<Principal> {
        let bad = |what: &str, error: vestibule_schema::IdError| {
            anyhow!(BadInput(format!("`{what}`: {error}")))
        };
        if self.user == "anonymous" {
            return Ok(Principal::Visitor);
        }
        let groups = self.groups.iter().map(|g| GroupId::parse(g).map_err(|e| bad(g, e)));
        Ok(Principal::user(UserFacts {
            name: UserName::parse(&self.user).map_err(|e| bad(&self.user, e))?,
            account_role: AccountRole::parse(&self.account_role)
                .map_err(|e| bad(&self.account_role, e))?,
            groups: groups.collect::<Result<BTreeSet<_>, _>>()?,
        }))
    }
}

/// A policy for programs.
pub(super) fn policy_json(policy: &PolicyRef) -> serde_json::Value {
    json!({ "id": &*policy.id, "source": policy.source.to_string() })
}
