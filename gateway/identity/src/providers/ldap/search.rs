//! Searches, bounded in size and in time (requirement S43).

use std::time::Duration;

use ldap3::adapters::{Adapter, PagedResults};
use ldap3::{Scope, SearchEntry, SearchOptions};
use tokio::time::timeout;

use super::LdapError;
use super::connect::Connection;
use super::entry::Entry;

/// Result codes (RFC 4511, appendix A).
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const REFERRAL: u32 = 10;
const ADMIN_LIMIT_EXCEEDED: u32 = 11;

/// What to search for, below an entry.
#[derive(Debug)]
pub(crate) struct Query<'q> {
    pub(crate) base_dn: &'q str,
    pub(crate) filter: &'q str,
    pub(crate) attributes: &'q [&'q str],
    /// No more entries than these are taken.
    pub(crate) most: usize,
    /// How many are asked for at a time; all at once, if none.
    pub(crate) page: Option<u16>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    /// Whether there is more, which was not taken.
    pub(crate) is_cut: bool,
}

/// Searches. References to other servers are passed over.
pub(crate) async fn run(
    connection: &mut Connection,
    query: &Query<'_>,
    within: Duration,
) -> Result<Found, LdapError> {
    let found = timeout(within, collect(connection, query, within)).await;
    found.map_err(|_| LdapError::Late)?
}

async fn collect(
    connection: &mut Connection,
    query: &Query<'_>,
    within: Duration,
) -> Result<Found, LdapError> {
    let most = i32::try_from(query.most).unwrap_or(i32::MAX).saturating_add(1);
    // to ask for more than a server gives at most is refused; pages are counted here
    let size = if query.page.is_some() { 0 } else { most };
    let seconds = i32::try_from(within.as_secs()).unwrap_or(i32::MAX).max(1);
    let options = SearchOptions::new().sizelimit(size).timelimit(seconds);
    let mut adapters: Vec<Box<dyn Adapter<'_, &str, &[&str]>>> = Vec::new();
    if let Some(page) = query.page {
        adapters.push(Box::new(PagedResults::new(i32::from(page))));
    }
    let ldap = connection.ldap.with_search_options(options);
    let mut stream = ldap
        .streaming_search_with(
            adapters,
            query.base_dn,
            Scope::Subtree,
            query.filter,
            query.attributes,
        )
        .await
        .map_err(LdapError::broken)?;
    let mut entries = Vec::new();
    while let Some(item) = stream.next().await.map_err(LdapError::broken)? {
        if item.is_ref() || item.is_intermediate() {
            continue;
        }
        if entries.len() == query.most {
            return Ok(Found { entries, is_cut: true });
        }
        entries.push(Entry::from(SearchEntry::construct(item)));
    }
    match stream.finish().await.rc {
        0 => Ok(Found { entries, is_cut: false }),
        SIZE_LIMIT_EXCEEDED => Ok(Found { entries, is_cut: true }),
        ADMIN_LIMIT_EXCEEDED if query.page.is_some() => Ok(Found { entries, is_cut: true }),
        REFERRAL => Err(LdapError::Referral),
        code => Err(LdapError::Answer { code }),
    }
}
