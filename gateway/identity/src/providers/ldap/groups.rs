//! The groups of somebody in a directory.

use std::collections::BTreeSet;

use vestibule_store::MappedGroup;

use super::LdapError;
use super::config::{GroupSource, LdapConfig};
use super::connect::Connection;
use super::entry::Entry;
use super::filter::Placeholder;
use super::search::{self, Query};
use crate::ProviderGroups;

/// Reads somebody's groups; the connection is the service account's. Where there are more than
/// may be read, nothing is known of them: whoever is admitted by group is not.
pub(crate) async fn read(
    config: &LdapConfig,
    connection: &mut Connection,
    entry: &Entry,
) -> Result<ProviderGroups, LdapError> {
    let most = config.limits.groups;
    let (groups, is_cut) = match &config.groups {
        GroupSource::MemberOf { attribute } => {
            let groups: BTreeSet<_> = entry.texts(attribute).filter_map(parse).collect();
            let is_cut = entry.is_cut(attribute) || groups.len() > most;
            (groups, is_cut)
        }
        GroupSource::Search { base_dn, filter } => {
            let user = entry.text(&config.people.user_name_attribute).unwrap_or_default();
            let filter = filter.fill(|placeholder| match placeholder {
                Placeholder::Dn => entry.dn.as_bytes(),
                Placeholder::User | Placeholder::Name => user.as_bytes(),
            });
            let page = Some(config.limits.page);
            // "1.1" is no attribute at all (RFC 4511, 4.5.1.8)
            let query = Query { base_dn, filter: &filter, attributes: &["1.1"], most, page };
            let found = search::run(connection, &query, config.limits.operation).await?;
            let groups = found.entries.iter().filter_map(|group| parse(&group.dn)).collect();
            (groups, found.is_cut)
        }
    };
    if is_cut {
        tracing::warn!(
            directory = %config.id,
            user = %entry.dn,
            most,
            "more groups than may be read: none of them counts"
        );
        return Ok(ProviderGroups::Unknown);
    }
    Ok(ProviderGroups::Known(groups))
}

/// A group that no document can name is no loss.
fn parse(dn: &str) -> Option<MappedGroup> {
    MappedGroup::parse(dn).ok()
}
