//! Decisions: which policies can apply, what Cedar says of them, and what of it is remembered.
//!
//! A request's folder is *marked* if it has a block, an error or `hide_technical_details`. The
//! nearest marked ancestor stands for every resource below it, so a decision depends on the
//! principal's roles, that folder, and whether the resource is a folder, an image or a hidden
//! image. Folders whose rules differ in names alone share what is compiled and judged
//! (`shape`).
//!
//! All that is remembered of people hangs off one immutable [`SiteEngine`], which a reload
//! replaces whole: there is nothing to invalidate. What it takes over from the one before
//! (`shared`) knows no people, and is keyed by everything that it depends on.

mod admit;
mod audited;
mod claims;
mod custom;
mod evaluate;
mod held;
mod hot;
mod index;
mod judge;
mod lent;
mod mask;
mod shape;
mod shared;
mod slice;
mod standing;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use vestibule_schema::{GalleryPath, PathKind, PermissionSet, RoleName, SiteId, UserName};

use crate::compile::CompileError;
use crate::context::RequestContext;
use crate::decision::{Decision, Denial, Denied, Missing, Need, OwnRules, PlacePermissions};
use crate::model::{CustomPolicy, Folders, Rights, SiteModel};
use crate::principal::Principal;
use admit::{Admitted, AtSite};
pub use held::HeldRole;
use index::{Index, MarkId};
pub use judge::{InView, Judge};
pub use lent::ShareError;
use mask::{Mask, MaskKey, Variant};
use shape::SiteShape;
use shared::{Bounded, SLICE_BYTES, Shared, bounded};
use slice::Slice;
use standing::RightsIndex;
pub use vocabulary::Vocabulary;

/// How many bytes a site remembers of where people get in who may not view its root.
const ENTRANCE_BYTES: u64 = 2 << 20;

/// All sites' policies of one generation. Immutable: a reload makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    generation: u64,
    sites: BTreeMap<SiteId, Arc<SiteEngine>>,
}

impl Engine {
    /// An engine of these sites.
    #[must_use]
    pub fn new(generation: u64, sites: impl IntoIterator<Item = Arc<SiteEngine>>) -> Self {
        let sites = sites.into_iter().map(|site| (site.model.site.clone(), site)).collect();
        Self { generation, sites }
    }

    /// The generation, which every decision carries.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// One site's engine.
    #[must_use]
    pub fn site(&self, site: &SiteId) -> Option<&Arc<SiteEngine>> {
        self.sites.get(site)
    }

    /// All sites, by name.
    pub fn sites(&self) -> impl Iterator<Item = &Arc<SiteEngine>> {
        self.sites.values()
    }
}

/// One site's policies of one generation.
#[derive(Debug)]
pub struct SiteEngine {
    generation: u64,
    /// A number that no other engine of this process has.
    serial: u64,
    vocabulary: Arc<Vocabulary>,
    model: Arc<SiteModel>,
    folders: Arc<Folders>,
    stored: Arc<Rights>,
    rights: RightsIndex,
    index: Index,
    shared: Arc<Shared>,
    slices: Bounded<MarkId, Arc<Slice>>,
    /// The roles that a visitor has in the site's own block.
    visitor: OnceLock<Arc<AtSite>>,
    entrances: Bounded<Principal, Arc<[GalleryPath]>>,
    lendings: lent::Lendings,
}

/// Why there is no decision. It is refused like one without `view`, and logged.
pub(crate) type Fault = CompileError;

/// Where a resource stands, as far as decisions go.
struct Place<'p> {
    mark: MarkId,
    path: &'p GalleryPath,
    variant: Variant,
}

impl SiteEngine {
    /// A site's engine. Cheap: policies are compiled when they are first asked for.
    #[must_use]
    pub fn new(
        generation: u64,
        vocabulary: &Arc<Vocabulary>,
        model: Arc<SiteModel>,
        folders: Arc<Folders>,
        stored: Arc<Rights>,
    ) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        Self {
            generation,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            vocabulary: Arc::clone(vocabulary),
            index: Index::new(&model, &folders),
            shared: Arc::new(Shared::new(SiteShape::of(&model))),
            rights: RightsIndex::new(&model, &stored),
            model,
            folders,
            stored,
            slices: bounded(SLICE_BYTES, |_, slice: &Arc<Slice>| slice.weight()),
            visitor: OnceLock::new(),
            entrances: bounded(ENTRANCE_BYTES, |who: &Principal, found: &Arc<[GalleryPath]>| {
                let texts = found.iter().map(|folder| folder.as_str().len());
                who.weight() + texts.sum::<usize>() + size_of_val(&**found)
            }),
            lendings: lent::lendings(),
        }
    }

    /// The same, after an engine of the same site before a change: what did not change is taken
    /// over compiled and judged. Nothing of it knows who may what.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        if !before.shared.serves(self.shared.shape(), self.index.len()) {
            return self;
        }
        self.shared = Arc::clone(&before.shared);
        self.index.forget_chains();
        self.lendings.invalidate_all();
        for (_, slice) in &before.slices {
            let mark = self.index.governing(slice.at());
            if slice.is_of(&self.index.way(mark)) {
                self.slices.insert(mark, slice);
            }
        }
        self
    }

    /// The site.
    #[must_use]
    pub fn id(&self) -> &SiteId {
        &self.model.site
    }

    /// The checked model of the site.
    #[must_use]
    pub fn model(&self) -> &Arc<SiteModel> {
        &self.model
    }

    /// The folders that say anything.
    #[must_use]
    pub fn folders(&self) -> &Arc<Folders> {
        &self.folders
    }

    /// Grants and group mappings of the store.
    #[must_use]
    pub fn stored(&self) -> &Arc<Rights> {
        &self.stored
    }

    /// The generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Decides one request: `view`, and the need. An error while deciding is a denial.
    ///
    /// Nothing is known of the request's context: a hand-written policy that reads it denies.
    #[must_use]
    pub fn decide(&self, principal: &Principal, need: Need, path: &GalleryPath) -> Decision {
        Judge::new(self, None).decide(principal, need, path)
    }

    /// Judges requests with this context.
    #[must_use]
    pub fn on<'e>(&'e self, context: &'e RequestContext<'e>) -> Judge<'e> {
        Judge::new(self, Some(context))
    }

    /// Whether an answer can depend on more than principal and resource.
    #[must_use]
    pub fn reads_context(&self) -> bool {
        self.model.custom.iter().any(CustomPolicy::reads_context)
    }

    /// As [`Judge::permissions`], without a context.
    #[must_use]
    pub fn permissions(&self, principal: &Principal, path: &GalleryPath) -> PermissionSet {
        Judge::new(self, None).permissions(principal, path)
    }

    /// The folders on the way to a resource, itself included, whose rules decide about it, the
    /// outermost first.
    #[must_use]
    pub fn judged_by(&self, path: &GalleryPath) -> Vec<GalleryPath> {
        let way = self.index.way(self.index.governing(path));
        way.folders.iter().map(|(folder, _)| folder.clone()).collect()
    }

    fn own_rules(&self, folder: &GalleryPath) -> OwnRules {
        match self.folders.get(folder) {
            Some(rules) if rules.block.is_some() || rules.broken.is_some() => OwnRules::Block,
            Some(rules) if rules.hide_technical_details.is_some() => OwnRules::Flags,
            _ => OwnRules::None,
        }
    }

    /// As [`Judge::below`], without a context.
    #[must_use]
    pub fn below(&self, principal: &Principal, folder: &GalleryPath) -> Vec<PlacePermissions> {
        Judge::new(self, None).below(principal, folder)
    }

    /// Whether the principal holds a role in any block of the site (`permissions.md` 4, rule 1), or
    /// opened a share that gives something there.
    #[must_use]
    pub fn may_enter(&self, principal: &Principal) -> bool {
        let holds_any = |path: &GalleryPath| {
            self.admission(principal, path).is_ok_and(|admitted| admitted.holds_a_role())
        };
        holds_any(&GalleryPath::root())
            || self.index.blocks().any(holds_any)
            || self.holds_scoped_role(principal)
            || principal.shares().iter().any(|share| self.lends(share))
    }

    /// As [`Judge::entrances`], without a context.
    #[must_use]
    pub fn entrances(&self, principal: &Principal) -> Arc<[GalleryPath]> {
        Judge::new(self, None).entrances(principal)
    }

    /// The users that the documents name: in user entries and in declared grants.
    #[must_use]
    pub fn named_users(&self) -> BTreeSet<UserName> {
        let folder_blocks = self.folders.values().filter_map(|rules| rules.block.as_deref());
        let blocks = std::iter::once(&self.model.block).chain(folder_blocks);
        let mut users: BTreeSet<_> =
            blocks.flat_map(|block| block.user_roles.keys().cloned()).collect();
        users.extend(self.model.declared.grants.iter().map(|grant| grant.user.clone()));
        users
    }

    /// The identifiers of all roles that a principal holds in any block, scoped ones left out.
    pub(crate) fn all_roles(&self, principal: &Principal) -> BTreeSet<String> {
        let root = GalleryPath::root();
        let places = std::iter::once(&root).chain(self.index.marked());
        let admissions = places.filter_map(|path| self.admission(principal, path).ok());
        admissions.flat_map(|admitted| admitted.role_ids()).collect()
    }

    /// Whether the principal holds a role of the site block, or of the block that governs the
    /// path, with the policies that say so.
    #[must_use]
    pub fn assumes(&self, principal: &Principal, role: &RoleName, path: &GalleryPath) -> Decision {
        let decision = self.try_assume(principal, role, &self.place(path));
        decision.unwrap_or_else(|fault| self.denied_by(&fault))
    }

    /// Nothing is allowed where nobody can tell.
    fn denied_by(&self, fault: &Fault) -> Decision {
        Decision::Deny(Denial(Arc::new(Denied {
            missing: Missing::View,
            cited: None,
            generation: self.generation,
            fault: Some(fault.to_string()),
        })))
    }

    fn place<'p>(&self, path: &'p GalleryPath) -> Place<'p> {
        self.place_at(self.index.governing(path), path)
    }

    /// The same, where the marked folder is known.
    fn place_at<'p>(&self, mark: MarkId, path: &'p GalleryPath) -> Place<'p> {
        let variant = match path.kind() {
            PathKind::Folder => Variant::Folder,
            PathKind::Image if self.index.hides(path) => Variant::HiddenImage,
            PathKind::Image => Variant::Image,
        };
        Place { mark, path, variant }
    }

    /// The answers for everybody with these roles at such a place.
    fn mask<'a>(
        &self,
        principal: &Principal,
        place: &Place<'_>,
        admitted: &'a Admitted,
    ) -> Result<&'a Arc<Mask>, Fault> {
        let find = || {
            self.shared.mask(MaskKey {
                visitor: !principal.is_signed_in(),
                roles: Arc::clone(admitted.held()),
                chain: self.index.chain(place.mark, self.shared.shapes()),
                variant: place.variant,
            })
        };
        let mask = admitted.mask(place.variant, find);
        mask.ok_or_else(|| CompileError::Entity("a kind of resource".into()))
    }

    /// An engine that is wrong: with the policies of other documents.
    #[cfg(test)]
    pub(crate) fn with_policies_of(mut self, other: &Self) -> Self {
        let shape = SiteShape::of(&self.model);
        let stale = Shared::with_policies_of(shape, &other.shared, &self.vocabulary);
        self.shared = Arc::new(stale);
        self
    }
}
