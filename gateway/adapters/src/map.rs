//! [`RouteMap`]: the checked routes of one gallery server.

use std::sync::Arc;

use toml::Spanned;
use vestibule_schema::{GalleryPath, Problem, Source};

use crate::ask::{Kind, Span, Wanted};
use crate::check;
use crate::document::{ExampleDocument, SizeUse};
use crate::query::QueryRule;
use crate::template::Template;

/// The maps that are part of the program: name and text.
const BUILT_IN: &[(&str, &str)] = &[("vestibule", include_str!("../vestibule.toml"))];

/// The routes of one gallery server.
#[derive(Debug)]
pub struct RouteMap {
    pub(crate) name: String,
    pub(crate) hand_over: HandOver,
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
    pub(crate) needs: Needs,
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
