//! Share links, made and revoked by whoever owns what they show, or manages the cluster.

use serde::Serialize;
use vestibule_schema::{GalleryPath, ManagementAction, RoleName, ShareId, SiteId, UserName};
use vestibule_store::audit::{Object, Verb};
use vestibule_store::{ShareRow, UnixTime};

use super::{By, ManageError, Management, Outcome};
use crate::shares::{MakeShareError, ShareOrder};
use crate::{Secret, secret};

/// A share link, for programs.
#[derive(Debug, Clone, Serialize)]
pub struct ShareView {
    /// Its number.
    pub id: i64,
    /// The site.
    pub node: String,
    /// The folder or image.
    pub path: String,
    /// The role that it gives.
    pub role: String,
    /// Whose right it stands on.
    pub maker: String,
    /// What people call it.
    pub label: String,
    /// Whether it has a password.
    pub password: bool,
    /// When it ends, if ever.
    pub expires: Option<String>,
    /// How often it can still be opened, if that is limited.
    pub uses_left: Option<u32>,
    /// How often it was opened.
    pub opened: u32,
    /// Its address, which is told once: when it is made.
    #[serde(serialize_with = "secret::told")]
    pub url: Option<Secret<String>>,
}

/// A share link to be made.
#[derive(Debug)]
pub struct ShareWanted<'r> {
    /// The site.
    pub node: &'r SiteId,
    /// The folder or image.
    pub path: &'r str,
    /// The role that it gives.
    pub role: &'r str,
    /// Whose right it stands on; none: that of whoever makes it.
    pub maker: Option<&'r UserName>,
    /// What people call it.
    pub label: &'r str,
    /// Its password, if it shall have one.
    pub password: Option<&'r Secret<String>>,
    /// When it ends, if ever.
    pub expires: Option<UnixTime>,
    /// How often it can be opened, if that is limited.
    pub uses: Option<u32>,
}

impl Management<'_> {
    /// The share links of a site or all that somebody may manage.
    ///
    /// # Errors
    /// If there is none, or the store can't be reached.
    pub async fn shares(&self, site: Option<&SiteId>) -> Result<Vec<ShareView>, ManageError> {
        let action = ManagementAction::ManageShares;
        let rows = self.identity.shares(site).await?;
        let seen = rows.iter().filter(|row| self.may_manage_share(row));
        let views: Vec<_> = seen.map(|row| view(row, None)).collect();
        if views.is_empty() {
            self.ask_about(action, site)?;
        }
        Ok(views)
    }

    /// Makes a share link, and tells its address this once.
    ///
    /// # Errors
    /// If whose right it is to stand on may not share that, or it can't be as it is wanted.
    pub async fn add_share(
        &self,
        wanted: &ShareWanted<'_>,
    ) -> Result<Outcome<ShareView>, ManageError> {
        let bad = |error: &dyn std::fmt::Display| ManageError::BadInput(error.to_string());
        let path = GalleryPath::from_decoded(wanted.path)
            .map_err(|error| bad(&format!("`{}`: {error}", wanted.path)));
        let action = ManagementAction::ManageShares;
        let node = self.ask_of(action, wanted.node, path.as_ref().ok())?;
        let path = path?;
        let maker = self.maker(wanted)?;
        let role = share_role(wanted.role)?;
        let engine = node.engine.as_ref().ok_or_else(|| {
            ManageError::Conflict(format!("the configuration of `{}` has an error", node.site))
        })?;
        let no_maker =
            || ManageError::NotFound(format!("there is no user `{maker}` who may sign in"));
        let principal = self.identity.principal_of(&maker).await?.ok_or_else(no_maker)?;
        engine
            .may_share(&principal, &path, &role)
            .map_err(|error| bad(&format!("`{maker}` can't share `{path}`: {error}")))?;
        let what = format!("`{path}` of `{}` as {role}, by `{maker}`", wanted.node);
        let order = ShareOrder {
            site: wanted.node.clone(),
            path,
            role,
            maker,
            label: wanted.label,
            password: wanted.password,
            expires: wanted.expires,
            uses: wanted.uses,
        };
        self.identity.check_order(&order)?;
        if self.is_dry() {
            return Ok(self.outcome(["would share", "shared"], &what, None));
        }
        self.begin()?;
        let made = self.identity.make_share(&order).await?;
        let detail = Some(what.clone());
        let change = (Object::Share, Verb::Added);
        let recorded = self.changed(change, made.id, detail, Some(wanted.node)).await;
        let url = format!("{}/_vestibule/s/{}", node.origin, made.token.expose());
        let rows = self.identity.shares(Some(wanted.node)).await?;
        let row = rows.iter().find(|row| row.id == made.id);
        let item = row.map(|row| view(row, Some(Secret::new(url))));
        let said = format!("{what}, as number {}", made.id);
        Ok(self.outcome_telling(["would share", "shared"], &said, item, &recorded))
    }

    /// Revokes a share link: whoever opened it has nothing of it from their next request on.
    ///
    /// # Errors
    /// If there is none that whoever asks may manage.
    pub async fn revoke_share(&self, id: ShareId) -> Result<Outcome<ShareView>, ManageError> {
        let rows = self.identity.shares(None).await?;
        let Some(row) = rows.into_iter().find(|row| row.id == id && self.may_manage_share(row))
        else {
            // who manages nothing is not told which numbers there are
            self.ask(ManagementAction::ManageShares)?;
            return Err(ManageError::NotFound(format!("there is no link {id}")));
        };
        let what = format!("the link {id}");
        if !self.is_dry() {
            self.begin()?;
            if !self.identity.revoke_share(id).await? {
                return Err(ManageError::NotFound(format!("there is no link {id}")));
            }
            let detail = Some(format!("`{}` of `{}`", row.path, row.site));
            self.changed((Object::Share, Verb::Removed), id, detail, Some(&row.site)).await?;
        }
        Ok(self.outcome(["would revoke", "revoked"], &what, None))
    }

    fn may_manage_share(&self, row: &ShareRow) -> bool {
        let asked = self.ask_of(ManagementAction::ManageShares, &row.site, Some(&row.path));
        // a link to a site that is gone is still there to be revoked
        asked.is_ok() || self.ask(ManagementAction::ManageShares).is_ok()
    }

    /// Whose right a link stands on: another's only where the cluster is managed.
    fn maker(&self, wanted: &ShareWanted<'_>) -> Result<UserName, ManageError> {
        let own = match self.by {
            By::Operator(_) => None,
            By::SignedIn(who, _) => Some(&who.name),
        };
        match (wanted.maker, own) {
            (Some(maker), Some(own)) if maker == own => Ok(maker.clone()),
            (Some(maker), _) => {
                self.ask(ManagementAction::ManageShares)?;
                Ok(maker.clone())
            }
            (None, Some(own)) => Ok(own.clone()),
            (None, None) => Err(ManageError::BadInput("say whose right it stands on".into())),
        }
    }
}

/// `visitor`, or a role that a document may define.
fn share_role(text: &str) -> Result<RoleName, ManageError> {
    let visitor = RoleName::visitor();
    if text == visitor.as_str() {
        return Ok(visitor);
    }
    RoleName::parse(text).map_err(|error| ManageError::BadInput(format!("`{text}`: {error}")))
}

impl From<MakeShareError> for ManageError {
    fn from(error: MakeShareError) -> Self {
        match error {
            MakeShareError::NoMaker { .. } => Self::NotFound(error.to_string()),
            MakeShareError::Busy => Self::Busy,
            MakeShareError::Unavailable(error) => error.into(),
            MakeShareError::EmptyPassword
            | MakeShareError::Over
            | MakeShareError::NoUses
            | MakeShareError::BadLabel => Self::BadInput(error.to_string()),
        }
    }
}

fn view(row: &ShareRow, url: Option<Secret<String>>) -> ShareView {
    ShareView {
        id: row.id.number(),
        node: row.site.to_string(),
        path: row.path.to_string(),
        role: row.role.to_string(),
        maker: row.maker_name.to_string(),
        label: row.label.clone(),
        password: row.password.is_some(),
        expires: row.expires.map(|expires| expires.to_string()),
        uses_left: row.uses_left,
        opened: row.opened,
        url,
    }
}
