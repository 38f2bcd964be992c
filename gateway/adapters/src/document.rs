//! The TOML of a route map, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::ask::{Kind, Span};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapDocument {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) hand_over: HandOverWord,
    pub(crate) folder_page: Option<Spanned<String>>,
    pub(crate) image_page: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) route: Vec<Spanned<RouteDocument>>,
    #[serde(default)]
    pub(crate) example: Vec<Spanned<ExampleDocument>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HandOverWord {
    Grant,
    #[default]
    Nothing,
}

/// `[[route]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteDocument {
    pub(crate) methods: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) path: Spanned<String>,
    pub(crate) files: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) span: Span,
    pub(crate) needs: Spanned<NeedsDocument>,
    #[serde(default)]
    pub(crate) query: BTreeMap<Spanned<String>, Spanned<ValueDocument>>,
}

/// `needs`: either a fixed action or by size.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeedsDocument {
    pub(crate) action: Option<Spanned<String>>,
    pub(crate) or: Option<Spanned<String>>,
    pub(crate) size: Option<SizeUse>,
}

/// What a rendition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SizeUse {
    /// To be shown: the loupe may have the medium size.
    Display,
    /// As an attachment.
    Download,
}

/// The values that a query key may have: exactly one of the first five.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueDocument {
    pub(crate) one_of: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) any_of: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) token: Option<usize>,
    pub(crate) number: Option<u32>,
    pub(crate) size: Option<Density>,
    #[serde(default)]
    pub(crate) required: bool,
}

/// Whether the named sizes may be doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Density {
    /// Named sizes only.
    #[serde(rename = "1x")]
    Single,
    /// Also with `@2x`.
    #[serde(rename = "2x")]
    Double,
}

/// `[[example]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExampleDocument {
    pub(crate) method: Option<String>,
    pub(crate) url: String,
    pub(crate) expect: String,
    pub(crate) on: Option<String>,
    pub(crate) forward: Option<String>,
}
