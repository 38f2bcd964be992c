//! What share links lend. A share is judged for itself, beside what its bearer holds anyway: its
//! role, by Cedar, over the policies that govern what is shared; and its maker, judged now, who
//! must be allowed the same (`docs/adr/0004`).

mod weigh;

pub(super) use weigh::Borne;

use std::collections::BTreeMap;
use std::sync::Arc;

use vestibule_schema::document::RoleDocument;
use vestibule_schema::{Action, GalleryPath, PermissionSet, RoleName, SourceRef};

use super::admit::Admitted;
use super::index::MarkId;
use super::mask::{Held, HeldKind, Mask, MaskKey, Verdict};
use super::shape::ChainId;
use super::{Bounded, Fault, Place, SiteEngine, bounded};
use crate::cited::{Deciding, Ground as _, Rule, Way};
use crate::decision::PolicyRef;
use crate::model::{Block, FolderRules, Role};
use crate::names;
use crate::principal::{Principal, Share};

/// How many bytes a site remembers of the ways on which shares are judged.
const LENDING_BYTES: u64 = 1 << 20;

/// Why somebody can't make a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// Neither the site is theirs, nor the folder that governs it.
    #[error("only an owner of the site, or of the folder that has the rules there, can share it")]
    NotTheOwner,
    /// What rules there says does not open it to its owner.
    #[error("its owner may not view it")]
    NotViewed,
    /// No such role there.
    #[error("the block that governs it has no role `{role}`")]
    UnknownRole {
        /// The role.
        role: RoleName,
    },
    /// Whoever opens a share never writes.
    #[error("the role `{role}` may {}, and whoever opens a share never writes", action.name())]
    Writes {
        /// The role.
        role: RoleName,
        /// What it may.
        action: Action,
    },
    /// Whoever opens a share never owns.
    #[error("the role `{role}` has `owner_access`")]
    Owns {
        /// The role.
        role: RoleName,
    },
    /// A share that opens nothing.
    #[error("the role `{role}` may not view")]
    Blind {
        /// The role.
        role: RoleName,
    },
}

/// The way to a marked folder as a share is judged on it: of the blocks the governing one alone,
/// with the share's role alone, as the blocks above bound its maker already; all flags.
#[derive(Debug)]
pub(super) struct Lending {
    way: Way,
    chain: ChainId,
    /// Where the block stands on the way.
    level: usize,
    /// It is the site's block, which stands at the root for this.
    is_sites: bool,
}

pub(super) type Lendings = Bounded<(RoleName, MarkId), Arc<Lending>>;

pub(super) fn lendings() -> Lendings {
    // a few folders with a small block each
    bounded(LENDING_BYTES, |_, lending| 1024 + 256 * lending.way.folders.len())
}

/// A share where a path is judged.
pub(super) struct Lent<'a> {
    share: &'a Share,
    lending: Arc<Lending>,
    /// The answers for the share's role.
    mask: Arc<Mask>,
    /// The answers for what a signed-in bearer holds with the share, if that is more than without.
    with_scoped: Option<Arc<Mask>>,
    maker: Arc<Admitted>,
}

impl SiteEngine {
    /// Whether somebody owns what governs a path: the site, or the folder whose block it is.
    #[must_use]
    pub fn owns(&self, principal: &Principal, path: &GalleryPath) -> bool {
        let Ok(admitted) = self.admission(principal, path) else { return false };
        if admitted.is_locked_out() {
            return false;
        }
        let governing = admitted.way().governing().map(|(_, folder, _)| folder);
        let held = self.held_roles(principal, path);
        held.iter().any(|held| {
            let of = held.block.folder.as_ref();
            held.role.owner && (of.is_none() || of == governing)
        })
    }

    /// Whether somebody can make a share of a path with this role.
    ///
    /// # Errors
    /// [`ShareError`], the reason why not.
    pub fn may_share(
        &self,
        maker: &Principal,
        path: &GalleryPath,
        role: &RoleName,
    ) -> Result<(), ShareError> {
        if !self.owns(maker, path) {
            return Err(ShareError::NotTheOwner);
        }
        if !self.permissions(maker.own(), path).allows(Action::View) {
            return Err(ShareError::NotViewed);
        }
        let way = self.index.way(self.index.governing(path));
        let block = way.governing().map_or(&self.model.block, |(_, _, block)| block);
        let unknown = || ShareError::UnknownRole { role: role.clone() };
        let lent = self.lent_role(block, role).ok_or_else(unknown)?;
        let role = role.clone();
        if lent.owner {
            return Err(ShareError::Owns { role });
        }
        if let Some(action) = lent.all.actions().find(|action| action.is_write()) {
            return Err(ShareError::Writes { role, action });
        }
        if lent.all.allows(Action::View) { Ok(()) } else { Err(ShareError::Blind { role }) }
    }

    /// Whether a share gives anything at all: it is of this site, its role is there, and its maker
    /// still owns what it shares.
    pub(super) fn lends(&self, share: &Share) -> bool {
        share.site == self.model.site
            && self.owns(&share.maker, &share.path)
            && self.lending(share, self.index.governing(&share.path)).is_some()
    }

    /// A share where a path is judged; `None`, if it does not reach it or gives nothing any more.
    fn lent<'a>(
        &self,
        share: &'a Share,
        bearer: &Admitted,
        place: &Place<'_>,
    ) -> Result<Option<Lent<'a>>, Fault> {
        let governing = |way: &Way| way.governing().map(|(_, folder, _)| folder.clone());
        let at_share = self.index.way(self.index.governing(&share.path));
        let way = bearer.way();
        // it opens no block beneath what is shared
        let reaches = share.reaches(place.path) && governing(way) == governing(&at_share);
        if !reaches || share.site != self.model.site || !self.owns(&share.maker, &share.path) {
            return Ok(None);
        }
        let Some(lending) = self.lending(share, place.mark) else { return Ok(None) };
        let role = HeldKind::Role(share.role.clone());
        let mut roles = vec![Held { level: lending.level, role }];
        if bearer.is_locked_out() {
            roles.insert(0, Held { level: 0, role: HeldKind::Locked });
        }
        let mask = self.shared.mask(MaskKey {
            // whoever opens a share does not write by it
            visitor: true,
            roles: roles.into(),
            chain: lending.chain,
            variant: place.variant,
        });
        let with_scoped = match way.governing() {
            Some(_) => None,
            None => self.mask_with_share(share, bearer, place)?,
        };
        let maker = self.admission(&share.maker, place.path)?;
        Ok(Some(Lent { share, lending, mask, with_scoped, maker }))
    }

    /// The answers for the roles of the site's block that the bearer holds with the share.
    fn mask_with_share(
        &self,
        share: &Share,
        bearer: &Admitted,
        place: &Place<'_>,
    ) -> Result<Option<Arc<Mask>>, Fault> {
        let held = self.held_with_share(bearer.principal(), place, share)?;
        let more = held.filter(|held| **held != **bearer.held());
        Ok(more.map(|held| {
            self.shared.mask(MaskKey {
                visitor: false,
                roles: held.into(),
                chain: self.index.chain(place.mark, self.shared.shapes()),
                variant: place.variant,
            })
        }))
    }

    fn lending(&self, share: &Share, mark: MarkId) -> Option<Arc<Lending>> {
        let key = (share.role.clone(), mark);
        if let Some(lending) = self.lendings.get(&key) {
            return Some(lending);
        }
        let lending = Arc::new(self.find_lending(&share.role, mark)?);
        self.lendings.insert(key, Arc::clone(&lending));
        Some(lending)
    }

    fn find_lending(&self, role: &RoleName, mark: MarkId) -> Option<Lending> {
        let real = self.index.way(mark);
        let governing = real.governing();
        let root = GalleryPath::root();
        let at = governing.map_or(&root, |(_, folder, _)| folder);
        let block = self.lent_block(governing.map_or(&self.model.block, |g| g.2), role, at)?;
        let mut folders = Vec::new();
        for (path, rules) in &real.folders {
            let mut rules = FolderRules { block: None, ..(**rules).clone() };
            if path == at {
                rules.block = Some(Arc::clone(&block));
            }
            if rules.is_marked() {
                folders.push((path.clone(), Arc::new(rules)));
            }
        }
        if !folders.iter().any(|(path, _)| path == at) {
            // the site's block, and a root that says nothing of itself
            let broken: Option<SourceRef> = None;
            let rules = FolderRules {
                block: Some(block),
                broken,
                hidden: false,
                hidden_images: vestibule_schema::HiddenNames::default(),
                hide_technical_details: None,
            };
            folders.insert(0, (root.clone(), Arc::new(rules)));
        }
        let level = 1 + folders.iter().position(|(path, _)| path == at)?;
        let is_sites = governing.is_none();
        let way = Way { site: Arc::clone(&self.model), at: real.at.clone(), folders };
        let chain = self.shared.shapes().chain(&way);
        Some(Lending { way, chain, level, is_sites })
    }

    /// A block with the share's role and those above it; none for a role that is not there, or that
    /// owns.
    fn lent_block(&self, of: &Block, role: &RoleName, at: &GalleryPath) -> Option<Arc<Block>> {
        let lent = self.lent_role(of, role).filter(|role| !role.owner)?;
        let mut roles = BTreeMap::new();
        let mut above = lent.parent.clone();
        roles.insert(lent.name.clone(), lent);
        while let Some(parent) = above.and_then(|parent| of.roles.get(&parent)) {
            above = parent.parent.clone();
            let parent = Role { scoped: false, ..parent.clone() };
            roles.insert(parent.name.clone(), parent);
        }
        Some(Arc::new(Block {
            folder: Some(at.clone()),
            roles,
            user_roles: BTreeMap::new(),
            group_roles: BTreeMap::new(),
            public_role: None,
            default_role: None,
            source: of.source.clone(),
        }))
    }

    /// What a share's role means in a block: the block's own, a built-in one, or `visitor`. What is
    /// shared is its scope.
    fn lent_role(&self, of: &Block, role: &RoleName) -> Option<Role> {
        if let Some(role) = of.roles.get(role) {
            return Some(Role { scoped: false, ..role.clone() });
        }
        let builtin = self.vocabulary.builtin();
        let (document, source) = match *role == RoleName::visitor() {
            true => builtin.visitor(),
            false => builtin.get(role)?,
        };
        Some(shipped(document, source))
    }

    /// The policies that decided about a share's role, as what the documents call them.
    fn cite_lent(&self, lending: &Lending, deciding: &[Deciding]) -> Vec<PolicyRef> {
        let found = deciding.iter().filter_map(|one| match one {
            // the role's own block bounds nobody but by its roles
            Deciding::Rule(level, Rule::Bound) if *level == lending.level => None,
            Deciding::Rule(level, rule) if *level == lending.level && lending.is_sites => {
                let id = rule.id(&self.model.site, None);
                let source = lending.way.reference(one)?.source;
                Some(PolicyRef { id: Arc::from(id), source })
            }
            one => lending.way.reference(one),
        });
        found.collect()
    }
}

impl Lent<'_> {
    /// The role's identifier, as it is known in the site.
    fn role_id(&self) -> String {
        let way = &self.lending.way;
        let folder = way.folder(self.lending.level).filter(|_| !self.lending.is_sites);
        names::role(&names::block(&way.site.site, folder), &self.share.role)
    }
}

/// A shipped role: none has a parent.
fn shipped(document: &RoleDocument, source: &SourceRef) -> Role {
    let owner = document.owner_access.is_some();
    let own = document.permissions;
    Role {
        name: document.name.value.clone(),
        display_name: document.display_name.clone(),
        own,
        all: if owner { PermissionSet::ALL } else { own },
        own_owner: owner,
        owner,
        parent: None,
        rank: document.rank.as_ref().map_or(0, |rank| rank.value),
        scoped: false,
        source: source.clone(),
    }
}

/// An answer with policies that are known by name.
fn told(allowed: bool, policies: Vec<PolicyRef>) -> Verdict {
    Verdict { allowed, deciding: policies.into_iter().map(Deciding::Known).collect() }
}
