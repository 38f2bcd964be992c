//! What of the configuration is managed: the sites, and who vouches for whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use vestibule_adapters::RouteMap;
use vestibule_identity::management::Node;
use vestibule_policies::SiteEngine;
use vestibule_schema::ProviderId;
use vestibule_schema::document::Mount;

use crate::config::{IdentityConfig, PublicUrl, SiteConfig};

/// A site as it is managed.
pub(crate) fn node(
    config: &SiteConfig,
    engine: Option<Arc<SiteEngine>>,
    portal: &PublicUrl,
) -> Node {
    let document = config.document.as_ref();
    let (mount, origin) = match document.map(|document| &document.mount) {
        Some(Mount::Hosts(hosts)) => {
            let names: Vec<&str> = hosts.iter().map(|host| host.value.as_str()).collect();
            let first = names.first().map(|host| portal.origin_at(host));
            (names.join(", "), first.unwrap_or_else(|| portal.text.clone()))
        }
        Some(Mount::Path(path)) => (path.value.to_string(), portal.text.clone()),
        None => (String::new(), portal.text.clone()),
    };
    let upstream = document.map(|document| document.upstream.as_slice()).unwrap_or_default();
    Node {
        site: config.id.clone(),
        model: config.model.clone(),
        engine,
        mount,
        origin,
        adapter: document.map(|document| document.adapter.value.clone()).unwrap_or_default(),
        upstream: upstream.iter().map(ToString::to_string).collect(),
    }
}

/// The gallery servers that there are routes for.
pub(crate) fn adapters() -> Vec<String> {
    RouteMap::built_in_names().map(str::to_owned).collect()
}

/// Who vouches for the identities of each provider.
pub(crate) fn issuers(config: &IdentityConfig) -> BTreeMap<ProviderId, String> {
    let oidc = config.oidc.iter().map(|(id, known)| (id.clone(), known.config.issuer.clone()));
    let ldap = config.ldap.keys().map(|id| (id.clone(), format!("ldap:{id}")));
    oidc.chain(ldap).collect()
}
