//! Opening things beneath the library's root, and nowhere else.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

#[cfg(target_os = "linux")]
use rustix::fs::ResolveFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// How a folder is opened.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// How a file is opened: a FIFO that took its place in the meantime must not block us.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::NOFOLLOW);

/// Opens the library's root. The operator wrote this path: links in it are meant.
pub(super) fn open_root(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, FOLDER, Mode::empty())?)
}

/// Opens a folder beneath the root; the empty path is the root itself.
pub(super) fn open_folder(root: BorrowedFd<'_>, relative: &str) -> io::Result<OwnedFd> {
    match relative.trim_end_matches('/') {
        "" => Ok(rustix::fs::openat(root, ".", FOLDER, Mode::empty())?),
        relative => open_beneath(root, relative, FOLDER.union(OFlags::NOFOLLOW)),
    }
}

/// Opens a file beneath the root. The caller checks that it is a regular one.
pub(super) fn open_file(root: BorrowedFd<'_>, relative: &str) -> io::Result<OwnedFd> {
    open_beneath(root, relative, FILE)
}

#[cfg(target_os = "linux")]
fn open_beneath(root: BorrowedFd<'_>, relative: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let resolve =
        ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
    match rustix::fs::openat2(root, relative, flags, Mode::empty(), resolve) {
        // a kernel before 5.6, or a sandbox that does not know the call
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => open_stepwise(root, relative, flags),
        result => Ok(result?),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(root: BorrowedFd<'_>, relative: &str, flags: OFlags) -> io::Result<OwnedFd> {
    open_stepwise(root, relative, flags)
}

/// The same without the kernel's help: name by name, each without following a link.
fn open_stepwise(root: BorrowedFd<'_>, relative: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let (folders, last) = relative.rsplit_once('/').unwrap_or(("", relative));
    let mut at: Option<OwnedFd> = None;
    for name in folders.split('/').filter(|name| !name.is_empty()) {
        if name == ".." {
            return Err(Errno::XDEV.into());
        }
        let from = at.as_ref().map_or(root, |fd| fd.as_fd());
        let flags = FOLDER.union(OFlags::NOFOLLOW);
        at = Some(rustix::fs::openat(from, name, flags, Mode::empty())?);
    }
    if last == ".." {
        return Err(Errno::XDEV.into());
    }
    let from = at.as_ref().map_or(root, |fd| fd.as_fd());
    Ok(rustix::fs::openat(from, last, flags.union(OFlags::NOFOLLOW), Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Both ways to open agree on what may be opened.
    #[test]
    fn links_and_ways_out_are_refused_both_ways() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("lib/a/b")).unwrap();
        fs::write(dir.path().join("lib/a/b/x.jpg"), "x").unwrap();
        fs::write(dir.path().join("secret.jpg"), "s").unwrap();
        symlink("../../secret.jpg", dir.path().join("lib/a/out.jpg")).unwrap();
        symlink("b/x.jpg", dir.path().join("lib/a/in.jpg")).unwrap();
        symlink("a", dir.path().join("lib/linked")).unwrap();
        let root = open_root(&dir.path().join("lib")).unwrap();
        for open in [open_beneath, open_stepwise] {
            assert!(open(root.as_fd(), "a/b/x.jpg", FILE).is_ok());
            for path in
                ["a/out.jpg", "a/in.jpg", "linked/b/x.jpg", "../secret.jpg", "a/../../secret.jpg"]
            {
                assert!(open(root.as_fd(), path, FILE).is_err(), "{path}");
            }
        }
        assert!(open_folder(root.as_fd(), "").is_ok());
        assert!(open_folder(root.as_fd(), "a/b/").is_ok());
        assert!(open_folder(root.as_fd(), "linked/").is_err());
    }
}
