//! The order of a folder's images. It must not tell more than what is shown.

use std::cmp::Ordering;

use jiff::civil::DateTime;
use vestibule_schema::Action;

use super::Desk;
use crate::library::{Entry, Shelf};
use crate::media::natural;
use crate::request::{Direction, Sort, SortBy};
use crate::sight::Sight;

/// The images that the caller sees, in order. Sorting by date reads every header once.
pub(crate) fn ordered(desk: &Desk, shelf: &Shelf<'_>, sight: &Sight, sort: Sort) -> Vec<Entry> {
    // they come sorted by name
    let mut images: Vec<Entry> = sight.images().cloned().collect();
    match (sort.by, sort.direction) {
        (SortBy::Name, Direction::Up) => images,
        (SortBy::Name, Direction::Down) => {
            images.reverse();
            images
        }
        (SortBy::Date, direction) => {
            let is_exact = sight.may.allows(Action::SeeExactDates);
            let dated = images.into_iter().map(|entry| {
                let noted = || sight.sidecar(shelf, &entry).taken;
                let taken = desk.look(shelf, sight, &entry).details.taken.or_else(noted);
                (taken.map(|taken| rank(taken, is_exact)), entry)
            });
            let mut dated: Vec<_> = dated.collect();
            dated.sort_by(|(a, x), (b, y)| {
                dates(*a, *b, direction).then_with(|| natural(&x.name, &y.name))
            });
            dated.into_iter().map(|(_, entry)| entry).collect()
        }
    }
}

/// The date as far as the caller may know it: without exact dates, the month.
fn rank(taken: DateTime, is_exact: bool) -> DateTime {
    if is_exact {
        taken
    } else {
        taken.date().first_of_month().to_datetime(jiff::civil::Time::midnight())
    }
}

/// Images without a date come last in either direction.
fn dates(a: Option<DateTime>, b: Option<DateTime>, direction: Direction) -> Ordering {
    match (a, b, direction) {
        (Some(a), Some(b), Direction::Up) => a.cmp(&b),
        (Some(a), Some(b), Direction::Down) => b.cmp(&a),
        (a, b, _) => b.is_some().cmp(&a.is_some()),
    }
}
