//! Which files are pictures, and in which formats renditions are made.

use std::cmp::Ordering;

use vestibule_schema::hidden::is_raw_name;

/// What a file is by its name. The name alone is never believed where bytes are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
    /// GIF.
    Gif,
    /// TIFF.
    Tiff,
    /// A camera's RAW file.
    Raw,
    /// HEIC or AVIF, for which there is no decoder here: listed, and the original is served.
    Undecodable,
}

impl Kind {
    /// The kind of a file's name; `None` if it is no picture and is not served at all.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let extension = extension(name)?.to_ascii_lowercase();
        match extension.as_str() {
            "jpg" | "jpeg" => Some(Kind::Jpeg),
            "png" => Some(Kind::Png),
            "webp" => Some(Kind::WebP),
            "gif" => Some(Kind::Gif),
            "tif" | "tiff" => Some(Kind::Tiff),
            "heic" | "heif" | "avif" => Some(Kind::Undecodable),
            _ => is_raw_name(name).then_some(Kind::Raw),
        }
    }

    /// The content type of the file itself.
    pub(crate) fn content_type(self, name: &str) -> &'static str {
        match self {
            Kind::Jpeg => "image/jpeg",
            Kind::Png => "image/png",
            Kind::WebP => "image/webp",
            Kind::Gif => "image/gif",
            Kind::Tiff => "image/tiff",
            Kind::Raw => "application/octet-stream",
            Kind::Undecodable => match extension(name) {
                Some(extension) if extension.eq_ignore_ascii_case("avif") => "image/avif",
                _ => "image/heic",
            },
        }
    }

    /// The name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Jpeg => "jpeg",
            Kind::Png => "png",
            Kind::WebP => "webp",
            Kind::Gif => "gif",
            Kind::Tiff => "tiff",
            Kind::Raw => "raw",
            Kind::Undecodable => "unsupported",
        }
    }

    /// Whether the bytes begin as files of this kind do.
    pub(crate) fn matches(self, head: &[u8]) -> bool {
        let tiff = head.starts_with(b"II*\0") || head.starts_with(b"MM\0*");
        match self {
            Kind::Jpeg => head.starts_with(b"\xFF\xD8\xFF"),
            Kind::Png => head.starts_with(b"\x89PNG\r\n\x1a\n"),
            Kind::WebP => head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP"),
            Kind::Gif => head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a"),
            Kind::Tiff => tiff,
            Kind::Raw => {
                tiff || head.starts_with(b"II")
                    || head.starts_with(b"MM")
                    || head.starts_with(b"FUJIFILM")
                    || head.get(4..8) == Some(b"ftyp")
            }
            Kind::Undecodable => head.get(4..8) == Some(b"ftyp"),
        }
    }
}

/// A format in which renditions are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// JPEG, for everybody.
    Jpeg,
    /// WebP, for who accepts it.
    WebP,
}

impl Format {
    /// The content type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::WebP => "image/webp",
        }
    }

    /// The extension of a file.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Format::Jpeg => "jpg",
            Format::WebP => "webp",
        }
    }

    /// The format for an `Accept` header: WebP only where it is named and not refused.
    pub(crate) fn accepted(accept: Option<&str>) -> Self {
        let named = accept.unwrap_or_default().split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_webp = parts.next().is_some_and(|t| t.eq_ignore_ascii_case("image/webp"));
            let refused = parts.any(|p| {
                p.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
            });
            is_webp && !refused
        });
        if named { Format::WebP } else { Format::Jpeg }
    }
}

/// The name without its extension: what a picture and its RAW files have in common.
pub(crate) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The extension, without dot.
pub(crate) fn extension(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, extension)| extension)
}

/// The order in which people expect names: `a2` before `a10`, case only as the last resort.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    loop {
        let (p, q) = (piece(&mut x), piece(&mut y));
        let order = match (p, q) {
            ("", "") => return a.cmp(b),
            _ if is_number(p) && is_number(q) => number(p).cmp(&number(q)),
            _ => folded(p).cmp(folded(q)),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Takes the longest run of digits, or of anything else, off the front.
fn piece<'a>(rest: &mut &'a str) -> &'a str {
    let digits = is_number(rest);
    let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
    let (piece, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    *rest = tail;
    piece
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Sorts numbers of any length: by length, then by digits.
fn number(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_people_expect() {
        let mut names = ["b", "a10.jpg", "A2.jpg", "a2.jpg", "a02.jpg", "a1", "é", "", "9a", "10"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            ["", "9a", "10", "a1", "A2.jpg", "a02.jpg", "a2.jpg", "a10.jpg", "b", "é"]
        );
    }

    #[test]
    fn only_pictures_have_a_kind() {
        assert_eq!(Kind::of_name("a.JPG"), Some(Kind::Jpeg));
        assert_eq!(Kind::of_name("a.b.Nef"), Some(Kind::Raw));
        assert_eq!(Kind::of_name("a.heic"), Some(Kind::Undecodable));
        for extension in vestibule_schema::hidden::RAW_EXTENSIONS {
            assert_eq!(Kind::of_name(&format!("a.{extension}")), Some(Kind::Raw));
        }
        for name in ["a", "a.txt", "a.svg", "a.html", "jpg", "a.jpg.html", "a."] {
            assert_eq!(Kind::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn webp_goes_to_who_names_it() {
        let check = |accept, format| assert_eq!(Format::accepted(accept), format, "{accept:?}");
        check(None, Format::Jpeg);
        check(Some("*/*"), Format::Jpeg);
        check(Some("image/avif,image/webp,*/*;q=0.8"), Format::WebP);
        check(Some("image/webp;q=0"), Format::Jpeg);
        check(Some("image/webp;q=0.5"), Format::WebP);
    }
}
