//! [`RouteMap`]: the checked routes of one gallery server.

use std::sync::Arc;

use toml::Spanned;
use vestibule_schema::{Action, GalleryPath, Problem, Source};

use crate::ask::{Depth, HeaderWord, Kind, Span, Upgrade, Wanted};
use crate::check;
use crate::document::{ExampleDocument, SizeUse, WriteWord};
use crate::query::QueryRule;
use crate::template::Template;

/// The maps that are part of the program: name and text.
pub(crate) const BUILT_IN: &[(&str, &str)] = &[
    ("vestibule", include_str!("../vestibule.toml")),
    ("copyparty", include_str!("../copyparty.toml")),
];

/// The routes of one gallery server.
#[derive(Debug)]
pub struct RouteMap {
    pub(crate) name: String,
    pub(crate) hand_over: HandOver,
    pub(crate) keeps_prefix: bool,
    pub(crate) cookies: Option<Vec<String>>,
    pub(crate) folder_page: Option<Template>,
    pub(crate) image_page: Option<Template>,
    pub(crate) routes: Vec<Route>,
    pub(crate) source: Source,
    pub(crate) examples: Vec<Spanned<ExampleDocument>>,
}

/// How the gallery server learns who asks and what they may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandOver {
    /// By a signed grant, which it also enforces on what lies beneath a folder.
    Grant,
    /// Not at all: the gateway is the only lock.
    Nothing,
}

/// One route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) methods: Vec<String>,
    /// The methods of every route with this path, joined for the header `Allow`.
    pub(crate) allow: Arc<str>,
    pub(crate) path: Template,
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    pub(crate) upgrade: Option<Upgrade>,
    pub(crate) needs: Needs,
    /// What is needed as well, each.
    pub(crate) and: Vec<Action>,
    /// What else is needed if there is a file where the path names a folder.
    pub(crate) as_file: Option<Action>,
    /// What is needed at the destination.
    pub(crate) destination: Option<Action>,
    /// The depths that it may have; `None`: the header is neither read nor forwarded.
    pub(crate) depth: Option<Vec<Depth>>,
    pub(crate) headers: Arc<[HeaderWord]>,
    pub(crate) write: Option<WriteWord>,
    /// Sorted by key: the order in which a query is forwarded.
    pub(crate) query: Vec<QueryRule>,
}

/// What a route needs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Needs {
    Fixed(Wanted),
    BySize(SizeUse),
}

impl RouteMap {
    /// A map that is part of the program. `None` if there is none of this name.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Self::parse(&Source::new(&format!("gateway/adapters/{name}.toml"), text)).ok()
    }

    /// The names of the maps that are part of the program.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Reads a map.
    ///
    /// # Errors
    /// Every mistake in it, sorted by position.
    pub fn parse(source: &Source) -> Result<Self, Vec<Problem>> {
        check::parse(source)
    }

    /// The server's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the server learns who asks.
    #[must_use]
    pub fn hand_over(&self) -> HandOver {
        self.hand_over
    }

    /// Whether the server is told, by its own configuration, of the path that a site is mounted
    /// at: what is forwarded has it, and so have the addresses in its answers.
    #[must_use]
    pub fn keeps_prefix(&self) -> bool {
        self.keeps_prefix
    }

    /// Whether a cookie that is not the gateway's own passes to the server.
    #[must_use]
    pub fn passes_cookie(&self, name: &str) -> bool {
        self.cookies.as_ref().is_none_or(|known| known.iter().any(|known| known == name))
    }

    /// Whether programs mount the server's folders: they are asked for a name and a password.
    #[must_use]
    pub fn speaks_webdav(&self) -> bool {
        self.routes.iter().any(|route| route.depth.is_some())
    }

    /// The site-relative address of a folder's page, if the server has such pages.
    #[must_use]
    pub fn folder_page(&self, folder: &GalleryPath) -> Option<String> {
        let page = self.folder_page.as_ref()?;
        Some(page.build(Some(folder)))
    }

    /// The site-relative address of the page of a folder or an image, if the server has such pages.
    #[must_use]
    pub fn page(&self, of: &GalleryPath) -> Option<String> {
        let page = if of.is_folder() { &self.folder_page } else { &self.image_page };
        page.as_ref().map(|page| page.build(Some(of)))
    }
}
