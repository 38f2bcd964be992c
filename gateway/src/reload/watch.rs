//! Watches the configuration directory and the galleries, and tells [`Live`] what changed.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use vestibule_schema::{GalleryPath, PathKind, SiteId};

use super::Live;

/// Changes that come together are taken together.
const SETTLE: Duration = Duration::from_millis(60);
/// How often the galleries' roots are looked at, and stop requests noticed.
const TICK: Duration = Duration::from_millis(300);
/// A new folder is read once more after this long: what was written before its watch stood.
const SECOND_LOOK: Duration = Duration::from_millis(700);
/// How long until a watch that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// Watches until the sender of `stop` is dropped. Runs on a thread of its own.
pub(crate) fn watch(live: &Arc<Live>, stop: &Receiver<()>) {
    let mut watch = Watch::begin(live);
    loop {
        if !matches!(stop.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            return;
        }
        watch.round(live);
    }
}

struct Watch {
    events: Receiver<notify::Result<Event>>,
    watcher: Option<RecommendedWatcher>,
    /// The galleries, with links in their paths resolved, as events name them.
    galleries: Vec<(SiteId, PathBuf)>,
    again: BTreeMap<Instant, Vec<(SiteId, HashSet<GalleryPath>)>>,
    retry: Option<Instant>,
}

/// What a batch of events comes to.
#[derive(Default)]
struct Changes {
    configuration: bool,
    lost: bool,
    folders: BTreeMap<SiteId, HashSet<GalleryPath>>,
}

impl Watch {
    fn begin(live: &Arc<Live>) -> Self {
        let (sender, events) = mpsc::channel();
        let watcher = notify::recommended_watcher(move |event| {
            // the receiver is gone only when the gateway ends
            let _ = sender.send(event);
        });
        let mut watch = Self {
            events,
            watcher: None,
            galleries: Vec::new(),
            again: BTreeMap::new(),
            retry: None,
        };
        match watcher {
            Ok(watcher) => watch.watcher = Some(watcher),
            Err(error) => watch.failed(live, &error),
        }
        watch.cover(live);
        // what changed between the first scan and the watch
        live.rescan();
        if watch.retry.is_some() {
            live.distrust_watch();
        }
        watch
    }

    /// Watches the configuration directory and every gallery.
    fn cover(&mut self, live: &Arc<Live>) {
        let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.galleries =
            live.galleries().into_iter().map(|(id, path)| (id, canonical(&path))).collect();
        let mut paths = vec![canonical(live.config_dir())];
        paths.extend(self.galleries.iter().map(|(_, path)| path.clone()));
        self.retry = None;
        for path in paths {
            let Some(watcher) = &mut self.watcher else { return };
            if let Err(error) = watcher.watch(&path, RecursiveMode::Recursive)
                && path.is_dir()
            {
                self.failed(live, &error);
            }
        }
    }

    fn failed(&mut self, live: &Arc<Live>, error: &notify::Error) {
        tracing::warn!(%error, "watching files fails: they are looked at on each request");
        self.retry = Some(Instant::now() + RETRY);
        live.distrust_watch();
    }

    fn round(&mut self, live: &Arc<Live>) {
        let changes = self.collect(live);
        if changes.lost {
            tracing::warn!("the watch lost events: everything is read again");
            live.distrust_watch();
            self.cover(live);
            live.rescan();
        }
        if changes.configuration {
            live.reload_configuration();
            if live.galleries().len() != self.galleries.len() {
                self.cover(live);
            }
        }
        for (site, folders) in changes.folders {
            live.refresh_folders(&site, &folders);
            self.again.entry(Instant::now() + SECOND_LOOK).or_default().push((site, folders));
        }
        while let Some(due) = self.again.first_entry().filter(|due| *due.key() <= Instant::now()) {
            for (site, folders) in due.remove() {
                live.refresh_folders(&site, &folders);
            }
        }
        if live.check_galleries() {
            self.cover(live);
        }
        if self.retry.is_some_and(|at| at <= Instant::now()) {
            self.cover(live);
            if self.retry.is_none() {
                live.rescan();
            }
        }
    }

    /// Waits for events, and then until no more come.
    fn collect(&mut self, live: &Arc<Live>) -> Changes {
        let mut changes = Changes::default();
        let mut wait = TICK;
        let began = Instant::now();
        loop {
            match self.events.recv_timeout(wait) {
                Ok(Ok(event)) => {
                    self.sort(live, &event, &mut changes);
                    wait = SETTLE;
                }
                Ok(Err(error)) => {
                    self.failed(live, &error);
                    wait = SETTLE;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return changes,
            }
            // what never settles is taken as it comes
            if began.elapsed() > TICK * 2 {
                return changes;
            }
        }
    }

    fn sort(&self, live: &Arc<Live>, event: &Event, changes: &mut Changes) {
        if event.need_rescan() {
            changes.lost = true;
            return;
        }
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        let config_dir = live.config_dir();
        for path in &event.paths {
            for (site, gallery) in &self.galleries {
                if let Ok(inside) = path.strip_prefix(gallery) {
                    let folders = changes.folders.entry(site.clone()).or_default();
                    folders.extend(concerned(inside));
                }
            }
            let in_config = path.starts_with(config_dir.join("config.d"))
                || path.file_name().is_some_and(|name| name == "vestibule.toml");
            changes.configuration |= in_config && !is_inside_any(path, &self.galleries);
        }
    }
}

fn is_inside_any(path: &Path, galleries: &[(SiteId, PathBuf)]) -> bool {
    galleries.iter().any(|(_, gallery)| path.starts_with(gallery))
}

/// The folder that a path in a gallery is in, whose rules or sub-folders may have changed, and
/// the path itself, which may be a folder. Nothing, for what can't be part of a request.
fn concerned(inside: &Path) -> Vec<GalleryPath> {
    let mut way = vec![GalleryPath::root()];
    for name in inside {
        let below = name.to_str().zip(way.last());
        match below.and_then(|(name, folder)| folder.join(name, PathKind::Folder).ok()) {
            Some(folder) => way.push(folder),
            None => return Vec::new(),
        }
    }
    way.into_iter().rev().take(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_concerns_the_folder_it_is_in() {
        let folders = |path: &str| {
            concerned(Path::new(path)).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(folders("a/b/_folder.md"), ["/a/b/_folder.md/", "/a/b/"]);
        assert_eq!(folders("a"), ["/a/", "/"]);
        assert_eq!(folders(""), ["/"]);
    }
}
