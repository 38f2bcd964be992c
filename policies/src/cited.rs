//! Which policies decided, kept as what they are: their names and lines are written when somebody
//! reads them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use vestibule_schema::{GalleryPath, RoleName, SiteId, SourceRef};

use crate::decision::PolicyRef;
use crate::model::{Block, FolderRules, SiteModel};
use crate::names;
use crate::principal::Principal;

/// A kind of rule that becomes one policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// What the owners of the site may.
    Owner,
    /// Nothing for the locked-out.
    Locked,
    /// What a role permits.
    Role(RoleName),
    /// `upload` where a scoped role's grant says so.
    Upload(RoleName),
    /// What a folder's block does not grant.
    Bound,
    /// Hidden images.
    Hidden,
    /// `hide_technical_details`.
    TechnicalDetails,
}

impl Rule {
    /// The `@id` of the policy: of the site, or of a folder's block.
    pub(crate) fn id(&self, site: &SiteId, folder: Option<&GalleryPath>) -> String {
        let block = names::block(site, folder);
        match self {
            Rule::Owner => names::synthetic(site, names::OWNER),
            Rule::Locked => format!("{block}!locked"),
            Rule::Role(role) => names::role(&block, role),
            Rule::Upload(role) => names::upload_role(&block, role),
            Rule::Bound => format!("{block}!bound"),
            Rule::Hidden => format!("{block}!hidden"),
            Rule::TechnicalDetails => format!("{block}!hide_technical_details"),
        }
    }

    /// Where a block says it.
    fn source_in<'a>(&self, block: &'a Block) -> &'a SourceRef {
        let role = match self {
            // the first role that is an owner; `admin`, which is built in, always is
            Rule::Owner => {
                let owners = block.roles.values().filter(|role| role.own_owner);
                owners.min_by(|one, other| one.source.cmp(&other.source))
            }
            Rule::Role(name) | Rule::Upload(name) => block.roles.get(name),
            Rule::Locked | Rule::Bound | Rule::Hidden | Rule::TechnicalDetails => None,
        };
        role.map_or(&block.source, |role| &role.source)
    }

    /// What a policy of the site block is cited as.
    pub(crate) fn of_site(&self, site: &SiteModel) -> PolicyRef {
        let id = self.id(&site.site, None);
        PolicyRef { id: Arc::from(id), source: self.source_in(&site.block).clone() }
    }

    /// What a policy of a folder is cited as.
    pub(crate) fn of_folder(
        &self,
        site: &SiteModel,
        path: &GalleryPath,
        rules: &FolderRules,
    ) -> PolicyRef {
        let own = match self {
            Rule::TechnicalDetails => rules.hide_technical_details.as_ref(),
            Rule::Bound => rules.broken.as_ref(),
            _ => None,
        };
        let block = || rules.block.as_deref().map(|block| self.source_in(block));
        // a rule of a folder that says nothing is no policy
        let source = own.or_else(block).unwrap_or(&site.block.source).clone();
        PolicyRef { id: Arc::from(self.id(&site.site, Some(path))), source }
    }
}

/// A policy that decided: one of a level of the way, or one with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deciding {
    /// A rule of the site block (level 0), or of the folder at this level of the way (from 1).
    Rule(usize, Rule),
    /// A base policy, or one written by hand.
    Known(PolicyRef),
}

/// The folders with rules on the way to a resource.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) site: Arc<SiteModel>,
    /// The folder that stands for the resource.
    pub(crate) at: GalleryPath,
    /// All marked folders from the root down, the root's first.
    pub(crate) folders: Vec<(GalleryPath, Arc<FolderRules>)>,
}

impl Way {
    /// The level and folder whose block governs: the nearest that has one. `None`: the site block.
    pub(crate) fn governing(&self) -> Option<(usize, &GalleryPath, &Block)> {
        self.blocks().next_back()
    }

    /// The blocks on the way with their levels, the root's first.
    pub(crate) fn blocks(&self) -> impl DoubleEndedIterator<Item = (usize, &GalleryPath, &Block)> {
        let numbered = self.folders.iter().enumerate();
        numbered.filter_map(|(index, (path, rules))| {
            rules.block.as_deref().map(|block| (index + 1, path, block))
        })
    }

    /// The folder at a level; the site is at 0.
    pub(crate) fn folder(&self, level: usize) -> Option<&GalleryPath> {
        level.checked_sub(1).and_then(|index| self.folders.get(index)).map(|(path, _)| path)
    }

    /// What one is cited as.
    pub(crate) fn reference(&self, deciding: &Deciding) -> Option<PolicyRef> {
        match deciding {
            Deciding::Known(reference) => Some(reference.clone()),
            Deciding::Rule(0, rule) => Some(rule.of_site(&self.site)),
            Deciding::Rule(level, rule) => {
                let (path, rules) = self.folders.get(level.checked_sub(1)?)?;
                Some(rule.of_folder(&self.site, path, rules))
            }
        }
    }
}

/// On which ground a decision stands: whose it is, and the rules on the way. One is shared by all
/// decisions about one principal at one marked folder.
pub(crate) trait Ground: fmt::Debug + Send + Sync {
    fn principal(&self) -> &Principal;
    fn way(&self) -> &Way;
}

/// The policies that decided about one resource.
#[derive(Debug)]
pub(crate) struct Cited {
    deciding: Arc<[Deciding]>,
    references: OnceLock<Vec<PolicyRef>>,
}

impl Cited {
    pub(crate) fn new(deciding: Arc<[Deciding]>) -> Self {
        Self { deciding, references: OnceLock::new() }
    }

    /// Some that are known by name.
    pub(crate) fn known(references: impl IntoIterator<Item = PolicyRef>) -> Self {
        Self::new(references.into_iter().map(Deciding::Known).collect())
    }

    /// Their names and lines, in order.
    pub(crate) fn references(&self, way: &Way) -> &[PolicyRef] {
        self.references.get_or_init(|| {
            let found: BTreeSet<_> =
                self.deciding.iter().filter_map(|one| way.reference(one)).collect();
            found.into_iter().collect()
        })
    }
}
