//! The TOML of a route map, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::ask::{Kind, Span, Upgrade};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapDocument {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) hand_over: HandOverWord,
    #[serde(default)]
    pub(crate) prefix: PrefixWord,
    /// The cookies that pass; absent: all but the gateway's own.
    pub(crate) cookies: Option<Spanned<Vec<Spanned<String>>>>,
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

/// What becomes of the path that a site is mounted at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PrefixWord {
    /// The server knows nothing of it.
    #[default]
    Stripped,
    /// The server is told of it by its own configuration, and its addresses have it.
    Kept,
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
    pub(crate) upgrade: Option<Spanned<Upgrade>>,
    pub(crate) needs: Spanned<NeedsDocument>,
    /// What else it needs if the server finds a file where the path names a folder.
    pub(crate) as_file: Option<Spanned<String>>,
    /// What it needs at the place that `Destination` names.
    pub(crate) destination: Option<Spanned<String>>,
    /// The depths that it may have; without `Depth` it is `infinity`.
    pub(crate) depth: Option<Spanned<Vec<DepthWord>>>,
    /// Further request headers that pass.
    pub(crate) headers: Option<Spanned<Vec<Spanned<String>>>>,
    /// What it does to the place.
    pub(crate) write: Option<WriteWord>,
    #[serde(default)]
    pub(crate) query: BTreeMap<Spanned<String>, Spanned<ValueDocument>>,
}

/// A value of the header `Depth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum DepthWord {
    #[serde(rename = "0")]
    Zero,
    #[serde(rename = "1")]
    One,
    #[serde(rename = "infinity")]
    Infinity,
}

/// What a write does to the place that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WriteWord {
    /// It may make something where nothing is.
    Creates,
    /// It leaves the place as it is, or changes what is there.
    Changes,
    /// What is there is gone afterwards.
    Removes,
}

/// `needs`: either a fixed action or by size.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeedsDocument {
    pub(crate) action: Option<Spanned<String>>,
    pub(crate) or: Option<Spanned<String>>,
    /// Further actions, each of which is needed too.
    #[serde(default)]
    pub(crate) and: Vec<Spanned<String>>,
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

/// The values that a query key may have: exactly one of the first five, or none beside `bare`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueDocument {
    pub(crate) one_of: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) any_of: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) token: Option<usize>,
    pub(crate) number: Option<u32>,
    pub(crate) size: Option<Density>,
    /// Whether the key may stand alone, as in `?zip`.
    #[serde(default)]
    pub(crate) bare: bool,
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
    pub(crate) depth: Option<String>,
    pub(crate) destination: Option<String>,
    pub(crate) expect: String,
    pub(crate) on: Option<String>,
    /// What is asked beside it, as `action on path`.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    pub(crate) forward: Option<String>,
}
