//! Shapes: what of a folder's rules becomes policy, with neither its path, nor the people it
//! names, nor where it is written.
//!
//! A gallery of ten thousand folders has few shapes. Folders on whose way the same shapes follow
//! each other have the same policies but for their names, so that one of them is compiled and
//! judged for all, under names that stand for each level: `/1/`, `/1/2/` …. Renaming is
//! one-to-one on the entities of a question, and Cedar knows names only as equal or not, so the
//! answer is that of the very folder (`docs/adr/0003`).

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, Hash, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, GalleryPath, HiddenNames, PermissionSet, RoleName, SiteId};

use crate::cited::Way;
use crate::model::{Block, FolderRules, Role, SiteModel};

/// The rules on a way, as shapes: equal numbers have equal policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ChainId(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ShapeId(u32);

/// What of a role becomes policy.
type RoleShape<'a> = (&'a RoleName, PermissionSet, bool, bool, Option<&'a RoleName>, bool);

fn role_shape(role: &Role) -> RoleShape<'_> {
    let views = role.all.allows(Action::View);
    (&role.name, role.own, views, role.own_owner, role.parent.as_ref(), role.scoped)
}

fn roles_alike(one: &Block, other: &Block) -> bool {
    one.roles.len() == other.roles.len()
        && one.roles.values().map(role_shape).eq(other.roles.values().map(role_shape))
}

/// Whether two folders' rules become the same policies, but for names.
fn alike(one: &FolderRules, other: &FolderRules) -> bool {
    let blocks = match (&one.block, &other.block) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || roles_alike(one, other),
        _ => false,
    };
    blocks
        && one.broken.is_some() == other.broken.is_some()
        && one.hide_technical_details.is_some() == other.hide_technical_details.is_some()
}

/// What of a site becomes policies of its own block.
#[derive(Debug)]
pub(super) struct SiteShape {
    site: SiteId,
    cascade: Cascade,
    model: Arc<SiteModel>,
}

impl SiteShape {
    pub(super) fn of(model: &Arc<SiteModel>) -> Self {
        Self { site: model.site.clone(), cascade: model.cascade, model: Arc::clone(model) }
    }

    /// Whether what was compiled for one holds for the other.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.site == other.site
            && self.cascade == other.cascade
            && roles_alike(&self.model.block, &other.model.block)
    }

    pub(super) fn model(&self) -> &Arc<SiteModel> {
        &self.model
    }
}

/// All shapes that were met, numbered.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    met: Mutex<Met>,
}

#[derive(Debug, Default)]
struct Met {
    hasher: RandomState,
    by_hash: HashMap<u64, Vec<ShapeId>>,
    /// One folder's rules for each shape, without people.
    shapes: Vec<FolderRules>,
    numbers: HashMap<(ChainId, ShapeId), ChainId>,
    /// The last step of each chain but the empty one, whose number is 0.
    steps: Vec<(ChainId, ShapeId)>,
}

impl Shapes {
    fn met(&self) -> MutexGuard<'_, Met> {
        // numbers are only added, each in one step
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many chains were met.
    pub(super) fn len(&self) -> usize {
        self.met().steps.len()
    }

    /// The number of a way's chain.
    pub(super) fn chain(&self, way: &Way) -> ChainId {
        let mut met = self.met();
        let mut chain = ChainId(0);
        for (_, rules) in &way.folders {
            let shape = met.shape(rules);
            chain = met.step(chain, shape);
        }
        chain
    }

    /// A way of this chain, under names that stand for all.
    pub(super) fn standing_for(&self, chain: ChainId, site: &Arc<SiteModel>) -> Way {
        let met = self.met();
        let mut shapes = Vec::new();
        let mut left = chain;
        while let Some((before, shape)) = met.last_step(left) {
            shapes.extend(met.rules(shape));
            left = before;
        }
        let mut at = GalleryPath::root();
        let mut folders = Vec::new();
        for (level, rules) in (1u32..).zip(shapes.into_iter().rev()) {
            // a number is a name
            let below = at.join(&level.to_string(), vestibule_schema::PathKind::Folder);
            at = below.unwrap_or(at);
            let mut rules = rules.clone();
            if let Some(block) = rules.block.as_mut() {
                Arc::make_mut(block).folder = Some(at.clone());
            }
            folders.push((at.clone(), Arc::new(rules)));
        }
        Way { site: Arc::clone(site), at, folders }
    }
}

impl Met {
    fn rules(&self, shape: ShapeId) -> Option<&FolderRules> {
        usize::try_from(shape.0).ok().and_then(|at| self.shapes.get(at))
    }

    fn last_step(&self, chain: ChainId) -> Option<(ChainId, ShapeId)> {
        let at = usize::try_from(chain.0).ok()?.checked_sub(1)?;
        self.steps.get(at).copied()
    }

    fn shape(&mut self, rules: &FolderRules) -> ShapeId {
        let mut hasher = self.hasher.build_hasher();
        rules.broken.is_some().hash(&mut hasher);
        rules.hide_technical_details.is_some().hash(&mut hasher);
        for role in rules.block.iter().flat_map(|block| block.roles.values()) {
            role_shape(role).hash(&mut hasher);
        }
        let hash = hasher.finish();
        let same = self.by_hash.get(&hash).into_iter().flatten();
        let known = same.copied().find(|id| self.rules(*id).is_some_and(|one| alike(one, rules)));
        known.unwrap_or_else(|| {
            let id = ShapeId(u32::try_from(self.shapes.len()).unwrap_or(u32::MAX));
            self.shapes.push(without_people(rules));
            self.by_hash.entry(hash).or_default().push(id);
            id
        })
    }

    fn step(&mut self, chain: ChainId, shape: ShapeId) -> ChainId {
        let next = ChainId(u32::try_from(self.steps.len() + 1).unwrap_or(u32::MAX));
        let number = *self.numbers.entry((chain, shape)).or_insert(next);
        if number == next {
            self.steps.push((chain, shape));
        }
        number
    }
}

fn without_people(rules: &FolderRules) -> FolderRules {
    let block = rules.block.as_deref().map(|block| {
        Arc::new(Block {
            folder: None,
            roles: block.roles.clone(),
            user_roles: BTreeMap::new(),
            group_roles: BTreeMap::new(),
            public_role: None,
            default_role: None,
            source: block.source.clone(),
        })
    });
    FolderRules {
        block,
        broken: rules.broken.clone(),
        hidden: false,
        hidden_images: HiddenNames::default(),
        hide_technical_details: rules.hide_technical_details.clone(),
    }
}
