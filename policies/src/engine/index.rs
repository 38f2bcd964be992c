//! Which marked folder stands for a resource, and which rules are on the way to it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use vestibule_schema::GalleryPath;

use super::shape::{ChainId, Shapes};
use crate::cited::Way;
use crate::model::{FolderRules, Folders, SiteModel};

/// A marked folder, or the root, which stands for everything that no marked folder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct MarkId(u32);

impl MarkId {
    const ROOT: Self = Self(0);
}

#[derive(Debug)]
struct Mark {
    path: GalleryPath,
    /// The nearest marked folder above; the root has none.
    above: Option<MarkId>,
    /// What the folder says, if it is not only named by a hand-written policy.
    rules: Option<Arc<FolderRules>>,
    way: OnceLock<Arc<Way>>,
    chain: OnceLock<ChainId>,
}

/// Finds the nearest marked folder by probing a hash map from the resource up.
#[derive(Debug)]
pub(super) struct Index {
    site: Arc<SiteModel>,
    by_path: HashMap<GalleryPath, MarkId, RandomState>,
    /// By path, so that the root is the first and a folder stands before those in it.
    marks: Vec<Mark>,
    /// The root is more than what stands for the rest.
    root_is_marked: bool,
    /// The folders that hide single images.
    hiding: HashMap<GalleryPath, Arc<FolderRules>, RandomState>,
}

impl Index {
    /// Of the folders that say anything, and of those that hand-written policies name.
    pub(super) fn new(site: &Arc<SiteModel>, folders: &Folders) -> Self {
        let named = &site.custom.folders;
        let root = GalleryPath::root();
        let is_marked = |path: &GalleryPath| folders.get(path).is_some_and(|r| r.is_marked());
        let mut index = Self {
            site: Arc::clone(site),
            by_path: HashMap::with_capacity_and_hasher(folders.len(), RandomState::default()),
            marks: Vec::with_capacity(folders.len()),
            root_is_marked: is_marked(&root) || named.contains(&root),
            hiding: HashMap::default(),
        };
        index.push(&root, folders.get(&root));
        // both are sorted: merged, they are too
        let only_named: BTreeSet<_> = named.iter().filter(|path| !is_marked(path)).collect();
        let mut only_named = only_named.into_iter().filter(|path| **path != root).peekable();
        for (path, rules) in folders.iter().filter(|(path, _)| **path != root) {
            if !rules.hidden_images.is_empty() {
                index.hiding.insert(path.clone(), Arc::clone(rules));
            }
            if rules.is_marked() {
                while let Some(before) = only_named.next_if(|named| *named < path) {
                    index.push(before, None);
                }
                index.push(path, Some(rules));
            }
        }
        for path in only_named {
            index.push(path, None);
        }
        if let Some(rules) = folders.get(&root).filter(|rules| !rules.hidden_images.is_empty()) {
            index.hiding.insert(root, Arc::clone(rules));
        }
        index
    }

    fn push(&mut self, path: &GalleryPath, rules: Option<&Arc<FolderRules>>) {
        // more than u32 folders don't fit into memory
        let id = MarkId(u32::try_from(self.marks.len()).unwrap_or(u32::MAX));
        let above = path.parent().map(|parent| self.governing(&parent));
        self.by_path.insert(path.clone(), id);
        self.marks.push(Mark {
            path: path.clone(),
            above,
            rules: rules.filter(|rules| rules.is_marked()).cloned(),
            way: OnceLock::new(),
            chain: OnceLock::new(),
        });
    }

    fn mark(&self, id: MarkId) -> Option<&Mark> {
        usize::try_from(id.0).ok().and_then(|at| self.marks.get(at))
    }

    /// The marked folder that stands for a resource.
    pub(super) fn governing(&self, path: &GalleryPath) -> MarkId {
        if self.marks.len() == 1 {
            return MarkId::ROOT;
        }
        let nearest = path.ancestors().find_map(|folder| self.by_path.get(folder));
        nearest.copied().unwrap_or(MarkId::ROOT)
    }

    /// Whether a folder hides this image of it.
    pub(super) fn hides(&self, image: &GalleryPath) -> bool {
        if self.hiding.is_empty() {
            return false;
        }
        let rules = image.ancestors().next().and_then(|folder| self.hiding.get(folder));
        rules.is_some_and(|rules| {
            image.name().is_some_and(|name| rules.hidden_images.contains(name))
        })
    }

    /// The marked folders strictly below a folder, in order.
    pub(super) fn below(&self, folder: &GalleryPath) -> impl Iterator<Item = &GalleryPath> {
        let from = self.marks.partition_point(|mark| mark.path <= *folder);
        let rest = self.marks.get(from..).unwrap_or_default();
        rest.iter().map(|mark| &mark.path).take_while(|path| path.is_within(folder))
    }

    /// Every marked folder, in order.
    pub(super) fn marked(&self) -> impl Iterator<Item = &GalleryPath> {
        let from = usize::from(!self.root_is_marked);
        self.marks.iter().skip(from).map(|mark| &mark.path)
    }

    /// Every folder with a block, in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &GalleryPath> {
        let has_block = |mark: &&Mark| mark.rules.as_ref().is_some_and(|r| r.block.is_some());
        self.marks.iter().filter(has_block).map(|mark| &mark.path)
    }

    /// The folders with rules on the way to what a marked folder stands for.
    pub(super) fn way(&self, id: MarkId) -> Arc<Way> {
        let Some(mark) = self.mark(id) else {
            // no such mark: nothing makes one
            return Arc::new(self.way_of(None));
        };
        Arc::clone(mark.way.get_or_init(|| Arc::new(self.way_of(Some(mark)))))
    }

    fn way_of(&self, mark: Option<&Mark>) -> Way {
        let at = mark.map_or_else(GalleryPath::root, |mark| mark.path.clone());
        let mut folders = Vec::new();
        let mut step = mark;
        while let Some(mark) = step {
            folders.extend(mark.rules.iter().map(|rules| (mark.path.clone(), Arc::clone(rules))));
            step = mark.above.and_then(|above| self.mark(above));
        }
        folders.reverse();
        Way { site: Arc::clone(&self.site), at, folders }
    }

    /// The chain of shapes that stands for the rules on the way.
    pub(super) fn chain(&self, id: MarkId, shapes: &Shapes) -> ChainId {
        let chain = || shapes.chain(&self.way(id));
        self.mark(id).map_or_else(chain, |mark| *mark.chain.get_or_init(chain))
    }

    /// Forgets the chains: they are numbers of other shapes.
    pub(super) fn forget_chains(&mut self) {
        for mark in &mut self.marks {
            mark.chain = OnceLock::new();
        }
    }

    /// How many folders have rules.
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }
}
