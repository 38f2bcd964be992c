//! Watches the configuration directory and the galleries, and tells [`Live`] what changed.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use notify::{Config, Event, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};
use vestibule_schema::{GalleryPath, PathKind, SiteId};

use super::{Live, Trust, documents};
use crate::config::Watching;

/// Changes that come together are taken together.
const SETTLE: Duration = Duration::from_millis(60);
/// How often the galleries' roots are looked at, and stop requests noticed.
const TICK: Duration = Duration::from_millis(300);
/// A new folder is read once more after this long: what was written before its watch stood.
const SECOND_LOOK: Duration = Duration::from_millis(700);
/// How long until a watch that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);
/// How often everything is read while there is no watch that can be relied on; longer, where
/// reading itself takes long.
const POLL: Duration = Duration::from_secs(1);

/// Where the sites' configuration is.
const CONFIG_D: &str = "config.d";

/// Watches until the sender of `stop` is dropped, and the configuration on a thread beside. Runs on a thread of its own.
pub(crate) fn watch(live: &Arc<Live>, watching: Watching, stop: &Receiver<()>) {
    std::thread::scope(|scope| {
        let (end, ended) = mpsc::channel();
        let beside = std::thread::Builder::new().name("vestibule-config".into());
        if let Err(error) = beside.spawn_scoped(scope, move || documents::watch(live, &ended)) {
            tracing::error!(%error, "links in the configuration are not looked at");
        }
        let mut watch = Watch::begin(live, watching);
        while matches!(stop.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            watch.round(live);
        }
        drop::<Sender<()>>(end);
    });
}

struct Watch {
    sender: Sender<notify::Result<Event>>,
    watching: Watching,
    events: Receiver<notify::Result<Event>>,
    watcher: Option<RecommendedWatcher>,
    /// The directory of the sites' configuration, with links in its path resolved, as events name it.
    config_d: PathBuf,
    /// The galleries, with links in their paths resolved, as events name them.
    galleries: Vec<(SiteId, PathBuf)>,
    again: BTreeMap<Instant, Vec<(SiteId, HashSet<GalleryPath>)>>,
    /// There is no watch that can be relied on; it is tried again then.
    retry: Option<Instant>,
    /// Without a watch: when everything is read next.
    poll: Instant,
    /// When the folders that could not be read are tried again.
    second_try: Instant,
}

/// What a batch of events comes to.
#[derive(Default)]
struct Changes {
    configuration: bool,
    /// `config.d` is another directory now, or there is one at last.
    replaced: bool,
    lost: bool,
    folders: BTreeMap<SiteId, HashSet<GalleryPath>>,
}

impl Watch {
    fn begin(live: &Arc<Live>, watching: Watching) -> Self {
        let (sender, events) = mpsc::channel();
        let mut watch = Self {
            sender,
            watching,
            events,
            watcher: None,
            config_d: PathBuf::new(),
            galleries: Vec::new(),
            again: BTreeMap::new(),
            retry: None,
            poll: Instant::now(),
            second_try: Instant::now() + POLL,
        };
        watch.cover(live);
        // what changed between the first reading and the watch, in both
        live.reload_configuration();
        live.rescan(watch.trust());
        watch
    }

    fn trust(&self) -> Trust {
        if self.retry.is_none() { Trust::Watched } else { Trust::Unwatched }
    }

    /// Watches the configuration directory and every gallery, each directory anew: what was watched
    /// before may be another directory by now. Nothing is taken as known until it is read again,
    /// which is for the caller to do when this returns.
    fn cover(&mut self, live: &Arc<Live>) {
        let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.galleries =
            live.galleries().into_iter().map(|(id, path)| (id, canonical(&path))).collect();
        let config_dir = canonical(live.config_dir());
        self.config_d = canonical(&live.config_dir().join(CONFIG_D));
        // not all below the configuration directory: the state is there, too, and every line of the
        // audit log would wake who watches. Inside a gallery all the same, for a directory that is
        // watched alone hides from a walk what is below it
        let is_shown = self.galleries.iter().any(|(_, gallery)| config_dir.starts_with(gallery));
        let mode = if is_shown { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        let mut paths = vec![(config_dir, mode)];
        let whole = |path: &PathBuf| (path.clone(), RecursiveMode::Recursive);
        paths.push(whole(&self.config_d));
        paths.extend(self.galleries.iter().map(|(_, path)| whole(path)));
        if self.watching == Watching::Poll {
            self.retry = Some(Instant::now() + RETRY);
            return;
        }
        self.retry = None;
        live.distrust_watch();
        match self.watch_each(&paths) {
            // the old one tells what happens until the new one stands
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.failed(live, &error),
        }
    }

    /// A new watch: one that exists does nothing for a path that it had before, whatever directory
    /// is there now.
    fn watch_each(&self, paths: &[(PathBuf, RecursiveMode)]) -> notify::Result<RecommendedWatcher> {
        let sender = self.sender.clone();
        let tell = move |event| {
            // the receiver is gone only when the gateway ends
            let _ = sender.send(event);
        };
        // links are not followed: what a link leads to would be reported under the link's name
        // alone, and the folder itself never. A folder that is read is not one that changes
        let quiet =
            Config::default().with_follow_symlinks(false).with_event_kinds(EventKindMask::CORE);
        let mut watcher = RecommendedWatcher::new(tell, quiet)?;
        for (path, mode) in paths.iter().filter(|(path, _)| path.is_dir()) {
            watcher.watch(path, *mode)?;
        }
        Ok(watcher)
    }

    fn failed(&mut self, live: &Arc<Live>, error: &notify::Error) {
        tracing::warn!(%error, "watching files fails: everything is read every second or so");
        // a watch that stands in part is as good as none
        self.watcher = None;
        self.retry = Some(Instant::now() + RETRY);
        live.distrust_watch();
    }

    fn round(&mut self, live: &Arc<Live>) {
        let changes = self.collect(live);
        if changes.lost {
            tracing::warn!("the watch lost events: everything is read again");
        }
        if changes.lost || changes.replaced {
            self.cover(live);
            live.reload_configuration();
            live.rescan(self.trust());
        }
        if changes.configuration {
            live.reload_configuration();
        }
        // whoever has read the configuration
        if !self.covers(&live.galleries()) {
            self.cover(live);
            live.rescan(self.trust());
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
            live.rescan(self.trust());
        }
        self.do_without(live);
        if self.second_try <= Instant::now() {
            live.retry_unreadable();
            self.second_try = Instant::now() + POLL;
        }
    }

    /// Reads everything again and again while there is no watch, and tries to have one.
    fn do_without(&mut self, live: &Arc<Live>) {
        let Some(retry) = self.retry else { return };
        let began = Instant::now();
        if began < self.poll {
            return;
        }
        if retry <= began {
            self.cover(live);
        }
        live.reload_configuration();
        live.rescan(self.trust());
        self.poll = Instant::now() + POLL.max(began.elapsed() * 4);
    }

    fn covers(&self, galleries: &[(SiteId, PathBuf)]) -> bool {
        let canonical = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        galleries.len() == self.galleries.len()
            && galleries
                .iter()
                .zip(&self.galleries)
                .all(|((id, path), (known, at))| id == known && canonical(path) == *at)
    }

    /// Waits for events, and then until no more come.
    fn collect(&mut self, live: &Arc<Live>) -> Changes {
        let mut changes = Changes::default();
        let began = Instant::now();
        let mut until = began + TICK;
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(wait) {
                Ok(Ok(event)) => self.sort(live, &event, &mut changes),
                Ok(Err(error)) => self.failed(live, &error),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return changes,
            }
            // what never settles is taken as it comes
            until = (Instant::now() + SETTLE).min(began + TICK * 2);
            if wait.is_zero() {
                return changes;
            }
        }
    }

    fn sort(&self, live: &Arc<Live>, event: &Event, changes: &mut Changes) {
        if event.need_rescan() {
            changes.lost = true;
            return;
        }
        let config_dir = live.config_dir();
        let config_d = config_dir.join(CONFIG_D);
        for path in &event.paths {
            for (site, gallery) in &self.galleries {
                if let Ok(inside) = path.strip_prefix(gallery) {
                    let folders = changes.folders.entry(site.clone()).or_default();
                    folders.extend(concerned(inside));
                }
            }
            changes.replaced |= *path == config_d || *path == self.config_d;
            let is_config =
                |directory| path.starts_with(directory) && !self.is_shown(path, directory);
            changes.configuration |= is_config(&config_d)
                || is_config(&self.config_d)
                || *path == config_dir.join("vestibule.toml");
        }
    }

    /// Whether a path is in a gallery that lies inside a directory: what is there is no configuration.
    fn is_shown(&self, path: &Path, directory: &Path) -> bool {
        let mut inside = self.galleries.iter().filter(|(_, it)| it.starts_with(directory));
        inside.any(|(_, gallery)| path.starts_with(gallery))
    }
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
    use std::fs;

    use super::*;
    use crate::reload::galleries::tests::Bench;

    /// When a test gives up.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// The audit log is written with every sign-in.
    #[test]
    fn what_is_written_to_the_state_wakes_nobody() {
        let bench = Bench::new();
        let config_dir = bench.live.config_dir().to_owned();
        let watch = Watch::begin(&bench.live, Watching::Reported);
        fs::write(config_dir.join("state/audit.jsonl"), "{}").unwrap();
        fs::write(config_dir.join("config.d/sites/family/grants.toml"), "").unwrap();
        let mut told = Vec::new();
        // what was written first would have been told first
        while !told.iter().any(|path: &PathBuf| path.ends_with("family/grants.toml")) {
            told.extend(watch.events.recv_timeout(PATIENCE).unwrap().unwrap().paths);
        }
        assert!(!told.iter().any(|path| path.starts_with(config_dir.join("state"))), "{told:?}");
    }

    /// Where it lies in a gallery, all of it is part of the gallery.
    #[test]
    fn a_configuration_inside_a_gallery_is_watched_whole() {
        let bench = Bench::new();
        let config_dir = bench.live.config_dir().to_owned();
        let site = config_dir.join("config.d/sites/family/site.toml");
        let text = fs::read_to_string(&site).unwrap().replace("/gallery\"", "\"");
        fs::write(&site, text).unwrap();
        bench.live.reload_configuration();
        let watch = Watch::begin(&bench.live, Watching::Reported);
        let folder = config_dir.join("gallery/a/_folder.md");
        fs::write(&folder, "").unwrap();
        while !watch.events.recv_timeout(PATIENCE).unwrap().unwrap().paths.contains(&folder) {}
    }

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
