//! What it costs to read a site's documents and to compile one chain of blocks.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use vestibule_benchmarks::sites::{SIZES, Site};
use vestibule_policies::{Need, Principal, Vocabulary};
use vestibule_schema::Action;

fn main() -> anyhow::Result<()> {
    let vocabulary = Arc::new(Vocabulary::load()?);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for blocks in SIZES {
        let site = Site::with_blocks(blocks)?;
        check(&mut criterion, &vocabulary, &site);
        chain(&mut criterion, &vocabulary, &site)?;
    }
    criterion.final_summary();
    Ok(())
}

/// All documents of a site, from text to an engine that can be asked.
fn check(criterion: &mut Criterion, vocabulary: &Arc<Vocabulary>, site: &Site) {
    let blocks = site.folders.len();
    let mut group = criterion.benchmark_group("check");
    group.throughput(Throughput::Elements(u64::try_from(blocks).unwrap_or(u64::MAX)));
    group.bench_function(BenchmarkId::new("site", blocks), |bencher| {
        bencher.iter(|| site.check(vocabulary).map(|checked| checked.engine(vocabulary)));
    });
    group.finish();
}

/// One chain: the first question of a visitor, who holds no role, so that nearly all of it is the
/// compilation.
fn chain(
    criterion: &mut Criterion,
    vocabulary: &Arc<Vocabulary>,
    site: &Site,
) -> anyhow::Result<()> {
    let checked = site.check(vocabulary)?;
    let images = site.images()?;
    let need = Need::one(Action::View);
    let id = BenchmarkId::new("chain", images.len());
    criterion.benchmark_group("compile").bench_function(id, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut took = Duration::ZERO;
            let mut left = usize::try_from(iterations).unwrap_or(usize::MAX);
            while left > 0 {
                let engine = checked.engine(vocabulary);
                let started = Instant::now();
                for image in images.iter().take(left) {
                    black_box(engine.decide(&Principal::Visitor, need, image));
                }
                took += started.elapsed();
                left -= left.min(images.len());
            }
            took
        });
    });
    Ok(())
}
