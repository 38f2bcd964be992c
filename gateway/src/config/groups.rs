//! Groups of the documents, held against the providers that could give them.

use vestibule_schema::problem::Problem;
use vestibule_schema::{GroupId, ProviderId};

use super::{IdentityConfig, SiteConfig};

/// What is said of groups that nobody can be in: of a provider that is not configured, or of none
/// where there are several, as a group counts only with its provider then (requirement S30).
pub(super) fn check(identity: &IdentityConfig, site: &SiteConfig) -> Vec<Problem> {
    let known: Vec<&ProviderId> = identity.oidc.keys().chain(identity.ldap.keys()).collect();
    let declared = site.model.iter().flat_map(|model| &model.declared.groups);
    let declared = declared.map(|mapping| (&mapping.group, "grants.toml"));
    let blocks = site.folders.iter().filter_map(|(_, rules)| rules.block.as_deref());
    let named = blocks.flat_map(|block| block.group_roles.keys());
    let named = named.map(|group| (group, "folders.toml"));
    declared.chain(named).filter_map(|one| problem(site, &known, one)).collect()
}

fn problem(
    site: &SiteConfig,
    known: &[&ProviderId],
    (group, file): (&GroupId, &str),
) -> Option<Problem> {
    let place = format!("config.d/sites/{}/{file}", site.id);
    let names = || known.iter().map(|id| id.as_str());
    match group.provider() {
        Some(provider) if names().any(|name| name == provider) => None,
        Some(provider) => {
            let message = format!("the group `{group}`: there is no provider `{provider}`");
            let problem = Problem::warning("config::unknown_provider", message).in_file(&place);
            Some(problem.suggest(provider, names()))
        }
        None if known.len() < 2 => None,
        None => {
            let message = format!("nobody is in the group `{group}`: it says no provider");
            let names = names().map(|name| format!("`provider = \"{name}\"`"));
            let help = format!(
                "there are several, so say whose: {}",
                names.collect::<Vec<_>>().join(" or ")
            );
            Some(Problem::warning("config::whose_group", message).in_file(&place).help(help))
        }
    }
}
