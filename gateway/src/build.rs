//! From configuration, folders and store to what requests are judged by.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use vestibule_adapters::RouteMap;
use vestibule_grant::GrantKey;
use vestibule_policies::model::{Folders, Grant, GroupMapping, Rights};
use vestibule_proxy::{HostName, Mount, SiteRuntime, SiteState, Upstreams};
use vestibule_schema::document::{self, SiteDocument, UpstreamAddress};
use vestibule_schema::{RoleName, SiteId};
use vestibule_store::{AuditLog, Store, StoreError, Unreadable};

use crate::config::{SiteConfig, identity_headers};
use crate::gallery::{self, Scan};
use crate::state::StateDir;

/// What sites need beside their own configuration.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) config_dir: std::path::PathBuf,
    pub(crate) state: StateDir,
    pub(crate) grant_key: Arc<GrantKey>,
    pub(crate) audit: AuditLog,
}

/// The folders of a site: what `_folder.md` files and `folders.toml` say, together. Both for one
/// folder is an error, which closes it.
pub(crate) fn folders(config: &SiteConfig, scan: &Scan, vanished: bool) -> Folders {
    let mut folders: Folders = scan.rules.clone();
    for (path, rules) in &config.folders {
        let rules = match folders.get(path) {
            Some(_) => Arc::new(gallery::broken(path)),
            None => Arc::new(rules.clone()),
        };
        folders.insert(path.clone(), rules);
    }
    if vanished {
        // nobody can tell what the folders say now
        let root = vestibule_schema::GalleryPath::root();
        folders.insert(root.clone(), Arc::new(gallery::broken(&root)));
    }
    folders
}

/// The grants and group mappings of the store, by site. One that this version can't read gives
/// nothing, and is told of: it must not keep what others have lost in force.
///
/// # Errors
/// If the store can't be reached.
pub(crate) async fn stored_rights(
    store: &Store,
) -> Result<BTreeMap<SiteId, Arc<Rights>>, StoreError> {
    let mut rights: BTreeMap<SiteId, Rights> = BTreeMap::new();
    let grants = store.grants().readable().await?;
    tell_of("grant", &grants.unreadable);
    for (site, user) in grants.unreadable.into_iter().filter_map(|one| one.whom) {
        // INVARIANT: nothing, and not what a group or the default would give to whom nothing was
        // granted: no site has this role, so that the grant locks (`permissions.md` 2)
        let role = Some(RoleName::visitor());
        let locked = Grant { user, role, base_path: None, upload_path: None };
        rights.entry(site).or_default().grants.push(locked);
    }
    for stored in grants.rows {
        rights.entry(stored.site).or_default().grants.push(Grant {
            user: stored.user,
            role: stored.access.role,
            base_path: stored.access.base_path,
            upload_path: stored.access.upload_path,
        });
    }
    let mappings = store.group_mappings().readable().await?;
    tell_of("group mapping", &mappings.unreadable);
    for stored in mappings.rows {
        let Some(role) = stored.access.role else { continue };
        rights.entry(stored.site).or_default().groups.push(GroupMapping {
            group: stored.group.id().clone(),
            role,
            base_path: stored.access.base_path,
            upload_path: stored.access.upload_path,
        });
    }
    Ok(rights.into_iter().map(|(site, rights)| (site, Arc::new(rights))).collect())
}

fn tell_of(what: &str, unreadable: &[Unreadable]) {
    for Unreadable { id, error, .. } in unreadable {
        tracing::error!(number = id, %error, "a {what} can't be read: it gives nothing");
    }
}

/// A site as the proxy needs it.
///
/// # Errors
/// If an upstream can't be found.
pub(crate) fn runtime(
    id: &SiteId,
    document: &SiteDocument,
    state: SiteState,
    around: &Surroundings,
) -> anyhow::Result<SiteRuntime> {
    let texts: Vec<String> =
        document.upstream.iter().map(|address| upstream_text(id, address, around)).collect();
    let adapter = RouteMap::built_in(&document.adapter.value)
        .ok_or_else(|| anyhow!("unknown adapter `{}`", document.adapter.value))?;
    let mount = match &document.mount {
        document::Mount::Hosts(hosts) => {
            let hosts = hosts.iter().map(|host| HostName::parse(&host.value));
            Mount::at_hosts(hosts.collect::<Result<_, _>>().context("a host of the site is none")?)
        }
        document::Mount::Path(path) => {
            Mount::at_path(&path.value).context("the path of the site can't be used")?
        }
    };
    let identity = document.identity_headers.as_ref();
    let identity = identity.map(|headers| identity_headers::build(headers, &around.config_dir));
    Ok(SiteRuntime {
        id: id.clone(),
        mount,
        app_passwords: document.app_passwords,
        upstreams: Upstreams::resolve(&texts)
            .with_context(|| format!("the upstream of the site `{id}` can't be used"))?,
        adapter: Arc::new(adapter),
        sizes: document.sizes,
        grant_key: Arc::clone(&around.grant_key),
        raw_keeps_metadata: document.raw_keeps_metadata,
        asserts: document.assertion,
        identity_headers: identity.transpose()?,
        state,
    })
}

fn upstream_text(id: &SiteId, address: &UpstreamAddress, around: &Surroundings) -> String {
    match address {
        UpstreamAddress::BuiltIn => format!("unix:{}", around.state.media_socket(id).display()),
        UpstreamAddress::Unix(path) => {
            format!("unix:{}", around.config_dir.join(Path::new(path)).display())
        }
        UpstreamAddress::Tcp { .. } => address.to_string(),
    }
}
