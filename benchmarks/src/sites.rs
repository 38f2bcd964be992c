//! Sites of any size: documents as an operator would write them, and engines made of them.
//!
//! Every tenth block is that of a folder at the top, the nine after it lie in that folder. So a
//! chain has the site's block and at most two more, however many blocks the site has, and what
//! grows with their number is the engine's doing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use vestibule_policies::model::{Folders, Rights, SiteModel};
use vestibule_policies::{Principal, SiteEngine, UserFacts, Vocabulary, check};
use vestibule_schema::document::Cascade;
use vestibule_schema::problem::{self, Problem};
use vestibule_schema::{AccountRole, GalleryPath, PathKind, SiteId, Source, UserName};

/// The sizes that the benches go through, in folder blocks.
pub const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

/// Every block gives this user a role of its own; to anybody else the default role applies.
pub const FRIEND: &str = "friend";

/// How many blocks one folder at the top and the folders in it have.
const BLOCKS_IN_A_SET: usize = 10;

const PERMISSIONS: &str = r#"public_role = "none"
default_authenticated_role = "member"

[roles.member]
name = "Member"
permissions = { can_view = true, can_download_medium = true, can_see_technical_details = true }

[roles.family]
name = "Family"
inherits = "member"
permissions = { can_download_large = true, can_see_location = true }

[roles.boss]
name = "Boss"
permissions = { owner_access = true }

[[user_roles]]
username = "friend"
roles = ["family"]

[[user_roles]]
username = "boss"
roles = ["boss"]
"#;

const FRONT_MATTER: &str = r#"[permissions]
public_role = "none"
default_authenticated_role = "guests"

[permissions.roles.guests]
name = "Guests"
permissions = { can_view = true }

[permissions.roles.family]
name = "Family"
permissions = { can_view = true, can_download_large = true }

[[permissions.user_roles]]
username = "friend"
roles = ["family"]
"#;

/// What the family may do in a folder at the top.
const FAMILY: &str = "can_view = true, can_download_large = true";
/// And in one below, where the folder above takes the place away again.
const FAMILY_BELOW: &str = "can_view = true, can_download_large = true, can_see_location = true";
/// And after a change.
const FAMILY_CHANGED: &str = "can_view = true";

/// The documents of a site.
#[derive(Debug, Clone)]
pub struct Site {
    /// The text of `permissions.toml`.
    pub permissions: String,
    /// The folders that have a block.
    pub folders: Vec<GalleryPath>,
}

/// The text of each document, so that making it is not part of reading it.
#[derive(Debug, Clone)]
pub struct Documents {
    site: Site,
    folders: Vec<String>,
}

/// A site's documents, checked.
#[derive(Debug, Clone)]
pub struct CheckedSite {
    model: Arc<SiteModel>,
    folders: Arc<Folders>,
}

impl Site {
    /// A site with so many folder blocks.
    ///
    /// # Errors
    /// If a generated path is none.
    pub fn with_blocks(count: usize) -> anyhow::Result<Self> {
        let folders = (0..count).map(|index| GalleryPath::from_decoded(&folder(index)));
        let folders = folders.collect::<Result<_, _>>().context("a generated path is none")?;
        Ok(Self { permissions: PERMISSIONS.to_owned(), folders })
    }

    /// An image in each folder that has a block.
    ///
    /// # Errors
    /// If a generated path is none.
    pub fn images(&self) -> anyhow::Result<Vec<GalleryPath>> {
        let images = self.folders.iter().map(|folder| folder.join("a.jpg", PathKind::Image));
        images.collect::<Result<_, _>>().context("a generated path is none")
    }

    /// At most so many of the folders: whole sets, spread over the site, so that folders at the
    /// top and those below have the same share at every size.
    #[must_use]
    pub fn spread(&self, most: usize) -> Vec<&GalleryPath> {
        let sets = self.folders.len().div_ceil(BLOCKS_IN_A_SET);
        let step = sets.div_ceil((most / BLOCKS_IN_A_SET).max(1)).max(1);
        let picked = self.folders.chunks(BLOCKS_IN_A_SET).step_by(step);
        picked.flatten().take(most).collect()
    }

    /// The text of all documents.
    #[must_use]
    pub fn documents(&self) -> Documents {
        let folders = self.folders.iter().map(|path| self.folder_document(path)).collect();
        Documents { site: self.clone(), folders }
    }

    /// The text of a folder's `_folder.md`.
    #[must_use]
    pub fn folder_document(&self, path: &GalleryPath) -> String {
        let is_below = path.segments().count() > 1;
        self.folder_document_with(path, if is_below { FAMILY_BELOW } else { FAMILY })
    }

    fn folder_document_with(&self, path: &GalleryPath, family: &str) -> String {
        let mut text = String::from("+++\n");
        // writing to a text can't fail
        let _ = writeln!(text, "title = {:?}", path.name().unwrap_or_default());
        text.push('\n');
        text.push_str(&FRONT_MATTER.replace(FAMILY, family));
        text.push_str("+++\n\nA generated folder.\n");
        text
    }

    /// Reads and checks all documents, as the gateway does at start.
    ///
    /// # Errors
    /// The first problem; a generated site has none.
    pub fn check(&self, vocabulary: &Vocabulary) -> anyhow::Result<CheckedSite> {
        let texts = self.folders.iter().map(|path| Cow::Owned(self.folder_document(path)));
        self.check_texts(texts, vocabulary)
    }

    fn check_texts<'t>(
        &self,
        texts: impl Iterator<Item = Cow<'t, str>>,
        vocabulary: &Vocabulary,
    ) -> anyhow::Result<CheckedSite> {
        let builtin = vocabulary.builtin();
        let permissions = Source::new("permissions.toml", &self.permissions);
        let site = SiteId::parse("bench")?;
        let (model, problems) = check::site(&site, Cascade::Restrict, &permissions, None, builtin)
            .map_err(|problems| failure(&problems))?;
        refuse(&problems)?;
        let mut folders: Folders = BTreeMap::new();
        for (path, text) in self.folders.iter().zip(texts) {
            let source = Source::new(&format!("gallery:{path}_folder.md"), &text);
            let (rules, problems) = check::folder(path, &source, builtin);
            refuse(&problems)?;
            folders.insert(path.clone(), Arc::new(rules));
        }
        Ok(CheckedSite { model: Arc::new(model), folders: Arc::new(folders) })
    }

    /// Writes the folders with their `_folder.md` below a gallery's folder.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write_gallery(&self, gallery: &Path) -> anyhow::Result<()> {
        for path in &self.folders {
            let folder = gallery.join(path.as_str().trim_start_matches('/'));
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("can't make `{}`", folder.display()))?;
            std::fs::write(folder.join("_folder.md"), self.folder_document(path))
                .with_context(|| format!("can't write in `{}`", folder.display()))?;
        }
        Ok(())
    }
}

impl Documents {
    /// As [`Site::check`].
    ///
    /// # Errors
    /// The first problem; a generated site has none.
    pub fn check(&self, vocabulary: &Vocabulary) -> anyhow::Result<CheckedSite> {
        let texts = self.folders.iter().map(|text| Cow::Borrowed(text.as_str()));
        self.site.check_texts(texts, vocabulary)
    }

    /// A folder's document after a change that takes a permission away.
    #[must_use]
    pub fn changed(&self, folder: &GalleryPath) -> String {
        self.site.folder_document_with(folder, FAMILY_CHANGED)
    }
}

impl CheckedSite {
    /// The site without its folders.
    #[must_use]
    pub fn model(&self) -> &Arc<SiteModel> {
        &self.model
    }

    /// The folders that have a block.
    #[must_use]
    pub fn folders(&self) -> &Arc<Folders> {
        &self.folders
    }

    /// The same site again and again, each with so many of its folders and no other.
    pub fn parts(&self, blocks: usize) -> impl Iterator<Item = Self> {
        let folders: Vec<_> = self.folders.iter().collect();
        let parts: Vec<Folders> = folders
            .chunks(blocks.max(1))
            .map(|part| {
                part.iter().map(|(path, rules)| ((*path).clone(), Arc::clone(rules))).collect()
            })
            .collect();
        parts
            .into_iter()
            .map(|part| Self { model: Arc::clone(&self.model), folders: Arc::new(part) })
    }

    /// A fresh engine, which has compiled and remembers nothing.
    #[must_use]
    pub fn engine(&self, vocabulary: &Arc<Vocabulary>) -> SiteEngine {
        let model = Arc::clone(&self.model);
        SiteEngine::new(
            1,
            vocabulary,
            model,
            Arc::clone(&self.folders),
            Arc::new(Rights::default()),
        )
    }
}

/// A signed-in user without groups.
///
/// # Errors
/// If the name is none.
pub fn user(name: &str) -> anyhow::Result<Principal> {
    Ok(Principal::user(UserFacts {
        name: UserName::parse(name)?,
        account_role: AccountRole::default(),
        groups: std::collections::BTreeSet::new(),
    }))
}

fn folder(index: usize) -> String {
    let set = index / BLOCKS_IN_A_SET;
    match index % BLOCKS_IN_A_SET {
        0 => format!("/set-{set:05}/"),
        album => format!("/set-{set:05}/album-{album}/"),
    }
}

fn refuse(problems: &[Problem]) -> anyhow::Result<()> {
    if problem::has_errors(problems) { Err(failure(problems)) } else { Ok(()) }
}

fn failure(problems: &[Problem]) -> anyhow::Error {
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    anyhow!("a generated site has problems, the first:\n{first}")
}

#[cfg(test)]
mod tests {
    use super::*;

    use vestibule_policies::Need;
    use vestibule_schema::Action;

    /// A bench of a site that answers nothing but "no" would measure something else.
    #[test]
    fn generated_sites_have_no_problems_and_answer_both_ways() {
        let vocabulary = Arc::new(Vocabulary::load().unwrap());
        let site = Site::with_blocks(25).unwrap();
        let engine = site.check(&vocabulary).unwrap().engine(&vocabulary);
        assert_eq!(engine.folders().len(), 25);
        let allowed = |name: &str, action| {
            let (user, need) = (user(name).unwrap(), Need::one(action));
            let images = site.images().unwrap();
            images.iter().filter(|image| engine.decide(&user, need, image).is_allow()).count()
        };
        assert_eq!(allowed("reader", Action::View), 25);
        assert_eq!(allowed("reader", Action::DownloadLarge), 0);
        assert_eq!(allowed(FRIEND, Action::DownloadLarge), 25);
        let visitor = engine.decide(
            &Principal::Visitor,
            Need::one(Action::View),
            &GalleryPath::from_decoded("/set-00000/a.jpg").unwrap(),
        );
        assert!(!visitor.is_allow());
    }

    /// A block below grants what the one above does not: only the cascade says no.
    #[test]
    fn folders_above_take_away_what_those_below_grant() {
        let vocabulary = Arc::new(Vocabulary::load().unwrap());
        let site = Site::with_blocks(10).unwrap();
        let checked = site.check(&vocabulary).unwrap();
        let grants = |path: &str| {
            let path = GalleryPath::from_decoded(path).unwrap();
            let block = checked.folders().get(&path).unwrap().block.as_ref().unwrap();
            block.roles.values().any(|role| role.all.allows(Action::SeeLocation))
        };
        assert!(!grants("/set-00000/") && grants("/set-00000/album-1/"));
        let image = GalleryPath::from_decoded("/set-00000/album-1/a.jpg").unwrap();
        let friend = user(FRIEND).unwrap();
        let engine = checked.engine(&vocabulary);
        assert!(!engine.decide(&friend, Need::one(Action::SeeLocation), &image).is_allow());
        assert!(engine.decide(&friend, Need::one(Action::DownloadLarge), &image).is_allow());
    }

    #[test]
    fn a_spread_has_whole_sets() {
        let check = |blocks, most, expected: usize| {
            let site = Site::with_blocks(blocks).unwrap();
            let spread = site.spread(most);
            let at_top = spread.iter().filter(|path| path.segments().count() == 1).count();
            assert_eq!((spread.len(), at_top), (expected, expected / 10), "{blocks}");
        };
        check(10, 1_000, 10);
        check(1_000, 1_000, 1_000);
        check(5_000, 1_000, 1_000);
        check(2_500, 1_000, 840);
    }

    #[test]
    fn chains_do_not_grow_with_the_site() {
        let deepest = |count| {
            let site = Site::with_blocks(count).unwrap();
            site.folders.iter().map(|folder| folder.segments().count()).max()
        };
        assert_eq!(deepest(10), Some(2));
        assert_eq!(deepest(2_000), Some(2));
    }
}
