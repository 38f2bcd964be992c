//! A site of one size, and the questions that everybody is asked about it.

use std::sync::Arc;

use anyhow::Context as _;
use vestibule_policies::{Need, Principal, SiteEngine, Vocabulary};
use vestibule_schema::{Action, GalleryPath, PathKind};

use crate::sites::{CheckedSite, Documents, FRIEND, Site, user};

/// No more folders than this are asked for, spread over the site.
pub(super) const FOLDERS: usize = 1_000;
/// How many pictures are asked for in turn: many more than a thread remembers answers.
const PICTURES: usize = 8_192;
/// The picture of each folder; the one that an export of a site names.
pub(super) const PICTURE: &str = "sample.jpg";

/// What is timed.
pub(super) const ACTION: Action = Action::DownloadLarge;
/// The same, as the engine takes it.
pub(super) const NEED: Need = Need::one(ACTION);

/// A site and questions.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) blocks: usize,
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) documents: Documents,
    pub(super) checked: CheckedSite,
    /// A picture in each of at most [`FOLDERS`] folders.
    pub(super) images: Vec<GalleryPath>,
    /// [`PICTURES`] pictures, in turn over these folders.
    pub(super) pictures: Vec<GalleryPath>,
    pub(super) friend: Principal,
    pub(super) reader: Principal,
}

/// Who asks to do what with what.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) principal: Principal,
    pub(super) action: Action,
    pub(super) image: GalleryPath,
}

impl Subject {
    pub(super) fn new(vocabulary: &Arc<Vocabulary>, blocks: usize) -> anyhow::Result<Self> {
        let site = Site::with_blocks(blocks)?;
        let documents = site.documents();
        let checked = documents.check(vocabulary)?;
        let folders = site.spread(FOLDERS);
        let in_each = |name: &str| -> anyhow::Result<Vec<GalleryPath>> {
            let images = folders.iter().map(|folder| folder.join(name, PathKind::Image));
            images.collect::<Result<_, _>>().context("a generated path is none")
        };
        let images = in_each(PICTURE)?;
        let mut pictures = Vec::new();
        while pictures.len() < PICTURES {
            pictures.extend(in_each(&format!("{:04}.jpg", pictures.len() / folders.len()))?);
        }
        let (friend, reader) = (user(FRIEND)?, user("reader")?);
        let vocabulary = Arc::clone(vocabulary);
        Ok(Self { blocks, vocabulary, documents, checked, images, pictures, friend, reader })
    }

    /// An engine that has compiled what all places have in common, and nothing else.
    pub(super) fn engine(&self) -> SiteEngine {
        let engine = self.checked.engine(&self.vocabulary);
        let need = Need::one(Action::View);
        std::hint::black_box(engine.decide(&Principal::Visitor, need, &GalleryPath::root()));
        engine
    }

    /// An engine that somebody has asked for all images.
    pub(super) fn asked_by(&self, principal: &Principal) -> SiteEngine {
        let engine = self.engine();
        for image in &self.images {
            std::hint::black_box(engine.decide(principal, NEED, image));
        }
        engine
    }

    /// What is timed: the friend asks for so many images. Each answer is yes.
    pub(super) fn asked(&self, count: usize) -> Vec<Question> {
        let images = evenly(&self.images, count);
        let asked = images.map(|image| Question {
            principal: self.friend.clone(),
            action: ACTION,
            image: image.clone(),
        });
        asked.collect()
    }

    /// What all must agree about: somebody with a role of his own, somebody with the default
    /// role, a visitor; three actions, of which the cascade takes one away.
    pub(super) fn agreed(&self, images: usize) -> Vec<Question> {
        let mut questions = Vec::new();
        for image in evenly(&self.images, images) {
            for principal in [&self.friend, &self.reader, &Principal::Visitor] {
                for action in [Action::View, ACTION, Action::SeeLocation] {
                    let (principal, image) = (principal.clone(), image.clone());
                    questions.push(Question { principal, action, image });
                }
            }
        }
        questions
    }
}

/// So many of these, spread over all; of each ten another one, so that folders at the top and
/// those below come in their share.
fn evenly(images: &[GalleryPath], count: usize) -> impl Iterator<Item = &GalleryPath> {
    let count = count.min(images.len()).max(1);
    let step = images.len() / count;
    // a step that ten divides would meet folders at the top alone
    let step = if step > 1 && step.is_multiple_of(10) { step + 1 } else { step.max(1) };
    images.iter().cycle().step_by(step).take(count)
}
