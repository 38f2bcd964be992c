//! One image: its details, what of it may be fetched, and its neighbours.

use serde::Serialize;
use vestibule_grant::Claims;
use vestibule_schema::{Action, GalleryPath, NamedSize, Permission, PermissionSet};

use super::{Desk, Look, alt_text, link, ordered, title};
use crate::details::Shown;
use crate::library::{Entry, Shelf};
use crate::media::{Kind, extension};
use crate::redact::Privacy;
use crate::refusal::Refusal;
use crate::request::Sort;
use crate::sight::Sight;

/// An image.
#[derive(Debug, Serialize)]
pub(crate) struct ImageDetails {
    pub(crate) path: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alt_text: Option<String>,
    pub(crate) kind: &'static str,
    /// No size of it can be shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_preview: bool,
    /// What the folder is called.
    #[serde(skip)]
    pub(crate) folder_title: String,
    pub(crate) bytes: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hidden: bool,
    pub(crate) details: Shown,
    pub(crate) links: ImageLinks,
    /// What may be saved.
    pub(crate) downloads: Vec<Download>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Neighbour>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Neighbour>,
}

/// What may be shown of an image.
#[derive(Debug, Serialize)]
pub(crate) struct ImageLinks {
    pub(crate) page: String,
    pub(crate) api: String,
    pub(crate) folder: String,
    pub(crate) thumbnail: String,
    pub(crate) gallery: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) medium: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) large: Option<String>,
}

/// Something of an image that may be saved.
#[derive(Debug, Serialize)]
pub(crate) struct Download {
    /// `medium`, `large`, `original` or `raw`.
    pub(crate) name: &'static str,
    /// The same for people.
    pub(crate) label: String,
    pub(crate) href: String,
}

/// The image before or after.
#[derive(Debug, Serialize)]
pub(crate) struct Neighbour {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    pub(crate) page: String,
    pub(crate) api: String,
}

impl ImageDetails {
    /// What the picture is called.
    pub(crate) fn caption(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// The words in place of the picture.
    pub(crate) fn alt(&self) -> &str {
        self.alt_text.as_deref().unwrap_or(self.caption())
    }
}

impl Neighbour {
    /// What the picture is called.
    pub(crate) fn caption(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }
}

/// An image as the caller sees it. Blocks.
///
/// # Errors
/// If the caller does not see it, or it can't be read.
pub(crate) fn details(
    desk: &Desk,
    claims: &Claims,
    path: &GalleryPath,
    (sort, site): (Sort, &str),
) -> Result<ImageDetails, Refusal> {
    let shelf = desk.library.open()?;
    let (sight, entry) = Sight::image(&shelf, claims, path)?;
    let opened = shelf.image(path)?;
    let look = desk.look_at(&opened, entry.kind);
    let sidecar = sight.sidecar(&shelf, &entry);
    let images = ordered(desk, &shelf, &sight, sort);
    let at = images.iter().position(|image| image.name == entry.name);
    let neighbour = |index: Option<usize>| {
        let image = images.get(index?)?;
        Some(beside(claims, &shelf, &sight, (image, sort)))
    };
    Ok(ImageDetails {
        path: path.to_string(),
        name: entry.name.to_string(),
        title: sidecar.title.clone(),
        description: sidecar.description.clone(),
        alt_text: alt_text(&sidecar, sight.may),
        kind: entry.kind.name(),
        no_preview: look.is_undecodable,
        folder_title: title(&sight, site),
        bytes: opened.ident.size,
        hidden: sight.is_hidden(&entry),
        details: Shown::new(&look.details, &sidecar, sight.may),
        links: links_of(claims, &sight, (&entry, &look)),
        downloads: downloads(claims, &sight, (&entry, &look)),
        previous: neighbour(at.and_then(|at| at.checked_sub(1))),
        next: neighbour(at.map(|at| at + 1)),
    })
}

fn beside(
    claims: &Claims,
    shelf: &Shelf<'_>,
    sight: &Sight,
    (image, sort): (&Entry, Sort),
) -> Neighbour {
    let path = sight.path_of(image);
    let page = link(claims, "/view", &path);
    Neighbour {
        name: image.name.to_string(),
        title: sight.sidecar(shelf, image).title.clone(),
        page: if sort == Sort::default() { page } else { format!("{page}?sort={}", sort.name()) },
        api: link(claims, "/api/images", &path),
    }
}

/// The renditions that the caller may look at.
fn links_of(claims: &Claims, sight: &Sight, (entry, look): (&Entry, &Look)) -> ImageLinks {
    let path = sight.path_of(entry);
    let image = link(claims, "/image", &path);
    let size = |size: NamedSize| format!("{image}?size={}", size.name());
    let may = sight.may;
    let zoom = may.holds(Permission::DownloadMedium) || may.holds(Permission::UseZoom);
    let offer =
        |size_of, is_allowed: bool| (is_allowed && !look.is_undecodable).then(|| size(size_of));
    let medium = offer(NamedSize::Medium, zoom);
    let large = offer(NamedSize::Large, may.holds(Permission::DownloadLarge));
    ImageLinks {
        page: link(claims, "/view", &path),
        api: link(claims, "/api/images", &path),
        folder: link(claims, "/browse", &sight.path),
        thumbnail: size(NamedSize::Thumbnail),
        gallery: size(NamedSize::Gallery),
        medium,
        large,
    }
}

/// Everything that the caller could save, and nothing that would be refused.
fn downloads(claims: &Claims, sight: &Sight, (entry, look): (&Entry, &Look)) -> Vec<Download> {
    let path = sight.path_of(entry);
    let image = link(claims, "/image", &path);
    let mut found = Vec::new();
    let mut offer = |name, label: String, href: String| found.push(Download { name, label, href });
    if !look.is_undecodable {
        for (size, action, label) in [
            (NamedSize::Medium, Action::DownloadMedium, "Medium"),
            (NamedSize::Large, Action::DownloadLarge, "Large"),
        ] {
            if sight.may.allows(action) {
                let href = format!("{image}?size={}&download=1", size.name());
                offer(size.name(), label.to_owned(), href);
            }
        }
    }
    // a RAW file is offered as one, below; what is no picture can't be freed of details
    let is_whole = !look.details.is_undecodable || Privacy::of(sight.may).is_open();
    let is_open = is_whole && may_have_original(claims, sight.may, entry.kind);
    if entry.kind != Kind::Raw && is_open {
        offer("original", "Original".to_owned(), format!("{image}?size=original&download=1"));
    }
    let raw = link(claims, "/raw", &path);
    for file in sight.raws_of(entry) {
        let ext = extension(&file.name).unwrap_or_default();
        if may_have_raw(claims, sight.may) {
            // the first is found without, which matters for endings that no map of routes knows
            let is_first = sight.raw_of(entry, None).is_some_and(|first| first.name == file.name);
            let href = match is_first {
                true => raw.clone(),
                false => format!("{raw}?ext={}", ext.to_ascii_lowercase()),
            };
            offer("raw", format!("RAW ({})", ext.to_uppercase()), href);
        }
    }
    found
}

/// Whether a RAW file would be handed out.
pub(crate) fn may_have_raw(claims: &Claims, may: PermissionSet) -> bool {
    let is_open = Privacy::of(may).is_open() || claims.raw_keeps_metadata;
    may.allows(Action::DownloadRaw) && is_open
}

/// Whether the file itself would be handed out: what can't be redacted only to who sees all.
pub(crate) fn may_have_original(claims: &Claims, may: PermissionSet, kind: Kind) -> bool {
    let is_redactable = matches!(kind, Kind::Jpeg | Kind::Png | Kind::WebP);
    may.allows(Action::DownloadOriginal)
        && match kind {
            Kind::Raw => may_have_raw(claims, may),
            _ => is_redactable || Privacy::of(may).is_open(),
        }
}
