//! Admission: which roles a principal holds at a place. Cedar decides it, over the user's data.

mod entities;

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use cedar_policy::{Authorizer, Context, Entities, EntityUid, Request, RestrictedExpression};
use vestibule_schema::document::Cascade;
use vestibule_schema::{GalleryPath, RoleName};

use super::index::{Chain, MarkId};
use super::mask::{Mask, Variant};
use super::standing::Standing;
use super::{Fault, Place, SiteEngine};
use crate::compile::CompileError;
use crate::decision::{Decision, Denial, Denied, Missing, Permit, Permitted, PolicyRef};
use crate::model::{Block, Role};
use crate::names::{self, kind};
use crate::principal::{Principal, UserFacts};

/// The roles of a principal at a place, and the masks they lead to.
#[derive(Debug)]
pub(super) struct Admitted {
    roles: Arc<[String]>,
    locked: bool,
    masks: [OnceLock<Arc<Mask>>; Variant::COUNT],
}

impl Admitted {
    /// The identifiers of the roles, sorted.
    pub(super) fn roles(&self) -> Arc<[String]> {
        Arc::clone(&self.roles)
    }

    pub(super) fn holds_a_role(&self) -> bool {
        !self.roles.is_empty() && !self.locked
    }

    pub(super) fn mask(&self, variant: Variant) -> Option<Arc<Mask>> {
        self.masks.get(variant.index()).and_then(OnceLock::get).cloned()
    }

    pub(super) fn keep(&self, variant: Variant, mask: Arc<Mask>) -> Arc<Mask> {
        match self.masks.get(variant.index()) {
            Some(slot) => Arc::clone(slot.get_or_init(|| mask)),
            None => mask,
        }
    }
}

/// Whose roles, and where. A scoped role depends on the very folder, every other on the marked
/// folder that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    principal: Principal,
    mark: MarkId,
    folder: Option<GalleryPath>,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // the name alone spreads well; equality compares everything
        self.principal.user_name().hash(state);
        self.mark.hash(state);
        self.folder.hash(state);
    }
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

/// Everything that admission at one place is asked over.
struct Hearing<'a> {
    user: Option<&'a UserFacts>,
    standing: Standing,
    blocks: Vec<&'a Block>,
    folder: GalleryPath,
}

impl SiteEngine {
    /// The principal's roles at a place.
    pub(super) fn admission(
        &self,
        principal: &Principal,
        place: &Place<'_>,
    ) -> Result<Arc<Admitted>, Fault> {
        let folder = self.holds_scoped_role(principal).then(|| place.path.folder());
        let key = Key { principal: principal.clone(), mark: place.mark, folder };
        if let Some(admitted) = self.admitted.get(&key) {
            return Ok(admitted);
        }
        let admitted = Arc::new(self.admit(principal, place)?);
        self.admitted.insert(key, Arc::clone(&admitted));
        Ok(admitted)
    }

    /// Whether some of the user's roles count in a scope only.
    pub(super) fn holds_scoped_role(&self, principal: &Principal) -> bool {
        match principal {
            Principal::Visitor => false,
            Principal::User(_) if !self.rights.has_paths() => false,
            Principal::User(_) => !self.scoped_bases(principal).is_empty(),
        }
    }

    /// The base paths of the user's scoped roles.
    pub(super) fn scoped_bases(&self, principal: &Principal) -> Vec<GalleryPath> {
        let Principal::User(user) = principal else {
            return Vec::new();
        };
        let standing = self.standing(user);
        if standing.locked {
            return Vec::new();
        }
        let is_scoped =
            |name: &RoleName| self.model.block.roles.get(name).is_some_and(|role| role.scoped);
        let scoped = standing.bases.into_iter().filter(|(role, _)| is_scoped(role));
        scoped.flat_map(|(_, bases)| bases).collect()
    }

    fn admit(&self, principal: &Principal, place: &Place<'_>) -> Result<Admitted, Fault> {
        let chain = self.index.chain(place.mark, &self.folders);
        let hearing = self.hearing(principal, &chain, place);
        let candidates = self.candidates(&hearing);
        let entities = self.hearing_entities(&hearing, &candidates)?;
        let mut roles = Vec::new();
        for candidate in candidates {
            if self.ask(&hearing, &candidate, &entities)?.0 {
                roles.push(candidate.id);
            }
        }
        roles.sort();
        Ok(Admitted {
            roles: Arc::from(roles),
            locked: hearing.standing.locked,
            masks: [const { OnceLock::new() }; Variant::COUNT],
        })
    }

    pub(super) fn try_assume(
        &self,
        principal: &Principal,
        role: &RoleName,
        place: &Place<'_>,
    ) -> Result<Decision, Fault> {
        let chain = self.index.chain(place.mark, &self.folders);
        let hearing = self.hearing(principal, &chain, place);
        let wanted: Vec<_> = self.candidates(&hearing);
        let entities = self.hearing_entities(&hearing, &wanted)?;
        let mut cited = Vec::new();
        for candidate in wanted.iter().filter(|c| c.name == role.as_str() && !c.is_companion) {
            let (allowed, policies) = self.ask(&hearing, candidate, &entities)?;
            if allowed {
                return Ok(Decision::Allow(Permit(Arc::new(Permitted {
                    site: self.model.site.clone(),
                    principal: principal.clone(),
                    action: vestibule_schema::Action::View,
                    path: place.path.clone(),
                    generation: self.generation,
                    policies: policies.into(),
                }))));
            }
            cited.extend(policies);
        }
        Ok(Decision::Deny(Denial(Arc::new(Denied {
            missing: Missing::View,
            policies: cited.into(),
            generation: self.generation,
            fault: None,
        }))))
    }

    fn hearing<'a>(
        &'a self,
        principal: &'a Principal,
        chain: &Chain<'a>,
        place: &Place<'_>,
    ) -> Hearing<'a> {
        let mut blocks = vec![&self.model.block];
        match self.model.cascade {
            Cascade::Restrict => blocks.extend(chain.blocks().map(|block| &**block)),
            Cascade::Nearest => {
                blocks.extend(chain.governing().and_then(|(_, rules)| rules.block.as_deref()))
            }
        }
        let (user, standing) = match principal {
            Principal::Visitor => (None, Standing::default()),
            Principal::User(user) => (Some(&**user), self.standing(user)),
        };
        Hearing { user, standing, blocks, folder: place.path.folder() }
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
        let at = names::resource(&self.model.site, hearing.folder.as_str());
        let at = RestrictedExpression::new_entity_uid(vocabulary.uid(kind::FOLDER, &at)?);
        let context = Context::from_pairs([("at".to_owned(), at)])
            .map_err(|error| CompileError::Entity(error.to_string()))?;
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
