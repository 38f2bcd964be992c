//! The buckets: what comes back, and that they are bounded.

use futures_util::FutureExt as _;

use super::*;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

#[test]
fn what_is_used_comes_back_one_by_one() {
    let buckets = Buckets::new(10, FAILURES);
    for _ in 0..10 {
        assert_eq!(buckets.count("a", at(0)), Ok(()));
    }
    let retry_after = Duration::from_secs(30);
    assert_eq!(buckets.count("a", at(30)), Err(TooMany { retry_after, may_pass: false }));
    assert_eq!(buckets.count("a", at(130)), Ok(()));
    assert_eq!(buckets.count("a", at(130)), Ok(()));
    let retry_after = Duration::from_secs(50);
    assert_eq!(buckets.count("a", at(130)), Err(TooMany { retry_after, may_pass: false }));
    for _ in 0..10 {
        assert_eq!(buckets.count("a", at(100_000)), Ok(()), "never more than ten");
    }
    assert!(buckets.count("a", at(100_000)).is_err());
}

#[test]
fn a_clock_that_goes_back_frees_nothing() {
    let buckets = Buckets::new(10, FAILURES);
    for _ in 0..10 {
        assert_eq!(buckets.count("a", at(1_000)), Ok(()));
    }
    assert!(buckets.count("a", at(0)).is_err());
    assert!(buckets.count("a", at(59)).is_err());
    assert_eq!(buckets.count("a", at(60)), Ok(()), "and holds nobody until it is right again");
}

#[test]
fn what_costs_a_stranger_nothing_is_limited_too() {
    let (limits, client) = (SignInLimits::default(), IpAddr::from([192, 0, 2, 1]));
    for _ in 0..60 {
        assert_eq!(limits.count_departure(client, at(0)), Ok(()));
    }
    let retry_after = Duration::from_secs(1);
    assert_eq!(
        limits.count_departure(client, at(0)),
        Err(TooMany { retry_after, may_pass: false })
    );
    assert_eq!(limits.count_departure(client, at(1)), Ok(()));
    assert_eq!(limits.count_opening(client, at(1)), Ok(()), "each by itself");
}

#[test]
fn what_is_given_back_is_free_and_never_more() {
    let buckets = Buckets::new(10, FAILURES);
    buckets.forgive(&"a");
    for _ in 0..10 {
        assert_eq!(buckets.count("a", at(0)), Ok(()));
    }
    buckets.forgive(&"a");
    assert_eq!(buckets.count("a", at(0)), Ok(()));
    assert!(buckets.count("a", at(0)).is_err());
}

/// Whoever comes with ever new addresses frees nobody that is held back.
#[test]
fn the_memory_is_bounded_and_keeps_the_worst() {
    let buckets = Buckets::new(100, FAILURES);
    for _ in 0..10 {
        assert_eq!(buckets.count(0_u32, at(0)), Ok(()));
    }
    for key in 1..10_000 {
        assert_eq!(buckets.count(key, at(1)), Ok(()), "{key}");
        assert!(buckets.lock().len() <= 100);
    }
    assert!(buckets.count(0, at(1)).is_err());
}

#[test]
fn what_is_full_again_is_forgotten_first() {
    let buckets = Buckets::new(2, FAILURES);
    assert_eq!(buckets.count("old", at(0)), Ok(()));
    assert_eq!(buckets.count("new", at(60)), Ok(()));
    assert_eq!(buckets.count("third", at(61)), Ok(()));
    let lock = buckets.lock();
    assert!(lock.contains_key("new") && lock.contains_key("third") && !lock.contains_key("old"));
}

/// Ten attempts that are under way.
fn ten<'l>(buckets: &'l Buckets<&'static str>) -> Vec<UnderWay<'l, &'static str>> {
    (0..10).map(|_| buckets.begin("a", at(0)).expect("one of ten")).collect()
}

/// What holds somebody back, if anything does.
fn held(buckets: &Buckets<&'static str>) -> Option<TooMany> {
    buckets.begin("a", at(0)).map(UnderWay::forgive).err()
}

/// Whom attempts hold back that have not ended has not failed.
#[test]
fn what_is_under_way_may_turn_out_well() {
    let buckets = Buckets::new(10, FAILURES);
    let mut under_way = ten(&buckets);
    assert!(held(&buckets).expect("ten are under way").may_pass);
    under_way.pop().expect("the tenth").forgive();
    assert_eq!(held(&buckets), None);
    let last = under_way.pop().expect("the ninth");
    under_way.into_iter().for_each(|one| one.end(true));
    let (tenth, eleventh) = (buckets.begin("a", at(0)), held(&buckets));
    assert!(tenth.is_ok() && eleventh.expect("eight failed, two are under way").may_pass);
    drop(tenth);
    last.end(true);
    assert!(!held(&buckets).expect("ten have failed").may_pass);
}

/// Whoever panics has failed, and is not under way for ever.
#[test]
fn what_is_given_up_has_failed() {
    let buckets = Buckets::new(10, FAILURES);
    drop(ten(&buckets));
    assert!(!held(&buckets).expect("ten have failed").may_pass);
}

/// How long those wait who wait for something that comes.
const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn who_is_held_back_by_what_is_under_way_waits_for_it() {
    let buckets = Buckets::new(10, FAILURES);
    let mut under_way = ten(&buckets);
    let wait = || Box::pin(buckets.begin_within("a", || at(0), LONG));
    let (mut first, mut second) = (wait(), wait());
    assert!((&mut first).now_or_never().is_none(), "it waits");
    assert!((&mut second).now_or_never().is_none(), "it waits");
    under_way.pop().expect("one of ten").forgive();
    let first = first.await.expect("there is room");
    assert!((&mut second).now_or_never().is_none(), "one has gone, one has come");
    under_way.into_iter().for_each(|one| one.end(true));
    assert!((&mut second).now_or_never().is_none(), "one is under way yet");
    first.end(true);
    assert!(!second.await.err().expect("ten have failed").may_pass);
    let other = buckets.begin_within("b", || at(0), LONG).now_or_never();
    assert!(other.is_some_and(|other| other.is_ok()), "others wait for nothing");
}

#[tokio::test]
async fn nobody_waits_for_ever_and_so_many_do_at_all() {
    let buckets = Buckets::new(10, FAILURES);
    let _under_way = ten(&buckets);
    let at_once = tokio::time::timeout(LONG, buckets.begin_within("a", || at(0), Duration::ZERO));
    assert!(at_once.await.expect("an answer").err().expect("no room").may_pass);
    let wait = || Box::pin(buckets.begin_within("a", || at(0), LONG));
    let mut waiting: Vec<_> = (0..64).map(|_| wait()).collect();
    assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
    assert!(wait().now_or_never().expect("an answer").err().expect("no room").may_pass);
    waiting.pop();
    assert!(wait().now_or_never().is_none(), "there is room again");
}
