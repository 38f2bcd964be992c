//! Renditions, originals and RAW files.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use vestibule_schema::{Action, GalleryPath, NamedSize, PermissionSet, Sizes};

use super::{Ask, Shared, etag};
use crate::download::{self, Dates, Download};
use crate::library::{Entry, Opened};
use crate::listing::may_have_raw;
use crate::media::{Format, Kind, stem};
use crate::redact::Privacy;
use crate::refusal::Refusal;
use crate::render::Job;
use crate::reply::{self, Body};
use crate::request::{Density, Disposition, Picture};
use crate::sight::Sight;

/// A file that the caller may have something of.
struct Found {
    entry: Entry,
    may: PermissionSet,
    opened: Opened,
}

/// What a picture needs beside `view` (`permissions.md` 6).
fn check(
    sizes: Sizes,
    picture: Picture,
    disposition: Disposition,
    may: PermissionSet,
) -> Result<(), Refusal> {
    let needed = match picture {
        Picture::Original => Some(Action::DownloadOriginal),
        Picture::Size(size, density) => match covering(sizes, size, density) {
            Some(NamedSize::Thumbnail | NamedSize::Gallery) => None,
            Some(NamedSize::Medium) => Some(Action::DownloadMedium),
            Some(NamedSize::Large) => Some(Action::DownloadLarge),
            None => Some(Action::DownloadOriginal),
        },
    };
    let Some(needed) = needed else { return Ok(()) };
    // the loupe shows the medium size in the page
    let by_zoom = needed == Action::DownloadMedium
        && disposition == Disposition::Inline
        && may.allows(Action::UseZoom);
    if may.allows(needed) || by_zoom { Ok(()) } else { Err(Refusal::Forbidden(needed)) }
}

/// The named size whose permission a size needs; `None`: the original's.
fn covering(sizes: Sizes, size: NamedSize, density: Density) -> Option<NamedSize> {
    match density {
        Density::Single => Some(size),
        Density::Double => sizes.covering(pixels(sizes, size, density)),
    }
}

fn pixels(sizes: Sizes, size: NamedSize, density: Density) -> u32 {
    match density {
        Density::Single => sizes.pixels(size),
        Density::Double => sizes.pixels(size).saturating_mul(2),
    }
}

impl Shared {
    /// `GET /image/…`.
    pub(super) async fn image(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        path: GalleryPath,
        picture: Picture,
        disposition: Disposition,
    ) -> Result<Response<Body>, Refusal> {
        let (claims, at) = (Arc::clone(&ask.claims), path.clone());
        let found = self
            .blocking(&self.finders, move |shared| {
                let shelf = shared.desk.library.open()?;
                let (sight, entry) = Sight::image(&shelf, &claims, &at)?;
                check(shared.sizes, picture, disposition, sight.may)?;
                Ok(Found { opened: shelf.image(&at)?, entry, may: sight.may })
            })
            .await?;
        match picture {
            Picture::Original => self.original(ask, found, disposition).await,
            Picture::Size(size, density) => {
                self.rendition(ask, (path, found), (size, density), disposition).await
            }
        }
    }

    async fn rendition(
        &self,
        ask: &Ask<'_>,
        (path, found): (GalleryPath, Found),
        (size, density): (NamedSize, Density),
        disposition: Disposition,
    ) -> Result<Response<Body>, Refusal> {
        let accept = ask.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let format = match disposition {
            Disposition::Inline => Format::accepted(accept),
            // what is saved is what every program opens
            Disposition::Attachment => Format::Jpeg,
        };
        let name = found.entry.name;
        let pixels = pixels(self.sizes, size, density);
        let job = Job { opened: found.opened, path, kind: found.entry.kind, pixels, format };
        let etag = etag::etag(&self.etags, &[&job.key()]);
        let mut response = if download::is_unchanged(ask.headers, &etag, None) {
            download::not_modified(&etag)
        } else {
            let bytes = self.renderer.rendition(job).await?;
            reply::bytes(StatusCode::OK, format.content_type(), bytes)
        };
        reply::set(&mut response, header::ETAG, &etag);
        reply::set(&mut response, header::CACHE_CONTROL, reply::KEEP);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        if disposition == Disposition::Attachment {
            let name = format!("{}-{}.{}", stem(&name), size.name(), format.extension());
            reply::set(&mut response, header::CONTENT_DISPOSITION, &reply::attachment(&name));
        }
        Ok(response)
    }

    /// The file itself, freed of what the caller may not see.
    async fn original(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        found: Found,
        disposition: Disposition,
    ) -> Result<Response<Body>, Refusal> {
        let Found { entry, may, opened } = found;
        if entry.kind == Kind::Raw {
            return self.raw_file(ask, Found { entry, may, opened });
        }
        let privacy = Privacy::of(may);
        let work = move |shared: &Shared| {
            let pieces = shared.redactor.redact(&opened, entry.kind, privacy)?;
            Ok((pieces, opened, entry))
        };
        let (pieces, opened, entry) = self.blocking(&self.redactions, work).await?;
        let file = Download {
            content_type: entry.kind.content_type(&entry.name),
            etag: etag::etag(&self.etags, &[&opened.ident.to_bytes(), &[privacy.bits()]]),
            dates: dates(privacy),
            opened,
            pieces,
        };
        let mut response = file.respond(ask.headers)?;
        if disposition == Disposition::Attachment {
            reply::set(&mut response, header::CONTENT_DISPOSITION, &reply::attachment(&entry.name));
        }
        Ok(response)
    }

    /// `GET /raw/…`.
    pub(super) async fn raw(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        path: GalleryPath,
        ext: Option<String>,
    ) -> Result<Response<Body>, Refusal> {
        let claims = Arc::clone(&ask.claims);
        let found = self
            .blocking(&self.finders, move |shared| {
                let shelf = shared.desk.library.open()?;
                let (sight, entry) = Sight::image(&shelf, &claims, &path)?;
                if !sight.may.allows(Action::DownloadRaw) {
                    return Err(Refusal::Forbidden(Action::DownloadRaw));
                }
                let raw = sight.raw_of(&entry, ext.as_deref()).ok_or(Refusal::NotFound)?;
                let opened = shelf.image(&sight.path_of(raw))?;
                Ok(Found { opened, entry: raw.clone(), may: sight.may })
            })
            .await?;
        self.raw_file(ask, found)
    }

    /// A RAW file goes out as it is, or not at all: it can't be redacted.
    fn raw_file(&self, ask: &Ask<'_>, found: Found) -> Result<Response<Body>, Refusal> {
        let Found { entry, may, opened } = found;
        if !may.allows(Action::DownloadRaw) {
            return Err(Refusal::Forbidden(Action::DownloadRaw));
        }
        if !may_have_raw(&ask.claims, may) {
            return Err(Refusal::NotRedactable("RAW file"));
        }
        let file = Download {
            content_type: entry.kind.content_type(&entry.name),
            etag: etag::etag(&self.etags, &[&opened.ident.to_bytes(), b"raw"]),
            dates: dates(Privacy::of(may)),
            pieces: Arc::new(crate::redact::Pieces::whole(opened.ident.size)),
            opened,
        };
        let mut response = file.respond(ask.headers)?;
        reply::set(&mut response, header::CONTENT_DISPOSITION, &reply::attachment(&entry.name));
        Ok(response)
    }
}

fn dates(privacy: Privacy) -> Dates {
    if privacy.dates { Dates::Shown } else { Dates::Withheld }
}

#[cfg(test)]
mod tests {
    use vestibule_schema::Permission;

    use super::*;

    fn needs(picture: Picture, disposition: Disposition, held: &[Permission]) -> Option<Action> {
        let may = held.iter().copied().collect::<PermissionSet>().with(Permission::View);
        match check(Sizes::default(), picture, disposition, may) {
            Err(Refusal::Forbidden(action)) => Some(action),
            _ => None,
        }
    }

    /// The table of `permissions.md` 6.
    #[test]
    fn every_size_needs_what_the_table_says() {
        use Disposition::{Attachment, Inline};
        let single = |size| Picture::Size(size, Density::Single);
        let double = |size| Picture::Size(size, Density::Double);
        let check = |picture, action| assert_eq!(needs(picture, Inline, &[]), action);
        check(single(NamedSize::Thumbnail), None);
        check(double(NamedSize::Thumbnail), None);
        check(single(NamedSize::Gallery), None);
        check(double(NamedSize::Gallery), Some(Action::DownloadLarge));
        check(single(NamedSize::Medium), Some(Action::DownloadMedium));
        check(double(NamedSize::Medium), Some(Action::DownloadOriginal));
        check(single(NamedSize::Large), Some(Action::DownloadLarge));
        check(double(NamedSize::Large), Some(Action::DownloadOriginal));
        check(Picture::Original, Some(Action::DownloadOriginal));
        let medium = single(NamedSize::Medium);
        assert_eq!(needs(medium, Inline, &[Permission::UseZoom]), None);
        assert_eq!(needs(medium, Attachment, &[Permission::UseZoom]), Some(Action::DownloadMedium));
        assert_eq!(needs(medium, Attachment, &[Permission::DownloadMedium]), None);
    }
}
