//! What the Markdown file beside a picture says of it: `IMG.jpg.md`, else `IMG.md`.
//!
//! It protects nothing: one that can't be understood is as good as none.

use std::io::{self, Read as _};

use jiff::civil::DateTime;

use super::{Opened, prose};

/// The most bytes that a sidecar may have.
const MAX_BYTES: u64 = 64 * 1024;
/// The most characters of a title or a place, of which a listing has many.
const MAX_TITLE: usize = 300;
/// The most characters of an alternative text.
const MAX_ALT: usize = 2000;

/// What a sidecar says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Sidecar {
    /// `title`, else the first heading of the text.
    pub(crate) title: Option<String>,
    /// `location`: where it was taken, in words.
    pub(crate) place: Option<String>,
    /// `alt_text` or `alt`: what is to be seen.
    pub(crate) alt_text: Option<String>,
    /// `capture_date`, in the place's own time.
    pub(crate) taken: Option<DateTime>,
    /// The text, for everybody who sees the picture.
    pub(crate) description: String,
}

/// Why a sidecar is ignored.
#[derive(Debug, thiserror::Error)]
pub(super) enum SidecarError {
    #[error("it is longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("it can't be read")]
    Read(#[source] io::Error),
    #[error("it is not UTF-8")]
    Encoding,
    #[error("it has no front matter between two lines `+++`, but a line that looks like one")]
    Fence,
    #[error("its front matter is not TOML")]
    Toml(#[source] toml::de::Error),
}

impl Sidecar {
    /// Reads a sidecar.
    ///
    /// # Errors
    /// If it can't be understood as a whole. A key of an unexpected kind counts as absent.
    pub(super) fn read(opened: Opened) -> Result<Self, SidecarError> {
        if opened.ident.size > MAX_BYTES {
            return Err(SidecarError::TooLong);
        }
        let mut bytes = Vec::new();
        opened.file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(SidecarError::Read)?;
        let text = String::from_utf8(bytes).map_err(|_| SidecarError::Encoding)?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, SidecarError> {
        let (front, body) = split(text.trim_start_matches('\u{feff}'))?;
        let front: toml::Table = toml::from_str(front).map_err(SidecarError::Toml)?;
        let line = |key: &str, most| one_line(front.get(key)?.as_str()?, most);
        let heading = || one_line(prose::heading(body)?, MAX_TITLE);
        let title = line("title", MAX_TITLE).or_else(heading);
        Ok(Self {
            description: prose::without_heading(body, title.as_deref()),
            title,
            place: line("location", MAX_TITLE),
            alt_text: line("alt_text", MAX_ALT).or_else(|| line("alt", MAX_ALT)),
            taken: front.get("capture_date").and_then(date),
        })
    }

    /// About how many bytes this takes.
    pub(super) fn weight(&self) -> u32 {
        let texts = [&self.title, &self.place, &self.alt_text].into_iter().flatten();
        let bytes: usize = texts.chain([&self.description]).map(String::len).sum();
        u32::try_from(bytes + 200).unwrap_or(u32::MAX)
    }
}

/// The front matter and the text. What looks like a front matter but is none is refused: its
/// place, shown as text, would be seen by everybody.
fn split(text: &str) -> Result<(&str, &str), SidecarError> {
    let mut lines = text.split_inclusive('\n').map(|line| (line, line.trim()));
    let mut start = 0;
    let first = lines.by_ref().find(|(line, trimmed)| {
        let is_blank = trimmed.is_empty();
        start += if is_blank { line.len() } else { 0 };
        !is_blank
    });
    match first {
        Some((_, "---")) => return Err(SidecarError::Fence),
        Some((line, "+++")) => start += line.len(),
        _ if text.lines().any(|line| line.trim() == "+++") => return Err(SidecarError::Fence),
        _ => return Ok(("", text)),
    }
    let mut end = start;
    for (line, trimmed) in lines {
        if trimmed == "+++" {
            let body = text.get(end + line.len()..).unwrap_or_default();
            return Ok((text.get(start..end).unwrap_or_default(), body));
        }
        end += line.len();
    }
    Err(SidecarError::Fence)
}

/// Words on one line; `None` if there are none.
fn one_line(text: &str, most: usize) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(most).collect();
    (!line.is_empty()).then_some(line)
}

/// A date of TOML's own kind, or one in quotes.
fn date(value: &toml::Value) -> Option<DateTime> {
    let text = match value {
        toml::Value::Datetime(date) => date.to_string(),
        toml::Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    let local = text.trim_end_matches(['Z', 'z']);
    local.parse::<DateTime>().ok().filter(|taken| taken.year() > 1800)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_is_read_leniently() {
        let read = |text: &str| Sidecar::parse(text).unwrap();
        let full = read(
            "\u{feff}\n+++\r\ntitle = \" A\\n title \"\r\nlocation = \"Bled\"\r\nalt = \"x\"\r\n\
             alt_text = \"A lake.\"\r\ncapture_date = 2025-09-14T18:20:42+02:00\r\niso = 100\r\n\
             +++\r\n\r\nFirst.\r\n\r\nSecond.\r\n",
        );
        assert_eq!(full.title.as_deref(), Some("A title"));
        assert_eq!(full.place.as_deref(), Some("Bled"));
        assert_eq!(full.alt_text.as_deref(), Some("A lake."));
        assert_eq!(full.taken.unwrap().to_string(), "2025-09-14T18:20:42");
        assert_eq!(full.description, "First.\n\nSecond.");
        let plain = read("# Heading\n\nText\n");
        assert_eq!((plain.title.as_deref(), &*plain.description), (Some("Heading"), "Text"));
        assert_eq!(read("+++\nalt = \"x\"\n+++").alt_text.as_deref(), Some("x"));
        assert_eq!(read("+++\ntitle = 5\nlocation = []\n+++\n"), Sidecar::default());
        assert_eq!(read(""), Sidecar::default());
        let long = format!("+++\ntitle = \"{}\"\n+++\n", "é".repeat(5000));
        assert_eq!(read(&long).title.unwrap().chars().count(), MAX_TITLE);
        for (date, expected) in [
            ("2025-09-14", Some("2025-09-14T00:00:00")),
            ("\"2025-09-14 18:20:42\"", Some("2025-09-14T18:20:42")),
            ("2025-09-14T18:20:42Z", Some("2025-09-14T18:20:42")),
            ("\"summer\"", None),
            ("18:20:42", None),
            ("2025", None),
        ] {
            let taken = read(&format!("+++\ncapture_date = {date}\n+++\n")).taken;
            assert_eq!(taken.map(|taken| taken.to_string()).as_deref(), expected, "{date}");
        }
    }

    #[test]
    fn what_can_not_be_understood_is_not_shown_as_text() {
        for broken in [
            "---\nlocation: home\n---\nText",
            "Text\n+++\nlocation = \"home\"\n+++\n",
            "+++\nlocation = \"home\"\n",
            "+++\nlocation = home\n+++\n",
            &format!("+++\na = {}\n+++\n", "[".repeat(30_000)),
        ] {
            assert!(Sidecar::parse(broken).is_err(), "{}", broken.len());
        }
    }
}
