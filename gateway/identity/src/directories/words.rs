//! What directories said a moment ago of somebody whom they do not vouch for, or could not say: so
//! that not every request asks them (requirement S13).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vestibule_store::{AccountId, UnixTime};

/// The longest that a word is believed.
const BELIEVED: Duration = Duration::from_secs(60);
/// Accounts remembered.
const CAPACITY: usize = 16_384;

/// What a directory said of an account's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// They are gone, or shut out.
    Shut,
    /// It could not be asked, and what it said before still counts.
    Bearable,
    /// It could not be asked for too long.
    Silent,
}

/// Of so many accounts a directory may be asked at once; of one, once.
const TURNS: usize = 16;

/// The words, by account. One that vouches is not kept here: the store knows it.
#[derive(Debug, Default)]
pub(crate) struct Words {
    said: Mutex<HashMap<AccountId, (Word, UnixTime)>>,
    turns: [tokio::sync::Mutex<()>; TURNS],
}

impl Words {
    /// Waits until nobody else asks of an account: whoever waited finds an answer.
    pub(crate) async fn turn(&self, account: AccountId) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let place = usize::try_from(account.number().unsigned_abs()).unwrap_or_default() % TURNS;
        match self.turns.get(place) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    /// What was said of somebody lately, and since the store last knew better: `since`.
    pub(crate) fn of(
        &self,
        account: AccountId,
        (since, now): (UnixTime, UnixTime),
        interval: Duration,
    ) -> Option<Word> {
        let words = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let (word, at) = *words.get(&account)?;
        let is_current = since <= at && at <= now && now < at.plus(interval.min(BELIEVED));
        is_current.then_some(word)
    }

    /// Keeps what was said.
    pub(crate) fn keep(&self, account: AccountId, word: Word, now: UnixTime) {
        let mut words = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() >= CAPACITY {
            words.retain(|_, (_, at)| now < at.plus(BELIEVED));
        }
        if words.len() >= CAPACITY {
            words.clear();
        }
        words.insert(account, (word, now));
    }

    /// Forgets what was said: the directory vouches again.
    pub(crate) fn forget(&self, account: AccountId) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_believed_for_an_interval_and_no_longer() {
        let at = UnixTime::from_seconds;
        let (words, jane) = (Words::default(), AccountId::from_number(1));
        let of = |since, now| words.of(jane, (at(since), at(now)), Duration::from_secs(10));
        words.keep(jane, Word::Shut, at(100));
        assert_eq!(of(0, 109), Some(Word::Shut));
        assert_eq!(of(0, 110), None, "the interval is over");
        assert_eq!(of(101, 105), None, "the store knows better");
        assert_eq!(of(0, 99), None, "the clock was set back");
        assert_eq!(
            words.of(jane, (at(0), at(160)), Duration::from_secs(900)),
            None,
            "at most 60 s"
        );
        words.forget(jane);
        assert_eq!(of(0, 101), None);
    }
}
