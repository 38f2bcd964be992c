//! The path of a route: literal segments, and a capture at the end.

use vestibule_schema::{GalleryPath, PathError};

/// A checked path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// The literal part, without slash at the end: empty for `/{folder}`.
    pub(crate) literal: String,
    pub(crate) capture: Capture,
}

/// What stands after the literal part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Capture {
    /// Nothing: the path is the literal part and a slash (the root), or the literal alone.
    Nothing,
    /// The rest of the path, as a folder.
    Folder,
    /// The rest of the path, as a folder, if it ends in a slash.
    Slashed,
    /// The rest of the path, as an image.
    Image,
    /// The rest of the path, as whatever the server finds there: a folder or a file, with a slash
    /// or without.
    Place,
    /// One of a few names.
    File(Vec<String>),
}

/// What a path has at the place of the capture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Captured {
    /// The resource.
    Place(GalleryPath),
    /// The resource, of which only the server knows whether it is a folder.
    Either(GalleryPath),
    /// The gallery as a whole, at this file of the list.
    File(String),
    /// The gallery's root.
    Root,
}

/// Why a template is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("a route's path begins with `/`")]
    NotAbsolute,
    #[error("a literal part of a path may have letters, digits, `.`, `_` and `-` only")]
    Literal,
    #[error(
        "a capture is `{{folder}}`, `{{folder}}/`, `{{image}}`, `{{place}}` or `{{file}}`, and the \
         last part of the path"
    )]
    Capture,
}

impl Template {
    pub(crate) fn parse(text: &str, files: Vec<String>) -> Result<Self, TemplateError> {
        let rest = text.strip_prefix('/').ok_or(TemplateError::NotAbsolute)?;
        if rest.is_empty() {
            return Ok(Self { literal: String::new(), capture: Capture::Nothing });
        }
        if let Some(folder) = text.strip_suffix("/{folder}/") {
            let whole = Self::parse(&format!("{folder}/{{folder}}"), Vec::new())?;
            return Ok(Self { capture: Capture::Slashed, ..whole });
        }
        let (head, last) = rest.rsplit_once('/').map_or((None, rest), |(h, l)| (Some(h), l));
        let capture = match last {
            "{folder}" => Capture::Folder,
            "{image}" => Capture::Image,
            "{place}" => Capture::Place,
            "{file}" => Capture::File(files),
            _ if last.contains('{') => return Err(TemplateError::Capture),
            _ => Capture::Nothing,
        };
        let literal = if capture == Capture::Nothing { Some(rest) } else { head };
        let is_literal = |segment: &str| {
            let visible = segment.strip_prefix('.').unwrap_or(segment);
            !visible.is_empty()
                && !visible.starts_with('.')
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        match literal {
            None => Ok(Self { literal: String::new(), capture }),
            Some(literal) if literal.contains('{') => Err(TemplateError::Capture),
            Some(literal) if !literal.split('/').all(is_literal) => Err(TemplateError::Literal),
            Some(literal) => Ok(Self { literal: format!("/{literal}"), capture }),
        }
    }

    /// Fits a canonical path. A folder without its last slash is the same folder: it is judged
    /// and forwarded with it.
    ///
    /// # Errors
    /// If the rest of the path is no place in a gallery (it never is: the whole was one).
    pub(crate) fn fit(&self, path: &str) -> Result<Option<Captured>, PathError> {
        let Some(rest) = path.strip_prefix(self.literal.as_str()) else { return Ok(None) };
        Ok(match &self.capture {
            Capture::Nothing => {
                let fits = if self.literal.is_empty() { rest == "/" } else { rest.is_empty() };
                fits.then_some(Captured::Root)
            }
            Capture::Folder if rest.is_empty() => Some(Captured::Place(GalleryPath::root())),
            Capture::Folder if rest.starts_with('/') => {
                Some(Captured::Place(GalleryPath::from_decoded(rest)?.as_folder()))
            }
            Capture::Slashed if rest.starts_with('/') && rest.ends_with('/') => {
                Some(Captured::Place(GalleryPath::from_decoded(rest)?))
            }
            Capture::Place if rest.starts_with('/') => {
                Some(Captured::Either(GalleryPath::from_decoded(rest)?))
            }
            Capture::Image if rest.starts_with('/') && !rest.ends_with('/') => {
                Some(Captured::Place(GalleryPath::from_decoded(rest)?))
            }
            Capture::File(files) => rest
                .strip_prefix('/')
                .filter(|name| files.iter().any(|file| file == name))
                .map(|name| Captured::File(name.to_owned())),
            Capture::Folder | Capture::Slashed | Capture::Image | Capture::Place => None,
        })
    }

    /// The path of this template for a place; the reverse of [`Template::fit`].
    pub(crate) fn build(&self, place: Option<&GalleryPath>) -> String {
        let mut text = String::with_capacity(self.literal.len() + 96);
        text.push_str(&self.literal);
        match place {
            Some(place) if is_plain(place.as_str()) => text.push_str(place.as_str()),
            Some(place) => text.push_str(&place.encoded()),
            None if self.literal.is_empty() => text.push('/'),
            None => {}
        }
        text
    }
}

/// Whether a path is the same encoded and decoded: most are.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_one_capture_at_the_end() {
        let parse = |text: &str| Template::parse(text, Vec::new());
        assert_eq!(parse("/api/folders/{folder}").unwrap().literal, "/api/folders");
        assert_eq!(parse("/{image}").unwrap().literal, "");
        assert_eq!(parse("browse"), Err(TemplateError::NotAbsolute));
        assert_eq!(parse("/{folder}/zip"), Err(TemplateError::Capture));
        assert_eq!(parse("/a/{album}"), Err(TemplateError::Capture));
        assert_eq!(parse("/a//b"), Err(TemplateError::Literal));
        assert_eq!(parse("/a b"), Err(TemplateError::Literal));
        assert_eq!(parse("/../b"), Err(TemplateError::Literal));
        assert_eq!(parse("/./b"), Err(TemplateError::Literal));
        assert_eq!(parse("/.cpr/b").unwrap().literal, "/.cpr/b");
        assert_eq!(parse("/{folder}/").unwrap().capture, Capture::Slashed);
        assert_eq!(parse("/{folder}//"), Err(TemplateError::Capture));
    }

    #[test]
    fn a_literal_ends_at_a_slash() {
        let zip = Template::parse("/zip/{folder}", Vec::new()).unwrap();
        assert_eq!(zip.fit("/zipper/a/"), Ok(None));
        assert_eq!(
            zip.fit("/zip/a"),
            Ok(Some(Captured::Place(GalleryPath::from_decoded("/a/").unwrap())))
        );
    }

    /// Where the server tells no file from a folder by its slash, the map does.
    #[test]
    fn a_slash_at_the_end_is_seen() {
        let path = |text: &str| GalleryPath::from_decoded(text).unwrap();
        let slashed = Template::parse("/{folder}/", Vec::new()).unwrap();
        assert_eq!(slashed.fit("/a"), Ok(None));
        assert_eq!(slashed.fit("/a/"), Ok(Some(Captured::Place(path("/a/")))));
        assert_eq!(slashed.fit("/"), Ok(Some(Captured::Place(path("/")))));
        let place = Template::parse("/{place}", Vec::new()).unwrap();
        assert_eq!(place.fit("/a"), Ok(Some(Captured::Either(path("/a")))));
        assert_eq!(place.fit("/a/"), Ok(Some(Captured::Either(path("/a/")))));
    }

    #[test]
    fn building_encodes_what_needs_it() {
        let page = Template::parse("/browse/{folder}", Vec::new()).unwrap();
        let build = |path: &str| page.build(Some(&GalleryPath::from_decoded(path).unwrap()));
        assert_eq!(build("/"), "/browse/");
        assert_eq!(build("/a-b_c.d~e/"), "/browse/a-b_c.d~e/");
        assert_eq!(build("/a b?#;%/"), "/browse/a%20b%3F%23%3B%25/");
    }
}
