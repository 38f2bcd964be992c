//! What a request's target asks for.

use vestibule_schema::{GalleryPath, NamedSize};

use crate::refusal::Refusal;

/// How many images a listing gives at once.
pub(crate) const PAGE: usize = 200;
/// The most that a caller may ask for.
const MAX_PAGE: usize = 1000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The page of a folder.
    Browse(GalleryPath, Paging),
    /// The page of an image.
    View(GalleryPath, Sort),
    /// A folder as JSON.
    Folder(GalleryPath, Paging),
    /// An image's details as JSON.
    Details(GalleryPath),
    /// The picture itself.
    Image(GalleryPath, Picture, Disposition),
    /// The RAW file that belongs to an image.
    Raw(GalleryPath, Option<String>),
    /// A folder as ZIP archive.
    Zip(GalleryPath),
    /// A file of our own.
    Asset(String),
}

/// Which part of a folder's images, in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) sort: Sort,
    /// How many images come before.
    pub(crate) skip: usize,
    /// How many images at most.
    pub(crate) limit: usize,
}

/// An order of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sort {
    pub(crate) by: SortBy,
    pub(crate) direction: Direction,
}

/// What images are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SortBy {
    /// The name, as people expect it.
    #[default]
    Name,
    /// When it was taken; images without a date come last.
    Date,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Direction {
    /// The smallest first.
    #[default]
    Up,
    /// The largest first.
    Down,
}

/// Which picture of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Picture {
    /// The file itself.
    Original,
    /// A rendition.
    Size(NamedSize, Density),
}

/// How many pixels stand for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Density {
    /// As many.
    Single,
    /// Twice as many on each side.
    Double,
}

/// Whether a file is shown in place or saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Shown.
    Inline,
    /// Saved.
    Attachment,
}

impl Sort {
    /// The text in a query.
    pub(crate) fn name(self) -> &'static str {
        match (self.by, self.direction) {
            (SortBy::Name, Direction::Up) => "name",
            (SortBy::Name, Direction::Down) => "-name",
            (SortBy::Date, Direction::Up) => "date",
            (SortBy::Date, Direction::Down) => "-date",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [SortBy::Name, SortBy::Date].into_iter().flat_map(|by| {
            [Direction::Up, Direction::Down].map(|direction| Self { by, direction })
        });
        all.into_iter().find(|sort| sort.name() == name)
    }
}

impl Route {
    /// Reads a target.
    ///
    /// # Errors
    /// A path or query that can't be read, or no route of ours.
    pub(crate) fn parse(path: &str, query: Option<&str>) -> Result<Self, Refusal> {
        let query = Query::parse(query.unwrap_or_default())?;
        if path == "/" {
            return Ok(Route::Browse(GalleryPath::root(), query.paging()?));
        }
        let rest = path.strip_prefix('/').ok_or(Refusal::NotFound)?;
        let at =
            |prefix: &str| rest.strip_prefix(prefix).filter(|r| r.is_empty() || r.starts_with('/'));
        if let Some(rest) = at("browse") {
            return Ok(Route::Browse(folder(rest)?, query.paging()?));
        }
        if let Some(rest) = at("api/folders") {
            return Ok(Route::Folder(folder(rest)?, query.paging()?));
        }
        if let Some(rest) = at("zip") {
            return Ok(Route::Zip(folder(rest)?));
        }
        if let Some(rest) = at("view") {
            query.unfiltered()?;
            return Ok(Route::View(image(rest)?, query.sort()?));
        }
        if let Some(rest) = at("api/images") {
            return Ok(Route::Details(image(rest)?));
        }
        if let Some(rest) = at("image") {
            return Ok(Route::Image(image(rest)?, query.picture()?, query.disposition()?));
        }
        if let Some(rest) = at("raw") {
            return Ok(Route::Raw(image(rest)?, query.get("ext").map(str::to_owned)));
        }
        match at("assets").and_then(|rest| rest.strip_prefix('/')) {
            Some(name) => Ok(Route::Asset(name.to_owned())),
            None => Err(Refusal::NotFound),
        }
    }

    /// Whether a person looks at the answer: then a refusal is a page too.
    pub(crate) fn is_page(&self) -> bool {
        matches!(self, Route::Browse(..) | Route::View(..))
    }
}

fn folder(rest: &str) -> Result<GalleryPath, Refusal> {
    let rest = if rest.is_empty() { "/" } else { rest };
    GalleryPath::from_encoded(rest).map(|path| path.as_folder()).map_err(Refusal::Path)
}

fn image(rest: &str) -> Result<GalleryPath, Refusal> {
    let path = GalleryPath::from_encoded(rest).map_err(Refusal::Path)?;
    if path.is_folder() { Err(Refusal::NotFound) } else { Ok(path) }
}

/// The pairs of a query, decoded; every key at most once.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (key, value) in form_urlencoded::parse(text.as_bytes()).into_owned() {
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(Refusal::Query("a key of the query is given twice"));
            }
            pairs.push((key, value));
        }
        Ok(Self(pairs))
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    fn sort(&self) -> Result<Sort, Refusal> {
        self.get("sort").map_or(Ok(Sort::default()), |name| {
            Sort::from_name(name)
                .ok_or(Refusal::Query("`sort` must be `name`, `-name`, `date` or `-date`"))
        })
    }

    /// Refuses a filter: there is nothing yet to filter by, and all is not what was asked for.
    fn unfiltered(&self) -> Result<(), Refusal> {
        match self.get("filter") {
            None => Ok(()),
            Some(_) => Err(Refusal::Query("`filter` is not supported by this gallery")),
        }
    }

    fn paging(&self) -> Result<Paging, Refusal> {
        self.unfiltered()?;
        let number = |key, default: usize, message| {
            self.get(key)
                .map_or(Ok(default), |text| text.parse().map_err(|_| Refusal::Query(message)))
        };
        let skip = number("cursor", 0, "`cursor` must be one that a listing gave")?;
        let limit = number("limit", PAGE, "`limit` must be a number from 1 to 1000")?;
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Refusal::Query("`limit` must be a number from 1 to 1000"));
        }
        Ok(Paging { sort: self.sort()?, skip, limit })
    }

    fn picture(&self) -> Result<Picture, Refusal> {
        let size = self.get("size").unwrap_or_default();
        if size == "original" {
            return Ok(Picture::Original);
        }
        let (name, density) = match size.strip_suffix("@2x") {
            Some(name) => (name, Density::Double),
            None => (size, Density::Single),
        };
        let size = NamedSize::from_name(name).ok_or(Refusal::Query(
            "`size` must be `thumbnail`, `gallery`, `medium` or `large` (each also with `@2x`), \
             or `original`",
        ))?;
        Ok(Picture::Size(size, density))
    }

    fn disposition(&self) -> Result<Disposition, Refusal> {
        match self.get("download") {
            None => Ok(Disposition::Inline),
            Some("1") => Ok(Disposition::Attachment),
            Some(_) => Err(Refusal::Query("`download` must be `1`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, expected: &Result<Route, Refusal>) {
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        assert_eq!(&Route::parse(path, query), expected, "{target}");
    }

    fn path(text: &str) -> GalleryPath {
        GalleryPath::from_decoded(text).unwrap()
    }

    #[test]
    fn targets_are_read_once_and_strictly() {
        let paging = Paging { sort: Sort::default(), skip: 0, limit: PAGE };
        check("/", &Ok(Route::Browse(path("/"), paging)));
        check("/browse/a%20b", &Ok(Route::Browse(path("/a b/"), paging)));
        check("/api/folders", &Ok(Route::Folder(path("/"), paging)));
        let newest = Sort { by: SortBy::Date, direction: Direction::Down };
        check(
            "/api/folders/?sort=-date&cursor=200&limit=10",
            &Ok(Route::Folder(path("/"), Paging { sort: newest, skip: 200, limit: 10 })),
        );
        check("/zip/a/", &Ok(Route::Zip(path("/a/"))));
        check("/raw/a.jpg?ext=dng", &Ok(Route::Raw(path("/a.jpg"), Some("dng".into()))));
        let double = Picture::Size(NamedSize::Gallery, Density::Double);
        check(
            "/image/a.jpg?size=gallery@2x",
            &Ok(Route::Image(path("/a.jpg"), double, Disposition::Inline)),
        );
        check(
            "/image/a.jpg?size=gallery%402x&download=1",
            &Ok(Route::Image(path("/a.jpg"), double, Disposition::Attachment)),
        );
        check(
            "/image/a.jpg?size=original",
            &Ok(Route::Image(path("/a.jpg"), Picture::Original, Disposition::Inline)),
        );
        for missing in [
            "/browser/",
            "/imagex/a.jpg?size=thumbnail",
            "/nothing",
            "/assets",
            "/image/a/?size=large",
        ] {
            check(missing, &Err(Refusal::NotFound));
        }
        for bad in [
            "/image/a.jpg",
            "/image/a.jpg?size=huge",
            "/image/a.jpg?size=original@2x",
            "/image/a.jpg?size=thumbnail&size=original",
            "/image/a.jpg?size=large&download=0",
            "/?sort=size",
            "/?filter=picks",
            "/browse/?filter=",
            "/api/folders/?filter=tags&sort=date",
            "/view/a.jpg?filter=comments",
            "/?cursor=-1",
            "/?limit=0",
            "/?limit=1001",
        ] {
            let (path, query) = bad.split_once('?').unwrap_or((bad, ""));
            assert!(matches!(Route::parse(path, Some(query)), Err(Refusal::Query(_))), "{bad}");
        }
        for bad in
            ["/browse/../x", "/image/a%2Fb.jpg?size=large", "/image//a.jpg?size=large", "/zip/%00/"]
        {
            let (path, query) = bad.split_once('?').unwrap_or((bad, ""));
            assert!(matches!(Route::parse(path, Some(query)), Err(Refusal::Path(_))), "{bad}");
        }
    }
}
