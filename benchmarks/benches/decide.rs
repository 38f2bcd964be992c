//! What a decision costs: asked before, asked by somebody else, never asked; and what Cedar alone
//! would need for it.

use std::hint::black_box;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request};
use criterion::{BenchmarkId, Criterion};
use vestibule_benchmarks::sites::{CheckedSite, FRIEND, SIZES, Site, user};
use vestibule_policies::audit::export::{self, Sample};
use vestibule_policies::{Need, Principal, SiteEngine, Vocabulary};
use vestibule_schema::{Action, GalleryPath, PathKind};

/// Above this many blocks Cedar alone takes milliseconds, and building its policy set minutes.
const CEDAR_ALONE: usize = 1_000;
/// No more folders than this are asked for, so that nothing is pushed out of the caches.
const ASKED: usize = 1_000;
const NEED: Need = Need::one(Action::DownloadLarge);

fn main() -> anyhow::Result<()> {
    let vocabulary = Arc::new(Vocabulary::load()?);
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for blocks in SIZES {
        let bench = Bench::new(&vocabulary, blocks)?;
        bench.cold(&mut criterion);
        bench.new_principal(&mut criterion)?;
        bench.known_roles(&mut criterion)?;
        bench.remembered(&mut criterion);
        bench.hot(&mut criterion)?;
        if blocks <= CEDAR_ALONE {
            bench.cedar_alone(&mut criterion)?;
        }
    }
    criterion.final_summary();
    Ok(())
}

/// A site, and questions about it.
struct Bench {
    vocabulary: Arc<Vocabulary>,
    blocks: usize,
    checked: CheckedSite,
    /// An image in each of at most [`ASKED`] folders, spread over the site.
    images: Vec<GalleryPath>,
    friend: Principal,
    reader: Principal,
}

impl Bench {
    fn new(vocabulary: &Arc<Vocabulary>, blocks: usize) -> anyhow::Result<Self> {
        let site = Site::with_blocks(blocks)?;
        let folders = site.spread(ASKED).into_iter();
        let images = folders.map(|folder| folder.join("a.jpg", PathKind::Image));
        let images = images.collect::<Result<_, _>>().context("a generated path is none")?;
        let vocabulary = Arc::clone(vocabulary);
        let checked = site.check(&vocabulary)?;
        let (friend, reader) = (user(FRIEND)?, user("reader")?);
        Ok(Self { vocabulary, blocks, checked, images, friend, reader })
    }

    fn id(&self, name: &str) -> BenchmarkId {
        BenchmarkId::new(name, self.blocks)
    }

    /// Times questions that are new to the engine: once all images are through, `fresh` makes an
    /// engine that knows none, which is not counted.
    fn ask_new(
        &self,
        criterion: &mut Criterion,
        name: &str,
        (principal, fresh): (&Principal, impl Fn() -> SiteEngine),
    ) {
        criterion.benchmark_group("decide").bench_function(self.id(name), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut took = Duration::ZERO;
                let mut left = usize::try_from(iterations).unwrap_or(usize::MAX);
                while left > 0 {
                    let engine = fresh();
                    let started = Instant::now();
                    for image in self.images.iter().take(left) {
                        black_box(engine.decide(principal, NEED, image));
                    }
                    took += started.elapsed();
                    left -= left.min(self.images.len());
                }
                took
            });
        });
    }

    /// An engine that somebody has asked for everything.
    fn asked_by(&self, principal: &Principal) -> SiteEngine {
        let engine = self.checked.engine(&self.vocabulary);
        for image in &self.images {
            black_box(engine.decide(principal, NEED, image));
        }
        engine
    }

    /// Nothing is compiled, nothing remembered.
    fn cold(&self, criterion: &mut Criterion) {
        let fresh = || self.checked.engine(&self.vocabulary);
        self.ask_new(criterion, "cold", (&self.friend, fresh));
    }

    /// The policies are compiled, but nobody with these roles was here.
    fn new_principal(&self, criterion: &mut Criterion) -> anyhow::Result<()> {
        let engine = self.asked_by(&self.reader);
        let image = self.images.first().context("no image")?;
        ensure!(engine.decide(&self.friend, NEED, image).is_allow(), "the friend may download");
        let fresh = || self.asked_by(&self.reader);
        self.ask_new(criterion, "principal_new", (&self.friend, fresh));
        Ok(())
    }

    /// Somebody with the same roles was here: they are looked up, the answer is there.
    fn known_roles(&self, criterion: &mut Criterion) -> anyhow::Result<()> {
        let other = user("another reader")?;
        let fresh = || self.asked_by(&self.reader);
        self.ask_new(criterion, "roles_known", (&other, fresh));
        Ok(())
    }

    /// The same questions again, in turn over all folders.
    fn remembered(&self, criterion: &mut Criterion) {
        let engine = self.asked_by(&self.friend);
        let mut images = self.images.iter().cycle();
        criterion.benchmark_group("decide").bench_function(self.id("remembered"), |bencher| {
            bencher.iter(|| images.next().map(|image| engine.decide(&self.friend, NEED, image)));
        });
    }

    /// The same question again.
    fn hot(&self, criterion: &mut Criterion) -> anyhow::Result<()> {
        let engine = self.asked_by(&self.friend);
        let image = self.images.first().context("no image")?;
        criterion.benchmark_group("decide").bench_function(self.id("hot"), |bencher| {
            bencher.iter(|| engine.decide(&self.friend, NEED, black_box(image)));
        });
        Ok(())
    }

    /// Cedar over everything that is exported: no index, no cache.
    fn cedar_alone(&self, criterion: &mut Criterion) -> anyhow::Result<()> {
        let engine = self.checked.engine(&self.vocabulary);
        let schema = self.vocabulary.schema();
        let policies = PolicySet::from_str(&export::policies(&engine)?)?;
        let principals = [self.friend.clone()];
        let entities = export::entities(&engine, &principals);
        let entities = Entities::from_json_value(entities, Some(schema))?;
        let authorizer = Authorizer::new();
        let mut requests = Vec::new();
        for sample in export::samples(&engine, &principals, 50) {
            let request = request(&sample)?;
            let decision = authorizer.is_authorized(&request, &policies, &entities).decision();
            let allowed = decision == cedar_policy::Decision::Allow;
            ensure!(allowed == sample.allowed, "Cedar alone decides otherwise: {}", sample.request);
            requests.push(request);
        }
        let mut requests = requests.iter().cycle();
        let mut group = criterion.benchmark_group("decide");
        group.bench_function(self.id("cedar_alone"), |bencher| {
            bencher.iter(|| {
                requests.next().map(|one| authorizer.is_authorized(one, &policies, &entities))
            });
        });
        group.finish();
        Ok(())
    }
}

/// A sampled request as Cedar takes it.
fn request(sample: &Sample) -> anyhow::Result<Request> {
    let uid = |key: &str| {
        let text = sample.request.get(key).and_then(|value| value.as_str());
        EntityUid::from_str(text.unwrap_or_default()).with_context(|| key.to_owned())
    };
    let context = sample.request.get("context").cloned().unwrap_or_default();
    let context = Context::from_json_value(context, None)?;
    Ok(Request::new(uid("principal")?, uid("action")?, uid("resource")?, context, None)?)
}
