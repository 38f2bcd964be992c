//! What is compiled and judged by shape: it holds whoever is named where, so that it outlives a
//! change of people.

use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use moka::sync::Cache;
use vestibule_schema::RoleName;

use super::Fault;
use super::claims::Claims;
use super::mask::{Mask, MaskKey};
use super::shape::{ChainId, Shapes, SiteShape};
use super::slice::{SitePolicies, Slice};
use super::vocabulary::Vocabulary;

/// How many bytes the answers of a site may take: an entry has about one kilobyte.
const MASK_BYTES: u64 = 8 << 20;
/// How many bytes a site's compiled policies may take.
pub(super) const SLICE_BYTES: u64 = 32 << 20;
/// How many bytes the roles that follow from claims may take.
const CLAIM_BYTES: u64 = 2 << 20;

/// A bounded cache. Keys are compared whole: the hash only finds the place.
pub(super) type Bounded<K, V> = Cache<K, V, RandomState>;

/// A cache of so many bytes, by what each entry says of itself.
pub(super) fn bounded<K, V>(bytes: u64, weigh: fn(&K, &V) -> usize) -> Bounded<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(bytes)
        .weigher(move |key, value| u32::try_from(weigh(key, value)).unwrap_or(u32::MAX))
        .build_with_hasher(RandomState::default())
}

/// What engines of a site share as long as its block has the same shape.
#[derive(Debug)]
pub(super) struct Shared {
    shape: SiteShape,
    shapes: Shapes,
    policies: OnceLock<SitePolicies>,
    slices: Bounded<ChainId, Arc<Slice>>,
    masks: Bounded<MaskKey, Arc<Mask>>,
    claims: Bounded<Claims, Arc<[RoleName]>>,
}

impl Shared {
    pub(super) fn new(shape: SiteShape) -> Self {
        Self {
            shape,
            shapes: Shapes::default(),
            policies: OnceLock::new(),
            slices: bounded(SLICE_BYTES, |_, slice| slice.weight()),
            masks: bounded(MASK_BYTES, |key, _| Mask::WEIGHT + key.weight()),
            claims: bounded(CLAIM_BYTES, |claims, roles| claims.weight() + 32 * roles.len()),
        }
    }

    /// Whether an engine of this shape can go on with what is here. Not if most of it is of
    /// folders that are gone.
    pub(super) fn serves(&self, shape: &SiteShape, folders: usize) -> bool {
        self.shape.is_alike(shape) && self.shapes.len() <= 4 * folders + 1_024
    }

    pub(super) fn shape(&self) -> &SiteShape {
        &self.shape
    }

    pub(super) fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// The answers for a key; empty, if nobody asked.
    pub(super) fn mask(&self, key: MaskKey) -> Arc<Mask> {
        match self.masks.get(&key) {
            Some(mask) => mask,
            None => self.masks.get_with(key.clone(), || Arc::new(Mask::new(key))),
        }
    }

    /// The policies of a chain, under names that stand for all.
    pub(super) fn slice(
        &self,
        chain: ChainId,
        vocabulary: &Vocabulary,
    ) -> Result<Arc<Slice>, Fault> {
        let compile = || {
            let way = self.shapes.standing_for(chain, self.shape.model());
            Slice::compile(self.policies(vocabulary)?, &Arc::new(way)).map(Arc::new)
        };
        self.slices.try_get_with(chain, compile).map_err(|fault: Arc<Fault>| (*fault).clone())
    }

    /// The policies that are in every slice.
    pub(super) fn policies(&self, vocabulary: &Vocabulary) -> Result<&SitePolicies, Fault> {
        if let Some(compiled) = self.policies.get() {
            return Ok(compiled);
        }
        let compiled = SitePolicies::compile(vocabulary, self.shape.model())?;
        Ok(self.policies.get_or_init(|| compiled))
    }

    /// The roles that follow from what a folder's block says of somebody.
    pub(super) fn roles_by(
        &self,
        claims: Claims,
        vocabulary: &Vocabulary,
    ) -> Result<Arc<[RoleName]>, Fault> {
        if let Some(roles) = self.claims.get(&claims) {
            return Ok(roles);
        }
        let roles: Arc<[RoleName]> = Arc::from(claims.judge(vocabulary)?);
        self.claims.insert(claims, Arc::clone(&roles));
        Ok(roles)
    }

    /// Shared things that are wrong: with the policies of other documents.
    #[cfg(test)]
    pub(super) fn with_policies_of(
        shape: SiteShape,
        other: &Self,
        vocabulary: &Vocabulary,
    ) -> Self {
        let stale = SitePolicies::compile(vocabulary, other.shape.model()).unwrap();
        Self { policies: OnceLock::from(stale), ..Self::new(shape) }
    }
}
