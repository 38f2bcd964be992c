//! `[identity]` of `vestibule.toml`: who vouches for people beside the gateway itself.

mod ldap;
mod oidc;

use std::collections::BTreeMap;
use std::path::Path;

use vestibule_identity::Registration;
use vestibule_identity::providers::ldap::LdapConfig;
use vestibule_identity::providers::oidc::OidcConfig;
use vestibule_schema::document::{Reader, Spanned, Table};
use vestibule_schema::problem::Problem;
use vestibule_schema::{GroupId, ProviderId};

use super::gateway::PublicUrl;
use super::secret::read_secret;

/// The providers, by name. No two have the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdentityConfig {
    /// `[identity.oidc.<name>]`
    pub(crate) oidc: BTreeMap<ProviderId, Provider<OidcConfig>>,
    /// `[identity.ldap.<name>]`
    pub(crate) ldap: BTreeMap<ProviderId, Provider<LdapConfig>>,
}

/// A provider, and which accounts it may make.
#[derive(Debug, Clone)]
pub(crate) struct Provider<C> {
    pub(crate) config: C,
    pub(crate) registration: Registration,
}

impl IdentityConfig {
    /// Reads the table, if it is there.
    pub(crate) fn read(root: &mut Table<'_, '_>, public_url: &PublicUrl, dir: &Path) -> Self {
        let mut config = Self::default();
        let Some(mut identity) = root.table("identity") else { return config };
        let reader = identity.reader();
        if let Some(providers) = identity.table("oidc") {
            for (name, mut table) in providers.named_tables() {
                let Some(id) = read_name(reader, &name) else { continue };
                if !public_url.is_known {
                    report_no_address(reader, &name);
                }
                let registration = read_registration(&mut table);
                if let Some(provider) = oidc::read(id.clone(), table, public_url, dir) {
                    let provider = Provider { config: provider, registration };
                    config.oidc.insert(id, provider);
                }
            }
        }
        if let Some(directories) = identity.table("ldap") {
            for (name, mut table) in directories.named_tables() {
                let Some(id) = read_name(reader, &name) else { continue };
                if config.oidc.contains_key(&id) {
                    let message = format!("`{id}` is the name of two providers");
                    reader.error("config::same_provider", message, &name.span, "rename this table");
                    continue;
                }
                let registration =
                    Registration { asks_directory: true, ..read_registration(&mut table) };
                if let Some(directory) = ldap::read(id.clone(), table, dir) {
                    config.ldap.insert(id, Provider { config: directory, registration });
                }
            }
        }
        identity.finish();
        config
    }

    /// What each provider may do, by name.
    pub(crate) fn registrations(&self) -> BTreeMap<ProviderId, Registration> {
        let oidc = self.oidc.iter().map(|(id, provider)| (id, &provider.registration));
        let ldap = self.ldap.iter().map(|(id, provider)| (id, &provider.registration));
        oidc.chain(ldap).map(|(id, rules)| (id.clone(), rules.clone())).collect()
    }

    /// What is wrong with it that no single line shows.
    pub(crate) fn beyond_the_text(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(provider) = self.oidc.values().find(|p| !is_private(&p.config)) {
            let address = &provider.config.redirect_uri;
            problems.push(
                Problem::error("config::plain_callback", format!("`{address}` is plain HTTP"))
                    .in_file("vestibule.toml")
                    .help(
                        "providers send people back there: set `public_url` to an `https://` one",
                    ),
            );
        }
        if self.oidc.values().filter(|provider| provider.registration.trust_names).count() > 1 {
            problems.push(
                Problem::warning(
                    "config::names_may_clash",
                    "several providers have `trust_names`: whoever comes first to a name has it",
                )
                .in_file("vestibule.toml")
                .help("trust the names of one; those of the others read `name@provider`"),
            );
        }
        problems
    }
}

/// Whether what browsers bring back from a provider can't be read on its way.
fn is_private(config: &OidcConfig) -> bool {
    let address = &config.redirect_uri;
    let on_this_machine = matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    address.scheme() == "https" || on_this_machine
}

fn read_name(reader: &Reader<'_>, name: &Spanned<String>) -> Option<ProviderId> {
    match ProviderId::parse(&name.value) {
        Ok(id) => Some(id),
        Err(error) => {
            let message = format!("`{}` is no name for a provider: {error}", name.value);
            reader.error("config::bad_provider_name", message, &name.span, "rename this table");
            None
        }
    }
}

/// Nobody can be sent back to an address that nobody knows.
fn report_no_address(reader: &Reader<'_>, name: &Spanned<String>) {
    reader.report(
        Problem::error(
            "config::no_public_url",
            format!("`{}` can't send anybody back: there is no `public_url`", name.value),
        )
        .at(reader.source(), name.span.clone(), "needs the address of the portal")
        .help("set `public_url` to the gateway's address, like `https://photos.example.com`"),
    );
}

/// The keys that every provider has: which accounts it may make, and how it may name them.
fn read_registration(table: &mut Table<'_, '_>) -> Registration {
    let reader = table.reader();
    let mut flag = |key| table.boolean(key).is_some_and(|flag| flag.value);
    let auto_register = flag("auto_register");
    let trust_names = flag("trust_names");
    let local_fallback = flag("local_fallback");
    let groups = table.strings("allow_groups").unwrap_or_default();
    let domains = table.strings("allow_email_domains").unwrap_or_default();
    if !auto_register {
        // what bounds nothing is a mistake: somebody thinks that it does
        for bound in groups.iter().chain(&domains) {
            reader.report(
                Problem::error("config::bound_without_effect", "this bounds nothing")
                    .at(reader.source(), bound.span.clone(), "`auto_register` is not on")
                    .help("set `auto_register = true`, or leave the bound out"),
            );
        }
    }
    Registration {
        auto_register,
        allow_groups: groups.iter().filter_map(|group| read_group(reader, group)).collect(),
        allow_email_domains: domains.iter().filter_map(|d| read_domain(reader, d)).collect(),
        trust_names,
        local_fallback,
        asks_directory: false,
    }
}

fn read_group(reader: &Reader<'_>, group: &Spanned<String>) -> Option<GroupId> {
    match GroupId::parse(&group.value) {
        Ok(id) => Some(id),
        Err(error) => {
            let message = format!("this is no group: {error}");
            reader.error("config::bad_group", message, &group.span, "no group");
            None
        }
    }
}

/// A domain that is compared whole; `@` before it is what people write too.
fn read_domain(reader: &Reader<'_>, domain: &Spanned<String>) -> Option<String> {
    let text = domain.value.strip_prefix('@').unwrap_or(&domain.value).to_ascii_lowercase();
    let good = text
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    if !good {
        reader.report(
            Problem::error("config::bad_domain", format!("`{}` is no domain", domain.value))
                .at(reader.source(), domain.span.clone(), "compared whole, without wildcards")
                .help("write it like `example.com`"),
        );
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests;
