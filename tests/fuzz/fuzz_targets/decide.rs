//! Any bytes are a site, its hand-written policies, and requests: index, slices and caches answer
//! as Cedar does over the whole policy set. The sites are those of the property tests.
//!
//! Each part is drawn from a seed of 32 bytes, so that the fuzzer can keep one and change another.
//! Not from the bytes themselves: proptest halves what is left of them at each choice, and some
//! distributions draw for ever from the zeros that come after.

#![no_main]

#[path = "../../../policies/tests/policies/generated.rs"]
mod generated;

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use vestibule_policies::Vocabulary;

use generated::RandomSite;

thread_local! {
    static VOCABULARY: Arc<Vocabulary> = Arc::new(Vocabulary::load().unwrap());
}

/// A value, drawn from the seed that begins the bytes; they go on behind it.
fn drawn<S: Strategy>(strategy: S, data: &mut &[u8]) -> Option<S::Value> {
    let mut seed = [0; 32];
    let (own, rest) = data.split_at(data.len().min(seed.len()));
    seed[..own.len()].copy_from_slice(own);
    *data = rest;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    strategy.new_tree(&mut runner).ok().map(|tree| tree.current())
}

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let Some(site) = drawn(generated::random_site(), &mut data) else { return };
    let Some(with_policies) = drawn(generated::site_with_policies(), &mut data) else { return };
    let Some(questions) = drawn(generated::questions(2), &mut data) else { return };
    let site = RandomSite { policies: with_policies.policies, ..site };
    let vocabulary = VOCABULARY.with(Arc::clone);
    if let Err(difference) =
        generated::comparison::index_and_whole_set(&site, &questions, &vocabulary)
    {
        panic!("{difference}");
    }
});
