//! What the auditor's verbs have in common: which site, with or without the store, and its people.

use std::collections::BTreeSet;

use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use vestibule_policies::audit::reach::{self, Holding, Person, Who};
use vestibule_policies::{UserFacts, Vocabulary};
use vestibule_schema::problem::nearest;
use vestibule_schema::{Action, GalleryPath, PermissionSet, SiteId, UserName};
use vestibule_store::AccountState;

use super::site::OfflineSite;
use super::stored::StoredFacts;
use crate::cli::output::plural;
use crate::cli::{BadInput, ConfigArg, Output};
use crate::config::Configuration;

/// Which site an auditor asks about.
#[derive(Debug, Args)]
pub(super) struct SiteArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The site; may be left out if the configuration has one only
    #[arg(long)]
    site: Option<SiteId>,
    /// Leave the store out: as if nobody had an account or a grant
    #[arg(long)]
    documents_only: bool,
}

/// A site as it is audited.
pub(super) struct Audited {
    pub(super) site: OfflineSite,
    pub(super) stored: StoredFacts,
}

impl SiteArgs {
    /// From what the answers come, in words.
    pub(super) fn sources(&self) -> &'static str {
        if self.documents_only { "the documents alone" } else { "the documents and the store" }
    }

    /// Reads the site, and says on standard error what stays closed because it can't be read.
    pub(super) fn load(&self, output: &mut Output) -> anyhow::Result<Audited> {
        let id = match &self.site {
            Some(id) => id.clone(),
            None => self.only_site(output)?,
        };
        let with_store = !self.documents_only;
        let (site, stored) = OfflineSite::load(&self.config.config, &id, with_store, output)?;
        let broken = site.engine.folders().values().filter(|rules| rules.broken.is_some()).count();
        if broken > 0 {
            output.note(format!(
                "{} can't be read, closed to all but the site's owners; see `vestibule check`",
                plural(broken, "folder")
            ));
        }
        Ok(Audited { site, stored })
    }

    fn only_site(&self, output: &mut Output) -> anyhow::Result<SiteId> {
        let vocabulary = Vocabulary::load()?;
        let configuration =
            Configuration::load(&self.config.config, &vocabulary).map_err(|problems| {
                output.problems(&problems);
                anyhow!(BadInput("the configuration has an error".into()))
            })?;
        let names: Vec<_> = configuration.sites.iter().map(|site| site.id.as_str()).collect();
        match (configuration.sites.as_slice(), names.is_empty()) {
            ([site], _) => Ok(site.id.clone()),
            (_, true) => Err(anyhow!(BadInput("the configuration has no site".into()))),
            _ => {
                let message = format!("which site? name one with `--site`: {}", names.join(", "));
                Err(anyhow!(BadInput(message)))
            }
        }
    }
}

impl Audited {
    /// Everybody of whom the site's rules, its grants and the store speak.
    pub(super) fn people(&self) -> Vec<Person> {
        let users = self.stored.users().map(|(name, role)| UserFacts {
            name: name.clone(),
            account_role: role.clone(),
            groups: BTreeSet::new(),
        });
        reach::people(&self.site.engine, users)
    }

    /// What should be known of somebody beside the name, such as that there is no such account.
    pub(super) fn remarks(&self) -> AccountRemarks<'_> {
        let accounts = self.stored.accounts().iter();
        let enabled = |state: AccountState| state == AccountState::Enabled;
        let (enabled, disabled): (Vec<_>, Vec<_>) =
            accounts.partition(|account| enabled(account.state));
        AccountRemarks {
            known: !self.stored.accounts().is_empty(),
            enabled: enabled.into_iter().map(|account| &account.name).collect(),
            disabled: disabled.into_iter().map(|account| &account.name).collect(),
        }
    }
}

/// Which accounts there are.
pub(super) struct AccountRemarks<'a> {
    known: bool,
    enabled: BTreeSet<&'a UserName>,
    disabled: BTreeSet<&'a UserName>,
}

impl AccountRemarks<'_> {
    /// The state of a user's account: `enabled`, `disabled` or `none`. Nothing is said of others
    /// than users, nor if the store was left out or has no account at all.
    pub(super) fn account(&self, who: &Who) -> Option<&'static str> {
        let Who::User(name) = who else { return None };
        match (self.known, self.enabled.contains(name), self.disabled.contains(name)) {
            (false, ..) => None,
            (true, true, _) => Some("enabled"),
            (true, false, true) => Some("disabled"),
            (true, false, false) => Some("none"),
        }
    }

    /// Somebody for people, with what keeps their account from being used.
    pub(super) fn shown(&self, who: &Who) -> String {
        match self.account(who) {
            Some("disabled") => format!("{who} (disabled)"),
            Some("none") => format!("{who} (no account)"),
            _ => who.to_string(),
        }
    }
}

/// An action that somebody typed.
pub(super) fn action(text: &str) -> anyhow::Result<Action> {
    Action::from_name(text).ok_or_else(|| {
        let bare = text.strip_prefix("can_").filter(|name| Action::from_name(name).is_some());
        let near = bare.or_else(|| nearest(text, Action::ALL.iter().map(|action| action.name())));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        anyhow!(BadInput(format!("unknown action `{text}`{near}")))
    })
}

/// A path that somebody typed.
pub(super) fn path(text: &str) -> anyhow::Result<GalleryPath> {
    GalleryPath::from_decoded(text).map_err(|error| anyhow!(BadInput(format!("`{text}`: {error}"))))
}

/// Somebody for programs.
pub(super) fn who_json(who: &Who) -> Value {
    json!({ "kind": who.kind(), "name": who.name() })
}

/// A role that somebody holds, for programs.
pub(super) fn holding_json(holding: &Holding) -> Value {
    json!({
        "role": holding.role.as_str(),
        "folder": holding.folder.as_ref().map(GalleryPath::as_str),
        "source": holding.source.to_string(),
        "through": holding.through.to_string(),
    })
}

/// A set of permissions for programs.
pub(super) fn set_json(set: PermissionSet) -> Value {
    set.actions().map(Action::name).collect()
}
