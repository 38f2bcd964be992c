//! What commands wait for: what store and files say at that moment, put in force.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use vestibule_policies::model::Rights;
use vestibule_schema::SiteId;
use vestibule_store::{Store, StoreError};

use super::site::LiveSite;
use super::{Live, Rebuild, Trust};
use crate::build;

impl Live {
    /// Takes over what the store says, unless nothing changed since it was last read. What was
    /// committed before this is called is in force when it returns.
    ///
    /// # Errors
    /// If the store can't be reached.
    // INVARIANT: read and put in force under one lock, and the counter is read first: whoever
    // reads later puts in force later, and a change in between is noticed the next time.
    pub(crate) async fn take_over_rights(&self, store: &Store) -> Result<(), StoreError> {
        let mut seen = self.taking_over.lock().await;
        let changes = store.meta().changes().await?;
        if *seen != Some(changes) {
            self.replace_rights(build::stored_rights(store).await?);
            *seen = Some(changes);
        }
        Ok(())
    }

    /// Takes over what the store said.
    fn replace_rights(&self, stored: BTreeMap<SiteId, Arc<Rights>>) {
        let mut state = self.lock();
        let differs = |id: &SiteId| state.stored.get(id) != stored.get(id);
        let changed: HashSet<_> = state.sites.keys().filter(|id| differs(id)).cloned().collect();
        state.stored = stored;
        if !changed.is_empty() {
            self.swap_or_log(&mut state, &Rebuild::Some(changed));
        }
    }

    /// Reads the configuration directory and the galleries anew. What is good of it is in force
    /// when this returns, but for what the answer says.
    pub(crate) fn read_again(&self) -> Vec<String> {
        let mut kept_back = self.reload_configuration();
        let is_degraded = self.degraded.load(Ordering::SeqCst);
        self.rescan(if is_degraded { Trust::Unwatched } else { Trust::Watched });
        let state = self.lock();
        kept_back.extend(state.sites.values().flat_map(LiveSite::kept_back));
        let world = self.world();
        let is_nowhere = |id: &&SiteId| world.as_ref().is_none_or(|world| world.site(id).is_none());
        let nowhere = state.sites.keys().filter(is_nowhere);
        kept_back.extend(nowhere.map(|id| format!("the site `{id}` is closed: the log says why")));
        kept_back
    }
}
