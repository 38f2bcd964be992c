//! The folders' own rules on disk: every `_folder.md` of a gallery.
//!
//! What can't be read is a rule too: it closes the folder. A gallery is walked without following
//! symbolic links, as the media backend serves it.

mod progress;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use vestibule_policies::model::FolderRules;
use vestibule_policies::{Vocabulary, check};
use vestibule_schema::document::FOLDER_FILE;
use vestibule_schema::path::is_reserved_name;
use vestibule_schema::problem::{Problem, Source};
use vestibule_schema::{GalleryPath, HiddenNames, PathKind, SourceRef};

use crate::config::folder_source_name;
pub(crate) use progress::{Progress, Walked};

/// A `_folder.md` above this is no description of a folder.
const MAX_BYTES: u64 = 1 << 20;

/// The code of the problem that nobody's text has made.
const UNREADABLE: &str = "folder::unreadable";

/// Which directory a folder was when it was read. Another one that takes its place has another
/// stamp, also where the file system uses an inode again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    created: Option<SystemTime>,
}

/// The folders that have been read.
pub(crate) type KnownFolders = HashMap<GalleryPath, Stamp>;

impl Stamp {
    /// Of the directory at a path, as itself and not as a link; `None` if there is none.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        Self::of_metadata(&fs::symlink_metadata(path).ok()?)
    }

    /// Of the directory that a gallery's root leads to: the root may be a link.
    pub(crate) fn of_root(path: &Path) -> Option<Self> {
        Self::of_metadata(&fs::metadata(path).ok()?)
    }

    fn of_metadata(meta: &fs::Metadata) -> Option<Self> {
        let created = meta.created().ok();
        meta.is_dir().then(|| Self { device: meta.dev(), inode: meta.ino(), created })
    }
}

/// The rules of a gallery's folders, and which folders are known at all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scan {
    /// Shared with whoever answers requests.
    pub(crate) known: Arc<KnownFolders>,
    pub(crate) rules: BTreeMap<GalleryPath, Arc<FolderRules>>,
    pub(crate) problems: BTreeMap<GalleryPath, Vec<Problem>>,
}

/// Where a folder or file of a gallery is on disk. Without the slash at the end of a folder: with
/// it the system follows a link that is there in the folder's place.
pub(crate) fn on_disk(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_matches('/'))
}

/// The stamp of a folder of a gallery, if it is there. Only for a folder that no link leads to.
pub(crate) fn stamp_of(root: &Path, folder: &str) -> Option<Stamp> {
    if folder == "/" { Stamp::of_root(root) } else { Stamp::of(&on_disk(root, folder)) }
}

/// As [`stamp_of`], where a link may be on the way: there is no such folder in the gallery then.
pub(crate) fn stamp(root: &Path, folder: &GalleryPath) -> Option<Stamp> {
    let way: Vec<&str> = folder.ancestors().collect();
    way.into_iter().rev().try_fold(None, |_, step| stamp_of(root, step).map(Some)).flatten()
}

/// Whether a folder is certainly not there: a failure to look is no such answer.
pub(crate) fn is_gone(root: &Path, folder: &GalleryPath) -> bool {
    let way: Vec<&str> = folder.ancestors().collect();
    let mut way = way.into_iter().rev();
    way.any(|step| match look(root, step) {
        Ok(meta) => !meta.is_dir(),
        Err(error) => is_absence(&error),
    })
}

/// Whether a folder may be there although nobody can look.
pub(crate) fn is_out_of_reach(root: &Path, folder: &str) -> bool {
    look(root, folder).is_err_and(|error| !is_absence(&error))
}

fn look(root: &Path, folder: &str) -> io::Result<fs::Metadata> {
    if folder == "/" { fs::metadata(root) } else { fs::symlink_metadata(on_disk(root, folder)) }
}

fn is_absence(error: &io::Error) -> bool {
    // a name that is too long for the file system is nobody's
    let kinds =
        [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory, io::ErrorKind::InvalidFilename];
    kinds.contains(&error.kind())
}

impl Scan {
    /// Reads a folder and everything below it, and forgets what was known there before.
    pub(crate) fn walk(&mut self, root: &Path, from: &GalleryPath, vocabulary: &Vocabulary) {
        self.walk_telling(root, from, vocabulary, Progress::new(&mut |_| ()));
    }

    /// As [`Scan::walk`], telling how far it is.
    pub(crate) fn walk_telling(
        &mut self,
        root: &Path,
        from: &GalleryPath,
        vocabulary: &Vocabulary,
        mut progress: Progress<'_>,
    ) {
        self.forget(from);
        let mut open = vec![from.clone()];
        while let Some(folder) = open.pop() {
            open.extend(self.read(root, &folder, vocabulary));
            progress.folder();
        }
        progress.end();
    }

    /// Reads one folder; returns the folders in it.
    pub(crate) fn read(
        &mut self,
        root: &Path,
        folder: &GalleryPath,
        vocabulary: &Vocabulary,
    ) -> Vec<GalleryPath> {
        self.rules.remove(folder);
        self.problems.remove(folder);
        // taken before the folder is read: what replaces it meanwhile has another
        let stamp = stamp(root, folder);
        let (rules, problems, below) = match list(&on_disk(root, folder.as_str())) {
            Ok(listing) => {
                let (rules, problems) = read_rules(root, folder, &listing, vocabulary);
                let below = listing.folders.iter();
                let below = below.filter_map(|name| folder.join(name, PathKind::Folder).ok());
                (rules, problems, below.collect())
            }
            Err(error) => {
                let problem = unreadable(folder, &error);
                (Some(broken(folder)), vec![problem], Vec::new())
            }
        };
        let known = Arc::make_mut(&mut self.known);
        match stamp {
            Some(stamp) => known.insert(folder.clone(), stamp),
            None => known.remove(folder),
        };
        if let Some(rules) = rules {
            self.rules.insert(folder.clone(), Arc::new(rules));
        }
        if !problems.is_empty() {
            self.problems.insert(folder.clone(), problems);
        }
        below
    }

    /// Whether the directory at a folder's place is the one that was read.
    pub(crate) fn knows(&self, root: &Path, folder: &GalleryPath) -> bool {
        self.known.get(folder).is_some_and(|known| Some(*known) == stamp(root, folder))
    }

    /// Whether another scan knows the same of a folder.
    pub(crate) fn agrees_on(&self, folder: &GalleryPath, other: &Self) -> bool {
        self.known.get(folder) == other.known.get(folder)
            && self.rules.get(folder) == other.rules.get(folder)
    }

    /// The folders that could not be read.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = &GalleryPath> {
        let failed = self
            .problems
            .iter()
            .filter(|(_, problems)| problems.iter().any(|problem| problem.code == UNREADABLE));
        failed.map(|(folder, _)| folder)
    }

    /// Forgets a folder and everything below it.
    pub(crate) fn forget(&mut self, folder: &GalleryPath) {
        Arc::make_mut(&mut self.known).retain(|known, _| !known.is_within(folder));
        self.rules.retain(|known, _| !known.is_within(folder));
        self.problems.retain(|known, _| !known.is_within(folder));
    }
}

struct Listing {
    folders: Vec<String>,
    /// `_folder.md` and whatever differs from it in case only.
    descriptions: Vec<String>,
    files: Vec<String>,
}

fn list(folder: &Path) -> io::Result<Listing> {
    let mut listing = Listing { folders: Vec::new(), descriptions: Vec::new(), files: Vec::new() };
    // one that can be listed but not searched tells of folders whose rules nobody can read
    fs::symlink_metadata(folder.join("."))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // a name that is not UTF-8 can't be asked for
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.to_lowercase() == FOLDER_FILE {
            listing.descriptions.push(name);
        } else if !is_reserved_name(&name) {
            let is_folder = entry.file_type()?.is_dir();
            let names = if is_folder { &mut listing.folders } else { &mut listing.files };
            names.push(name);
        }
    }
    Ok(listing)
}

fn read_rules(
    root: &Path,
    folder: &GalleryPath,
    listing: &Listing,
    vocabulary: &Vocabulary,
) -> (Option<FolderRules>, Vec<Problem>) {
    let shown = folder_source_name(folder);
    if let Some(other) = listing.descriptions.iter().find(|name| *name != FOLDER_FILE) {
        let problem = Problem::error(
            "folder::case",
            format!("`{other}` differs from `{FOLDER_FILE}` in case only"),
        );
        let problem = problem.in_file(&shown).help(format!("rename it to `{FOLDER_FILE}`"));
        return (Some(broken(folder)), vec![problem]);
    }
    if listing.descriptions.is_empty() {
        return (None, Vec::new());
    }
    let bytes = match read_bounded(&on_disk(root, folder.as_str()).join(FOLDER_FILE)) {
        Ok(bytes) => bytes,
        Err(error) => return (Some(broken(folder)), vec![unreadable(folder, &error)]),
    };
    match Source::from_bytes(&shown, &bytes) {
        Ok(source) => {
            let (rules, mut problems) = check::folder(folder, &source, vocabulary.builtin());
            problems.extend(hiding_nothing(&rules, &source, &listing.files));
            let says_something = !rules.is_plain();
            (says_something.then_some(rules), problems)
        }
        Err(problem) => (Some(broken(folder)), vec![*problem]),
    }
}

/// Names in `hidden_images` that no file of the folder has: likely a picture that is seen though
/// it was meant to be hidden.
fn hiding_nothing<'a>(
    rules: &'a FolderRules,
    source: &'a Source,
    files: &'a [String],
) -> impl Iterator<Item = Problem> + 'a {
    let there: HiddenNames = files.iter().map(String::as_str).collect();
    rules.hidden_images.iter().filter(move |name| !there.contains(name)).map(move |name| {
        let problem = Problem::warning(
            "folder::hides_nothing",
            format!("`hidden_images` names `{name}`, which is not in this folder"),
        );
        let place = source.text().find(name).map(|at| at..at + name.len()).unwrap_or_default();
        let near = vestibule_schema::problem::nearest(name, files.iter().map(String::as_str));
        let same = files.iter().find(|file| file.eq_ignore_ascii_case(name));
        problem.at(source, place, "no such picture").help(match same.map(String::as_str).or(near) {
            Some(near) => format!("did you mean `{near}`? Names count letter by letter"),
            None => "nothing is hidden by it".to_owned(),
        })
    })
}

/// Reads a regular file, not a link, of bounded size.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let file = fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// The rules of a folder that can't be read: closed to everybody but the site's owners.
pub(crate) fn broken(folder: &GalleryPath) -> FolderRules {
    FolderRules::broken(SourceRef { file: Arc::from(folder_source_name(folder)), line: 1 })
}

fn unreadable(folder: &GalleryPath, error: &io::Error) -> Problem {
    let shown = folder_source_name(folder);
    Problem::error(UNREADABLE, format!("`{shown}` can't be read: {error}"))
        .in_file(&shown)
        .help("give the gateway's user the right to read it; until then the folder is closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(files: &[(&str, &str)]) -> Scan {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut scan = Scan::default();
        let vocabulary = Vocabulary::load().unwrap();
        scan.walk(root.path(), &GalleryPath::root(), &vocabulary);
        scan
    }

    fn is_broken(scan: &Scan, folder: &str) -> bool {
        scan.rules.get(folder).is_some_and(|rules| rules.broken.is_some())
    }

    #[test]
    fn every_folder_is_known_and_those_that_say_something_have_rules() {
        let scan = scan(&[
            ("a/_folder.md", "+++\nhidden = true\n+++\n"),
            ("a/b/x.jpg", ""),
            ("c/_folder.md", "# Title\n"),
            (".git/x", ""),
            ("__versions/x", ""),
        ]);
        let mut known: Vec<_> = scan.known.keys().map(GalleryPath::as_str).collect();
        known.sort_unstable();
        assert_eq!(known, ["/", "/a/", "/a/b/", "/c/"]);
        assert_eq!(scan.rules.keys().map(GalleryPath::as_str).collect::<Vec<_>>(), ["/a/"]);
        assert!(scan.problems.is_empty());
    }

    /// `permissions.md` 4, rule 0, and 5: never as if there were no block.
    #[test]
    fn what_can_not_be_read_is_closed() {
        let scan = scan(&[
            ("case/_Folder.md", "+++\n+++\n"),
            ("bom/_folder.md", "\u{feff}+++\n+++\n"),
            ("dir/_folder.md/x", ""),
            ("open/_folder.md", "+++\n[permissions]\n"),
            ("big/_folder.md", &"x".repeat(1_100_000)),
        ]);
        for folder in ["/case/", "/bom/", "/dir/", "/open/", "/big/"] {
            assert!(is_broken(&scan, folder), "{folder}");
            assert_eq!(scan.problems.get(folder).map(Vec::len), Some(1), "{folder}");
        }
    }

    /// A picture that is not hidden though somebody meant it to be is said, and nothing is closed.
    #[test]
    fn a_hidden_image_that_is_not_there_is_said() {
        let scan = scan(&[
            ("a/_folder.md", "+++\nhidden_images = [\"A.JPG\", \"b.jpg\", \"zzz.png\"]\n+++\n"),
            ("a/a.jpg", ""),
            ("a/b.jpg", ""),
        ]);
        let problems = scan.problems.get("/a/").unwrap();
        let said: Vec<_> = problems.iter().map(|p| (p.code, p.help.as_deref().unwrap())).collect();
        assert_eq!(
            said,
            [
                ("folder::hides_nothing", "did you mean `a.jpg`? Names count letter by letter"),
                ("folder::hides_nothing", "nothing is hidden by it"),
            ]
        );
        assert!(!is_broken(&scan, "/a/"));
    }

    #[test]
    fn a_link_is_neither_followed_nor_read() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("open.md"), "+++\nhidden = true\n+++\n").unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        let target = outside.path().join("open.md");
        std::os::unix::fs::symlink(target, root.path().join("a/_folder.md")).unwrap();
        let mut scan = Scan::default();
        scan.walk(root.path(), &GalleryPath::root(), &Vocabulary::load().unwrap());
        assert!(!scan.known.contains_key("/link/"));
        assert!(is_broken(&scan, "/a/"));
    }
}
