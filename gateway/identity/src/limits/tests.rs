//! The buckets: what comes back, and that they are bounded.

use super::*;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

#[test]
fn what_is_used_comes_back_one_by_one() {
    let buckets = Buckets::new(10, FAILURES);
    for _ in 0..10 {
        assert_eq!(buckets.take("a", at(0)), Ok(()));
    }
    let retry_after = Duration::from_secs(30);
    assert_eq!(buckets.take("a", at(30)), Err(TooMany { retry_after }));
    assert_eq!(buckets.take("a", at(130)), Ok(()));
    assert_eq!(buckets.take("a", at(130)), Ok(()));
    let retry_after = Duration::from_secs(50);
    assert_eq!(buckets.take("a", at(130)), Err(TooMany { retry_after }));
    for _ in 0..10 {
        assert_eq!(buckets.take("a", at(100_000)), Ok(()), "never more than ten");
    }
    assert!(buckets.take("a", at(100_000)).is_err());
}

#[test]
fn a_clock_that_goes_back_frees_nothing() {
    let buckets = Buckets::new(10, FAILURES);
    for _ in 0..10 {
        assert_eq!(buckets.take("a", at(1_000)), Ok(()));
    }
    assert!(buckets.take("a", at(0)).is_err());
    assert!(buckets.take("a", at(59)).is_err());
    assert_eq!(buckets.take("a", at(60)), Ok(()), "and holds nobody until it is right again");
}

#[test]
fn what_costs_a_stranger_nothing_is_limited_too() {
    let (limits, client) = (SignInLimits::default(), IpAddr::from([192, 0, 2, 1]));
    for _ in 0..60 {
        assert_eq!(limits.take_departure(client, at(0)), Ok(()));
    }
    let retry_after = Duration::from_secs(1);
    assert_eq!(limits.take_departure(client, at(0)), Err(TooMany { retry_after }));
    assert_eq!(limits.take_departure(client, at(1)), Ok(()));
    assert_eq!(limits.take_opening(client, at(1)), Ok(()), "each by itself");
}

#[test]
fn what_is_given_back_is_free_and_never_more() {
    let buckets = Buckets::new(10, FAILURES);
    buckets.give_back(&"a");
    for _ in 0..10 {
        assert_eq!(buckets.take("a", at(0)), Ok(()));
    }
    buckets.give_back(&"a");
    assert_eq!(buckets.take("a", at(0)), Ok(()));
    assert!(buckets.take("a", at(0)).is_err());
}

/// Whoever comes with ever new addresses frees nobody that is held back.
#[test]
fn the_memory_is_bounded_and_keeps_the_worst() {
    let buckets = Buckets::new(100, FAILURES);
    for _ in 0..10 {
        assert_eq!(buckets.take(0_u32, at(0)), Ok(()));
    }
    for key in 1..10_000 {
        assert_eq!(buckets.take(key, at(1)), Ok(()), "{key}");
        assert!(buckets.lock().len() <= 100);
    }
    assert!(buckets.take(0, at(1)).is_err());
}

#[test]
fn what_is_full_again_is_forgotten_first() {
    let buckets = Buckets::new(2, FAILURES);
    assert_eq!(buckets.take("old", at(0)), Ok(()));
    assert_eq!(buckets.take("new", at(60)), Ok(()));
    assert_eq!(buckets.take("third", at(61)), Ok(()));
    let lock = buckets.lock();
    assert!(lock.contains_key("new") && lock.contains_key("third") && !lock.contains_key("old"));
}
