//! A folder or an image as one caller sees it, for JSON and for pages alike.

mod image;
mod order;

use std::sync::Arc;

use serde::Serialize;
use vestibule_grant::Claims;
use vestibule_schema::{Action, GalleryPath, PermissionSet};

pub(crate) use image::{ImageDetails, details, may_have_original, may_have_raw};
pub(crate) use order::ordered;

use crate::details::{Details, DetailsCache, Shown};
use crate::library::{Entry, Library, Opened, Shelf, Sidecar};
use crate::media::Kind;
use crate::refusal::Refusal;
use crate::render::Failures;
use crate::request::{Paging, Sort};
use crate::sight::Sight;

/// How many pictures stand for a folder.
const PREVIEWS: usize = 4;
/// How many folders are looked into for them.
const PREVIEW_FOLDERS: usize = 24;
/// How many pictures of one of them are looked at, whose headers must be read.
const PREVIEW_CANDIDATES: usize = 4 * PREVIEWS;

/// What a listing is made from.
#[derive(Debug)]
pub(crate) struct Desk {
    /// The library.
    pub(crate) library: Library,
    /// The headers that have been read.
    pub(crate) details: DetailsCache,
    /// The pictures that turned out not to be decodable.
    pub(crate) failures: Failures,
}

/// What is known of a picture before it is decoded.
#[derive(Debug)]
pub(crate) struct Look {
    /// What its header says.
    pub(crate) details: Arc<Details>,
    /// No rendition of it can be made, as far as is known.
    pub(crate) is_undecodable: bool,
}

/// A folder.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    pub(crate) path: String,
    pub(crate) title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) sort: &'static str,
    /// How many images there are in all.
    pub(crate) total: usize,
    /// How many files are no pictures, and so are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) other_files: usize,
    pub(crate) folders: Vec<Card>,
    pub(crate) images: Vec<Thumb>,
    /// Where the next images begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    pub(crate) links: FolderLinks,
}

/// What may be asked of a folder.
#[derive(Debug, Serialize)]
pub(crate) struct FolderLinks {
    pub(crate) page: String,
    pub(crate) api: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A sub-folder.
#[derive(Debug, Serialize)]
pub(crate) struct Card {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) title: String,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) hidden: bool,
    /// How many images are directly in it.
    pub(crate) images: usize,
    /// How many folders are directly in it.
    pub(crate) folders: usize,
    /// How many files directly in it are no pictures.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) other_files: usize,
    /// Thumbnails, of what is in it or below.
    pub(crate) previews: Vec<String>,
    pub(crate) links: FolderLinks,
}

/// An image in a listing.
#[derive(Debug, Serialize)]
pub(crate) struct Thumb {
    pub(crate) path: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alt_text: Option<String>,
    pub(crate) kind: &'static str,
    /// No size of it can be shown.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) no_preview: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) hidden: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) taken: Option<String>,
    pub(crate) links: ThumbLinks,
}

/// What may be asked of an image in a listing.
#[derive(Debug, Serialize)]
pub(crate) struct ThumbLinks {
    pub(crate) page: String,
    pub(crate) api: String,
    pub(crate) thumbnail: String,
    pub(crate) thumbnail_2x: String,
    pub(crate) gallery: String,
}

impl Listing {
    /// What is not shown, in words.
    pub(crate) fn unshown(&self) -> Option<String> {
        let files = match self.other_files {
            0 => return None,
            1 => "1 other file is not shown".to_owned(),
            count => format!("{count} other files are not shown"),
        };
        Some(match self.total {
            0 => format!("No pictures in this folder; {files}."),
            _ => format!("{files}."),
        })
    }
}

impl Card {
    /// What is in the folder, in words.
    pub(crate) fn contents(&self) -> String {
        let counted = |count, one: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {one}s"),
        };
        match (self.images, self.folders) {
            (0, 0) if self.other_files == 0 => "empty".to_owned(),
            (0, 0) => "no pictures".to_owned(),
            (images, 0) => counted(images, "picture"),
            (0, folders) => counted(folders, "folder"),
            (images, folders) => {
                format!("{} · {}", counted(images, "picture"), counted(folders, "folder"))
            }
        }
    }
}

impl Thumb {
    /// The words below the picture.
    pub(crate) fn caption(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// The words in place of the picture.
    pub(crate) fn alt(&self) -> &str {
        self.alt_text.as_deref().unwrap_or(self.caption())
    }

    /// Whether the picture is so wide that its thumbnail is too low for a row of the page.
    pub(crate) fn is_wide(&self) -> bool {
        self.width.zip(self.height).is_some_and(|(width, height)| width / 2 > height)
    }

    /// The class of the style sheet for the picture's shape: its width in tenths of its height.
    pub(crate) fn shape(&self) -> String {
        let sides = self.width.zip(self.height).filter(|(_, height)| *height > 0);
        // what is no picture takes a square
        let (width, height) = sides.filter(|_| !self.no_preview).unwrap_or((1, 1));
        let (width, height) = (u64::from(width), u64::from(height));
        match (width * 10 + height / 2) / height {
            tenths @ 0..=30 => format!("r{}", tenths.max(3)),
            _ => "wide".to_owned(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A target below the base of the site.
pub(crate) fn link(claims: &Claims, route: &str, path: &GalleryPath) -> String {
    format!("{}{route}{}", claims.base, path.encoded())
}

impl Desk {
    /// A folder, with one page of its images. Blocks.
    ///
    /// # Errors
    /// If the caller does not see it, or it can't be read.
    pub(crate) fn listing(
        &self,
        claims: &Claims,
        path: &GalleryPath,
        paging: Paging,
        site: &str,
    ) -> Result<Listing, Refusal> {
        let shelf = self.library.open()?;
        let sight = Sight::folder(&shelf, claims, path)?;
        let folders = sight.folders(&shelf, claims);
        let images = ordered(self, &shelf, &sight, paging.sort);
        let shown = images.iter().skip(paging.skip).take(paging.limit);
        let thumbs: Vec<Thumb> =
            shown.map(|entry| self.thumb(claims, &shelf, &sight, (entry, paging.sort))).collect();
        let next = paging.skip.saturating_add(paging.limit);
        let next = (next < images.len()).then(|| next.to_string());
        let mut links = folder_links(claims, &sight);
        links.next = next
            .as_ref()
            .map(|next| format!("{}?cursor={next}&sort={}", links.page, paging.sort.name()));
        Ok(Listing {
            path: path.to_string(),
            title: title(&sight, site),
            description: sight.rules.description(),
            sort: paging.sort.name(),
            total: images.len(),
            other_files: sight.count_others(),
            // the folders stand on the first page only
            folders: match paging.skip {
                0 => folders.iter().map(|folder| self.card(claims, &shelf, folder)).collect(),
                _ => Vec::new(),
            },
            images: thumbs,
            next_cursor: next,
            links,
        })
    }

    /// Looks at an image of a folder; of one that can't be opened nothing is known.
    pub(crate) fn look(&self, shelf: &Shelf<'_>, sight: &Sight, entry: &Entry) -> Look {
        match shelf.image(&sight.path_of(entry)) {
            Ok(opened) => self.look_at(&opened, entry.kind),
            Err(_) => {
                Look { details: Arc::default(), is_undecodable: entry.kind == Kind::Undecodable }
            }
        }
    }

    /// Looks at an open image.
    pub(crate) fn look_at(&self, opened: &Opened, kind: Kind) -> Look {
        let details = self.details.read(opened, kind);
        let is_undecodable =
            kind == Kind::Undecodable || details.is_undecodable || self.failures.hold(opened, kind);
        Look { details, is_undecodable }
    }

    fn thumb(
        &self,
        claims: &Claims,
        shelf: &Shelf<'_>,
        sight: &Sight,
        (entry, sort): (&Entry, Sort),
    ) -> Thumb {
        let path = sight.path_of(entry);
        let sidecar = sight.sidecar(shelf, entry);
        let look = self.look(shelf, sight, entry);
        let shown = Shown::new(&look.details, &sidecar, sight.may);
        let image = link(claims, "/image", &path);
        let page = link(claims, "/view", &path);
        let page =
            if sort == Sort::default() { page } else { format!("{page}?sort={}", sort.name()) };
        Thumb {
            path: path.to_string(),
            name: entry.name.to_string(),
            title: sidecar.title.clone(),
            alt_text: alt_text(&sidecar, sight.may),
            kind: entry.kind.name(),
            no_preview: look.is_undecodable,
            hidden: sight.is_hidden(entry),
            width: shown.width,
            height: shown.height,
            taken: shown.taken,
            links: ThumbLinks {
                page,
                api: link(claims, "/api/images", &path),
                thumbnail: format!("{image}?size=thumbnail"),
                thumbnail_2x: format!("{image}?size=thumbnail@2x"),
                gallery: format!("{image}?size=gallery"),
            },
        }
    }

    fn card(&self, claims: &Claims, shelf: &Shelf<'_>, sight: &Sight) -> Card {
        Card {
            path: sight.path.to_string(),
            name: sight.path.name().unwrap_or_default().to_owned(),
            title: title(sight, ""),
            hidden: sight.rules.is_hidden,
            images: sight.images().count(),
            folders: sight.folders(shelf, claims).len(),
            other_files: sight.count_others(),
            previews: self.previews(claims, shelf, sight),
            links: folder_links(claims, sight),
        }
    }

    /// Thumbnails of the first pictures that the caller sees in a folder, else below it.
    fn previews(&self, claims: &Claims, shelf: &Shelf<'_>, sight: &Sight) -> Vec<String> {
        let mut found = Vec::new();
        let mut waiting = std::collections::VecDeque::from([sight.clone()]);
        for _ in 0..PREVIEW_FOLDERS {
            let Some(folder) = waiting.pop_front() else { break };
            let candidates = folder.images().filter(|entry| entry.kind != Kind::Undecodable);
            let decodable = |entry: &&Entry| !self.look(shelf, &folder, entry).is_undecodable;
            let images = candidates.take(PREVIEW_CANDIDATES).filter(decodable);
            found.extend(images.take(PREVIEWS - found.len()).map(|entry| {
                format!("{}?size=thumbnail", link(claims, "/image", &folder.path_of(entry)))
            }));
            if found.len() >= PREVIEWS {
                break;
            }
            // nearer pictures first
            waiting.extend(folder.folders(shelf, claims));
        }
        found
    }
}

/// The alternative text of a picture, for who may see it.
fn alt_text(sidecar: &Sidecar, may: PermissionSet) -> Option<String> {
    sidecar.alt_text.clone().filter(|_| may.allows(Action::SeeAiAltText))
}

/// The title of a folder; the root's last resort is the site's name.
pub(crate) fn title(sight: &Sight, site: &str) -> String {
    sight.rules.title().or(sight.path.name()).unwrap_or(site).to_owned()
}

fn folder_links(claims: &Claims, sight: &Sight) -> FolderLinks {
    let zip = sight.may.allows(Action::DownloadGallery);
    FolderLinks {
        page: link(claims, "/browse", &sight.path),
        api: link(claims, "/api/folders", &sight.path),
        zip: zip.then(|| link(claims, "/zip", &sight.path)),
        next: None,
    }
}
