//! Which marked folder stands for a resource, and which blocks are on the way to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use vestibule_schema::GalleryPath;

use crate::model::{Block, FolderRules, Folders};

/// A marked folder, or the root, which stands for everything that no marked folder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct MarkId(u32);

impl MarkId {
    const ROOT: Self = Self(0);
}

/// Finds the nearest marked folder by probing a hash map from the resource up.
#[derive(Debug)]
pub(super) struct Index {
    by_path: HashMap<GalleryPath, MarkId>,
    marked: BTreeMap<GalleryPath, MarkId>,
    paths: Vec<GalleryPath>,
    blocks: Vec<GalleryPath>,
}

/// The marked folders from the root down to one.
pub(super) struct Chain<'a> {
    /// The one that stands for the resource.
    pub(super) at: GalleryPath,
    /// All marked folders on the way, the root's first.
    pub(super) folders: Vec<(&'a GalleryPath, &'a Arc<FolderRules>)>,
}

impl<'a> Chain<'a> {
    /// The folder whose block governs: the nearest that has one. `None`: the site block does.
    pub(super) fn governing(&self) -> Option<(&'a GalleryPath, &'a Arc<FolderRules>)> {
        self.folders.iter().rev().find(|(_, rules)| rules.block.is_some()).copied()
    }

    /// The blocks on the way, the root's first.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &'a Arc<Block>> {
        self.folders.iter().filter_map(|(_, rules)| rules.block.as_ref())
    }
}

impl Index {
    /// Of the folders that say anything, and of those that hand-written policies name.
    pub(super) fn new(folders: &Folders, named: &BTreeSet<GalleryPath>) -> Self {
        let root = GalleryPath::root();
        let marked = folders.iter().filter(|(_, rules)| rules.is_marked()).map(|(path, _)| path);
        let mut paths = vec![root.clone()];
        paths.extend(marked.filter(|path| **path != root).cloned());
        let says_nothing =
            |path: &&GalleryPath| !folders.get(*path).is_some_and(|rules| rules.is_marked());
        paths.extend(named.iter().filter(says_nothing).filter(|path| **path != root).cloned());
        let numbered = (0u32..).map(MarkId).zip(&paths);
        let by_path: HashMap<_, _> = numbered.map(|(id, path)| (path.clone(), id)).collect();
        let is_marked = |path: &GalleryPath| {
            named.contains(path) || folders.get(path).is_some_and(|rules| rules.is_marked())
        };
        let marked = by_path.iter().filter(|(path, _)| is_marked(path));
        let has_block = |rules: &Arc<FolderRules>| rules.block.is_some();
        Self {
            marked: marked.map(|(path, id)| (path.clone(), *id)).collect(),
            blocks: folders.iter().filter(|(_, r)| has_block(r)).map(|(p, _)| p.clone()).collect(),
            by_path,
            paths,
        }
    }

    /// The marked folder that stands for a resource.
    pub(super) fn governing(&self, path: &GalleryPath) -> MarkId {
        if self.paths.len() == 1 {
            return MarkId::ROOT;
        }
        let nearest = path.ancestors().find_map(|folder| self.by_path.get(folder));
        nearest.copied().unwrap_or(MarkId::ROOT)
    }

    /// The marked folders strictly below a folder, in order.
    pub(super) fn below(&self, folder: &GalleryPath) -> impl Iterator<Item = &GalleryPath> {
        let from = self.marked.range(folder.clone()..);
        from.map(|(path, _)| path)
            .take_while(|path| path.is_within(folder))
            .filter(move |path| *path != folder)
    }

    /// Every marked folder, in order.
    pub(super) fn marked(&self) -> impl Iterator<Item = &GalleryPath> {
        self.marked.keys()
    }

    /// Every folder with a block, in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &GalleryPath> {
        self.blocks.iter()
    }

    pub(super) fn chain<'a>(&self, mark: MarkId, folders: &'a Folders) -> Chain<'a> {
        let at = usize::try_from(mark.0).ok().and_then(|at| self.paths.get(at));
        let at = at.cloned().unwrap_or_else(GalleryPath::root);
        let way = at.ancestors().filter_map(|folder| folders.get_key_value(folder));
        let mut marked: Vec<_> = way.filter(|(_, rules)| rules.is_marked()).collect();
        marked.reverse();
        Chain { at, folders: marked }
    }
}
