//! The whole tree: what is in it, and how it gets onto the disk in one piece.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use crate::encode::EncodeError;
use catalogue::{FOLDERS, Folder, Shot};

mod camera;
mod catalogue;
mod develop;
mod pages;

#[cfg(test)]
mod tests;

/// How large the pictures are; the tree is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GallerySize {
    /// About 2,400 x 1,600 pixels: for people and for benchmarks.
    Full,
    /// About 240 x 160 pixels, painted in a moment: for tests.
    Small,
}

/// One file more is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Pictures written so far.
    pub done: usize,
    /// Pictures that there will be.
    pub total: usize,
    /// The picture just written, relative to the gallery.
    pub path: &'a Path,
}

/// What has been written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// JPEG, PNG and WebP files.
    pub pictures: usize,
    /// DNG files that belong to a picture of the same stem.
    pub raws: usize,
    /// Folders, the gallery itself included.
    pub folders: usize,
}

/// Why there is no sample gallery.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The target exists and holds something; it has not been touched.
    #[error("`{}` is not empty; name a folder that is empty or does not exist", path.display())]
    NotEmpty {
        /// The folder that was asked for.
        path: PathBuf,
    },
    /// The path has no last part, such as `/` or `..`.
    #[error("`{}` can't be the name of a new folder", path.display())]
    NoName {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The place for the half-finished gallery is taken by something that no earlier run left.
    #[error("`{}` is in the way; move it elsewhere", path.display())]
    InTheWay {
        /// The folder beside the target.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("can't {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A picture could not be encoded.
    #[error("can't encode `{}`", path.display())]
    Encode {
        /// The picture.
        path: PathBuf,
        /// What the codec said.
        source: EncodeError,
    },
}

/// Lies in the half-finished gallery, so that a later run knows the folder for its own.
const MARKER: &str = ".vestibule-sample";

/// Writes the sample gallery as `folder`, which must be empty or absent.
///
/// It is painted into a folder beside it (`….partial`) and renamed when all is there, so that an
/// interrupted run leaves no half gallery; the next run clears up after it. `progress` is called
/// after each picture, on the calling thread.
///
/// # Errors
///
/// [`SampleError`] if `folder` holds anything, or the disk refuses. `folder` is untouched then.
pub fn write_gallery(
    folder: &Path,
    size: GallerySize,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Summary, SampleError> {
    let partial = partial_beside(folder)?;
    refuse_unless_empty(folder)?;
    clear_leftovers(&partial)?;
    let written = write_tree(&partial, size, progress).and_then(|summary| {
        let marker = partial.join(MARKER);
        fs::remove_file(&marker).map_err(io_error("remove", &marker))?;
        // on POSIX an empty directory gives way to a rename, a filled one does not
        fs::rename(&partial, folder).map_err(io_error("rename the finished gallery to", folder))?;
        Ok(summary)
    });
    if written.is_err() {
        // best effort: the first error is the one to report
        if let Err(error) = fs::remove_dir_all(&partial) {
            tracing::debug!(path = %partial.display(), %error, "half-finished sample gallery stays");
        }
    }
    written
}

fn partial_beside(folder: &Path) -> Result<PathBuf, SampleError> {
    let Some(name) = folder.file_name() else {
        return Err(SampleError::NoName { path: folder.to_owned() });
    };
    let mut name = name.to_owned();
    name.push(".partial");
    Ok(folder.with_file_name(name))
}

fn refuse_unless_empty(folder: &Path) -> Result<(), SampleError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(SampleError::NotEmpty { path: folder.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error("read", folder)(error)),
    }
}

/// Removes what an interrupted run left, and nothing else.
fn clear_leftovers(partial: &Path) -> Result<(), SampleError> {
    let is_ours = partial.join(MARKER).is_file();
    match fs::symlink_metadata(partial) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error("read", partial)(error)),
        Ok(found) if found.is_dir() && is_ours => {
            fs::remove_dir_all(partial).map_err(io_error("remove", partial))
        }
        Ok(_) => Err(SampleError::InTheWay { path: partial.to_owned() }),
    }
}

fn write_tree(
    root: &Path,
    size: GallerySize,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Summary, SampleError> {
    fs::create_dir_all(root).map_err(io_error("create", root))?;
    write_file(&root.join(MARKER), b"the sample gallery, not yet finished\n")?;
    for folder in FOLDERS {
        let path = root.join(folder.path);
        fs::create_dir_all(&path).map_err(io_error("create", &path))?;
        for (name, text) in folder.pages {
            write_file(&path.join(name), text.as_bytes())?;
        }
    }
    let jobs: Vec<(&Folder, &Shot)> = FOLDERS
        .iter()
        .flat_map(|folder| folder.shots.iter().map(move |shot| (folder, shot)))
        .collect();
    write_pictures(root, size, &jobs, progress)?;
    Ok(Summary {
        pictures: jobs.len(),
        raws: jobs.iter().filter(|(_, shot)| shot.has_raw()).count(),
        folders: FOLDERS.len(),
    })
}

/// As many painters as there are processors; the first failure stops them all.
fn write_pictures(
    root: &Path,
    size: GallerySize,
    jobs: &[(&Folder, &Shot)],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), SampleError> {
    let painters = thread::available_parallelism().map_or(1, usize::from).min(jobs.len().max(1));
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (sender, finished) = mpsc::sync_channel(painters);
        for _ in 0..painters {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || paint_jobs(root, size, jobs, next, &sender));
        }
        drop(sender);
        for (index, outcome) in finished.iter().enumerate() {
            // returning drops the receiver, and painters stop when nobody listens
            let path = outcome?;
            progress(Progress { done: index + 1, total: jobs.len(), path: &path });
        }
        Ok(())
    })
}

fn paint_jobs(
    root: &Path,
    size: GallerySize,
    jobs: &[(&Folder, &Shot)],
    next: &AtomicUsize,
    sender: &SyncSender<Result<PathBuf, SampleError>>,
) {
    while let Some((folder, shot)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
        let path = Path::new(folder.path).join(shot.name);
        let outcome = write_shot(root, &path, size, shot).map(|()| path);
        if sender.send(outcome).is_err() {
            return;
        }
    }
}

fn write_shot(root: &Path, path: &Path, size: GallerySize, shot: &Shot) -> Result<(), SampleError> {
    let files = develop::develop(path, shot, size)
        .map_err(|source| SampleError::Encode { path: path.to_owned(), source })?;
    for (extension, bytes) in files {
        let target = root.join(path).with_extension(extension);
        write_file(&target, &bytes)?;
        let opened = fs::File::options().write(true).open(&target);
        opened
            .and_then(|file| file.set_modified(shot.moment().into()))
            .map_err(io_error("date", &target))?;
    }
    Ok(())
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), SampleError> {
    fs::write(path, bytes).map_err(io_error("write", path))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SampleError {
    move |source| SampleError::Io { action, path: path.to_owned(), source }
}
