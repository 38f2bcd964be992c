//! Grants: explicit access of one user to one site.

use serde::Serialize;
use vestibule_schema::{ManagementAction, RoleName, SiteId, UserName};
use vestibule_store::audit::{Object, Verb};
use vestibule_store::{Access, GrantFilter, RoleChoice, StoreError, folded};

use super::access::{AccessWanted, STORE, shown, still_given};
use super::{ManageError, Management, Node, Outcome};

/// A grant, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantView {
    /// The user.
    pub user: String,
    /// The site.
    pub node: String,
    /// The role; empty inherits the account's.
    pub role: String,
    /// The folder in which a scoped role counts.
    pub base_path: Option<String>,
    /// The folder into which a contributor uploads.
    pub upload_path: Option<String>,
    /// `store`, or the line of the file that declares it.
    pub managed_by: String,
    /// Whether it counts: a declared grant replaces all stored ones of the same user.
    pub counts: bool,
}

/// The user and the site that a grant is about.
#[derive(Debug, Clone, Copy)]
pub struct GrantRef<'r> {
    /// The user.
    pub user: &'r UserName,
    /// The site.
    pub node: &'r SiteId,
}

/// Where a file declares grants of a user.
fn declared<'n>(node: &'n Node, user: &UserName) -> Option<&'n vestibule_schema::SourceRef> {
    let model = node.model.as_ref()?;
    let places = model.declared.grants.iter().zip(&model.declared_at.grants);
    let mut of_user = places.filter(|(grant, _)| grant.user == *user);
    of_user.next().map(|(_, place)| place)
}

impl Management<'_> {
    /// The grants of a user, of a site, or all: those that files declare first.
    ///
    /// # Errors
    /// If that may not be seen, or the store can't be reached.
    pub async fn grants(&self, filter: &GrantFilter) -> Result<Vec<GrantView>, ManageError> {
        let nodes = self.ask_about(ManagementAction::ReviewAccess, filter.site.as_ref())?;
        let wanted = filter.user.as_ref().map(folded);
        let is_wanted = |user: &UserName| wanted.as_ref().is_none_or(|name| *name == folded(user));
        let mut views = Vec::new();
        for model in nodes.iter().filter_map(|node| node.model.as_ref()) {
            let places = model.declared.grants.iter().zip(&model.declared_at.grants);
            for (grant, place) in places.filter(|(grant, _)| is_wanted(&grant.user)) {
                let access = Access {
                    role: grant.role.clone(),
                    base_path: grant.base_path.clone(),
                    upload_path: grant.upload_path.clone(),
                };
                let view = view((&grant.user, &model.site), &access, place.to_string());
                views.push(view);
            }
        }
        for grant in self.identity.store().grants().list(filter).await? {
            let node = nodes.iter().find(|node| node.site == grant.site);
            let replaced = node.is_some_and(|node| declared(node, &grant.user).is_some());
            let mut view = view((&grant.user, &grant.site), &grant.access, STORE.to_owned());
            view.counts = !replaced && node.is_some();
            views.push(view);
        }
        views.sort_by(|a, b| (&a.node, &a.user, !a.counts).cmp(&(&b.node, &b.user, !b.counts)));
        Ok(views)
    }

    /// Gives a user access to a site.
    ///
    /// # Errors
    /// If there is no such user, site or role, or a file declares what the user has there.
    pub async fn grant(
        &self,
        of: GrantRef<'_>,
        wanted: AccessWanted<'_>,
    ) -> Result<Outcome<GrantView>, ManageError> {
        let node = self.ask_of(ManagementAction::ManageAccess, of.node, None)?;
        let store = self.identity.store();
        let no_user = || StoreError::NoSuchUser { user: of.user.clone() };
        let account = store.accounts().find(of.user).await?.ok_or_else(no_user)?;
        let user = &account.name;
        leave_to_file(node, user)?;
        let access = wanted.at(node)?;
        let role = access.role.as_ref().map_or("the account's role", RoleName::as_str);
        let what = format!("`{user}` access to `{}` as {role}", of.node);
        let gives_nothing = access.role.is_none() && account.role.inheritable().is_none();
        let note = if gives_nothing {
            ";\nit gives nothing: the account has no role. Say which one with `--role`"
        } else {
            ""
        };
        let item = Some(view((user, of.node), &access, STORE.to_owned()));
        let is_new = if self.is_dry() {
            let filter = GrantFilter { site: Some(of.node.clone()), user: Some(user.clone()) };
            !store.grants().list(&filter).await?.iter().any(|grant| grant.access == access)
        } else {
            self.begin()?;
            store.grants().grant(of.node, user, &access, self.identity.now()).await?
        };
        if !is_new {
            let summary = format!("{what} was granted already{note}");
            let outcome = self.outcome(["", ""], "", item);
            return Ok(Outcome { changed: false, summary, ..outcome });
        }
        if !self.is_dry() {
            let detail = Some(what.clone());
            self.changed((Object::Grant, Verb::Added), user, detail, Some(of.node)).await?;
        }
        Ok(self.outcome(["would grant", "granted"], &format!("{what}{note}"), item))
    }

    /// Takes a user's access to a site away.
    ///
    /// # Errors
    /// If there is no such grant, or a file declares it.
    pub async fn revoke(
        &self,
        of: GrantRef<'_>,
        which: RoleChoice<'_>,
    ) -> Result<Outcome<GrantView>, ManageError> {
        let node = self.ask_of(ManagementAction::ManageAccess, of.node, None)?;
        let store = self.identity.store();
        // as the account is called, however it was typed
        let account = store.accounts().find(of.user).await?;
        let user = account.as_ref().map_or(of.user, |account| &account.name);
        let filter = GrantFilter { site: Some(of.node.clone()), user: Some(user.clone()) };
        let held = store.grants().list(&filter).await?;
        let concerned = held.iter().filter(|grant| match which {
            RoleChoice::Any => true,
            RoleChoice::Exactly(role) => grant.access.role.as_ref() == role,
        });
        let count = concerned.count();
        if count == 0 {
            leave_to_file(node, user)?;
            let (site, user) = (of.node.clone(), user.clone());
            return Err(StoreError::NoSuchGrant { site, user }.into());
        }
        let what = format!("the access of `{user}` to `{}`", of.node);
        if !self.is_dry() {
            self.begin()?;
            store.grants().revoke(of.node, user, which).await?;
            let detail = Some(format!("{what} ({count})"));
            self.changed((Object::Grant, Verb::Removed), user, detail, Some(of.node)).await?;
        }
        let still = still_given(declared(node, user));
        let said = format!("{what} ({count}){still}");
        Ok(self.outcome(["would revoke", "revoked"], &said, None))
    }
}

/// What a file declares is changed there.
fn leave_to_file(node: &Node, user: &UserName) -> Result<(), ManageError> {
    match declared(node, user) {
        None => Ok(()),
        Some(place) => Err(ManageError::Conflict(format!(
            "the access of `{user}` to `{}` is managed by {place}: change it there",
            node.site
        ))),
    }
}

fn view((user, site): (&UserName, &SiteId), access: &Access, managed_by: String) -> GrantView {
    GrantView {
        user: user.to_string(),
        node: site.to_string(),
        role: access.role.as_ref().map(ToString::to_string).unwrap_or_default(),
        base_path: shown(access.base_path.as_ref()),
        upload_path: shown(access.upload_path.as_ref()),
        managed_by,
        counts: true,
    }
}
