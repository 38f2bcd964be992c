//! [`GalleryPath`]: parsed once, canonical ever after.
//!
//! What is judged is what is forwarded (requirement S53): a request's path is decoded once,
//! everything that two readers could read differently is refused, and from there on only the
//! canonical form exists.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The longest path, decoded, in bytes.
pub const MAX_PATH_BYTES: usize = 4096;
/// The longest name of a folder or file, decoded, in bytes: what file systems allow.
pub const MAX_NAME_BYTES: usize = 255;

/// What stays as it is in the canonical encoding: RFC 3986's unreserved characters and `/`.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathKind {
    /// A folder: the path ends in `/`.
    Folder,
    /// An image, or any other file.
    Image,
}

/// A place in a gallery, from its root: `/`, `/clients/`, `/clients/smith/a b.jpg`.
///
/// Always decoded, valid UTF-8, begins with `/`, has neither empty nor dot segments, no control
/// characters, no backslash. Ends in `/` exactly when it names a folder.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GalleryPath(Arc<str>);

/// Why a text is no [`GalleryPath`]. A request that carries one is answered 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin with `/`.
    #[error("the path does not begin with `/`")]
    NotAbsolute,
    /// It has an empty segment.
    #[error("the path has an empty segment (`//`)")]
    EmptySegment,
    /// It has a segment `.` or `..`, encoded or not.
    #[error("the path has a segment `.` or `..`")]
    DotSegment,
    /// It has a `%` that two hexadecimal digits don't follow.
    #[error("the path has an incomplete percent-encoding")]
    BadPercent,
    /// It is percent-encoded twice.
    #[error("the path is percent-encoded twice")]
    DoubleEncoding,
    /// It has an encoded slash.
    #[error("the path has an encoded slash (`%2F`)")]
    EncodedSlash,
    /// It has a backslash, encoded or not.
    #[error("the path has a backslash")]
    Backslash,
    /// It has a character that no path may have as it is: `?`, `#`, `;`.
    #[error("the path has a raw `?`, `#` or `;`")]
    RawDelimiter,
    /// It has a control character, NUL among them.
    #[error("the path has a control character")]
    Control,
    /// It is not UTF-8 (overlong forms among them).
    #[error("the path is not UTF-8")]
    NotUtf8,
    /// It is longer than [`MAX_PATH_BYTES`], or a name in it than [`MAX_NAME_BYTES`].
    #[error("the path is too long")]
    TooLong,
}

impl GalleryPath {
    /// The gallery's root folder.
    #[must_use]
    pub fn root() -> Self {
        Self(Arc::from("/"))
    }

    /// Reads the path of a URL, without query.
    ///
    /// # Errors
    /// Anything that two readers might read differently; see [`PathError`].
    pub fn from_encoded(encoded: &str) -> Result<Self, PathError> {
        if encoded.len() > 3 * MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        if encoded.contains(['?', '#', ';']) {
            return Err(PathError::RawDelimiter);
        }
        check_percents(encoded)?;
        let decoded = percent_decode_str(encoded).decode_utf8().map_err(|_| PathError::NotUtf8)?;
        Self::from_decoded(&decoded)
    }

    /// Reads a path that is not percent-encoded, such as one in a TOML document.
    ///
    /// # Errors
    /// As [`GalleryPath::from_encoded`].
    pub fn from_decoded(path: &str) -> Result<Self, PathError> {
        if path.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        let Some(rest) = path.strip_prefix('/') else {
            return Err(PathError::NotAbsolute);
        };
        if has_encoded_byte(path) {
            return Err(PathError::DoubleEncoding);
        }
        let inner = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            return Ok(Self::root());
        }
        for name in inner.split('/') {
            check_name(name)?;
        }
        Ok(Self(Arc::from(path)))
    }

    /// The canonical text, decoded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The canonical text for a URL: what is forwarded.
    #[must_use]
    pub fn encoded(&self) -> String {
        utf8_percent_encode(&self.0, ENCODED).to_string()
    }

    /// What the path names.
    #[must_use]
    pub fn kind(&self) -> PathKind {
        if self.is_folder() { PathKind::Folder } else { PathKind::Image }
    }

    /// Whether the path names a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.0.ends_with('/')
    }

    /// Whether this is the root folder.
    #[must_use]
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The last segment; the root has none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.trimmed().rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// The names from the root down.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// The folder that holds this; the root has none.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let trimmed = self.trimmed();
        let cut = trimmed.rfind('/')?;
        if self.is_root() {
            return None;
        }
        trimmed.get(..=cut).map(|parent| Self(Arc::from(parent)))
    }

    /// The folder itself, or the one that holds the image.
    #[must_use]
    pub fn folder(&self) -> Self {
        if self.is_folder() { self.clone() } else { self.parent().unwrap_or_else(Self::root) }
    }

    /// The same place read as a folder: `/a` becomes `/a/`.
    #[must_use]
    pub fn as_folder(&self) -> Self {
        if self.is_folder() { self.clone() } else { Self(Arc::from(format!("{}/", self.0))) }
    }

    /// This folder's text and its ancestors', nearest first, the root last: `/a/b/`, `/a/`, `/`.
    /// For an image the first is the folder that holds it.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        let mut end = self.0.rfind('/').map(|cut| cut + 1);
        std::iter::from_fn(move || {
            let text = self.0.get(..end?)?;
            end = text.strip_suffix('/').and_then(|t| t.rfind('/')).map(|cut| cut + 1);
            Some(text)
        })
    }

    /// A sub-folder or image of this folder.
    ///
    /// # Errors
    /// If the name could not stand in a path, or the whole becomes too long.
    pub fn join(&self, name: &str, kind: PathKind) -> Result<Self, PathError> {
        check_name(name)?;
        if has_encoded_byte(name) {
            return Err(PathError::DoubleEncoding);
        }
        let slash = if kind == PathKind::Folder { "/" } else { "" };
        let text = format!("{}{name}{slash}", self.folder().0);
        if text.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        Ok(Self(Arc::from(text)))
    }

    /// Whether this is `folder` or lies below it.
    #[must_use]
    pub fn is_within(&self, folder: &Self) -> bool {
        folder.is_folder() && self.0.starts_with(&*folder.0)
    }

    /// How many levels this lies below `folder`: 1 for what is in it.
    #[must_use]
    pub fn levels_below(&self, folder: &Self) -> usize {
        let depth = |path: &Self| path.trimmed().bytes().filter(|byte| *byte == b'/').count();
        depth(self).saturating_sub(depth(folder))
    }

    /// Whether any name in the path is one that answers 404 on every method and is never the
    /// source or the target of a write (`permissions.md` 4, rule 6): it begins with `.` or `__`,
    /// is a system's own folder such as `@eaDir`, or the last is `_folder.md` or a sidecar.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.segments().any(is_reserved_name)
            || (!self.is_folder() && self.name().is_some_and(is_sidecar_name))
    }

    fn trimmed(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }
}

/// Folders that disks and their software make for themselves: thumbnails, bins, snapshots.
const SYSTEM_NAMES: [&str; 8] = [
    "@eaDir",
    "#recycle",
    "#snapshot",
    "@Recycle",
    "@Recently-Snapshot",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
];

/// Whether a folder or file of this name is never shown, whatever it is.
#[must_use]
pub fn is_reserved_name(name: &str) -> bool {
    name.starts_with('.')
        || name.starts_with("__")
        || name.eq_ignore_ascii_case("_folder.md")
        || name.eq_ignore_ascii_case("_folder.md/")
        || SYSTEM_NAMES.iter().any(|system| name.eq_ignore_ascii_case(system))
}

/// Whether a file of this name is a sidecar, which is never shown: `*.toml`, `*.md`, `*.xmp`.
#[must_use]
pub fn is_sidecar_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        ["toml", "md", "xmp"].iter().any(|sidecar| extension.eq_ignore_ascii_case(sidecar))
    })
}

/// Whether the text holds what looks like a percent-encoded byte.
fn has_encoded_byte(text: &str) -> bool {
    text.as_bytes()
        .windows(3)
        .any(|w| matches!(w, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// Every `%` begins an encoded byte, and none encodes a slash, a backslash or a NUL.
fn check_percents(encoded: &str) -> Result<(), PathError> {
    for part in encoded.split('%').skip(1) {
        let digits = part.get(..2).ok_or(PathError::BadPercent)?;
        match u8::from_str_radix(digits, 16) {
            Ok(b'/') => return Err(PathError::EncodedSlash),
            Ok(b'\\') => return Err(PathError::Backslash),
            Ok(0) => return Err(PathError::Control),
            Ok(_) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => {}
            _ => return Err(PathError::BadPercent),
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), PathError> {
    match name {
        "" => Err(PathError::EmptySegment),
        "." | ".." => Err(PathError::DotSegment),
        _ if name.len() > MAX_NAME_BYTES => Err(PathError::TooLong),
        _ if name.contains('/') => Err(PathError::EncodedSlash),
        _ if name.contains('\\') => Err(PathError::Backslash),
        _ if name.chars().any(char::is_control) => Err(PathError::Control),
        _ => Ok(()),
    }
}

impl fmt::Display for GalleryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GalleryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GalleryPath({:?})", &*self.0)
    }
}

impl std::borrow::Borrow<str> for GalleryPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(encoded: &str, expected: Result<&str, PathError>) {
        let got = GalleryPath::from_encoded(encoded);
        assert_eq!(got.as_ref().map(GalleryPath::as_str), expected.as_ref().copied(), "{encoded}");
    }

    #[test]
    fn reads_what_is_plain() {
        check("/", Ok("/"));
        check("/a/", Ok("/a/"));
        check("/a/b%20c.jpg", Ok("/a/b c.jpg"));
        check("/%C3%A9t%C3%A9/", Ok("/été/"));
        check("/a%22b'c.jpg", Ok("/a\"b'c.jpg"));
        check("/%F0%9F%93%B7.jpg", Ok("/📷.jpg"));
        check("/100%25.jpg", Ok("/100%.jpg"));
        check("/a%3Bb%3F%23.jpg", Ok("/a;b?#.jpg"));
        check("/...", Ok("/..."));
    }

    /// S53, and class A of `security.md`.
    #[test]
    fn refuses_what_two_readers_read_differently() {
        check("", Err(PathError::NotAbsolute));
        check("a", Err(PathError::NotAbsolute));
        check("//", Err(PathError::EmptySegment));
        check("/a//b", Err(PathError::EmptySegment));
        check("/a/../b", Err(PathError::DotSegment));
        check("/a/%2e%2E/b", Err(PathError::DotSegment));
        check("/./a", Err(PathError::DotSegment));
        check("/..", Err(PathError::DotSegment));
        check("/a%2Fb", Err(PathError::EncodedSlash));
        check("/a%2fb", Err(PathError::EncodedSlash));
        check("/a%5cb", Err(PathError::Backslash));
        check("/a\\b", Err(PathError::Backslash));
        check("/a%00b", Err(PathError::Control));
        check("/a%0Ab", Err(PathError::Control));
        check("/a%7Fb", Err(PathError::Control));
        check("/a%c0%afb", Err(PathError::NotUtf8));
        check("/a%ff", Err(PathError::NotUtf8));
        check("/a%2", Err(PathError::BadPercent));
        check("/a%zz", Err(PathError::BadPercent));
        check("/a%+1", Err(PathError::BadPercent));
        check("/a%252e", Err(PathError::DoubleEncoding));
        check("/a;b", Err(PathError::RawDelimiter));
        check("/a#b", Err(PathError::RawDelimiter));
        check("/a?b", Err(PathError::RawDelimiter));
        check(&format!("/{}", "a".repeat(256)), Err(PathError::TooLong));
        check(&"/a".repeat(3000), Err(PathError::TooLong));
    }

    #[test]
    fn a_name_may_have_255_bytes() {
        let name = "é".repeat(127) + "x";
        assert_eq!(name.len(), 255);
        let path = GalleryPath::from_decoded(&format!("/{name}")).unwrap();
        assert_eq!(path.name(), Some(name.as_str()));
    }

    #[test]
    fn walks_up() {
        let path = GalleryPath::from_decoded("/a/b/c.jpg").unwrap();
        assert_eq!(path.ancestors().collect::<Vec<_>>(), ["/a/b/", "/a/", "/"]);
        assert_eq!(path.folder().ancestors().collect::<Vec<_>>(), ["/a/b/", "/a/", "/"]);
        assert_eq!(GalleryPath::root().ancestors().collect::<Vec<_>>(), ["/"]);
        assert_eq!(path.parent().unwrap().parent().unwrap().as_str(), "/a/");
        assert_eq!(GalleryPath::root().parent(), None);
        assert_eq!(path.segments().collect::<Vec<_>>(), ["a", "b", "c.jpg"]);
    }

    #[test]
    fn reserved_names_are_known() {
        for path in [
            "/.x/a.jpg",
            "/__versions/a.jpg",
            "/_folder.md",
            "/a/_Folder.MD",
            "/a/b.xmp",
            "/b.TOML",
            "/a/@eaDir/b.jpg",
            "/#recycle/",
        ] {
            assert!(GalleryPath::from_decoded(path).unwrap().is_reserved(), "{path}");
        }
        for path in ["/_x/a.jpg", "/a.md/", "/folder.mdx", "/a.jpg"] {
            assert!(!GalleryPath::from_decoded(path).unwrap().is_reserved(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn is_idempotent_and_never_leaves_the_root(input in "(/|%2[eEfF]|%5c|\\.|%00|[a-z]|é|%C3%A9|%|;|\\\\){0,24}") {
            if let Ok(path) = GalleryPath::from_encoded(&input) {
                prop_assert_eq!(&GalleryPath::from_encoded(&path.encoded()), &Ok(path.clone()));
                prop_assert_eq!(&GalleryPath::from_decoded(path.as_str()), &Ok(path.clone()));
                prop_assert!(path.as_str().starts_with('/'));
                prop_assert!(path.segments().all(|s| s != ".." && s != "."));
                prop_assert!(!path.as_str().contains("//"));
                let on_disk = std::path::Path::new("/root").join(path.as_str().trim_start_matches('/'));
                prop_assert!(on_disk.starts_with("/root"));
                prop_assert!(on_disk.components().all(|c| c != std::path::Component::ParentDir));
            }
        }

        #[test]
        fn any_text_is_a_path_or_an_error(input in ".{0,64}") {
            let _ = GalleryPath::from_encoded(&input);
            let _ = GalleryPath::from_decoded(&input);
        }
    }
}
