//! The matrix of a site: which role holds what in each block, who has which role, and who may
//! view, download and write in which folder.

mod depends;
pub mod html;
pub mod text;

use std::collections::BTreeMap;
use std::fmt;

use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, GalleryPath, PermissionSet, RoleName, SiteId, SourceRef};

use super::context::{self, HandWritten};
use super::reach::{Person, Who};
use super::rights::{self, Alike, Origin};
use crate::context::RequestContext;
use crate::engine::SiteEngine;
use crate::model::{Block, FolderRules, Role};
use crate::principal::Principal;
use depends::Bounds;

/// How a role holds an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// The role says so itself.
    Own,
    /// A role that it inherits from says so.
    Inherited,
    /// It does not.
    No,
}

impl Holds {
    /// How a role holds an action.
    #[must_use]
    pub fn of(role: &Role, action: Action) -> Self {
        if role.own_owner || role.own.allows(action) {
            Self::Own
        } else if role.owner || role.all.allows(action) {
            Self::Inherited
        } else {
            Self::No
        }
    }

    /// The word for people and programs; none for what is not held.
    #[must_use]
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::Own => Some("own"),
            Self::Inherited => Some("inherited"),
            Self::No => None,
        }
    }
}

/// Where an assignment is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// In the block.
    Block(SourceRef),
    /// In a grant or a group mapping.
    Grant(Origin),
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(source) => source.fmt(f),
            Self::Grant(origin) => f.write_str(origin.word()),
        }
    }
}

/// Who has which roles in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// Who.
    pub who: Who,
    /// The roles; none means explicitly nothing.
    pub roles: Vec<RoleName>,
    /// The role of the account counts here.
    pub by_account: bool,
    /// Where a scoped role counts.
    pub base_path: Option<GalleryPath>,
    /// Where a scoped role may upload.
    pub upload_path: Option<GalleryPath>,
    /// Where it is written.
    pub written: Written,
}

impl Assigned {
    /// The roles in words.
    #[must_use]
    pub fn roles_in_words(&self) -> String {
        let mut words: Vec<String> = self.roles.iter().map(ToString::to_string).collect();
        if self.by_account {
            words.push("the account's role".to_owned());
        }
        if words.is_empty() {
            words.push("nothing".to_owned());
        }
        let mut text = words.join(", ");
        if let Some(base) = &self.base_path {
            text.push_str(&format!(" below {base}"));
        }
        if let Some(upload) = &self.upload_path {
            text.push_str(&format!(", uploads below {upload}"));
        }
        text
    }
}

/// One block.
#[derive(Debug, Clone)]
pub struct BlockTable {
    /// The folder; the site's block has none.
    pub folder: Option<GalleryPath>,
    /// Where the block begins.
    pub source: SourceRef,
    /// Its roles, by name.
    pub roles: Vec<Role>,
    /// Who has them.
    pub assigned: Vec<Assigned>,
}

/// What a folder says beside its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The folder.
    pub folder: GalleryPath,
    /// What it says.
    pub text: String,
}

/// What some people, who have equal rights everywhere, may do.
#[derive(Debug, Clone)]
pub struct Peers {
    /// Who they are; at least one.
    pub people: Vec<Who>,
    /// What they may do in each of the matrix's folders.
    pub cells: Vec<Cell>,
}

/// What somebody may do in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// What may be done in the context of the question.
    pub set: PermissionSet,
    /// The actions that may have another answer in another context.
    pub depends: PermissionSet,
}

impl Cell {
    /// Whether the answer for a deed can be another one in another context.
    #[must_use]
    pub fn deed_depends(self, deed: Deed) -> bool {
        let always = self.set.actions().filter(|action| !self.depends.allows(*action));
        deed.is_in(always.collect()) != deed.is_in(self.set.union(self.depends))
    }
}

/// The matrix of a site.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// The site.
    pub site: SiteId,
    /// How folder blocks combine.
    pub cascade: Cascade,
    /// The site's block, then the folders', by path.
    pub blocks: Vec<BlockTable>,
    /// What folders say beside their blocks.
    pub remarks: Vec<Remark>,
    /// The folders where rights can change, the root first.
    pub folders: Vec<GalleryPath>,
    /// What everybody may do there, people with equal rights together.
    pub peers: Vec<Peers>,
    /// The hand-written policies, by file and line.
    pub policies: Vec<HandWritten>,
    /// What of the context they read, with the values of this question.
    pub context: Vec<(String, String)>,
}

impl Matrix {
    /// The matrix of a site and of these people, for requests with this context.
    #[must_use]
    pub fn new(engine: &SiteEngine, context: &RequestContext<'_>, people: &[Person]) -> Self {
        let principals = people.iter().map(|person| &person.principal);
        let places = rights::places(engine, principals, &GalleryPath::root());
        let folders: Vec<_> = places.into_iter().collect();
        let site_block = &engine.model().block;
        let folder_blocks = engine.folders().values().filter_map(|rules| rules.block.as_deref());
        Self {
            site: engine.id().clone(),
            cascade: engine.model().cascade,
            blocks: std::iter::once(site_block)
                .chain(folder_blocks)
                .map(|block| block_table(engine, block))
                .collect(),
            remarks: engine
                .folders()
                .iter()
                .flat_map(|(path, rules)| remarks(path, rules))
                .collect(),
            peers: peers(engine, context, people, &folders),
            folders,
            policies: context::hand_written(engine),
            context: context::values_read(engine, context),
        }
    }

    /// The word for how folder blocks combine.
    #[must_use]
    pub const fn cascade_word(&self) -> &'static str {
        match self.cascade {
            Cascade::Restrict => "restrict",
            Cascade::Nearest => "nearest",
        }
    }

    /// The folders with what one row of people may do there.
    pub fn reach<'a>(&'a self, peers: &'a Peers) -> impl Iterator<Item = (&'a GalleryPath, Cell)> {
        self.folders.iter().zip(peers.cells.iter().copied())
    }
}

fn block_table(engine: &SiteEngine, block: &Block) -> BlockTable {
    let mut assigned = Vec::new();
    let standing = [(Who::Visitor, &block.public_role), (Who::SignedIn, &block.default_role)];
    for (who, role) in standing {
        let written = Written::Block(block.source.clone());
        assigned.push(Assigned::plain(who, role.iter().cloned(), written));
    }
    let groups = block.group_roles.iter();
    assigned.extend(groups.map(|(group, entry)| {
        let written = Written::Block(entry.source.clone());
        Assigned::plain(Who::Member(group.clone()), entry.roles.iter().cloned(), written)
    }));
    let users = block.user_roles.iter();
    assigned.extend(users.map(|(user, entry)| {
        let written = Written::Block(entry.source.clone());
        Assigned::plain(Who::User(user.clone()), entry.roles.iter().cloned(), written)
    }));
    if block.folder.is_none() {
        assigned.extend(granted(engine));
    }
    assigned.sort_by(|a, b| a.who.cmp(&b.who));
    BlockTable {
        folder: block.folder.clone(),
        source: block.source.clone(),
        roles: block.roles.values().cloned().collect(),
        assigned,
    }
}

/// What grants and group mappings add to the site's block.
fn granted(engine: &SiteEngine) -> Vec<Assigned> {
    let mappings = rights::mappings(engine).map(|(mapping, origin)| Assigned {
        base_path: mapping.base_path.clone(),
        upload_path: mapping.upload_path.clone(),
        ..Assigned::plain(
            Who::Member(mapping.group.clone()),
            [mapping.role.clone()],
            Written::Grant(origin),
        )
    });
    let grants = rights::grants(engine).map(|(grant, origin)| Assigned {
        by_account: grant.role.is_none(),
        base_path: grant.base_path.clone(),
        upload_path: grant.upload_path.clone(),
        ..Assigned::plain(
            Who::User(grant.user.clone()),
            grant.role.iter().cloned(),
            Written::Grant(origin),
        )
    });
    mappings.chain(grants).collect()
}

impl Assigned {
    fn plain(who: Who, roles: impl IntoIterator<Item = RoleName>, written: Written) -> Self {
        Self {
            who,
            roles: roles.into_iter().collect(),
            by_account: false,
            base_path: None,
            upload_path: None,
            written,
        }
    }
}

fn remarks(path: &GalleryPath, rules: &FolderRules) -> Vec<Remark> {
    let mut texts = Vec::new();
    if let Some(source) = &rules.broken {
        texts.push(format!("can't be read ({source}): closed to all but the site's owners"));
    }
    if rules.hidden {
        texts.push("not listed to who lacks see_hidden".to_owned());
    }
    if let Some(source) = &rules.hide_technical_details {
        texts.push(format!("hides technical details ({source})"));
    }
    if !rules.hidden_images.is_empty() {
        let names: Vec<_> = rules.hidden_images.iter().collect();
        texts.push(format!("hides {} from who lacks see_hidden", names.join(", ")));
    }
    texts.into_iter().map(|text| Remark { folder: path.clone(), text }).collect()
}

/// People with equal rights in all folders together, in the order of their first.
fn peers(
    engine: &SiteEngine,
    context: &RequestContext<'_>,
    people: &[Person],
    folders: &[GalleryPath],
) -> Vec<Peers> {
    let bounds = Bounds::new(engine);
    let alike = Alike::new(engine);
    let cells = |who: &Principal| -> Vec<Cell> {
        let cell = |folder| bounds.cell(engine.on(context), who, folder);
        folders.iter().map(cell).collect()
    };
    let mut all: Vec<Peers> = Vec::new();
    let mut found: BTreeMap<Vec<Cell>, usize> = BTreeMap::new();
    let mut known = BTreeMap::new();
    for person in people {
        let ask = || cells(&person.principal);
        let cells = match alike.facts(&person.principal) {
            None => ask(),
            Some(facts) => known.entry(facts).or_insert_with(ask).clone(),
        };
        let at = found.get(&cells).copied();
        match at.and_then(|at| all.get_mut(at)) {
            Some(peers) => peers.people.push(person.who.clone()),
            None => {
                found.insert(cells.clone(), all.len());
                all.push(Peers { people: vec![person.who.clone()], cells });
            }
        }
    }
    all
}

/// What a set of permissions comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// See the pictures.
    View,
    /// Fetch at least one of the sizes, the RAW file or the ZIP archive.
    Download,
    /// Change something: comments, picks, tags, texts or the files themselves.
    Write,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::View, Self::Download, Self::Write];

    /// The word for people and programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Download => "download",
            Self::Write => "write",
        }
    }

    /// Whether somebody with this set may do it.
    #[must_use]
    pub fn is_in(self, set: PermissionSet) -> bool {
        match self {
            Self::View => set.allows(Action::View),
            Self::Download => set.actions().any(|action| {
                matches!(
                    action,
                    Action::DownloadMedium
                        | Action::DownloadLarge
                        | Action::DownloadOriginal
                        | Action::DownloadRaw
                        | Action::DownloadGallery
                )
            }),
            Self::Write => set.actions().any(Action::is_write),
        }
    }

    /// Those that a set allows.
    pub fn of(set: PermissionSet) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |deed| deed.is_in(set))
    }
}
