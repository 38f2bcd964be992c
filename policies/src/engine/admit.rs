//! Admission: which roles a principal holds at a place. Cedar decides it, over the user's data.
//!
//! The site's block is asked once for each principal, a folder's block by what it says of the
//! principal ([`Claims`]). A role of one block depends on nothing that another one says, but for
//! the locked-out.

mod entities;
mod scopes;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use cedar_policy::{Authorizer, Entities, EntityUid, Request};
use vestibule_schema::document::Cascade;
use vestibule_schema::{GalleryPath, RoleName};

use super::claims::Claims;
use super::index::MarkId;
use super::mask::{Answers, Held, HeldKind, Mask, Variant};
use super::standing::Standing;
use super::{Fault, Place, SiteEngine, hot};
use crate::cited::{Cited, Ground, Way};
use crate::compile::CompileError;
use crate::decision::{Decision, Denial, Denied, Missing, Permit, Permitted, PolicyRef};
use crate::model::{Block, Role};
use crate::names::{self, kind};
use crate::principal::{Principal, Share, UserFacts};

/// The roles of a principal at a place, and the answers that they lead to.
// in this order, what a decision reads lies beside the count of its `Arc`: memory decides its cost
#[derive(Debug)]
#[repr(C)]
pub(super) struct Admitted {
    masks: [OnceLock<Arc<Mask>>; Variant::COUNT],
    /// The serial of the engine that looked them up.
    engine: u64,
    principal: Principal,
    mark: MarkId,
    locked: bool,
    held: Arc<[Held]>,
    way: Arc<Way>,
    /// Where hand-written policies have a say without reading the context: this principal's own.
    own: [OnceLock<Box<Answers>>; Variant::COUNT],
}

impl Admitted {
    /// The serial of the engine that looked them up.
    pub(super) fn engine(&self) -> u64 {
        self.engine
    }

    /// The marked folder that stands for the place.
    pub(super) fn mark(&self) -> MarkId {
        self.mark
    }

    /// The roles, sorted.
    pub(super) fn held(&self) -> &Arc<[Held]> {
        &self.held
    }

    /// Their identifiers, sorted.
    pub(super) fn role_ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.held.iter().map(|held| held.id(&self.way)).collect();
        ids.sort();
        ids
    }

    /// Whether an explicit nothing locks the principal out of the site.
    pub(super) fn is_locked_out(&self) -> bool {
        self.locked
    }

    pub(super) fn holds_a_role(&self) -> bool {
        !self.held.is_empty() && !self.locked
    }

    pub(super) fn mask(
        &self,
        variant: Variant,
        find: impl FnOnce() -> Arc<Mask>,
    ) -> Option<&Arc<Mask>> {
        self.masks.get(variant.index()).map(|slot| slot.get_or_init(find))
    }

    pub(super) fn own_answers(&self, variant: Variant) -> Option<&Answers> {
        self.own.get(variant.index()).map(|slot| &**slot.get_or_init(Box::default))
    }
}

impl Ground for Admitted {
    fn principal(&self) -> &Principal {
        &self.principal
    }

    fn way(&self) -> &Way {
        &self.way
    }
}

/// The roles of the site's block.
#[derive(Debug)]
pub(super) struct AtSite {
    held: Arc<[Held]>,
    locked: bool,
}

/// A role that a principal may come to hold, as an entity of admission.
struct Candidate<'a> {
    block: &'a Block,
    block_id: String,
    role: Option<&'a Role>,
    id: String,
    name: &'a str,
    is_companion: bool,
}

impl Candidate<'_> {
    /// As a role of the site's block.
    fn held_at_site(&self) -> Held {
        let role = match (self.role, self.is_companion) {
            (None, _) => HeldKind::Locked,
            (Some(role), false) => HeldKind::Role(role.name.clone()),
            (Some(role), true) => HeldKind::Upload(role.name.clone()),
        };
        Held { level: 0, role }
    }
}

/// Everything that admission at one place is asked over.
struct Hearing<'a> {
    user: Option<&'a UserFacts>,
    standing: Standing,
    blocks: Vec<&'a Block>,
    folder: GalleryPath,
    /// What was shared, where roles that count in a scope count, too.
    share: Option<&'a Share>,
}

impl SiteEngine {
    /// The principal's own roles where a path is judged; share links are beside them (`lent`).
    pub(super) fn admission(
        &self,
        principal: &Principal,
        path: &GalleryPath,
    ) -> Result<Arc<Admitted>, Fault> {
        let principal = principal.own();
        // the folder settles which marked folder stands for it, and where a scoped role counts
        let folder = path.ancestors().next().unwrap_or_default();
        hot::admitted(self.serial, principal, folder, || {
            let scope = self.holds_scoped_role(principal).then(|| path.folder());
            self.admit(principal, &self.place(path), scope.as_ref()).map(Arc::new)
        })
    }

    fn admit(
        &self,
        principal: &Principal,
        place: &Place<'_>,
        folder: Option<&GalleryPath>,
    ) -> Result<Admitted, Fault> {
        let at_site = self.at_site(principal, place, folder)?;
        let way = self.index.way(place.mark);
        let mut of_folders = Vec::new();
        for (level, block) in self.counting_blocks(&way) {
            let claims = Claims::of(principal, block, at_site.locked);
            let roles = self.shared.roles_by(claims, &self.vocabulary)?;
            let known = roles.iter().filter(|role| block.roles.contains_key(*role)).cloned();
            of_folders.extend(known.map(|role| Held { level, role: HeldKind::Role(role) }));
        }
        let held = if of_folders.is_empty() {
            Arc::clone(&at_site.held)
        } else {
            let mut held: Vec<_> = at_site.held.iter().cloned().chain(of_folders).collect();
            held.sort();
            held.into()
        };
        Ok(Admitted {
            masks: [const { OnceLock::new() }; Variant::COUNT],
            engine: self.serial,
            principal: principal.clone(),
            mark: place.mark,
            locked: at_site.locked,
            held,
            way,
            own: [const { OnceLock::new() }; Variant::COUNT],
        })
    }

    /// The folder blocks whose roles count: all on the way, or the nearest alone.
    fn counting_blocks<'w>(&self, way: &'w Way) -> Vec<(usize, &'w Block)> {
        let mut blocks = way.blocks().map(|(level, _, block)| (level, block));
        match self.model.cascade {
            Cascade::Restrict => blocks.collect(),
            Cascade::Nearest => blocks.next_back().into_iter().collect(),
        }
    }

    /// The principal's roles of the site's block.
    fn at_site(
        &self,
        principal: &Principal,
        place: &Place<'_>,
        folder: Option<&GalleryPath>,
    ) -> Result<Arc<AtSite>, Fault> {
        let user = principal.as_user();
        let found = match user {
            None => self.visitor.get().cloned(),
            Some(user) => user.memo.find::<AtSite>(self.serial),
        };
        // a scoped role depends on the very folder
        if let Some(found) = found.filter(|_| folder.is_none()) {
            return Ok(found);
        }
        let hearing = self.hearing_over(principal, vec![&self.model.block], place);
        let held = self.hear(&hearing, &self.candidates(&hearing))?;
        let found = Arc::new(AtSite { held: held.into(), locked: hearing.standing.locked });
        match user {
            None => _ = self.visitor.set(Arc::clone(&found)),
            Some(user) if folder.is_none() => user.memo.keep(self.serial, Arc::clone(&found)),
            Some(_) => {}
        }
        Ok(found)
    }

    /// The roles of the site's block that Cedar gives, sorted.
    fn hear(
        &self,
        hearing: &Hearing<'_>,
        candidates: &[Candidate<'_>],
    ) -> Result<Vec<Held>, Fault> {
        let entities = self.hearing_entities(hearing, candidates)?;
        let mut held = Vec::new();
        for candidate in candidates {
            if self.ask(hearing, candidate, &entities)?.0 {
                held.push(candidate.held_at_site());
            }
        }
        held.sort();
        Ok(held)
    }

    pub(super) fn try_assume(
        &self,
        principal: &Principal,
        role: &RoleName,
        place: &Place<'_>,
    ) -> Result<Decision, Fault> {
        let way = self.index.way(place.mark);
        let hearing = self.hearing(principal, &way, place);
        let ground: Arc<dyn Ground> = self.admission(principal, place.path)?;
        let generation = self.generation;
        let wanted: Vec<_> = self.candidates(&hearing);
        let entities = self.hearing_entities(&hearing, &wanted)?;
        let mut cited = Vec::new();
        for candidate in wanted.iter().filter(|c| c.name == role.as_str() && !c.is_companion) {
            let (allowed, policies) = self.ask(&hearing, candidate, &entities)?;
            if allowed {
                let (action, path) = (vestibule_schema::Action::View, place.path.clone());
                let cited = Cited::known(policies);
                let permitted = Permitted { ground, action, path, generation, cited, share: None };
                return Ok(Decision::Allow(Permit(Arc::new(permitted))));
            }
            cited.extend(policies);
        }
        let cited = Some((ground, Cited::known(cited)));
        let denied = Denied { missing: Missing::View, cited, generation, fault: None };
        Ok(Decision::Deny(Denial(Arc::new(denied))))
    }

    fn hearing<'a>(
        &'a self,
        principal: &'a Principal,
        way: &'a Way,
        place: &Place<'_>,
    ) -> Hearing<'a> {
        let mut blocks = vec![&self.model.block];
        blocks.extend(self.counting_blocks(way).into_iter().map(|(_, block)| block));
        self.hearing_over(principal, blocks, place)
    }

    fn hearing_over<'a>(
        &'a self,
        principal: &'a Principal,
        blocks: Vec<&'a Block>,
        place: &Place<'_>,
    ) -> Hearing<'a> {
        let user = principal.as_user().map(|user| &***user);
        let standing = user.map(|user| self.standing(user)).unwrap_or_default();
        Hearing { user, standing, blocks, folder: place.path.folder(), share: None }
    }

    /// The roles that the data names: no other can be permitted by an admission policy.
    fn candidates<'a>(&'a self, hearing: &Hearing<'a>) -> Vec<Candidate<'a>> {
        let mut candidates = Vec::new();
        for block in &hearing.blocks {
            let block_id = names::block(&self.model.site, block.folder.as_ref());
            for role in self.named_roles(hearing, block) {
                let Some(role) = block.roles.get(&role) else { continue };
                let candidate = |id: String, is_companion: bool| Candidate {
                    block,
                    block_id: block_id.clone(),
                    role: Some(role),
                    id,
                    name: role.name.as_str(),
                    is_companion,
                };
                candidates.push(candidate(names::role(&block_id, &role.name), false));
                if role.scoped {
                    candidates.push(candidate(names::upload_role(&block_id, &role.name), true));
                }
            }
        }
        if hearing.standing.locked {
            candidates.push(Candidate {
                block: &self.model.block,
                block_id: names::block(&self.model.site, None),
                role: None,
                id: names::synthetic(&self.model.site, names::LOCKED),
                name: names::LOCKED,
                is_companion: false,
            });
        }
        candidates
    }

    fn named_roles(&self, hearing: &Hearing<'_>, block: &Block) -> BTreeSet<RoleName> {
        let mut named = BTreeSet::new();
        let Some(user) = hearing.user else {
            named.extend(block.public_role.clone());
            return named;
        };
        named.extend(block.default_role.clone());
        if block.folder.is_some() {
            let entry = block.user_roles.get(&user.name);
            named.extend(entry.into_iter().flat_map(|entry| entry.roles.iter().cloned()));
            let groups = user.groups.iter().filter_map(|group| block.group_roles.get(group));
            named.extend(groups.flat_map(|entry| entry.roles.iter().cloned()));
        } else {
            named.extend(hearing.standing.granted.iter().cloned());
            named.extend(user.account_role.inheritable());
            named.extend(self.rights.mappings_of(&user.groups).map(|mapping| mapping.role.clone()));
        }
        named
    }

    fn ask(
        &self,
        hearing: &Hearing<'_>,
        candidate: &Candidate<'_>,
        entities: &Entities,
    ) -> Result<(bool, Vec<PolicyRef>), Fault> {
        let vocabulary = &self.vocabulary;
        let context = self.hearing_context(hearing)?;
        let request = Request::new(
            self.principal_uid(hearing)?,
            vocabulary.uid(kind::ACTION, names::ASSUME_ROLE)?,
            vocabulary.uid(kind::ROLE, &candidate.id)?,
            context,
            None,
        )
        .map_err(|error| CompileError::Entity(error.to_string()))?;
        let response = Authorizer::new().is_authorized(&request, vocabulary.admit(), entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(CompileError::Entity(error.to_string()));
        }
        let reasons = response.diagnostics().reason();
        let cited = reasons.filter_map(|id| vocabulary.admit_reference(id)).cloned().collect();
        Ok((response.decision() == cedar_policy::Decision::Allow, cited))
    }

    fn principal_uid(&self, hearing: &Hearing<'_>) -> Result<EntityUid, Fault> {
        match hearing.user {
            None => self.vocabulary.uid(kind::VISITOR, ""),
            Some(user) => self.vocabulary.uid(kind::USER, user.name.as_str()),
        }
    }
}
