//! What a decision of the engine costs, by what is known before it.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use anyhow::Context as _;
use vestibule_policies::{Need, Principal, SiteEngine};
use vestibule_schema::{Action, GalleryPath};

use super::clock::{self, Took};
use super::measures::Measure;
use super::subject::{NEED, Subject};
use crate::sites::user;

/// How much is asked in one turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// The same question again.
    pub(super) hot: u32,
    /// How often all pictures are asked for again.
    pub(super) again: u32,
    /// Questions that are new: over so many engines that there are enough.
    pub(super) fresh: usize,
}

/// A site's engine that has been asked for everything.
pub(super) fn standing(subject: &Subject) -> SiteEngine {
    let engine = subject.asked_by(&subject.friend);
    ask(&engine, &subject.friend, &subject.pictures);
    engine
}

/// One turn of a measure: how many decisions, and what they took.
pub(super) fn turn(
    subject: &Subject,
    standing: &SiteEngine,
    measure: Measure,
    effort: Effort,
) -> anyhow::Result<(u32, Took)> {
    let friend = &subject.friend;
    match measure {
        Measure::Hot => {
            let image = subject.images.first().context("no image")?;
            black_box(standing.decide(friend, NEED, image));
            let ((), took) = clock::time(|| hot(standing, friend, image, effort.hot));
            Ok((effort.hot, took))
        }
        Measure::Remembered => {
            let pictures = &subject.pictures;
            // the thread's own table keeps what it has while a long list goes by: it is filled
            // with answers that nobody asks for again
            ask_for(standing, friend, Need::one(Action::View), pictures);
            ask(standing, friend, pictures);
            let ((), took) =
                clock::time(|| (0..effort.again).for_each(|_| ask(standing, friend, pictures)));
            Ok((counted(pictures.len())? * effort.again, took))
        }
        Measure::RolesKnown => {
            let other = user("another reader")?;
            fresh(subject, effort, &other, || subject.asked_by(&subject.reader))
        }
        Measure::PrincipalNew => {
            fresh(subject, effort, friend, || subject.asked_by(&subject.reader))
        }
        _ => fresh(subject, effort, friend, || subject.engine()),
    }
}

/// Each image once, on as many engines as it takes.
fn fresh(
    subject: &Subject,
    effort: Effort,
    principal: &Principal,
    engine: impl Fn() -> SiteEngine,
) -> anyhow::Result<(u32, Took)> {
    let engines = effort.fresh.div_ceil(subject.images.len());
    let engines: Vec<_> = std::iter::repeat_with(engine).take(engines).collect();
    let ((), took) = clock::time(|| {
        for engine in &engines {
            ask(engine, principal, &subject.images);
        }
    });
    Ok((counted(engines.len() * subject.images.len())?, took))
}

fn ask(engine: &SiteEngine, principal: &Principal, images: &[GalleryPath]) {
    ask_for(engine, principal, NEED, images);
}

fn ask_for(engine: &SiteEngine, principal: &Principal, need: Need, images: &[GalleryPath]) {
    for image in images {
        black_box(engine.decide(principal, need, image));
    }
}

fn hot(engine: &SiteEngine, principal: &Principal, image: &GalleryPath, count: u32) {
    for _ in 0..count {
        black_box(engine.decide(principal, NEED, black_box(image)));
    }
}

/// Hot decisions a second of so many threads together.
pub(super) fn threads(
    subject: &Subject,
    standing: &SiteEngine,
    (threads, each): (u32, u32),
) -> anyhow::Result<f64> {
    let image = subject.images.first().context("no image")?;
    let count = usize::try_from(threads).context("too many threads")?;
    let ready = Barrier::new(count + 1);
    let done = Barrier::new(count + 1);
    let took = std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                hot(standing, &subject.friend, image, 1);
                ready.wait();
                hot(standing, &subject.friend, image, each);
                done.wait();
            });
        }
        ready.wait();
        let started = Instant::now();
        done.wait();
        started.elapsed()
    });
    Ok(f64::from(threads) * f64::from(each) / took.as_secs_f64())
}

fn counted(count: usize) -> anyhow::Result<u32> {
    u32::try_from(count).context("too many questions")
}
