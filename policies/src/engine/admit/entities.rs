//! The entities that admission is asked over: the user's data, the blocks, the roles.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityUid, RestrictedExpression};
use vestibule_schema::{GalleryPath, GroupId, PathKind, RoleName};

use super::{Candidate, Hearing};
use crate::cited::Way;
use crate::compile::CompileError;
use crate::engine::standing::Standing;
use crate::engine::vocabulary::Vocabulary;
use crate::engine::{Fault, Place, SiteEngine};
use crate::model::Block;
use crate::names::{self, kind};
use crate::principal::Principal;

impl SiteEngine {
    pub(super) fn hearing_entities(
        &self,
        hearing: &Hearing<'_>,
        candidates: &[Candidate<'_>],
    ) -> Result<Entities, Fault> {
        let vocabulary = &self.vocabulary;
        let mut entities = vec![self.principal_entity(hearing, candidates, Vec::new())?];
        for block in &hearing.blocks {
            entities.push(self.block_entity(hearing, block)?);
        }
        for candidate in candidates {
            entities.push(self.role_entity(hearing, candidate)?);
        }
        // the folder asked about, in all its ancestors
        let mut parent: Option<EntityUid> = None;
        let way: Vec<&str> = hearing.folder.ancestors().collect();
        for folder in way.into_iter().rev() {
            let id = names::resource(&self.model.site, folder);
            let uid = vocabulary.uid(kind::FOLDER, &id)?;
            entities.push(Entity::new_no_attrs(uid.clone(), parent.into_iter().collect()));
            parent = Some(uid);
        }
        Entities::from_entities(entities, None)
            .map_err(|error| CompileError::Entity(error.to_string()))
    }

    /// Where it is asked: the folder, and the image if that is what was shared.
    pub(super) fn hearing_context(&self, hearing: &Hearing<'_>) -> Result<Context, Fault> {
        let uid = |kind, path: &GalleryPath| {
            let id = names::resource(&self.model.site, path.as_str());
            self.vocabulary.uid(kind, &id).map(RestrictedExpression::new_entity_uid)
        };
        let mut pairs = vec![("at".to_owned(), uid(kind::FOLDER, &hearing.folder)?)];
        if let Some(share) = hearing.share.filter(|share| !share.path.is_folder()) {
            pairs.push(("image".to_owned(), uid(kind::IMAGE, &share.path)?));
        }
        Context::from_pairs(pairs).map_err(|error| CompileError::Entity(error.to_string()))
    }

    /// The principal with its data, and with roles that were found before.
    pub(in crate::engine) fn principal_with(
        &self,
        principal: &Principal,
        way: &Way,
        place: &Place<'_>,
        roles: Vec<EntityUid>,
    ) -> Result<Entity, Fault> {
        let hearing = self.hearing(principal, way, place);
        let candidates = self.candidates(&hearing);
        self.principal_entity(&hearing, &candidates, roles)
    }

    fn principal_entity(
        &self,
        hearing: &Hearing<'_>,
        candidates: &[Candidate<'_>],
        roles: Vec<EntityUid>,
    ) -> Result<Entity, Fault> {
        let uid = self.principal_uid(hearing)?;
        let Some(user) = hearing.user else {
            return Ok(Entity::new_no_attrs(uid, roles.into_iter().collect()));
        };
        let vocabulary = &self.vocabulary;
        let site_block = names::block(&self.model.site, None);
        let standing = &hearing.standing;
        let mut explicit = BTreeSet::new();
        if standing.explicit {
            explicit.insert(site_block.clone());
        }
        for block in hearing.blocks.iter().filter(|block| block.folder.is_some()) {
            if block.user_roles.contains_key(&user.name) {
                explicit.insert(names::block(&self.model.site, block.folder.as_ref()));
            }
        }
        let granted = candidates.iter().filter(|candidate| match candidate.role {
            None => false,
            Some(role) if candidate.block.folder.is_none() => standing.granted.contains(&role.name),
            Some(role) => candidate
                .block
                .user_roles
                .get(&user.name)
                .is_some_and(|entry| entry.roles.contains(&role.name)),
        });
        let granted: BTreeSet<_> = granted.map(|candidate| candidate.id.clone()).collect();
        let by_account = standing.by_account.then_some(site_block);
        let locked = standing.locked.then(|| self.model.site.to_string());
        let shared = |kind: PathKind| {
            let share = hearing.share.filter(|share| share.path.kind() == kind);
            share.map(|share| names::resource(&self.model.site, share.path.as_str()))
        };
        let mut attributes = HashMap::from([
            ("explicit".to_owned(), self.set(kind::BLOCK, explicit)?),
            ("granted".to_owned(), self.set(kind::ROLE, granted)?),
            ("by_account".to_owned(), self.set(kind::BLOCK, by_account)?),
            ("locked_out".to_owned(), self.set(kind::SITE, locked)?),
            ("shared_folders".to_owned(), self.set(kind::FOLDER, shared(PathKind::Folder))?),
            ("shared_images".to_owned(), self.set(kind::IMAGE, shared(PathKind::Image))?),
        ]);
        if let Some(role) = user.account_role.inheritable() {
            let role = RestrictedExpression::new_string(role.to_string());
            attributes.insert("account_role".to_owned(), role);
        }
        let groups = user.groups.iter().map(|group| vocabulary.uid(kind::GROUP, group.as_str()));
        let mut parents = groups.collect::<Result<HashSet<_>, _>>()?;
        parents.extend(roles);
        let tags = self.scope_tags(standing)?;
        Entity::new_with_tags(uid, attributes, parents, tags)
            .map_err(|error| CompileError::Entity(error.to_string()))
    }

    /// The folders where each scoped role counts, by the role's identifier.
    fn scope_tags(
        &self,
        standing: &Standing,
    ) -> Result<Vec<(String, RestrictedExpression)>, Fault> {
        let block = names::block(&self.model.site, None);
        let mut folders: BTreeMap<String, &BTreeSet<GalleryPath>> = BTreeMap::new();
        for (role, bases) in &standing.bases {
            folders.insert(names::role(&block, role), bases);
        }
        for (role, uploads) in &standing.uploads {
            folders.insert(names::upload_role(&block, role), uploads);
        }
        let mut tags = Vec::new();
        for (scope, paths) in folders {
            let ids = paths.iter().map(|path| names::resource(&self.model.site, path.as_str()));
            tags.push((scope, self.set(kind::FOLDER, ids)?));
        }
        Ok(tags)
    }

    fn block_entity(&self, hearing: &Hearing<'_>, block: &Block) -> Result<Entity, Fault> {
        let vocabulary = &self.vocabulary;
        let block_id = names::block(&self.model.site, block.folder.as_ref());
        let role = |role: &RoleName| vocabulary.uid(kind::ROLE, &names::role(&block_id, role));
        let groups = self.mapped_groups(hearing, block);
        let mut attributes = HashMap::from([("groups".to_owned(), self.set(kind::GROUP, groups)?)]);
        if let Some(default) = &block.default_role {
            let default = RestrictedExpression::new_entity_uid(role(default)?);
            attributes.insert("default_role".to_owned(), default);
        }
        if let Some(public) = &block.public_role {
            let public = RestrictedExpression::new_entity_uid(role(public)?);
            attributes.insert("public_role".to_owned(), public);
        }
        let uid = vocabulary.uid(kind::BLOCK, &block_id)?;
        Vocabulary::entity(uid, attributes, HashSet::new())
    }

    fn role_entity(
        &self,
        hearing: &Hearing<'_>,
        candidate: &Candidate<'_>,
    ) -> Result<Entity, Fault> {
        let vocabulary = &self.vocabulary;
        let site = vocabulary.uid(kind::SITE, self.model.site.as_str())?;
        let block = vocabulary.uid(kind::BLOCK, &candidate.block_id)?;
        let (mapped, outranking) = match candidate.role {
            None => (Vec::new(), Vec::new()),
            Some(role) => {
                let is_site = candidate.block.folder.is_none();
                let outranks = |other: &RoleName| is_site && self.is_outranked(&role.name, other);
                (
                    self.relevant_groups(hearing, candidate.block, |other| *other == role.name),
                    self.relevant_groups(hearing, candidate.block, outranks),
                )
            }
        };
        let mut attributes = HashMap::from([
            ("block".to_owned(), RestrictedExpression::new_entity_uid(block)),
            ("site".to_owned(), RestrictedExpression::new_entity_uid(site)),
            ("name".to_owned(), RestrictedExpression::new_string(candidate.name.to_owned())),
            ("groups".to_owned(), self.set(kind::GROUP, mapped)?),
            ("outranked_by".to_owned(), self.set(kind::GROUP, outranking)?),
        ]);
        if candidate.role.is_some_and(|role| role.scoped) {
            let scope = RestrictedExpression::new_string(candidate.id.clone());
            attributes.insert("scope".to_owned(), scope);
        }
        let uid = vocabulary.uid(kind::ROLE, &candidate.id)?;
        Vocabulary::entity(uid, attributes, HashSet::new())
    }

    /// Of the groups that a block maps to certain roles those that the user is in. The others
    /// can't change an answer: the policies ask only whether the user is in one of them.
    fn relevant_groups(
        &self,
        hearing: &Hearing<'_>,
        block: &Block,
        wanted: impl Fn(&RoleName) -> bool,
    ) -> Vec<String> {
        let Some(user) = hearing.user else {
            return Vec::new();
        };
        let text = |group: &GroupId| group.as_str().to_owned();
        if block.folder.is_none() {
            let mappings =
                self.rights.mappings_of(&user.groups).filter(|mapping| wanted(&mapping.role));
            return mappings.map(|mapping| text(&mapping.group)).collect();
        }
        let mapped = block.group_roles.iter().filter(|(group, _)| user.groups.contains(*group));
        let wanted = mapped.filter(|(_, entry)| entry.roles.iter().any(&wanted));
        wanted.map(|(group, _)| text(group)).collect()
    }

    /// Of the groups that a block names those that the user is in. A group that is mapped to
    /// nothing is named too: who is in it does not get the block's default.
    fn mapped_groups(&self, hearing: &Hearing<'_>, block: &Block) -> Vec<String> {
        let Some(user) = hearing.user else {
            return Vec::new();
        };
        if block.folder.is_none() {
            return self.relevant_groups(hearing, block, |_| true);
        }
        let named = user.groups.iter().filter(|group| block.group_roles.contains_key(*group));
        named.map(ToString::to_string).collect()
    }

    fn set(
        &self,
        kind: &'static str,
        ids: impl IntoIterator<Item = String>,
    ) -> Result<RestrictedExpression, Fault> {
        let uids = ids.into_iter().map(|id| self.vocabulary.uid(kind, &id));
        let items = uids.map(|uid| uid.map(RestrictedExpression::new_entity_uid));
        Ok(RestrictedExpression::new_set(items.collect::<Result<Vec<_>, _>>()?))
    }
}
