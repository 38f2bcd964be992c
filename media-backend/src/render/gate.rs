//! Who may decode when: one at a time per picture, a few at a time in all, and a queue with an end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Flight, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::Key;
use crate::refusal::Refusal;

/// Limits the decoding.
#[derive(Debug)]
pub(super) struct Gate {
    shared: Arc<Shared>,
    most: usize,
}

#[derive(Debug)]
struct Shared {
    decoders: Arc<Semaphore>,
    entered: AtomicUsize,
    flights: Mutex<HashMap<Key, Arc<Flight<()>>>>,
}

/// The place of one request: it alone may make its picture now.
#[derive(Debug)]
pub(super) struct Turn {
    // let go before the place, so that the place sees who is left
    _flight: OwnedMutexGuard<()>,
    place: Place,
}

/// A turn with a decoder.
#[derive(Debug)]
pub(super) struct Permit {
    _decoder: OwnedSemaphorePermit,
    _turn: Turn,
}

/// A place in the queue, and the interest in a picture.
#[derive(Debug)]
struct Place {
    key: Key,
    shared: Arc<Shared>,
}

impl Gate {
    pub(super) fn new(decoders: usize, queue: usize) -> Self {
        let decoders = decoders.max(1);
        let shared = Shared {
            decoders: Arc::new(Semaphore::new(decoders)),
            entered: AtomicUsize::new(0),
            flights: Mutex::default(),
        };
        Self { shared: Arc::new(shared), most: decoders + queue }
    }

    /// Takes a place in the queue and waits until nobody else makes this picture.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if the queue is full.
    pub(super) async fn enter(&self, key: Key) -> Result<Turn, Refusal> {
        let (place, flight) = Place::take(&self.shared, key, self.most)?;
        let flight = flight.lock_owned().await;
        Ok(Turn { _flight: flight, place })
    }
}

impl Turn {
    /// Waits for a decoder.
    ///
    /// # Errors
    /// Never while the gate lives.
    pub(super) async fn begin(self) -> Result<Permit, Refusal> {
        let decoders = Arc::clone(&self.place.shared.decoders);
        let decoder = decoders.acquire_owned().await.map_err(|_| Refusal::Internal)?;
        Ok(Permit { _decoder: decoder, _turn: self })
    }
}

impl Place {
    fn take(
        shared: &Arc<Shared>,
        key: Key,
        most: usize,
    ) -> Result<(Self, Arc<Flight<()>>), Refusal> {
        if shared.entered.fetch_add(1, Ordering::AcqRel) >= most {
            shared.entered.fetch_sub(1, Ordering::AcqRel);
            return Err(Refusal::Busy);
        }
        let mut flights = shared.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = Arc::clone(flights.entry(key).or_default());
        drop(flights);
        Ok((Self { key, shared: Arc::clone(shared) }, flight))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.entered.fetch_sub(1, Ordering::AcqRel);
        let mut flights = self.shared.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // nobody but the map is interested any more
        if flights.get(&self.key).is_some_and(|flight| Arc::strong_count(flight) == 1) {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_full_queue_turns_away_and_an_empty_one_forgets() {
        let gate = Gate::new(1, 1);
        let first = gate.enter([1; 32]).await.unwrap().begin().await.unwrap();
        let second = gate.enter([2; 32]).await.unwrap();
        assert_eq!(gate.enter([3; 32]).await.err(), Some(Refusal::Busy));
        drop(first);
        let second = second.begin().await.unwrap();
        drop(second);
        assert!(gate.shared.flights.lock().unwrap().is_empty());
        assert_eq!(gate.shared.entered.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn one_picture_is_made_by_one() {
        let gate = Gate::new(4, 4);
        let first = gate.enter([1; 32]).await.unwrap();
        let waiting = gate.enter([1; 32]);
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert!(waiting.as_mut().now_or_never().is_some());
    }
}
