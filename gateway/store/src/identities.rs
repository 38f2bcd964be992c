//! Who somebody is at identity providers, and in which groups.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;
use vestibule_schema::ProviderId;

use crate::accounts::{self, Account, AccountId, NewAccount};
use crate::error::unavailable;
use crate::group_mappings::MappedGroup;
use crate::open::commit_change;
use crate::row::Reader;
use crate::transaction::Tx;
use crate::{Store, StoreError, UnixTime};

/// The identities of a store; see [`Store::identities`].
#[derive(Debug)]
pub struct Identities<'s>(&'s Store);

/// Who somebody is at a provider, for ever: the key by which their account is found. Never a name
/// or an address, which can be given to somebody else (requirement S23).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// Who says so: an issuer's address, or `ldap:` and the directory's name.
    pub issuer: String,
    /// The identifier that the issuer never gives again: `sub`, `entryUUID`, `objectGUID`.
    pub id: String,
}

/// The groups of somebody at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProviderGroups {
    /// The provider said nothing of groups: nothing is known, and nothing was held back.
    #[default]
    Unsaid,
    /// These and no others.
    Known(BTreeSet<MappedGroup>),
    /// There are groups, and the provider did not say which (Entra's overage): whoever is admitted
    /// by group is not.
    Unknown,
}

impl ProviderGroups {
    const fn state(&self) -> i64 {
        match self {
            Self::Unsaid => 0,
            Self::Known(_) => 1,
            Self::Unknown => 2,
        }
    }

    fn known(&self) -> impl Iterator<Item = &MappedGroup> {
        match self {
            Self::Known(groups) => Some(groups.iter()),
            Self::Unsaid | Self::Unknown => None,
        }
        .into_iter()
        .flatten()
    }
}

/// Somebody at a provider, and the account that is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkedIdentity {
    /// The account.
    pub account: AccountId,
    /// The provider.
    pub provider: ProviderId,
    /// Who they are there.
    pub subject: Subject,
    /// Their groups there, when they were last read.
    pub groups: ProviderGroups,
    /// When that was.
    pub groups_read: UnixTime,
}

/// Somebody at a provider, who is to become the owner of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// The provider.
    pub provider: ProviderId,
    /// Who they are there.
    pub subject: Subject,
    /// Their groups there.
    pub groups: ProviderGroups,
}

impl Store {
    /// Who somebody is at identity providers.
    #[must_use]
    pub fn identities(&self) -> Identities<'_> {
        Identities(self)
    }
}

impl Identities<'_> {
    /// The account of somebody at a provider.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn find(&self, subject: &Subject) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "SELECT accounts.* FROM accounts JOIN identities ON identities.account = accounts.id \
             WHERE identities.issuer = $1 AND identities.subject = $2",
        )
        .bind(&subject.issuer)
        .bind(&subject.id)
        .fetch_optional(&self.0.pool)
        .await
        .map_err(unavailable)?;
        row.as_ref().map(accounts::read).transpose()
    }

    /// The identities of an account, by provider.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn of_account(&self, account: AccountId) -> Result<Vec<LinkedIdentity>, StoreError> {
        let rows = sqlx::query(
            "SELECT identities.account, identities.provider, identities.issuer, \
             identities.subject, identities.groups_state, identities.groups_read, \
             coalesce(identity_groups.group_typed, '') AS group_typed \
             FROM identities LEFT JOIN identity_groups ON identity_groups.identity = identities.id \
             WHERE identities.account = $1 \
             ORDER BY identities.provider, identities.id, identity_groups.group_id",
        )
        .bind(account.number())
        .fetch_all(&self.0.pool)
        .await
        .map_err(unavailable)?;
        let mut linked: Vec<LinkedIdentity> = Vec::new();
        for row in &rows {
            let (identity, group) = read(row)?;
            match linked.last_mut() {
                Some(last) if last.subject == identity.subject => {}
                _ => linked.push(identity),
            }
            if let (Some(last), Some(group)) = (linked.last_mut(), group)
                && let ProviderGroups::Known(groups) = &mut last.groups
            {
                groups.insert(group);
            }
        }
        Ok(linked)
    }

    /// Makes an account for somebody at a provider.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`], [`StoreError::IdentityTaken`].
    pub async fn add_account(
        &self,
        account: NewAccount,
        identity: &NewIdentity,
        now: UnixTime,
    ) -> Result<Account, StoreError> {
        let mut tx = self.0.begin().await?;
        let account = accounts::insert(&mut tx, account, now).await?;
        insert(&mut tx, account.id, identity, now).await?;
        commit_change(tx).await?;
        Ok(account)
    }

    /// Makes somebody at a provider the owner of an account that exists.
    ///
    /// # Errors
    /// [`StoreError::NoSuchAccount`], [`StoreError::IdentityTaken`].
    pub async fn adopt(
        &self,
        account: AccountId,
        identity: &NewIdentity,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        accounts::existing(&mut tx, account).await?;
        insert(&mut tx, account, identity, now).await?;
        commit_change(tx).await
    }

    /// Takes over which groups somebody is in now. Says whether that is news.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn set_groups(
        &self,
        subject: &Subject,
        groups: &ProviderGroups,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let row = sqlx::query(
            "SELECT id, groups_state FROM identities WHERE issuer = $1 AND subject = $2",
        )
        .bind(&subject.issuer)
        .bind(&subject.id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        let Some(row) = row else { return Ok(false) };
        let row = Reader { table: "identities", row: &row };
        let (id, state): (i64, i64) = (row.raw("id")?, row.raw("groups_state")?);
        let before = group_ids(&mut tx, id).await?;
        let after: Vec<&str> = groups.known().map(|group| group.id().as_str()).collect();
        let is_news = state != groups.state() || before.iter().map(String::as_str).ne(after);
        sqlx::query("UPDATE identities SET groups_state = $1, groups_read = $2 WHERE id = $3")
            .bind(groups.state())
            .bind(now.seconds())
            .bind(id)
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        if !is_news {
            tx.commit().await.map_err(unavailable)?;
            return Ok(false);
        }
        sqlx::query("DELETE FROM identity_groups WHERE identity = $1")
            .bind(id)
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        insert_groups(&mut tx, id, groups).await?;
        commit_change(tx).await?;
        Ok(true)
    }

    /// Notes that what was last read of somebody is not to be relied on: whoever needs it asks the
    /// provider again.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn doubt(&self, subject: &Subject) -> Result<(), StoreError> {
        sqlx::query("UPDATE identities SET groups_read = 0 WHERE issuer = $1 AND subject = $2")
            .bind(&subject.issuer)
            .bind(&subject.id)
            .execute(&self.0.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    /// Who has an account by a provider, and when their groups were last read: the longest ago
    /// first, at most so many.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn stale(
        &self,
        provider: &ProviderId,
        before: UnixTime,
        most: u32,
    ) -> Result<Vec<(AccountId, Subject)>, StoreError> {
        let rows = sqlx::query(
            "SELECT account, issuer, subject FROM identities \
             WHERE provider = $1 AND groups_read <= $2 \
             AND EXISTS (SELECT 1 FROM sessions WHERE sessions.account = identities.account) \
             ORDER BY groups_read, id LIMIT $3",
        )
        .bind(provider.as_str())
        .bind(before.seconds())
        .bind(i64::from(most))
        .fetch_all(&self.0.pool)
        .await
        .map_err(unavailable)?;
        let read = |row: &AnyRow| {
            let row = Reader { table: "identities", row };
            let subject = Subject { issuer: row.raw("issuer")?, id: row.raw("subject")? };
            Ok((AccountId::from_number(row.raw("account")?), subject))
        };
        rows.iter().map(read).collect()
    }
}

pub(crate) async fn insert(
    tx: &mut Tx,
    account: AccountId,
    identity: &NewIdentity,
    now: UnixTime,
) -> Result<(), StoreError> {
    let row = sqlx::query(
        "INSERT INTO identities (account, provider, issuer, subject, groups_state, groups_read) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(account.number())
    .bind(identity.provider.as_str())
    .bind(&identity.subject.issuer)
    .bind(&identity.subject.id)
    .bind(identity.groups.state())
    .bind(now.seconds())
    .fetch_optional(&mut **tx)
    .await
    .map_err(unavailable)?;
    let Some(row) = row else {
        return Err(StoreError::IdentityTaken { provider: identity.provider.clone() });
    };
    let id = Reader { table: "identities", row: &row }.raw("id")?;
    insert_groups(tx, id, &identity.groups).await
}

async fn insert_groups(
    tx: &mut Tx,
    identity: i64,
    groups: &ProviderGroups,
) -> Result<(), StoreError> {
    for group in groups.known() {
        sqlx::query(
            "INSERT INTO identity_groups (identity, group_id, group_typed) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
        )
        .bind(identity)
        .bind(group.id().as_str())
        .bind(group.typed())
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
    }
    Ok(())
}

/// The groups that are kept, as they are compared, in order.
async fn group_ids(tx: &mut Tx, identity: i64) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT group_id FROM identity_groups WHERE identity = $1")
        .bind(identity)
        .fetch_all(&mut **tx)
        .await
        .map_err(unavailable)?;
    let ids = rows.iter().map(|row| Reader { table: "identity_groups", row }.raw("group_id"));
    let mut ids: Vec<String> = ids.collect::<Result<_, _>>()?;
    // databases order texts each in its own way
    ids.sort_unstable();
    Ok(ids)
}

/// An identity, without its groups but the one of this row.
fn read(row: &AnyRow) -> Result<(LinkedIdentity, Option<MappedGroup>), StoreError> {
    let row = Reader { table: "identities", row };
    let groups = match row.raw::<i64>("groups_state")? {
        0 => ProviderGroups::Unsaid,
        1 => ProviderGroups::Known(BTreeSet::new()),
        2 => ProviderGroups::Unknown,
        _ => return Err(row.corrupt("groups_state")),
    };
    let group = match row.raw::<&str>("group_typed")? {
        "" => None,
        _ => Some(row.parsed("group_typed", MappedGroup::parse)?),
    };
    let identity = LinkedIdentity {
        account: AccountId::from_number(row.raw("account")?),
        provider: row.parsed("provider", ProviderId::parse)?,
        subject: Subject { issuer: row.raw("issuer")?, id: row.raw("subject")? },
        groups,
        groups_read: row.time("groups_read")?,
    };
    Ok((identity, group))
}

#[cfg(test)]
mod tests;
