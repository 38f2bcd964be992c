//! Group mappings: access of a security group to a site.

use serde::Serialize;
use vestibule_schema::{GroupId, ManagementAction, SiteId, SourceRef};
use vestibule_store::audit::{Object, Verb};
use vestibule_store::{Access, MappedGroup, RoleChoice, StoreError};

use super::access::{AccessWanted, STORE, shown, still_given};
use super::{ManageError, Management, Node, Outcome};

/// A group mapping, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappingView {
    /// The site.
    pub node: String,
    /// The group.
    pub group: String,
    /// The provider whose group it is; none where it is any one's.
    pub provider: Option<String>,
    /// The role of its members.
    pub role: String,
    /// The folder in which a scoped role counts.
    pub base_path: Option<String>,
    /// The folder into which a contributor uploads.
    pub upload_path: Option<String>,
    /// `store`, or the line of the file that declares it.
    pub managed_by: String,
    /// Whether it counts: a declared mapping replaces all stored ones of the same group, and one to
    /// a role that the site does not have admits nobody.
    pub counts: bool,
}

/// The group and the site that a mapping is about.
#[derive(Debug, Clone, Copy)]
pub struct MappingRef<'r> {
    /// The group.
    pub group: &'r MappedGroup,
    /// The site.
    pub node: &'r SiteId,
}

/// Where a file declares mappings of a group.
fn declared<'n>(node: &'n Node, group: &GroupId) -> Option<&'n SourceRef> {
    let model = node.model.as_ref()?;
    let places = model.declared.groups.iter().zip(&model.declared_at.groups);
    let mut of_group = places.filter(|(mapping, _)| mapping.group == *group);
    of_group.next().map(|(_, place)| place)
}

impl Management<'_> {
    /// The group mappings of a site, or all: those that files declare first.
    ///
    /// # Errors
    /// If that may not be seen, or the store can't be reached.
    pub async fn mappings(&self, site: Option<&SiteId>) -> Result<Vec<MappingView>, ManageError> {
        let nodes = self.ask_about(ManagementAction::ReviewAccess, site)?;
        let mut views = Vec::new();
        for model in nodes.iter().filter_map(|node| node.model.as_ref()) {
            let places = model.declared.groups.iter().zip(&model.declared_at.groups);
            views.extend(places.map(|(mapping, place)| {
                let access = Access {
                    role: Some(mapping.role.clone()),
                    base_path: mapping.base_path.clone(),
                    upload_path: mapping.upload_path.clone(),
                };
                let group = (mapping.group.name(), mapping.group.provider());
                view((group, &model.site), &access, place.to_string())
            }));
        }
        for mapping in self.identity.store().group_mappings().list(site).await? {
            let node = nodes.iter().find(|node| node.site == mapping.site);
            let counts = node.is_some_and(|node| {
                declared(node, mapping.group.id()).is_none() && has_role(node, &mapping.access)
            });
            let place = STORE.to_owned();
            let view = view((named(&mapping.group), &mapping.site), &mapping.access, place);
            views.push(MappingView { counts, ..view });
        }
        views.sort_by(|a, b| {
            let key = |one: &MappingView| {
                (one.node.clone(), one.group.clone(), one.provider.clone(), !one.counts)
            };
            key(a).cmp(&key(b))
        });
        Ok(views)
    }

    /// Admits a group to a site.
    ///
    /// # Errors
    /// If there is no such site or role, or a file declares what the group has there.
    pub async fn allow_group(
        &self,
        of: MappingRef<'_>,
        wanted: AccessWanted<'_>,
    ) -> Result<Outcome<MappingView>, ManageError> {
        let node = self.ask_of(ManagementAction::ManageAccess, of.node, None)?;
        leave_to_file(node, of.group)?;
        self.check_provider(of.group.id().provider())?;
        let access = wanted.at(node)?;
        let Some(role) = &access.role else {
            let message = "a group needs a role: `--role viewer`";
            return Err(ManageError::BadInput(message.into()));
        };
        let what = format!("`{}` to `{}` as {role}", of.group.shown(), of.node);
        let item = Some(view((named(of.group), of.node), &access, STORE.to_owned()));
        let mappings = self.identity.store().group_mappings();
        let is_new = if self.is_dry() {
            let known = mappings.list(Some(of.node)).await?;
            !known.iter().any(|one| one.group.id() == of.group.id() && one.access == access)
        } else {
            self.begin()?;
            mappings.allow(of.node, of.group, &access, self.identity.now()).await?
        };
        if !is_new {
            let summary = format!("{what} was admitted already");
            let outcome = self.outcome(["", ""], "", item);
            return Ok(Outcome { changed: false, summary, ..outcome });
        }
        if !self.is_dry() {
            let (name, detail) = (&of.group.shown(), Some(what.clone()));
            self.changed((Object::GroupMapping, Verb::Added), name, detail, Some(of.node)).await?;
        }
        Ok(self.outcome(["would admit", "admitted"], &what, item))
    }

    /// Holds the provider of a group against those that are configured: with none named where there
    /// are several, nobody would be in it (requirement S30).
    fn check_provider(&self, named: Option<&str>) -> Result<(), ManageError> {
        let known = &self.cluster.issuers;
        let names = known.keys().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        match named {
            Some(named) if known.keys().any(|id| id.as_str() == named) => Ok(()),
            Some(named) => {
                let names = if names.is_empty() { "none".to_owned() } else { names };
                let message = format!("there is no provider `{named}`; configured: {names}");
                Err(ManageError::BadInput(message))
            }
            None if known.len() < 2 => Ok(()),
            None => {
                let message =
                    format!("say whose group it is, with `--provider` or `provider`: {names}");
                Err(ManageError::BadInput(message))
            }
        }
    }

    /// No longer admits a group to a site.
    ///
    /// # Errors
    /// If there is no such mapping, or a file declares it.
    pub async fn deny_group(
        &self,
        of: MappingRef<'_>,
        which: RoleChoice<'_>,
    ) -> Result<Outcome<MappingView>, ManageError> {
        let node = self.ask_of(ManagementAction::ManageAccess, of.node, None)?;
        let mappings = self.identity.store().group_mappings();
        let known = mappings.list(Some(of.node)).await?;
        let concerned = known.iter().filter(|one| {
            one.group.id() == of.group.id()
                && match which {
                    RoleChoice::Any => true,
                    RoleChoice::Exactly(role) => one.access.role.as_ref() == role,
                }
        });
        let count = concerned.count();
        if count == 0 {
            leave_to_file(node, of.group)?;
            let (site, group) = (of.node.clone(), of.group.id().clone());
            return Err(StoreError::NoSuchMapping { site, group }.into());
        }
        let what = format!("`{}` to `{}`", of.group.shown(), of.node);
        if !self.is_dry() {
            self.begin()?;
            mappings.deny(of.node, of.group.id(), which).await?;
            let (name, detail) = (&of.group.shown(), Some(what.clone()));
            self.changed((Object::GroupMapping, Verb::Removed), name, detail, Some(of.node))
                .await?;
        }
        let verbs = ["would no longer admit", "no longer admits"];
        let still = still_given(declared(node, of.group.id()));
        Ok(self.outcome(verbs, &format!("{what} ({count}){still}"), None))
    }
}

fn has_role(node: &Node, access: &Access) -> bool {
    let Some(model) = &node.model else { return true };
    access.role.as_ref().is_some_and(|role| model.block.roles.contains_key(role))
}

/// What a file declares is changed there.
fn leave_to_file(node: &Node, group: &MappedGroup) -> Result<(), ManageError> {
    match declared(node, group.id()) {
        None => Ok(()),
        Some(place) => Err(ManageError::Conflict(format!(
            "the access of `{}` to `{}` is managed by {place}: change it there",
            group.typed(),
            node.site
        ))),
    }
}

/// A group's name as it was typed, and the provider whose it is.
type Named<'r> = (&'r str, Option<&'r str>);

fn named(group: &MappedGroup) -> Named<'_> {
    (group.typed(), group.id().provider())
}

fn view(
    ((group, provider), site): (Named<'_>, &SiteId),
    access: &Access,
    managed_by: String,
) -> MappingView {
    MappingView {
        node: site.to_string(),
        group: group.to_owned(),
        provider: provider.map(str::to_owned),
        role: access.role.as_ref().map(ToString::to_string).unwrap_or_default(),
        base_path: shown(access.base_path.as_ref()),
        upload_path: shown(access.upload_path.as_ref()),
        managed_by,
        counts: true,
    }
}
