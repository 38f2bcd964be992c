//! Decisions: which policies can apply, what Cedar says of them, and what of it is remembered.
//!
//! A request's folder is *marked* if it has a block, an error or `hide_technical_details`. The
//! nearest marked ancestor stands for every resource below it, so a decision depends on the
//! principal's roles, that folder, and whether the resource is a folder, an image or a hidden
//! image. All that is remembered hangs off one immutable [`SiteEngine`], which a reload replaces
//! whole: there is nothing to invalidate.

mod admit;
mod audited;
mod evaluate;
mod held;
mod index;
mod mask;
mod standing;
mod vocabulary;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use moka::sync::Cache;
use vestibule_schema::{Action, GalleryPath, PathKind, PermissionSet, RoleName, SiteId, UserName};

use crate::compile::CompileError;
use crate::decision::{Decision, Denial, Missing, Need, Permit, PlacePermissions};
use crate::model::{Folders, Rights, SiteModel};
use crate::principal::Principal;
use admit::Admitted;
use evaluate::Slice;
pub use held::HeldRole;
use index::{Index, MarkId};
use mask::{Mask, MaskKey, Variant, Verdict};
use standing::RightsIndex;
pub use vocabulary::Vocabulary;

/// How many (principal, place) pairs a site remembers.
const ADMISSIONS: u64 = 50_000;
/// How many masks a site remembers; each serves all principals with the same roles.
const MASKS: u64 = 50_000;
/// How many chains of blocks a site keeps compiled.
const SLICES: u64 = 4_000;

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
    vocabulary: Arc<Vocabulary>,
    model: Arc<SiteModel>,
    folders: Arc<Folders>,
    stored: Arc<Rights>,
    rights: RightsIndex,
    index: Index,
    slices: Cache<MarkId, Arc<Slice>>,
    masks: Cache<MaskKey, Arc<Mask>>,
    admitted: Cache<admit::Key, Arc<Admitted>>,
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
        Self {
            generation,
            vocabulary: Arc::clone(vocabulary),
            index: Index::new(&folders),
            rights: RightsIndex::new(&model, &stored),
            model,
            folders,
            stored,
            slices: Cache::new(SLICES),
            masks: Cache::new(MASKS),
            admitted: Cache::new(ADMISSIONS),
        }
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
    #[must_use]
    pub fn decide(&self, principal: &Principal, need: Need, path: &GalleryPath) -> Decision {
        match self.try_decide(principal, need, path) {
            Ok(decision) => decision,
            Err(fault) => Decision::Deny(Denial {
                missing: Missing::View,
                policies: Arc::from([]),
                generation: self.generation,
                fault: Some(fault.to_string()),
            }),
        }
    }

    fn try_decide(
        &self,
        principal: &Principal,
        need: Need,
        path: &GalleryPath,
    ) -> Result<Decision, Fault> {
        let place = self.place(path);
        let mask = self.mask(principal, &place)?;
        let deny = |missing, verdict: &Verdict| {
            Ok(Decision::Deny(Denial {
                missing,
                policies: Arc::clone(&verdict.policies),
                generation: self.generation,
                fault: None,
            }))
        };
        let gate = [Some(Action::View), place.variant.is_hidden().then_some(Action::SeeHidden)];
        for action in gate.into_iter().flatten() {
            let verdict = self.verdict(&mask, &place, action)?;
            if !verdict.allowed {
                return deny(Missing::View, verdict);
            }
        }
        for action in need.actions() {
            let verdict = self.verdict(&mask, &place, action)?;
            if verdict.allowed {
                return Ok(Decision::Allow(Permit {
                    site: self.model.site.clone(),
                    principal: principal.clone(),
                    action,
                    path: path.clone(),
                    generation: self.generation,
                    policies: Arc::clone(&verdict.policies),
                }));
            }
        }
        deny(Missing::Action(need.named()), self.verdict(&mask, &place, need.named())?)
    }

    /// All that the principal may do with a folder or image; nothing if that can't be decided.
    #[must_use]
    pub fn permissions(&self, principal: &Principal, path: &GalleryPath) -> PermissionSet {
        self.try_permissions(principal, path).unwrap_or_default()
    }

    fn try_permissions(
        &self,
        principal: &Principal,
        path: &GalleryPath,
    ) -> Result<PermissionSet, Fault> {
        let place = self.place(path);
        let mask = self.mask(principal, &place)?;
        if let Some(set) = mask.whole() {
            return Ok(set);
        }
        let mut set = self.all_verdicts(&mask, &place)?;
        let hidden = place.variant.is_hidden() && !set.allows(Action::SeeHidden);
        if hidden || !set.allows(Action::View) {
            set = PermissionSet::EMPTY;
        }
        Ok(mask.remember(set))
    }

    /// The folders on the way to a resource, itself included, whose rules decide about it, the
    /// outermost first.
    #[must_use]
    pub fn judged_by(&self, path: &GalleryPath) -> Vec<GalleryPath> {
        let chain = self.index.chain(self.index.governing(path), &self.folders);
        chain.folders.iter().map(|(folder, _)| (*folder).clone()).collect()
    }

    /// Every folder below this one that has rules of its own, with what the principal may do
    /// there, sorted by path.
    #[must_use]
    pub fn below(&self, principal: &Principal, folder: &GalleryPath) -> Vec<PlacePermissions> {
        let marked = self.index.below(folder);
        let judged = marked.map(|folder| PlacePermissions {
            folder: folder.clone(),
            permissions: self.permissions(principal, folder),
        });
        judged.collect()
    }

    /// Whether the principal holds a role in any block of the site (`permissions.md` 4, rule 1).
    #[must_use]
    pub fn may_enter(&self, principal: &Principal) -> bool {
        let holds_any = |path: &GalleryPath| {
            let place = self.place(path);
            self.admission(principal, &place).is_ok_and(|admitted| admitted.holds_a_role())
        };
        holds_any(&GalleryPath::root())
            || self.index.blocks().any(holds_any)
            || self.holds_scoped_role(principal)
    }

    /// The topmost folders that the principal may view: for most the root alone.
    #[must_use]
    pub fn entrances(&self, principal: &Principal) -> Vec<GalleryPath> {
        let root = GalleryPath::root();
        let mut entrances: Vec<GalleryPath> = Vec::new();
        let scoped = self.scoped_bases(principal);
        let candidates = std::iter::once(&root).chain(self.index.marked());
        let mut candidates: Vec<&GalleryPath> = candidates.chain(&scoped).collect();
        candidates.sort();
        for folder in candidates {
            let below_one = entrances.iter().any(|entrance| folder.is_within(entrance));
            if !below_one && self.permissions(principal, folder).allows(Action::View) {
                entrances.push(folder.clone());
            }
        }
        entrances
    }

    /// Whether a folder may be listed to the principal: it and those above it are not hidden, or
    /// the principal sees hidden ones there.
    #[must_use]
    pub fn lists(&self, principal: &Principal, folder: &GalleryPath) -> bool {
        let mut way = Some(folder.clone());
        while let Some(step) = way {
            let is_hidden = self.folders.get(&step).is_some_and(|rules| rules.hidden);
            if is_hidden && !self.permissions(principal, &step).allows(Action::SeeHidden) {
                return false;
            }
            way = step.parent();
        }
        true
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
        let admissions =
            places.filter_map(|path| self.admission(principal, &self.place(path)).ok());
        admissions.flat_map(|admitted| admitted.roles().to_vec()).collect()
    }

    /// Whether the principal holds a role of the site block, or of the block that governs the
    /// path, with the policies that say so.
    #[must_use]
    pub fn assumes(&self, principal: &Principal, role: &RoleName, path: &GalleryPath) -> Decision {
        match self.try_assume(principal, role, &self.place(path)) {
            Ok(decision) => decision,
            Err(fault) => Decision::Deny(Denial {
                missing: Missing::View,
                policies: Arc::from([]),
                generation: self.generation,
                fault: Some(fault.to_string()),
            }),
        }
    }

    fn place<'p>(&self, path: &'p GalleryPath) -> Place<'p> {
        let mark = self.index.governing(path);
        let hidden = path.kind() == PathKind::Image
            && path.ancestors().next().and_then(|folder| self.folders.get(folder)).is_some_and(
                |rules| path.name().is_some_and(|name| rules.hidden_images.contains(name)),
            );
        let variant = match (path.kind(), hidden) {
            (PathKind::Folder, _) => Variant::Folder,
            (PathKind::Image, false) => Variant::Image,
            (PathKind::Image, true) => Variant::HiddenImage,
        };
        Place { mark, path, variant }
    }

    fn mask(&self, principal: &Principal, place: &Place<'_>) -> Result<Arc<Mask>, Fault> {
        let admitted = self.admission(principal, place)?;
        if let Some(mask) = admitted.mask(place.variant) {
            return Ok(mask);
        }
        let key = MaskKey {
            visitor: !principal.is_signed_in(),
            roles: admitted.roles(),
            mark: place.mark,
            variant: place.variant,
        };
        let mask = self.masks.get_with(key.clone(), || Arc::new(Mask::new(key)));
        Ok(admitted.keep(place.variant, mask))
    }

    fn slice(&self, mark: MarkId) -> Result<Arc<Slice>, Fault> {
        self.slices
            .try_get_with(mark, || {
                let chain = self.index.chain(mark, &self.folders);
                Slice::compile(&self.vocabulary, &self.model, &chain).map(Arc::new)
            })
            .map_err(|fault: Arc<Fault>| (*fault).clone())
    }
}
