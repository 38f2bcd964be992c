//! Which user may enter which site, and as what.

use sqlx::any::AnyRow;
use vestibule_schema::{GalleryPath, RoleName, SiteId, UserName};

use crate::accounts::by_name;
use crate::error::unavailable;
use crate::open::commit_change;
use crate::row::{Readable, Reader};
use crate::{Store, StoreError, UnixTime};

/// The grants of a store; see [`Store::grants`].
#[derive(Debug)]
pub struct Grants<'s>(&'s Store);

/// What a grant or a group mapping gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Access {
    /// The role; none inherits the account's own.
    pub role: Option<RoleName>,
    /// The folder in which a scoped role reads.
    pub base_path: Option<GalleryPath>,
    /// The folder into which a scoped role uploads.
    pub upload_path: Option<GalleryPath>,
}

impl Access {
    /// The access of a role, nowhere confined.
    #[must_use]
    pub const fn role(role: RoleName) -> Self {
        Self { role: Some(role), base_path: None, upload_path: None }
    }

    /// The texts that stand in the columns `role`, `base_path` and `upload_path`.
    pub(crate) fn columns(&self) -> [&str; 3] {
        [
            self.role.as_ref().map_or("", RoleName::as_str),
            self.base_path.as_ref().map_or("", GalleryPath::as_str),
            self.upload_path.as_ref().map_or("", GalleryPath::as_str),
        ]
    }

    pub(crate) fn read(row: &Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            role: row.role("role")?,
            base_path: row.folder("base_path")?,
            upload_path: row.folder("upload_path")?,
        })
    }
}

/// Access of one user to one site.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The site.
    pub site: SiteId,
    /// The user, by canonical name.
    pub user: UserName,
    /// What it gives.
    pub access: Access,
    /// When it was made.
    pub created: UnixTime,
}

/// Which grants to list.
#[derive(Debug, Clone, Default)]
pub struct GrantFilter {
    /// Those on one site only.
    pub site: Option<SiteId>,
    /// Those of one user only.
    pub user: Option<UserName>,
}

/// Which of several to take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChoice<'a> {
    /// All of them.
    Any,
    /// Those that give this role; `None`: those that inherit the account's.
    Exactly(Option<&'a RoleName>),
}

impl RoleChoice<'_> {
    /// The column's text; `NULL` matches any.
    pub(crate) fn column(self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::Exactly(role) => Some(role.map_or("", RoleName::as_str).to_owned()),
        }
    }
}

impl Store {
    /// Which user may enter which site.
    #[must_use]
    pub fn grants(&self) -> Grants<'_> {
        Grants(self)
    }
}

impl Grants<'_> {
    /// Gives a user access to a site; the same grant twice is one. Says whether it is new.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUser`].
    pub async fn grant(
        &self,
        site: &SiteId,
        user: &UserName,
        access: &Access,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let account = by_name(&mut tx, user)
            .await?
            .ok_or_else(|| StoreError::NoSuchUser { user: user.clone() })?;
        let [role, base_path, upload_path] = access.columns();
        let done = sqlx::query(
            "INSERT INTO grants (site, account, role, base_path, upload_path, created) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(site.as_str())
        .bind(account.id.number())
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

    /// Takes a user's access to a site away. Says how many grants went.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUser`], [`StoreError::NoSuchGrant`].
    pub async fn revoke(
        &self,
        site: &SiteId,
        user: &UserName,
        which: RoleChoice<'_>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.0.begin().await?;
        let account = by_name(&mut tx, user)
            .await?
            .ok_or_else(|| StoreError::NoSuchUser { user: user.clone() })?;
        let done = sqlx::query(
            "DELETE FROM grants WHERE site = $1 AND account = $2 AND role = coalesce($3, role)",
        )
        .bind(site.as_str())
        .bind(account.id.number())
        .bind(which.column())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NoSuchGrant { site: site.clone(), user: account.name });
        }
        commit_change(tx).await?;
        Ok(done.rows_affected())
    }

    /// The grants, by site and user.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn list(&self, filter: &GrantFilter) -> Result<Vec<Grant>, StoreError> {
        self.rows(filter).await?.iter().map(read).collect()
    }

    /// All grants that can be read, by site and user, and those that can't.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn readable(&self) -> Result<Readable<Grant>, StoreError> {
        Ok(Readable::of(&self.rows(&GrantFilter::default()).await?, read, whom))
    }

    async fn rows(&self, filter: &GrantFilter) -> Result<Vec<AnyRow>, StoreError> {
        sqlx::query(
            "SELECT grants.*, accounts.name \
             FROM grants JOIN accounts ON accounts.id = grants.account \
             WHERE grants.site = coalesce($1, grants.site) \
             AND accounts.folded = coalesce($2, accounts.folded) \
             ORDER BY grants.site, accounts.folded, grants.id",
        )
        .bind(filter.site.as_ref().map(SiteId::as_str))
        .bind(filter.user.as_ref().map(crate::accounts::folded))
        .fetch_all(&self.0.pool)
        .await
        .map_err(unavailable)
    }
}

fn whom(row: &AnyRow) -> Option<(SiteId, UserName)> {
    let row = Reader { table: "grants", row };
    let site = row.parsed("site", SiteId::parse).ok()?;
    Some((site, row.parsed("name", UserName::parse).ok()?))
}

fn read(row: &AnyRow) -> Result<Grant, StoreError> {
    let row = Reader { table: "grants", row };
    Ok(Grant {
        site: row.parsed("site", SiteId::parse)?,
        user: row.parsed("name", UserName::parse)?,
        access: Access::read(&row)?,
        created: row.time("created")?,
    })
}

#[cfg(test)]
mod tests;
