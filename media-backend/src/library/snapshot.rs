//! What a folder holds at one moment, sorted.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use rustix::fs::{AtFlags, Dir, FileType};
use vestibule_schema::path::{is_reserved_name, is_sidecar_name};
use vestibule_schema::{GalleryPath, PathKind};

use super::Ident;
use crate::media::{Kind, extension, natural, stem};

/// The name of a folder's document.
pub(super) const DOCUMENT: &str = vestibule_schema::document::FOLDER_FILE;

/// What desktops leave in folders that somebody opened: nobody misses it.
const LITTER: [&str; 2] = ["desktop.ini", "thumbs.db"];

/// How the name of a sidecar in Markdown ends.
const SIDECAR: &str = ".md";

/// A picture or RAW file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name exactly as the directory lists it.
    pub(crate) name: Box<str>,
    /// What it is, by its name.
    pub(crate) kind: Kind,
}

/// Whether a folder has a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    /// None.
    None,
    /// One regular file.
    Present,
    /// A link, a second one that differs in case, or not a regular file.
    Broken,
}

/// What a folder holds.
#[derive(Debug)]
pub(crate) struct Snapshot {
    ident: Ident,
    document: Document,
    folders: Vec<Box<str>>,
    images: Vec<Entry>,
    raws: Vec<Entry>,
    families: HashMap<Box<str>, Family>,
    sidecars: HashSet<Box<str>>,
    others: Vec<Box<str>>,
}

/// What has one stem: indices of pictures and of their RAW files.
#[derive(Debug, Default)]
struct Family {
    images: Vec<usize>,
    raws: Vec<usize>,
}

impl Snapshot {
    /// Reads a directory. Names that no gallery path can hold are left out.
    pub(super) fn read(directory: &File, ident: Ident) -> io::Result<Self> {
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        let (mut sidecars, mut others) = (HashSet::new(), Vec::new());
        let mut document = Document::None;
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.eq_ignore_ascii_case(DOCUMENT) {
                let regular = kind_of(directory, &entry)? == FileType::RegularFile;
                document = match (document, name == DOCUMENT && regular) {
                    (Document::None, true) => Document::Present,
                    _ => Document::Broken,
                };
            }
            if is_reserved_name(name) {
                continue;
            }
            match kind_of(directory, &entry)? {
                FileType::Directory if is_nameable(name, PathKind::Folder) => {
                    folders.push(Box::from(name));
                }
                FileType::RegularFile if name.ends_with(SIDECAR) => {
                    sidecars.insert(Box::from(name));
                }
                FileType::RegularFile if is_nameable(name, PathKind::Image) => {
                    match Kind::of_name(name) {
                        _ if is_sidecar_name(name) || is_litter(name) => {}
                        Some(kind) => files.push(Entry { name: Box::from(name), kind }),
                        None => others.push(Box::from(name)),
                    }
                }
                _ => {}
            }
        }
        folders.sort_by(|a, b| natural(a, b));
        files.sort_by(|a, b| natural(&a.name, &b.name));
        let (images, raws) = pair(files);
        let families = families(&images, &raws);
        Ok(Self { ident, document, folders, images, raws, families, sidecars, others })
    }

    /// Whether this is still what the directory holds.
    pub(super) fn is_of(&self, ident: &Ident) -> bool {
        self.ident == *ident
    }

    pub(super) fn document(&self) -> Document {
        self.document
    }

    /// About how many bytes this takes.
    pub(super) fn weight(&self) -> u32 {
        let entries = self.images.iter().chain(&self.raws).map(|entry| &entry.name);
        let names = self.folders.iter().chain(entries).chain(&self.sidecars).chain(&self.others);
        let bytes: usize = names.map(|name| name.len() + 40).sum();
        u32::try_from(bytes + 200).unwrap_or(u32::MAX)
    }

    /// Whether there is a sub-folder of exactly this name.
    pub(crate) fn has_folder(&self, name: &str) -> bool {
        self.folders.binary_search_by(|probe| natural(probe, name)).is_ok()
    }

    /// The names of the sub-folders, sorted.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        self.folders.iter().map(|name| &**name)
    }

    /// The pictures, sorted: all but the RAW files that belong to one of them.
    pub(crate) fn images(&self) -> &[Entry] {
        &self.images
    }

    /// The names of the files that are neither pictures nor sidecars, in no order.
    pub(crate) fn others(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(|name| &**name)
    }

    /// The picture or RAW file of exactly this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        [&self.images, &self.raws].into_iter().find_map(|entries| {
            let found = entries.binary_search_by(|probe| natural(&probe.name, name));
            found.ok().and_then(|index| entries.get(index))
        })
    }

    /// The name of the picture's sidecar: `a.jpg.md`, else `a.md`.
    pub(super) fn sidecar_of(&self, entry: &Entry) -> Option<&str> {
        let of = |name: &str| self.sidecars.get(format!("{name}{SIDECAR}").as_str());
        of(&entry.name).or_else(|| of(stem(&entry.name))).map(|name| &**name)
    }

    /// The pictures whose RAW file this is; a picture has none.
    pub(crate) fn companions(&self, entry: &Entry) -> impl Iterator<Item = &Entry> {
        let family = self.families.get(stem(&entry.name)).filter(|_| entry.kind == Kind::Raw);
        let images = family.map(|family| family.images.as_slice()).unwrap_or_default();
        images.iter().filter_map(|index| self.images.get(*index))
    }

    /// The RAW files of a picture; a RAW file is its own.
    pub(crate) fn raws_of<'a>(&'a self, image: &'a Entry) -> Vec<&'a Entry> {
        if image.kind == Kind::Raw {
            return vec![image];
        }
        let family = self.families.get(stem(&image.name));
        let raws = family.map(|family| family.raws.as_slice()).unwrap_or_default();
        raws.iter().filter_map(|index| self.raws.get(*index)).collect()
    }

    /// The RAW file of a picture with an extension, or the first.
    pub(crate) fn raw_of<'a>(&'a self, image: &'a Entry, ext: Option<&str>) -> Option<&'a Entry> {
        self.raws_of(image).into_iter().find(|raw| {
            ext.is_none_or(|ext| extension(&raw.name).is_some_and(|e| e.eq_ignore_ascii_case(ext)))
        })
    }
}

/// The type of an entry; some file systems only tell it on a second question.
fn kind_of(directory: &File, entry: &rustix::fs::DirEntry) -> io::Result<FileType> {
    match entry.file_type() {
        FileType::Unknown => {
            let name = entry.file_name();
            match rustix::fs::statat(directory.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode)),
                Err(rustix::io::Errno::NOENT) => Ok(FileType::Unknown),
                Err(error) => Err(error.into()),
            }
        }
        kind => Ok(kind),
    }
}

fn is_litter(name: &str) -> bool {
    LITTER.iter().any(|litter| name.eq_ignore_ascii_case(litter))
}

fn is_nameable(name: &str, kind: PathKind) -> bool {
    GalleryPath::root().join(name, kind).is_ok()
}

/// Separates the RAW files that belong to a picture of the same stem.
fn pair(files: Vec<Entry>) -> (Vec<Entry>, Vec<Entry>) {
    let pictures = files.iter().filter(|entry| entry.kind != Kind::Raw);
    let stems: HashSet<String> = pictures.map(|entry| stem(&entry.name).to_owned()).collect();
    files
        .into_iter()
        .partition(|entry| entry.kind != Kind::Raw || !stems.contains(stem(&entry.name)))
}

/// The families of RAW files and their pictures, by stem.
fn families(images: &[Entry], raws: &[Entry]) -> HashMap<Box<str>, Family> {
    let mut families: HashMap<Box<str>, Family> = HashMap::new();
    for (index, raw) in raws.iter().enumerate() {
        families.entry(Box::from(stem(&raw.name))).or_default().raws.push(index);
    }
    for (index, image) in images.iter().enumerate() {
        if let Some(family) = families.get_mut(stem(&image.name)) {
            family.images.push(index);
        }
    }
    families
}
