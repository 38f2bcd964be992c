//! Which group of a directory or identity provider may enter which site, and as what.

use sqlx::any::AnyRow;
use vestibule_schema::{GroupId, IdError, ProviderId, SiteId};

use crate::error::unavailable;
use crate::grants::{Access, RoleChoice};
use crate::open::commit_change;
use crate::row::{Readable, Reader};
use crate::{Store, StoreError, UnixTime};

/// The group mappings of a store; see [`Store::group_mappings`].
#[derive(Debug)]
pub struct GroupMappings<'s>(&'s Store);

/// A group as somebody typed it, and as it is compared. Ordered by what is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MappedGroup {
    id: GroupId,
    typed: String,
}

impl MappedGroup {
    /// Reads a group.
    ///
    /// # Errors
    /// As [`GroupId::parse`].
    pub fn parse(typed: &str) -> Result<Self, IdError> {
        Ok(Self { id: GroupId::parse(typed)?, typed: typed.trim().to_owned() })
    }

    /// The same group at one provider alone.
    #[must_use]
    pub fn at(self, provider: &ProviderId) -> Self {
        Self { id: self.id.at(provider), ..self }
    }

    /// What is compared.
    #[must_use]
    pub const fn id(&self) -> &GroupId {
        &self.id
    }

    /// What is shown, with its provider if it is one's alone.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.id.provider() {
            Some(provider) => format!("{} of {provider}", self.typed),
            None => self.typed.clone(),
        }
    }

    /// As somebody typed it.
    #[must_use]
    pub fn typed(&self) -> &str {
        &self.typed
    }
}

/// Access of one group to one site.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMapping {
    /// The site.
    pub site: SiteId,
    /// The group.
    pub group: MappedGroup,
    /// What it gives.
    pub access: Access,
    /// When it was made.
    pub created: UnixTime,
}

impl Store {
    /// Which group may enter which site.
    #[must_use]
    pub fn group_mappings(&self) -> GroupMappings<'_> {
        GroupMappings(self)
    }
}

impl GroupMappings<'_> {
    /// Gives a group access to a site; the same mapping twice is one, also in another spelling.
    /// Says whether it is new.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn allow(
        &self,
        site: &SiteId,
        group: &MappedGroup,
        access: &Access,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let [role, base_path, upload_path] = access.columns();
        let mut tx = self.0.begin().await?;
        let done = sqlx::query(
            "INSERT INTO group_mappings \
             (site, group_id, group_typed, role, base_path, upload_path, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(site.as_str())
        .bind(group.id.as_str())
        .bind(&group.typed)
        .bind(role)
        .bind(base_path)
        .bind(upload_path)
        .bind(now.seconds())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        commit_change(tx).await?;
        Ok(true)
    }

    /// Takes a group's access to a site away. Says how many mappings went.
    ///
    /// # Errors
    /// [`StoreError::NoSuchMapping`].
    pub async fn deny(
        &self,
        site: &SiteId,
        group: &GroupId,
        which: RoleChoice<'_>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.0.begin().await?;
        let done = sqlx::query(
            "DELETE FROM group_mappings \
             WHERE site = $1 AND group_id = $2 AND role = coalesce($3, role)",
        )
        .bind(site.as_str())
        .bind(group.as_str())
        .bind(which.column())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NoSuchMapping { site: site.clone(), group: group.clone() });
        }
        commit_change(tx).await?;
        Ok(done.rows_affected())
    }

    /// The group mappings of one site or all, by site and group.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn list(&self, site: Option<&SiteId>) -> Result<Vec<GroupMapping>, StoreError> {
        self.rows(site).await?.iter().map(read).collect()
    }

    /// All group mappings that can be read, by site and group, and those that can't.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn readable(&self) -> Result<Readable<GroupMapping>, StoreError> {
        Ok(Readable::of(&self.rows(None).await?, read, |_| None))
    }

    async fn rows(&self, site: Option<&SiteId>) -> Result<Vec<AnyRow>, StoreError> {
        sqlx::query(
            "SELECT * FROM group_mappings WHERE site = coalesce($1, site) \
             ORDER BY site, group_id, id",
        )
        .bind(site.map(SiteId::as_str))
        .fetch_all(&self.0.pool)
        .await
        .map_err(unavailable)
    }
}

fn read(row: &AnyRow) -> Result<GroupMapping, StoreError> {
    let row = Reader { table: "group_mappings", row };
    Ok(GroupMapping {
        site: row.parsed("site", SiteId::parse)?,
        group: MappedGroup {
            id: row.parsed("group_id", GroupId::from_key)?,
            typed: row.raw("group_typed")?,
        },
        access: Access::read(&row)?,
        created: row.time("created")?,
    })
}

#[cfg(test)]
mod tests;
