//! The self-probe: before policies are put in force, an anonymous visitor asks for one resource of
//! each block, and the answer is held against what the documents say.
//!
//! It reads the checked model alone, neither policies nor Cedar nor anything remembered, so that a
//! mistake of the compiler, the index or the cache shows itself before anybody is let in by it.

use std::sync::Arc;

use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, GalleryPath, SourceRef};

use crate::decision::Need;
use crate::engine::SiteEngine;
use crate::model::Block;
use crate::principal::Principal;

/// An answer that is not what the documents say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a visitor who asks for `{path}` is {}, but the block at {source_ref} says otherwise",
    if *.allowed { "let in" } else { "refused" }
)]
pub struct Surprise {
    /// The folder.
    pub path: GalleryPath,
    /// Whether the engine lets a visitor in.
    pub allowed: bool,
    /// The block that governs the folder.
    pub source_ref: SourceRef,
}

/// Asks for each of these folders, and for the root. Says how many were asked.
///
/// # Errors
/// The first surprise.
pub fn probe<'p>(
    engine: &SiteEngine,
    folders: impl IntoIterator<Item = &'p GalleryPath>,
) -> Result<usize, Box<Surprise>> {
    let root = GalleryPath::root();
    let mut asked = 0;
    let mut folders = folders.into_iter();
    let mut next = Some(&root);
    while let Some(path) = next {
        next = folders.next();
        let decision = engine.decide(&Principal::Visitor, Need::one(Action::View), path);
        let (intended, source_ref) = intent(engine, path);
        let allowed = decision.is_allow();
        // hand-written policies may take away what the documents give, or give with the site's
        // consent: then only what both can't explain is a surprise
        let explained = engine.model().custom.affects(Action::View)
            && (!allowed || engine.model().custom.iter().any(|policy| !policy.forbids()));
        if allowed != intended && !explained {
            return Err(Box::new(Surprise { path: path.clone(), allowed, source_ref }));
        }
        asked += 1;
    }
    Ok(asked)
}

/// What the documents mean for a visitor at a folder, and the block that says so.
fn intent(engine: &SiteEngine, path: &GalleryPath) -> (bool, SourceRef) {
    let model = engine.model();
    let way = path.ancestors().filter_map(|folder| engine.folders().get(folder));
    let rules: Vec<_> = way.map(Arc::as_ref).collect();
    let mut blocks = rules.iter().filter_map(|rules| rules.block.as_deref());
    let governing = blocks.next().unwrap_or(&model.block);
    let source = governing.source.clone();
    if rules.iter().any(|rules| rules.broken.is_some()) {
        return (false, source);
    }
    let is_bounded = model.cascade == Cascade::Restrict;
    let intended = shows(governing) && (!is_bounded || blocks.all(shows));
    (intended, source)
}

/// Whether the visitor's role of a block holds `view`.
fn shows(block: &Block) -> bool {
    let role = block.public_role.as_ref().and_then(|role| block.roles.get(role));
    role.is_some_and(|role| role.all.allows(Action::View))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Vocabulary;
    use crate::model::{Folders, Rights};
    use vestibule_schema::{SiteId, Source};

    const OPEN: &str = "public_role = \"all\"\n[roles.all]\npermissions = { can_view = true }\n";

    fn engine(permissions: &str) -> SiteEngine {
        let vocabulary = Arc::new(Vocabulary::load().unwrap());
        let source = Source::new("permissions.toml", permissions);
        let id = SiteId::parse("s").unwrap();
        let (model, _) =
            crate::check::site(&id, Cascade::Restrict, &source, None, vocabulary.builtin())
                .unwrap();
        let mut folders = Folders::new();
        for (path, text) in [
            ("/closed/", "+++\n[permissions]\n+++\n"),
            ("/closed/in/", "+++\n[permissions]\npublic_role = \"viewer\"\n+++\n"),
            ("/broken/", "+++\n"),
            ("/flag/", "+++\nhide_technical_details = true\n+++\n"),
        ] {
            let path = GalleryPath::from_decoded(path).unwrap();
            let source = Source::new("_folder.md", text);
            let (rules, _) = crate::check::folder(&path, &source, vocabulary.builtin());
            folders.insert(path, Arc::new(rules));
        }
        let rights = Arc::new(Rights::default());
        SiteEngine::new(1, &vocabulary, Arc::new(model), Arc::new(folders), rights)
    }

    #[test]
    fn what_was_compiled_is_what_was_written() {
        let engine = engine(OPEN);
        assert_eq!(probe(&engine, engine.folders().keys()), Ok(5));
        let intended = |path: &str| intent(&engine, &GalleryPath::from_decoded(path).unwrap()).0;
        assert!(intended("/") && intended("/flag/") && intended("/other/"));
        assert!(!intended("/closed/") && !intended("/closed/in/") && !intended("/broken/x/"));
    }

    /// The probe reads the documents and not the policies: an engine of other documents is caught.
    #[test]
    fn an_engine_that_answers_otherwise_is_caught() {
        let stale = engine(OPEN).with_policies_of(&engine(""));
        let surprise = probe(&stale, []).unwrap_err();
        assert_eq!((surprise.path.as_str(), surprise.allowed), ("/", false));
        assert_eq!(
            surprise.to_string(),
            "a visitor who asks for `/` is refused, but the block at permissions.toml:1 says otherwise"
        );
    }
}
