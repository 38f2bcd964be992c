//! What a folder's `_folder.md` says, as far as it concerns the gallery.

use std::io::{self, Read as _};

use vestibule_schema::document::FolderDocument;
use vestibule_schema::{GalleryPath, HiddenNames, Source, problem};

use super::{Opened, prose};

/// The most bytes that a document may have.
const MAX_BYTES: u64 = 1024 * 1024;

/// What a folder says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    title: Option<String>,
    /// The text below the front matter.
    pub(crate) body: String,
    /// The folder does not appear from outside.
    pub(crate) is_hidden: bool,
    /// Nobody below sees technical details.
    pub(crate) hides_technical_details: bool,
    /// It has permissions of its own or an error: closed, unless the gateway knows of it.
    pub(crate) needs_judgement: bool,
    hidden_images: HiddenNames,
}

impl Rules {
    /// The rules of a folder whose document can't be understood.
    pub(super) fn broken() -> Self {
        Self { needs_judgement: true, ..Self::default() }
    }

    /// Reads a document.
    pub(super) fn read(opened: Opened, path: &GalleryPath) -> io::Result<Self> {
        if opened.ident.size > MAX_BYTES {
            return Ok(Self::broken());
        }
        let mut bytes = Vec::new();
        opened.file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        let name = format!("gallery:{path}{}", super::snapshot::DOCUMENT);
        let Ok(source) = Source::from_bytes(&name, &bytes) else {
            return Ok(Self::broken());
        };
        Ok(Self::of(&source))
    }

    fn of(source: &Source) -> Self {
        let (said, problems) = FolderDocument::parse(source);
        if problem::has_errors(&problems) {
            return Self::broken();
        }
        let hidden_images = said.hidden_names();
        Self {
            title: said.title.filter(|title| !title.trim().is_empty()),
            body: said.body,
            is_hidden: said.hidden,
            hides_technical_details: said.hide_technical_details.is_some(),
            needs_judgement: said.permissions.is_some(),
            hidden_images,
        }
    }

    /// Whether the folder hides the image of this name, or the picture that a RAW file of this
    /// name shows too.
    pub(crate) fn hides(&self, name: &str) -> bool {
        self.hidden_images.contains(name)
    }

    /// The folder's title: as the front matter says, else the first heading of the text.
    pub(crate) fn title(&self) -> Option<&str> {
        self.title.as_deref().map(str::trim).or_else(|| prose::heading(&self.body))
    }

    /// The text without the heading that is the title.
    pub(crate) fn description(&self) -> String {
        prose::without_heading(&self.body, self.title())
    }
}
