//! A slice: the policies that can apply below one marked folder, and the entities around it.
//!
//! Sound: each policy left out needs the resource to be governed by another block, to lie in a
//! folder that is no ancestor, or another action. Each is false and none can err, so decision and
//! deciding policies are those of the whole set (`cedar-encoding.md`, "The slice").

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use cedar_policy::{
    Entities, Entity, EntityUid, Policy, PolicyId, PolicySet, Response, RestrictedExpression,
};
use vestibule_schema::{Action, GalleryPath};

use super::Fault;
use super::mask::Variant;
use super::vocabulary::Vocabulary;
use crate::cited::{Deciding, Way};
use crate::compile::{self, CompileError, Generated};
use crate::model::{FolderRules, SiteModel};
use crate::names::{self, kind};
use crate::scope::ActionMask;

/// A policy that Cedar has read, with what it is cited as and the actions it can apply to.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) policy: Policy,
    pub(super) cited: Deciding,
    pub(super) actions: ActionMask,
}

impl Compiled {
    pub(super) fn new(policy: Policy, cited: Deciding) -> Arc<Self> {
        let actions = ActionMask::of(&policy);
        Arc::new(Self { policy, cited, actions })
    }

    fn generated(level: usize, one: &Generated) -> Result<Arc<Self>, Fault> {
        Ok(Self::new(one.policy()?, Deciding::Rule(level, one.rule.clone())))
    }
}

/// What all slices of a site have in common, compiled once.
#[derive(Debug)]
pub(super) struct SitePolicies {
    /// The base policies, the owners', the locked-out.
    everywhere: Vec<Arc<Compiled>>,
    /// Those of the site block.
    block: Vec<Arc<Compiled>>,
}

impl SitePolicies {
    pub(super) fn compile(vocabulary: &Vocabulary, site: &SiteModel) -> Result<Self, Fault> {
        let base = vocabulary.decide().iter();
        let everywhere = base
            .map(|(policy, cited)| Compiled::new(policy.clone(), Deciding::Known(cited.clone())));
        let mut everywhere: Vec<_> = everywhere.collect();
        for one in compile::site_wide(site) {
            everywhere.push(Compiled::generated(0, &one)?);
        }
        let block = compile::site_block(site);
        let block = block.iter().map(|one| Compiled::generated(0, one));
        let block = block.collect::<Result<_, _>>()?;
        Ok(Self { everywhere, block })
    }
}

/// The policies that can apply below one marked folder.
#[derive(Debug)]
pub(super) struct Slice {
    policies: Vec<Arc<Compiled>>,
    cited: HashMap<PolicyId, Deciding>,
    way: Arc<Way>,
    /// How many of the policies are this slice's own.
    own: usize,
    pub(super) governing: String,
    /// The roles of the blocks that count, with their parents.
    parents: BTreeMap<String, Vec<String>>,
    sets: [OnceLock<PolicySet>; Action::ALL.len()],
    surroundings: [OnceLock<Surroundings>; Variant::COUNT],
}

/// What is around a question, whoever asks: roles, site, folders, the resource.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) entities: Entities,
    pub(super) resource: EntityUid,
}

impl Slice {
    pub(super) fn compile(shared: &SitePolicies, way: &Arc<Way>) -> Result<Self, Fault> {
        let site = &*way.site;
        let governing = way.governing();
        let mut policies = shared.everywhere.clone();
        if governing.is_none() {
            policies.extend(shared.block.iter().cloned());
        }
        let common = policies.len();
        for (level, (path, rules)) in (1..).zip(&way.folders) {
            let mut own = compile::folder_subtree(site, path, rules);
            if governing.is_some_and(|(governing, ..)| governing == level) {
                own.extend(compile::folder_block(site, path, rules));
            }
            for one in &own {
                policies.push(Compiled::generated(level, one)?);
            }
        }
        let cited = policies.iter().map(|one| (one.policy.id().clone(), one.cited.clone()));
        let governing = governing.map(|(_, path, _)| path);
        Ok(Self {
            cited: cited.collect(),
            own: policies.len() - common,
            policies,
            governing: names::block(&site.site, governing),
            parents: role_parents(way),
            way: Arc::clone(way),
            sets: [const { OnceLock::new() }; Action::ALL.len()],
            surroundings: [const { OnceLock::new() }; Variant::COUNT],
        })
    }

    /// The folder that the slice is of.
    pub(super) fn at(&self) -> &GalleryPath {
        &self.way.at
    }

    /// The way that it is of.
    pub(super) fn way(&self) -> &Way {
        &self.way
    }

    /// About how many bytes it takes. Cedar needs 12.7 KB for a policy, and some for each set that
    /// one is in (`performance.md`).
    pub(super) fn weight(&self) -> usize {
        16_384 * self.own + 512 * Action::ALL.len() * self.policies.len()
    }

    /// Whether the slice is that of this way, too: the same folders that say the same.
    pub(super) fn is_of(&self, way: &Way) -> bool {
        let same = |rules: &Arc<FolderRules>, others: &Arc<FolderRules>| {
            Arc::ptr_eq(rules, others) || rules == others
        };
        let mut pairs = self.way.folders.iter().zip(&way.folders);
        self.way.at == way.at
            && self.way.folders.len() == way.folders.len()
            && pairs.all(|((path, rules), (other, others))| path == other && same(rules, others))
    }

    /// The policies that can apply to an action.
    pub(super) fn set(&self, action: Action) -> Result<&PolicySet, Fault> {
        let slot = self.sets.get(action.index()).ok_or_else(|| unknown(action))?;
        if let Some(set) = slot.get() {
            return Ok(set);
        }
        let set = policy_set(self.applicable(action))?;
        Ok(slot.get_or_init(|| set))
    }

    /// The policies that can apply to an action, one by one.
    pub(super) fn applicable(&self, action: Action) -> impl Iterator<Item = &Arc<Compiled>> {
        self.policies.iter().filter(move |one| one.actions.has(action))
    }

    /// The policies that decided.
    pub(super) fn deciding(&self, response: &Response) -> Vec<Deciding> {
        let reasons = response.diagnostics().reason();
        reasons.filter_map(|id| self.cited.get(id)).cloned().collect()
    }

    /// A resource that stands for all of its kind below the marked folder, with all around it.
    pub(super) fn surroundings(
        &self,
        vocabulary: &Vocabulary,
        variant: Variant,
    ) -> Result<&Surroundings, Fault> {
        let slot = self.surroundings.get(variant.index());
        let slot = slot.ok_or_else(|| CompileError::Entity("a kind of resource".into()))?;
        if let Some(surroundings) = slot.get() {
            return Ok(surroundings);
        }
        let built = self.build_surroundings(vocabulary, variant)?;
        Ok(slot.get_or_init(|| built))
    }

    fn build_surroundings(
        &self,
        vocabulary: &Vocabulary,
        variant: Variant,
    ) -> Result<Surroundings, Fault> {
        let site = &self.way.site.site;
        let mut entities = role_entities(&self.parents, vocabulary)?;
        let mut parent = vocabulary.uid(kind::SITE, site.as_str())?;
        entities.push(Entity::new_no_attrs(parent.clone(), HashSet::new()));
        let attributes = |hidden: bool| -> Result<HashMap<String, RestrictedExpression>, Fault> {
            let block = vocabulary.uid(kind::BLOCK, &self.governing)?;
            Ok(HashMap::from([
                ("block".to_owned(), RestrictedExpression::new_entity_uid(block)),
                ("hidden".to_owned(), RestrictedExpression::new_bool(hidden)),
            ]))
        };
        let at = self.at();
        let mut way: Vec<&GalleryPath> = self.way.folders.iter().map(|(path, _)| path).collect();
        if way.last() != Some(&at) {
            way.push(at);
        }
        for folder in way {
            let uid = vocabulary.uid(kind::FOLDER, &names::resource(site, folder.as_str()))?;
            let parents = HashSet::from([parent]);
            entities.push(Vocabulary::entity(uid.clone(), attributes(false)?, parents)?);
            parent = uid;
        }
        let resource = match variant {
            Variant::Folder => parent,
            Variant::Image | Variant::HiddenImage => {
                // `*` is this place's images, whatever their names
                let id = names::resource(site, &format!("{at}*"));
                let uid = vocabulary.uid(kind::IMAGE, &id)?;
                let attributes = attributes(variant.is_hidden())?;
                let parents = HashSet::from([parent]);
                entities.push(Vocabulary::entity(uid.clone(), attributes, parents)?);
                uid
            }
        };
        let entities = Entities::from_entities(entities, None)
            .map_err(|error| CompileError::Entity(error.to_string()))?;
        Ok(Surroundings { entities, resource })
    }

    /// The roles of the blocks that count, with their parents.
    pub(super) fn parents(&self) -> &BTreeMap<String, Vec<String>> {
        &self.parents
    }
}

/// Roles as entities, each with its parents.
pub(super) fn role_entities(
    parents: &BTreeMap<String, Vec<String>>,
    vocabulary: &Vocabulary,
) -> Result<Vec<Entity>, Fault> {
    let mut entities = Vec::with_capacity(parents.len() + 8);
    let mut seen = BTreeSet::new();
    for (role, parents) in parents {
        let uids = parents.iter().map(|parent| vocabulary.uid(kind::ROLE, parent));
        let uid = vocabulary.uid(kind::ROLE, role)?;
        entities.push(Entity::new_no_attrs(uid, uids.collect::<Result<_, _>>()?));
        seen.insert(role.as_str());
    }
    for parent in parents.values().flatten() {
        // the synthetic role of the owners is no block's
        if seen.insert(parent) {
            let uid = vocabulary.uid(kind::ROLE, parent)?;
            entities.push(Entity::new_no_attrs(uid, HashSet::new()));
        }
    }
    Ok(entities)
}

/// A set of compiled policies.
pub(super) fn policy_set<'a>(
    policies: impl Iterator<Item = &'a Arc<Compiled>>,
) -> Result<PolicySet, Fault> {
    PolicySet::from_policies(policies.map(|one| one.policy.clone()))
        .map_err(|error| CompileError::Entity(error.to_string()))
}

fn unknown(action: Action) -> Fault {
    CompileError::Entity(action.to_string())
}

/// The parents of each role of the site block and of the blocks on the way.
pub(super) fn role_parents(way: &Way) -> BTreeMap<String, Vec<String>> {
    let site = &*way.site;
    let mut parents = BTreeMap::new();
    for block in std::iter::once(&site.block).chain(way.blocks().map(|(_, _, block)| block)) {
        let block_id = names::block(&site.site, block.folder.as_ref());
        for role in block.roles.values() {
            let mut of_role = Vec::new();
            of_role.extend(role.parent.as_ref().map(|parent| names::role(&block_id, parent)));
            if role.own_owner && block.folder.is_none() {
                of_role.push(compile::owner_role(site));
            }
            parents.insert(names::role(&block_id, &role.name), of_role);
        }
    }
    parents
}
