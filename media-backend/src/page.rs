//! The pages: plain HTML that needs no script.

use askama::Template;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use vestibule_grant::{Claims, Subject};
use vestibule_schema::{GalleryPath, NamedSize, Sizes};

use crate::listing::{ImageDetails, Listing, link};
use crate::refusal::Refusal;
use crate::reply::{self, Body};
use crate::request::{Direction, Paging, Sort, SortBy};

const STYLE: &str = include_str!("../assets/gallery.css");

/// What all pages have around their content.
struct Frame {
    base: String,
    /// Who has signed in.
    user: Option<String>,
    /// The first letter of the name, as a mark beside it.
    initial: String,
    /// The page to come back to, encoded for a query.
    back: String,
    crumbs: Vec<Crumb>,
}

/// What the folders above are called.
#[derive(Clone, Copy)]
struct Names<'a> {
    /// The site, after which the root is called.
    site: &'a str,
    /// The title of the folder that holds the image.
    folder: Option<&'a str>,
}

/// A folder above, and where it is. The last has no link: it is the page itself.
struct Crumb {
    name: String,
    href: String,
}

/// A way to sort.
struct Choice {
    label: &'static str,
    href: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "browse.html")]
struct Browse<'a> {
    frame: Frame,
    listing: &'a Listing,
    paragraphs: Vec<&'a str>,
    choices: Vec<Choice>,
    first: usize,
    last: usize,
}

#[derive(Template)]
#[template(path = "view.html")]
struct View<'a> {
    frame: Frame,
    image: &'a ImageDetails,
    paragraphs: Vec<&'a str>,
    facts: Vec<(&'static str, String)>,
    map: Option<String>,
    sources: Option<Sources>,
}

/// The renditions that a browser may choose from, and how wide it will show them.
struct Sources {
    srcset: String,
    sizes: String,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    frame: Frame,
    title: &'a str,
    message: String,
}

/// The page of a folder.
pub(crate) fn browse(
    listing: &Listing,
    path: &GalleryPath,
    paging: Paging,
    (claims, site): (&Claims, &str),
) -> Result<Response<Body>, Refusal> {
    let page = &listing.links.page;
    let choice = |label, by, direction| {
        let sort = Sort { by, direction };
        Choice {
            label,
            href: format!("{page}?sort={}", sort.name()),
            is_chosen: sort == paging.sort,
        }
    };
    let view = Browse {
        frame: Frame::new(claims, "/browse", path, Names { site, folder: None }),
        paragraphs: paragraphs(&listing.description),
        choices: vec![
            choice("Name", SortBy::Name, Direction::Up),
            choice("Oldest", SortBy::Date, Direction::Up),
            choice("Newest", SortBy::Date, Direction::Down),
        ],
        first: paging.skip + 1,
        last: paging.skip + listing.images.len(),
        listing,
    };
    render(StatusCode::OK, &view)
}

fn paragraphs(text: &str) -> Vec<&str> {
    text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()).collect()
}

/// The page of an image.
pub(crate) fn view(
    image: &ImageDetails,
    path: &GalleryPath,
    (claims, site): (&Claims, &str),
    sizes: Sizes,
) -> Result<Response<Body>, Refusal> {
    let location = image.details.location;
    let page = View {
        frame: Frame::new(claims, "/view", path, Names { site, folder: Some(&image.folder_title) }),
        facts: facts(image),
        map: location.map(|at| {
            let (lat, lon) = (at.latitude, at.longitude);
            format!("https://www.openstreetmap.org/?mlat={lat:.5}&mlon={lon:.5}#map=14/{lat:.5}/{lon:.5}")
        }),
        sources: sources(image, sizes),
        paragraphs: paragraphs(&image.description),
        image,
    };
    render(StatusCode::OK, &page)
}

/// The sizes of a picture as the browser must know them to choose: sizes count on the long side
/// and nothing is enlarged, so the widths follow from the picture's measures.
fn sources(image: &ImageDetails, sizes: Sizes) -> Option<Sources> {
    let (width, height) = image.details.width.zip(image.details.height)?;
    let long = u64::from(width.max(height));
    let links = &image.links;
    let offered = [
        (Some(&links.gallery), NamedSize::Gallery),
        (links.medium.as_ref(), NamedSize::Medium),
        (links.large.as_ref(), NamedSize::Large),
    ];
    let mut found: Vec<(u64, &String)> = Vec::new();
    for (href, size) in offered {
        let pixels = u64::from(sizes.pixels(size)).min(long);
        let shown = (u64::from(width) * pixels).div_ceil(long).max(1);
        // a picture that is small anyhow is the same in each size
        if found.last().is_none_or(|(last, _)| *last < shown) {
            found.extend(href.map(|href| (shown, href)));
        }
    }
    let (widest, _) = *found.last()?;
    let set = found.iter().map(|(width, href)| format!("{href} {width}w"));
    Some(Sources {
        srcset: set.collect::<Vec<_>>().join(", "),
        sizes: format!("min(100vw - 2rem, 80vh * {width} / {height}, {widest}px)"),
    })
}

/// The table of what a picture says of itself, as far as the caller may see it.
fn facts(image: &ImageDetails) -> Vec<(&'static str, String)> {
    let shown = &image.details;
    let mut facts = Vec::new();
    facts.extend(shown.taken_in_words.clone().map(|taken| ("Taken", taken)));
    facts.extend(shown.width.zip(shown.height).map(|(w, h)| ("Size", format!("{w} × {h} pixels"))));
    let bytes = bytes_for_people(image.bytes);
    facts.push(match image.title {
        // the name stands above otherwise
        Some(_) => ("File", format!("{}, {bytes}", image.name)),
        None => ("File", bytes),
    });
    let labels = [
        ("camera", "Camera"),
        ("lens", "Lens"),
        ("focal_length", "Focal length"),
        ("aperture", "Aperture"),
        ("exposure", "Exposure"),
        ("iso", "ISO"),
        ("software", "Software"),
        ("serial_number", "Serial number"),
    ];
    for (name, label) in labels {
        let value = shown.technical.as_ref().and_then(|technical| technical.get(name));
        facts.extend(value.map(|value| (label, value.clone())));
    }
    facts.extend(shown.place.clone().map(|place| ("Place", place)));
    facts.extend(
        shown.location.map(|at| ("Location", format!("{:.5}, {:.5}", at.latitude, at.longitude))),
    );
    facts
}

fn bytes_for_people(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

/// A refusal as a page. It names no folder: that there is one may be what is withheld.
pub(crate) fn refused(refusal: Refusal, claims: &Claims) -> Response<Body> {
    let title = match refusal {
        Refusal::NotFound => "Nothing here",
        Refusal::LibraryGone | Refusal::Unreadable | Refusal::Busy => "Not now",
        _ => "Not possible",
    };
    // above the root there is nothing to name
    let names = Names { site: "", folder: None };
    let frame = Frame::new(claims, "/browse", &GalleryPath::root(), names);
    let page = Refused { frame, title, message: refusal.to_string() };
    let mut response = render(refusal.status(), &page).unwrap_or_else(|_| reply::refusal(refusal));
    reply::mark(&mut response, refusal);
    response
}

/// A file of our own.
pub(crate) fn asset(name: &str) -> Option<Response<Body>> {
    let (kind, text) = match name {
        "gallery.css" => ("text/css; charset=utf-8", STYLE),
        _ => return None,
    };
    let mut response = reply::bytes(StatusCode::OK, kind, Bytes::from_static(text.as_bytes()));
    let keep = HeaderValue::from_static("private, max-age=3600");
    response.headers_mut().insert(header::CACHE_CONTROL, keep);
    Some(response)
}

fn render(status: StatusCode, page: &impl Template) -> Result<Response<Body>, Refusal> {
    let html = page.render().map_err(|error| {
        tracing::error!(%error, "can't render a page");
        Refusal::Internal
    })?;
    Ok(reply::page(status, html))
}

impl Names<'_> {
    /// The name of a folder above. The grant says of none but the nearest whether the caller may
    /// view it: without that, its title may be what is withheld, and its name is in the address.
    fn of<'a>(&'a self, folder: &'a GalleryPath, nearest: Option<&GalleryPath>) -> &'a str {
        let title = self.folder.filter(|_| nearest == Some(folder));
        title.or(folder.name()).unwrap_or(self.site)
    }
}

impl Frame {
    fn new(claims: &Claims, route: &str, path: &GalleryPath, names: Names<'_>) -> Self {
        let here = link(claims, route, path);
        let mut above: Vec<GalleryPath> = Vec::new();
        let mut at = path.parent();
        while let Some(folder) = at {
            at = folder.parent();
            above.push(folder);
        }
        let crumb = |folder: &GalleryPath| Crumb {
            name: names.of(folder, above.first()).to_owned(),
            href: link(claims, "/browse", folder),
        };
        let user = match &claims.subject {
            Subject::User { name } => Some(name.clone()),
            Subject::Visitor => None,
        };
        Self {
            base: claims.base.clone(),
            initial: initial(user.as_deref().unwrap_or_default()),
            user,
            back: utf8_percent_encode(&here, NON_ALPHANUMERIC).to_string(),
            crumbs: above.iter().rev().map(crumb).collect(),
        }
    }
}

fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).into_iter().flat_map(char::to_uppercase).collect()
}
