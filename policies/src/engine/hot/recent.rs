//! [`Recent`]: a table of a fixed size that, once full, keeps what is asked for twice.
//!
//! Four entries share a set. Their tags, parts of the hash, stand apart from them, so that a
//! question that is not there costs one line of memory. In a full set, what is asked for the first
//! time leaves its tag alone: a long list that goes by displaces little, and allocates little (the
//! doorkeeper of `TinyLFU`, Einziger et al. 2017, of one place for each set). After so many that
//! were turned away one is let in, so that a set does not keep for ever what nobody asks for.

/// How many entries share a set.
const WAYS: usize = 4;

/// Where an entry belongs, and how it is told from its neighbours at a glance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    set: usize,
    tag: u32,
}

impl Spread {
    /// By the hash of a key: half of it finds the set, the other half is the tag.
    pub(super) fn of(hash: u64) -> Self {
        let [a, b, c, d, set @ ..] = hash.to_le_bytes();
        let set = usize::try_from(u32::from_le_bytes(set)).unwrap_or_default();
        Self { set, tag: u32::from_le_bytes([a, b, c, d]) }
    }
}

/// What a question finds out at first: whether it may be there. Tags of a few sets share a line of
/// memory.
type Tags = [u32; WAYS];

#[derive(Debug, Clone, Copy, Default)]
struct Passing {
    /// The tag that was asked for last, and not kept.
    asked: u32,
    /// How many were turned away since one was kept.
    turned_away: u32,
    /// The entry that gave way last, counted on.
    oldest: u32,
}

#[derive(Debug)]
pub(super) struct Recent<T> {
    tags: Box<[Tags]>,
    entries: Box<[[Option<T>; WAYS]]>,
    passing: Box<[Passing]>,
    patience: u32,
}

impl<T> Recent<T> {
    /// For so many entries, rounded up to a power of two; a full set turns so many away in a row.
    pub(super) fn new(entries: usize, patience: u32) -> Self {
        let sets = (entries / WAYS).max(1).next_power_of_two();
        Self {
            tags: vec![Tags::default(); sets].into(),
            entries: empty(sets),
            passing: vec![Passing::default(); sets].into(),
            patience,
        }
    }

    /// The entry of a key; `is` compares the key itself.
    pub(super) fn find(&self, at: Spread, is: impl Fn(&T) -> bool) -> Option<&T> {
        let place = self.place(at);
        let (tags, entries) = (self.tags.get(place)?, self.entries.get(place)?);
        let kept = tags.iter().zip(entries).filter(|(tag, _)| **tag == at.tag);
        kept.filter_map(|(_, entry)| entry.as_ref()).find(|entry| is(entry))
    }

    /// Keeps an entry that was not found, if there is room, or it was asked for before.
    pub(super) fn keep(&mut self, at: Spread, make: impl FnOnce() -> T) {
        let place = self.place(at);
        let (Some(tags), Some(entries), Some(passing)) =
            (self.tags.get_mut(place), self.entries.get_mut(place), self.passing.get_mut(place))
        else {
            return;
        };
        let way = match entries.iter().position(Option::is_none) {
            Some(room) => room,
            None if passing.asked == at.tag || passing.turned_away >= self.patience => {
                passing.turned_away = 0;
                passing.oldest = passing.oldest.wrapping_add(1);
                usize::try_from(passing.oldest).unwrap_or_default() % WAYS
            }
            None => {
                passing.asked = at.tag;
                passing.turned_away += 1;
                return;
            }
        };
        if let (Some(tag), Some(entry)) = (tags.get_mut(way), entries.get_mut(way)) {
            *tag = at.tag;
            *entry = Some(make());
        }
    }

    fn place(&self, at: Spread) -> usize {
        at.set & (self.tags.len() - 1)
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        self.tags.fill_with(Tags::default);
        self.entries.fill_with(|| [const { None }; WAYS]);
        self.passing.fill_with(Passing::default);
    }
}

fn empty<T>(sets: usize) -> Box<[[Option<T>; WAYS]]> {
    std::iter::repeat_with(|| [const { None }; WAYS]).take(sets).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(table: &mut Recent<u64>, key: u64) -> bool {
        // a poor hash: every key meets others in its set, some with their tag
        let at = Spread::of(((key % 3) << 32) | (key % 7));
        let found = table.find(at, |entry| *entry == key).copied();
        if found.is_none() {
            table.keep(at, || key);
        }
        assert!(found.is_none_or(|found| found == key), "{found:?} for {key}");
        found.is_some()
    }

    #[test]
    fn a_full_set_keeps_what_is_asked_for_twice() {
        let mut table = Recent::new(16, u32::MAX);
        // all of one set
        assert!([0, 3, 6, 9].iter().all(|key| !ask(&mut table, *key)));
        assert!([0, 3, 6, 9].iter().all(|key| ask(&mut table, *key)));
        let answers: Vec<_> = (0..4).map(|_| ask(&mut table, 12)).collect();
        assert_eq!(answers, [false, false, true, true]);
        table.forget();
        assert!(!ask(&mut table, 12));
    }

    #[test]
    fn a_long_list_displaces_nothing() {
        let mut table = Recent::new(16, u32::MAX);
        assert!((0..12).all(|key| !ask(&mut table, key)));
        for _ in 0..10 {
            (100..200).for_each(|key| _ = ask(&mut table, key));
        }
        assert!((0..12).all(|key| ask(&mut table, key)));
    }

    #[test]
    fn what_nobody_asks_for_gives_way() {
        let mut table = Recent::new(16, 3);
        // five that are asked for in turn, in a set of four that is full of others
        assert!([0, 3, 6, 9].iter().all(|key| !ask(&mut table, *key)));
        let turns: Vec<_> = (0..40).map(|turn| ask(&mut table, 12 + 3 * (turn % 2))).collect();
        assert!(turns[20..].iter().all(|found| *found), "{turns:?}");
    }

    #[test]
    fn no_key_gets_the_entry_of_another() {
        let mut table = Recent::new(16, u32::MAX);
        let keys = (0..20_000_u64).map(|step| step * step % 41);
        let found = keys.filter(|key| ask(&mut table, *key)).count();
        assert!(found > 100, "{found}");
    }
}
