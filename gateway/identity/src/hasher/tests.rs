use futures_util::FutureExt as _;

use super::*;

/// How long those wait who wait for something that comes.
const LONG: Duration = Duration::from_secs(600);

fn one_lane(wait: Duration) -> Hasher {
    Hasher::new(HashCost::CHEAPEST, (1, 1), wait)
}

#[tokio::test]
async fn who_finds_the_queue_full_waits_for_a_place() {
    let hasher = one_lane(LONG);
    let mut blocked = hasher.fill_for_test();
    let mut first = Box::pin(hasher.place());
    let mut second = Box::pin(hasher.place());
    assert!((&mut first).now_or_never().is_none(), "it waits");
    assert!((&mut second).now_or_never().is_none(), "it waits");
    blocked.pop();
    let place = first.await.unwrap();
    assert!((&mut second).now_or_never().is_none(), "one place, one who has it");
    drop(place);
    second.await.unwrap();
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let hasher = one_lane(Duration::ZERO);
    let _blocked = hasher.fill_for_test();
    let place = tokio::time::timeout(LONG, hasher.place()).await.expect("an answer");
    assert_eq!(place.unwrap_err(), HashError::Busy);
}

/// What strangers can make the gateway remember is bounded.
#[tokio::test]
async fn so_many_wait_and_no_more() {
    let hasher = one_lane(LONG);
    let _blocked = hasher.fill_for_test();
    let mut waiting: Vec<_> = (0..OUTSIDE).map(|_| Box::pin(hasher.place())).collect();
    assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
    assert_eq!(hasher.place().now_or_never().unwrap().unwrap_err(), HashError::Busy);
    waiting.pop();
    assert!(hasher.place().now_or_never().is_none(), "there is room again");
}

/// Whoever is gone keeps no place.
#[tokio::test]
async fn memory_and_places_are_given_back() {
    let hasher = one_lane(LONG);
    let (password, hashes) = (Secret::from("a password"), 4);
    let all = (0..hashes).map(|_| hasher.hash(&password));
    let made = futures_util::future::join_all(all).await;
    assert!(made.iter().all(Result::is_ok));
    assert_eq!(hasher.room.places.available_permits(), hasher.room.capacity);
    assert_eq!(hasher.room.memories.count(), 0, "the storm is over");
}

/// Also where the last one is held back before anything is hashed.
#[tokio::test]
async fn who_goes_last_leaves_no_memory_behind() {
    let hasher = one_lane(LONG);
    let place = hasher.place().await.unwrap();
    hasher.hash(&Secret::from("a password")).await.unwrap();
    assert_eq!(hasher.room.memories.count(), 1, "kept for who is there");
    drop(place);
    assert_eq!(hasher.room.memories.count(), 0);
}

/// Whoever keeps the processors busy keeps nobody from signing in.
#[tokio::test]
async fn who_has_waited_long_gives_way_to_nobody() {
    let hasher = one_lane(LONG);
    let thread = |_: &mut Memory| std::thread::current().name() == Some("vestibule-hash");
    let place = hasher.place().await.unwrap();
    assert!(hasher.run(place, thread).await.unwrap(), "on a thread that gives way");
    let (place, since) = (hasher.place().await.unwrap(), Instant::now().checked_sub(PATIENCE));
    let done = hasher.run_since(since.unwrap(), place, thread).await;
    assert!(!done.unwrap(), "on one that does not");
}
