//! What the store adds to the documents, for verbs that answer without a running gateway.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use vestibule_policies::SiteEngine;
use vestibule_policies::model::Rights;
use vestibule_schema::problem::Problem;
use vestibule_schema::{AccountRole, SiteId, SourceRef, UserName};
use vestibule_store::{Account, Store, StoreError, folded};

use crate::build;
use crate::config::Configuration;
use crate::state::StateDir;

/// The mend, if there is a store that can't be read.
const NOT_READ: &str = "the store can't be read; `--documents-only` leaves it out";

/// Accounts, grants and group mappings. Nothing at all, if no gateway has run yet.
#[derive(Debug, Default)]
pub(crate) struct StoredFacts {
    rights: BTreeMap<SiteId, Arc<Rights>>,
    accounts: Vec<Account>,
    /// Whether there are providers who say in which groups somebody is.
    has_providers: bool,
}

impl StoredFacts {
    /// Reads the store of a configuration, if there is one.
    ///
    /// # Errors
    /// If there is one that can't be read.
    pub(crate) fn read(configuration: &Configuration) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let Some(store) = runtime.block_on(existing_store(configuration))? else {
            return Ok(Self::default());
        };
        runtime
            .block_on(async {
                let rights = build::stored_rights(&store).await?;
                let accounts = store.accounts().list().await?;
                store.close().await;
                let has_providers = !configuration.gateway.identity.registrations().is_empty();
                Ok::<_, StoreError>(Self { rights, accounts, has_providers })
            })
            .context(NOT_READ)
    }

    /// What the store grants on a site.
    pub(crate) fn rights(&self, site: &SiteId) -> Arc<Rights> {
        self.rights.get(site).cloned().unwrap_or_default()
    }

    /// The account of a name, however it is spelt: as sign-in finds it.
    pub(crate) fn account(&self, name: &UserName) -> Option<&Account> {
        let form = folded(name);
        self.accounts.iter().find(|account| folded(&account.name) == form)
    }

    /// Whether somebody may be in groups that are not known here: what a provider said of them
    /// last counts for a session, and is not read.
    pub(crate) const fn may_have_groups(&self) -> bool {
        self.has_providers
    }

    /// The accounts.
    pub(crate) fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The accounts' names and roles.
    pub(crate) fn users(&self) -> impl Iterator<Item = (&UserName, &AccountRole)> {
        self.accounts.iter().map(|account| (&account.name, &account.role))
    }

    /// Names in the documents that no account has, or has in another spelling. Documents name
    /// users exactly (`permissions.md` 2): such an entry counts for nobody.
    pub(crate) fn misspelt(&self, engine: &SiteEngine) -> Vec<Problem> {
        if self.accounts.is_empty() {
            return Vec::new();
        }
        let entries = named(engine).into_iter();
        entries.filter_map(|(name, source)| self.problem_of(&name, &source)).collect()
    }

    /// What is wrong with a name that stands there: no account has just this one.
    pub(crate) fn problem_of(&self, name: &UserName, source: &SourceRef) -> Option<Problem> {
        let account = self.account(name).map(|account| &account.name);
        let (message, help) = match account {
            Some(account) if account == name => return None,
            Some(account) => (
                format!("`{name}` is not the account `{account}`: names count letter by letter"),
                format!("write `{account}`; until then the entry counts for nobody"),
            ),
            None => {
                let names = self.accounts.iter().map(|account| account.name.as_str());
                let near = vestibule_schema::problem::nearest(name.as_str(), names);
                (
                    format!("no account is called `{name}`"),
                    near.map_or_else(
                        || format!("add it: vestibule users add {name}"),
                        |near| format!("did you mean `{near}`?"),
                    ),
                )
            }
        };
        let place = format!("{}:{}", source.file, source.line);
        Some(Problem::warning("policy::unknown_user", message).in_file(&place).help(help))
    }
}

/// The store of a configuration, if a gateway has made one. Nothing is made here.
async fn existing_store(configuration: &Configuration) -> anyhow::Result<Option<Store>> {
    let gateway = &configuration.gateway;
    StateDir::at(&gateway.state_dir).store_as_it_is(&gateway.store).await.context(NOT_READ)
}

/// The users that blocks and declared grants name, each with the place.
fn named(engine: &SiteEngine) -> Vec<(UserName, SourceRef)> {
    let folders = engine.folders().values().filter_map(|rules| rules.block.as_deref());
    let blocks = std::iter::once(&engine.model().block).chain(folders);
    let entries = blocks.flat_map(|block| {
        block.user_roles.iter().map(|(name, entry)| (name.clone(), entry.source.clone()))
    });
    let file = format!("config.d/sites/{}/grants.toml", engine.id());
    let grants = engine.model().declared.grants.iter();
    let grants = grants
        .map(|grant| (grant.user.clone(), SourceRef { file: Arc::from(file.as_str()), line: 1 }));
    entries.chain(grants).collect()
}
