//! The documents of a site as they were written: where each role, entry and key stands.
//!
//! The checked model keeps a line for each rule. Who tells people what to edit needs the words.

use std::collections::BTreeMap;
use std::ops::Range;

use vestibule_schema::document::{
    FolderDocument, FoldersDocument, GrantsDocument, PermissionsDocument, RoleDocument,
};
use vestibule_schema::{GalleryPath, RoleName, Source, SourceRef};

/// A site's documents. What of them can't be read is left out: [`crate::check`] reports it.
#[derive(Debug)]
pub struct Documents {
    permissions: (Source, PermissionsDocument),
    grants: Option<(Source, GrantsDocument)>,
    folders: BTreeMap<GalleryPath, (Source, FolderDocument)>,
    policies: Vec<Source>,
}

/// A block and the document in which it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) source: &'a Source,
    pub(crate) block: &'a PermissionsDocument,
}

impl Documents {
    /// Reads the documents of a site: `permissions.toml`, `grants.toml`, `folders.toml`, and the
    /// `_folder.md` of each folder.
    #[must_use]
    pub fn read(
        permissions: Source,
        grants: Option<Source>,
        described: Option<&Source>,
        folders: impl IntoIterator<Item = (GalleryPath, Source)>,
    ) -> Self {
        let block = PermissionsDocument::parse(&permissions).0;
        let mut all = BTreeMap::new();
        if let Some(source) = described {
            for (path, folder) in FoldersDocument::parse(source).0.folders {
                all.insert(path, (source.clone(), folder.value));
            }
        }
        for (path, source) in folders {
            let document = FolderDocument::parse(&source).0;
            all.insert(path, (source, document));
        }
        Self {
            permissions: (permissions, block),
            grants: grants.map(|source| {
                let document = GrantsDocument::parse(&source).0;
                (source, document)
            }),
            folders: all,
            policies: Vec::new(),
        }
    }

    /// With the files of hand-written policies.
    #[must_use]
    pub fn with_policies(self, policies: Vec<Source>) -> Self {
        Self { policies, ..self }
    }

    /// Where the policy that begins at a line says something; the line, if it can't be found.
    pub(crate) fn in_policy(&self, at: &SourceRef, words: &str) -> Option<(&Source, Range<usize>)> {
        let source = self.policies.iter().find(|source| source.name() == &*at.file)?;
        let skipped = usize::try_from(at.line).ok()?.checked_sub(1)?;
        let lines = source.text().split_inclusive('\n');
        let from: usize = lines.take(skipped).map(str::len).sum();
        let rest = source.text().get(from..)?;
        let found = rest.find(words).map(|start| from + start..from + start + words.len());
        let line = rest.lines().next().map_or(0, str::len);
        Some((source, found.unwrap_or(from..from + line)))
    }

    /// The site's block, or a folder's.
    pub(crate) fn block(&self, folder: Option<&GalleryPath>) -> Option<Written<'_>> {
        let Some(folder) = folder else {
            let (source, block) = &self.permissions;
            return Some(Written { source, block });
        };
        let (source, document) = self.folders.get(folder)?;
        document.permissions.as_ref().map(|block| Written { source, block })
    }

    /// Every block that is written.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Written<'_>> {
        let folders = self.folders.keys().filter_map(|folder| self.block(Some(folder)));
        self.block(None).into_iter().chain(folders)
    }

    /// A folder's document.
    pub(crate) fn folder(&self, folder: &GalleryPath) -> Option<(&Source, &FolderDocument)> {
        self.folders.get(folder).map(|(source, document)| (source, document))
    }

    /// Declared grants and group mappings.
    pub(crate) fn grants(&self) -> Option<(&Source, &GrantsDocument)> {
        self.grants.as_ref().map(|(source, document)| (source, document))
    }
}

impl<'a> Written<'a> {
    /// A role that the block defines itself.
    pub(crate) fn role(self, name: &RoleName) -> Option<&'a RoleDocument> {
        self.block.roles.iter().find(|role| role.name.value == *name)
    }

    /// The line of a key in a role's definition; of the definition, if the key stands elsewhere.
    pub(crate) fn key_in_role(self, name: &RoleName, key: &str) -> Option<SourceRef> {
        let from = self.role(name)?.name.span.start;
        let starts = self.block.roles.iter().map(|role| role.name.span.start);
        let to = starts.filter(|start| *start > from).min();
        let to = to.unwrap_or(self.source.text().len());
        let found = self.source.text().get(from..to).and_then(|text| word(text, key));
        Some(self.source.reference(from + found.map_or(0, |at| at.start)))
    }

    /// The line where something stands.
    pub(crate) fn line(self, span: &Range<usize>) -> SourceRef {
        self.source.reference(span.start)
    }
}

/// Where a key stands in a text, as a whole word.
fn word(text: &str, key: &str) -> Option<Range<usize>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices(key).map(|(at, _)| at..at + key.len()).find(|range| {
        let before = text.get(..range.start).and_then(|text| text.chars().next_back());
        let after = text.get(range.end..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}
