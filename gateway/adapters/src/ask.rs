//! What a request asks, in the words of the gallery.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use vestibule_schema::{Action, GalleryPath, PathError};

/// What a request turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Classified {
    /// A route fits: this is asked.
    Ask(Ask),
    /// No route fits. Refused as if `view` were missing.
    Unclassified,
    /// A route has this path, but none has it with this method.
    MethodNotAllowed {
        /// The methods that the path has, for the header `Allow`.
        allow: Arc<str>,
    },
    /// The target can be read in more than one way: 400.
    BadRequest(BadTarget),
    /// The path names something that is never shown: 404 on every method.
    Reserved,
}

/// What is asked: an action on a resource, and what is forwarded if it is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What it needs beside `view`.
    pub wanted: Wanted,
    /// The folder or image. For [`Kind::Asset`] the root, in place of the gallery as a whole.
    pub path: GalleryPath,
    /// How a refusal should look.
    pub kind: Kind,
    /// How much of the gallery the answer may show, or the request change.
    pub span: Span,
    /// What else is asked: the request goes on only if all of it is granted.
    pub further: Vec<Further>,
    /// What it changes, if it does.
    pub write: Option<Write>,
    /// What the connection may become.
    pub upgrade: Option<Upgrade>,
    /// What is sent to the gallery server.
    pub forward: ForwardTarget,
    /// The request headers that pass on this route beside those that pass on any.
    pub headers: Arc<[HeaderWord]>,
    /// The depth that was judged, where the route has one.
    pub depth: Option<Depth>,
}

/// One more question of the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Further {
    /// What it needs beside `view`.
    pub wanted: Wanted,
    /// Where.
    pub path: GalleryPath,
    /// How much of what lies beneath is concerned.
    pub span: Span,
    /// Whether it is about a file in the place of a folder: not asked if there is a folder.
    pub unless_folder: bool,
}

/// What a request changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Whether it may make something where nothing is.
    pub creates: bool,
    /// Whether what is at the place is gone afterwards.
    pub removes: bool,
    /// The place that it is moved or copied to.
    pub target: Option<WriteTarget>,
}

/// The place of the header `Destination`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteTarget {
    /// The place.
    pub path: GalleryPath,
    /// The same as it is forwarded.
    pub forward: ForwardTarget,
}

/// A request header that a route may let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderWord {
    /// `If`: locks that the client holds (RFC 4918).
    If,
    /// `Lock-Token`.
    LockToken,
    /// `Overwrite`.
    Overwrite,
    /// `Timeout` of a lock.
    Timeout,
    /// `X-OC-Mtime`: the time of the file that is uploaded.
    OcMtime,
}

impl HeaderWord {
    /// Every header that a route may name.
    pub const ALL: [Self; 5] =
        [Self::If, Self::LockToken, Self::Overwrite, Self::Timeout, Self::OcMtime];

    /// The header's name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::LockToken => "lock-token",
            Self::Overwrite => "overwrite",
            Self::Timeout => "timeout",
            Self::OcMtime => "x-oc-mtime",
        }
    }
}

/// How deep a WebDAV request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// The resource alone.
    Zero,
    /// And what is directly in it.
    One,
    /// And all that lies beneath.
    Infinity,
}

impl Depth {
    /// Reads the header's value; without one it is infinity (RFC 4918, 9.1).
    pub(crate) fn read(value: Option<&str>) -> Option<Self> {
        match value.map(str::trim) {
            None => Some(Self::Infinity),
            Some("0") => Some(Self::Zero),
            Some("1") => Some(Self::One),
            Some(word) => word.eq_ignore_ascii_case("infinity").then_some(Self::Infinity),
        }
    }

    /// The header's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zero => "0",
            Self::One => "1",
            Self::Infinity => "infinity",
        }
    }
}

/// The action that a request needs, or either of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The action that a refusal names.
    pub first: Action,
    /// Another that suffices as well.
    pub or: Option<Action>,
}

impl Wanted {
    /// One action.
    #[must_use]
    pub const fn one(first: Action) -> Self {
        Self { first, or: None }
    }

    /// Either of two; a refusal names the first.
    #[must_use]
    pub const fn either(first: Action, second: Action) -> Self {
        Self { first, or: Some(second) }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.or {
            Some(or) => write!(f, "{} or {or}", self.first),
            None => write!(f, "{}", self.first),
        }
    }
}

/// What a route serves, which settles how a refusal looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A page that a person navigates to.
    Page,
    /// A picture or another file of the gallery.
    Media,
    /// Data for a program.
    Api,
    /// An archive of a folder.
    Zip,
    /// A style sheet, script or icon of the gallery's own pages: the same for everybody, so it
    /// belongs to no folder, and whoever may view any folder of the gallery may have it.
    Asset,
}

/// How much of the gallery an answer may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// The resource alone.
    #[default]
    One,
    /// A folder, and of what lies beneath it what a listing shows: its sub-folders, and pictures
    /// and numbers of them. A server that reads no grant may answer only if the action is allowed
    /// everywhere beneath.
    Listing,
    /// A folder and the names of what is directly in it. A server that reads no grant may answer
    /// only if every folder in it may be seen, and nothing in it is hidden.
    Children,
    /// The resource and all that lies beneath it. A server that reads no grant may answer only if the
    /// action is allowed everywhere beneath.
    Tree,
}

/// What a connection may become, where the client asks for it. The route is judged like any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upgrade {
    /// A WebSocket (RFC 6455).
    #[serde(rename = "websocket")]
    WebSocket,
}

/// Path and query as they are forwarded: canonical, rebuilt from what was judged.
// INVARIANT: made by `classify` alone; only characters that may stand in a request target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ForwardTarget {
    pub(crate) text: String,
    pub(crate) path_end: usize,
}

impl ForwardTarget {
    /// Path, and `?` and query if there is one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path alone.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.get(..self.path_end).unwrap_or_default()
    }

    /// The query without `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path_end + 1..).filter(|query| !query.is_empty())
    }
}

impl fmt::Display for ForwardTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a target is answered 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadTarget {
    /// The path is none.
    #[error("{0}")]
    Path(PathError),
    /// A query key stands twice, so that two readers could take different values.
    #[error("the query has the same key twice")]
    DuplicateKey,
    /// The query has more pairs than any route names.
    #[error("the query has too many keys")]
    TooManyKeys,
    /// The query has a control character, a raw `#` or a byte that is not ASCII.
    #[error("the query has a character that may not stand in it")]
    Character,
    /// The query is percent-encoded wrongly, or what it encodes is not UTF-8.
    #[error("the query has a bad percent-encoding")]
    Encoding,
    /// The header `Depth` has another value than those of RFC 4918.
    #[error("the depth is none")]
    Depth,
    /// A move or copy has no `Destination`, or one that is the resource itself.
    #[error("a move or copy has a destination that is another place")]
    Destination,
}
