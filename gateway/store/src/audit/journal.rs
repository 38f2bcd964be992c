//! The file that is appended to, by one process at a time.
//!
//! Who appends holds a lock file and reads the last line again if the file is not as this process
//! left it: command-line verbs and the gateway write one chain. What does not end with a line
//! break was not written whole; it is kept aside and told of.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::actor::{Actor, Entry};
use super::error::AuditError;
use super::event::Event;
use super::line::{self, Link, Timed, Writer};
use super::read;
use super::series::{self, Old, Series};

/// More than a record ever takes.
const WINDOW: u64 = 256 * 1024;
/// How many bytes must find room before something is done that must be recorded: some records.
const ROOM: usize = 16 * 1024;

/// Where the audit log is, and when a new file is begun.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// The file.
    pub file: PathBuf,
    /// After so many bytes a new file is begun.
    pub max_size: u64,
    /// How many old files are kept; `None` for all.
    pub keep: Option<usize>,
    /// The name of this machine.
    pub node: String,
    /// The number of this process.
    pub process: u32,
}

/// How safe a record must be before its writer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// With the system: it outlives this process.
    System,
    /// On disk: it outlives the machine.
    Disk,
}

/// The file that is appended to.
#[derive(Debug)]
pub(super) struct Journal {
    settings: AuditSettings,
    series: Series,
    /// What this process, or another before it, wrote last.
    known: Option<Known>,
}

/// The end of the file as this process left it.
#[derive(Debug, Clone, Copy)]
struct Known {
    link: Link,
    length: u64,
    inode: u64,
}

/// The file, open and locked.
struct Held {
    file: File,
    length: u64,
    link: Link,
    /// What is to be told of the file itself, first.
    news: Vec<Event>,
    /// Old files that go once that is told.
    too_old: Vec<PathBuf>,
    /// Dropped last: another process may go on then.
    _lock: File,
}

impl Journal {
    pub(super) fn new(settings: AuditSettings) -> Self {
        let series = Series::of(settings.file.clone());
        Self { settings, series, known: None }
    }

    /// Whether records can be written, without writing one.
    pub(super) fn check(&mut self, time: &str) -> Result<(), AuditError> {
        let held = self.hold(time)?;
        self.prove_room()?;
        // what was found out must not be forgotten
        self.write(held, time, &[], Durability::Disk)
    }

    /// Whether there is room for more, which nothing tells but writing it: into a file beside the
    /// log, whose readers would take it for a record.
    fn prove_room(&self) -> Result<(), AuditError> {
        let path = self.series.beside("room");
        let filled = options().write(true).truncate(true).open(&path).and_then(|mut file| {
            file.write_all(&vec![b' '; ROOM])?;
            file.sync_data()
        });
        // what is left of it is overwritten the next time
        let _ = fs::remove_file(&path);
        filled.map_err(AuditError::file(&path))
    }

    /// Appends records, all or none.
    pub(super) fn append(
        &mut self,
        time: &str,
        entries: &[Timed],
        durability: Durability,
    ) -> Result<(), AuditError> {
        let held = self.hold(time)?;
        let held = if held.length >= self.settings.max_size && held.length > 0 {
            self.begin_new(held, time)?
        } else {
            held
        };
        self.write(held, time, entries, durability)
    }

    /// Begins a new file, and returns what the old one is called now; `None` if there is nothing
    /// in it.
    pub(super) fn rotate(&mut self, time: &str) -> Result<Option<String>, AuditError> {
        let held = self.hold(time)?;
        if held.length == 0 && held.news.is_empty() {
            return Ok(None);
        }
        let held = self.begin_new(held, time)?;
        let from = held.news.iter().find_map(|news| match news {
            Event::Rotated { from, .. } => Some(from.clone()),
            _ => None,
        });
        self.write(held, time, &[], Durability::Disk)?;
        Ok(from)
    }

    fn write(
        &mut self,
        mut held: Held,
        time: &str,
        entries: &[Timed],
        durability: Durability,
    ) -> Result<(), AuditError> {
        let failed = |error| AuditError::file(&self.settings.file)(error);
        let writer = Writer { node: &self.settings.node, process: self.settings.process };
        let mut text = String::new();
        let mut link = held.link;
        let is_news = !held.news.is_empty();
        for event in std::mem::take(&mut held.news) {
            let entry = Entry::new(Actor::Gateway, event);
            link = line::append(&mut text, link, &Timed { time: time.to_owned(), entry }, &writer);
        }
        for timed in entries {
            link = line::append(&mut text, link, timed, &writer);
        }
        let mut whole = held.file.write_all(text.as_bytes());
        if is_news || (durability == Durability::Disk && !text.is_empty()) {
            whole = whole.and_then(|()| held.file.sync_data());
        }
        if let Err(error) = whole {
            // half a line is found by whoever appends next, if this does not help either
            let _ = held.file.set_len(held.length);
            self.known = None;
            return Err(failed(error));
        }
        // INVARIANT: it is written, and nothing that fails from here on says otherwise
        let length = held.length + text.len() as u64;
        let inode = held.file.metadata().ok().map(|metadata| metadata.ino());
        self.known = inode.map(|inode| Known { link, length, inode });
        held.too_old.iter().for_each(|old| remove(old));
        Ok(())
    }

    /// Renames the file and begins a new one, chained to it.
    fn begin_new(&mut self, held: Held, time: &str) -> Result<Held, AuditError> {
        let failed = AuditError::file(&self.settings.file);
        let Held { link, mut news, _lock, .. } = held;
        let old = self.series.old_path(link.seq, time);
        fs::rename(&self.settings.file, &old).map_err(failed)?;
        let file = self.open()?;
        let from = old.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let too_old = self.too_old()?;
        // a record has room for so many: the newest of them tells where the log begins now
        let unnamed = too_old.len().saturating_sub(line::MAX_LIST);
        let removed = too_old.iter().skip(unnamed).map(Old::name).collect();
        let too_old = too_old.into_iter().map(|old| old.path).collect();
        news.push(Event::Rotated { from, removed });
        sync_folder(&self.series.folder());
        Ok(Held { file, length: 0, link, news, too_old, _lock })
    }

    /// The old files that are too many.
    fn too_old(&self) -> Result<Vec<Old>, AuditError> {
        let Some(keep) = self.settings.keep else { return Ok(Vec::new()) };
        let mut old = self.series.old()?;
        old.truncate(old.len().saturating_sub(keep));
        Ok(old)
    }

    /// Opens and locks the file, and finds out what the next record is chained to.
    fn hold(&mut self, time: &str) -> Result<Held, AuditError> {
        let folder = self.series.folder();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(AuditError::file(&folder))?;
        let lock = self.lock()?;
        let failed = AuditError::file(&self.settings.file);
        let mut file = self.open()?;
        let metadata = file.metadata().map_err(failed)?;
        let mut length = metadata.len();
        let (mut news, too_old) = (Vec::new(), Vec::new());
        let is_known =
            |known: &Known| known.length == length && length > 0 && known.inode == metadata.ino();
        if let Some(known) = self.known.filter(is_known) {
            return Ok(Held { file, length, link: known.link, news, too_old, _lock: lock });
        }
        if let Some(torn) = self.set_torn_aside(&mut file, length, time)? {
            length = torn.length;
            news.push(torn.event);
        }
        let mut link = self.last(&mut file, length)?;
        if length == 0
            && let Some(old) = self.series.old()?.into_iter().next_back()
        {
            // the process ended between the old file and the new one
            link = self.last_of_old(&old.path)?;
            if self.known.is_none_or(|known| known.link.seq <= link.seq) {
                news.push(Event::Rotated { from: old.name(), removed: Vec::new() });
            }
        }
        if let Some(known) = self.known.filter(|known| known.link.seq > link.seq) {
            news.push(Event::Cut { last: link.seq });
            link = known.link;
        }
        Ok(Held { file, length, link, news, too_old, _lock: lock })
    }

    fn lock(&self) -> Result<File, AuditError> {
        let path = self.series.beside("lock");
        let file = options().write(true).open(&path).map_err(AuditError::file(&path))?;
        series::wait(&self.settings.file, || file.try_lock())?;
        Ok(file)
    }

    fn open(&self) -> Result<File, AuditError> {
        let path = &self.settings.file;
        options().read(true).append(true).open(path).map_err(AuditError::file(path))
    }

    /// Keeps what does not end with a line break in a file of its own.
    fn set_torn_aside(
        &self,
        file: &mut File,
        length: u64,
        time: &str,
    ) -> Result<Option<Torn>, AuditError> {
        let path = &self.settings.file;
        let tail = tail(file, length).map_err(AuditError::file(path))?;
        let end = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let torn = tail.get(end..).unwrap_or_default();
        if torn.is_empty() {
            return Ok(None);
        }
        if end == 0 && length > WINDOW {
            return Err(AuditError::Damaged { path: path.clone() });
        }
        let time: String = time.chars().filter(char::is_ascii_alphanumeric).collect();
        let aside = self.series.beside(&format!("torn-{time}"));
        let mut kept = options().append(true).open(&aside).map_err(AuditError::file(&aside))?;
        kept.write_all(torn).and_then(|()| kept.sync_all()).map_err(AuditError::file(&aside))?;
        let bytes = torn.len() as u64;
        file.set_len(length - bytes).map_err(AuditError::file(path))?;
        let kept = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Some(Torn { length: length - bytes, event: Event::Torn { bytes, kept } }))
    }

    /// What the record after the last of a file is chained to.
    fn last(&self, file: &mut File, length: u64) -> Result<Link, AuditError> {
        let path = &self.settings.file;
        if length == 0 {
            return Ok(Link::START);
        }
        let tail = tail(file, length).map_err(AuditError::file(path))?;
        last_link(&tail).ok_or_else(|| AuditError::Damaged { path: path.clone() })
    }

    fn last_of_old(&self, path: &Path) -> Result<Link, AuditError> {
        let read = || {
            let mut file = File::open(path)?;
            let length = file.metadata()?.len();
            tail(&mut file, length)
        };
        let tail = read().map_err(AuditError::file(path))?;
        last_link(&tail).ok_or_else(|| AuditError::Damaged { path: path.to_owned() })
    }
}

/// What was kept aside.
struct Torn {
    /// How long the file is without it.
    length: u64,
    event: Event,
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

/// The end of a file, which holds the last record.
fn tail(file: &mut File, length: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(length.saturating_sub(WINDOW)))?;
    let mut tail = Vec::new();
    file.take(WINDOW).read_to_end(&mut tail)?;
    Ok(tail)
}

/// What follows the last whole line is chained to it, if that is a record.
fn last_link(tail: &[u8]) -> Option<Link> {
    let text = tail.strip_suffix(b"\n")?;
    let start = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = std::str::from_utf8(text.get(start..)?).ok()?;
    let (hash, said) = line::hashes(line)?;
    let record = read::Record::parse(line)?;
    (hash.hex() == said).then_some(Link { seq: record.seq(), hash })
}

/// Removes an old file that the log has told of. One that is gone already was archived.
fn remove(old: &Path) {
    if let Err(error) = fs::remove_file(old)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(file = %old.display(), %error, "an old file of the audit log stays");
    }
}

/// So that the new name outlives the machine, too. Not every file system can.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
