//! Writing an archive, entry by entry, as fast as it is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Crc;
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use tokio::sync::mpsc::Sender;
use vestibule_grant::Claims;
use vestibule_schema::Action;

use super::format::{Directory, Member};
use super::names::Names;
use super::plan::{Choice, Plan, Reason, choose};
use crate::backend::Shared;
use crate::download::{STEP, read};
use crate::library::{Entry, Opened};
use crate::listing::may_have_raw;
use crate::media::{Format, Kind, stem};
use crate::redact::{Pieces, Privacy};
use crate::refusal::Refusal;
use crate::render::Job;
use crate::sight::Sight;

/// How long and how often an archive waits for a free place in the queue of the decoders.
const PATIENCE: (Duration, usize) = (Duration::from_millis(250), 240);
/// The entry that says what is missing.
const SKIPPED: &str = "SKIPPED.txt";

/// Nobody reads the archive any more, or it can't be written to its end.
struct Ended;

/// Writes one archive.
pub(super) struct Writer {
    shared: Arc<Shared>,
    claims: Arc<Claims>,
    /// The folder at the archive's top.
    name: String,
    sender: Sender<io::Result<Bytes>>,
    directory: Directory,
    skipped: BTreeMap<Reason, usize>,
    /// How many files are left out because they are no pictures.
    others: usize,
}

/// The bytes of an entry, and its time.
struct Content {
    source: Source,
    time: DateTime,
}

enum Source {
    File(Arc<std::fs::File>, Arc<Pieces>),
    Memory(Bytes),
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        claims: Arc<Claims>,
        name: String,
        sender: Sender<io::Result<Bytes>>,
    ) -> Self {
        let (directory, skipped) = (Directory::default(), BTreeMap::new());
        Self { shared, claims, name, sender, directory, skipped, others: 0 }
    }

    /// Writes all, or stops when nobody reads.
    pub(super) async fn write(mut self, plan: Plan) {
        if plan.closed > 0 {
            self.skipped.insert(Reason::NotAllowed, plan.closed);
        }
        self.others = plan.others;
        let Some(top) = plan.folders.first().map(|sight| sight.path.clone()) else { return };
        for sight in &plan.folders {
            let below = sight.path.as_str().strip_prefix(top.as_str()).unwrap_or_default();
            let prefix = format!("{}/{below}", self.name);
            if self.folder(sight, &prefix).await.is_err() {
                return;
            }
        }
        // whether the reader is there for the last bytes changes nothing here
        let _ = self.finish().await;
    }

    async fn folder(&mut self, sight: &Sight, prefix: &str) -> Result<(), Ended> {
        let mut names = Names::default();
        for folder in sight.folder_names() {
            names.take(folder);
        }
        for image in sight.images() {
            self.image(sight, image, (prefix, &mut names)).await?;
            if image.kind == Kind::Raw || !may_have_raw(&self.claims, sight.may) {
                continue;
            }
            for raw in sight.raws_of(image) {
                // two pictures of one stem have the same RAW file
                if sight.owner_of(raw).is_some_and(|owner| owner.name == image.name) {
                    let name = format!("{prefix}{}", names.take(&raw.name));
                    match self.original(sight, raw).await {
                        Ok(content) => self.entry(name, content).await?,
                        Err(reason) => self.skip(reason),
                    }
                }
            }
        }
        Ok(())
    }

    async fn image(
        &mut self,
        sight: &Sight,
        image: &Entry,
        (prefix, names): (&str, &mut Names),
    ) -> Result<(), Ended> {
        let (content, name) = match choose(&self.claims, sight.may, image) {
            Ok(Choice::Original) => (self.original(sight, image).await, image.name.to_string()),
            Ok(Choice::Size(size)) => {
                let pixels = self.shared.sizes.pixels(size);
                let name = format!("{}.jpg", stem(&image.name));
                (self.rendition(sight, image, pixels).await, name)
            }
            Err(reason) => (Err(reason), String::new()),
        };
        match content {
            Ok(content) => self.entry(format!("{prefix}{}", names.take(&name)), content).await,
            Err(reason) => {
                self.skip(reason);
                Ok(())
            }
        }
    }

    fn skip(&mut self, reason: Reason) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    async fn open(&self, sight: &Sight, entry: &Entry) -> Result<Opened, Reason> {
        let path = sight.path_of(entry);
        let work = move |shared: &Shared| Ok(shared.desk.library.open()?.image(&path)?);
        self.shared.blocking(&self.shared.readers, work).await.map_err(|_| Reason::Damaged)
    }

    async fn original(&self, sight: &Sight, entry: &Entry) -> Result<Content, Reason> {
        let opened = self.open(sight, entry).await?;
        let (kind, privacy) = (entry.kind, Privacy::of(sight.may));
        let time = time_of(&opened, sight);
        let work = move |shared: &Shared| {
            let pieces = match kind {
                // the choice was made with the site's rule for RAW files
                Kind::Raw => Arc::new(Pieces::whole(opened.ident.size)),
                _ => shared.redactor.redact(&opened, kind, privacy)?,
            };
            Ok(Source::File(Arc::new(opened.file), pieces))
        };
        match self.shared.blocking(&self.shared.redactions, work).await {
            Ok(source) => Ok(Content { source, time }),
            Err(Refusal::NotRedactable(_)) => Err(Reason::NotRedactable),
            Err(_) => Err(Reason::Damaged),
        }
    }

    async fn rendition(
        &self,
        sight: &Sight,
        entry: &Entry,
        pixels: u32,
    ) -> Result<Content, Reason> {
        let (pause, attempts) = PATIENCE;
        for _ in 0..attempts {
            let opened = self.open(sight, entry).await?;
            let time = time_of(&opened, sight);
            let path = sight.path_of(entry);
            let job = Job { opened, path, kind: entry.kind, pixels, format: Format::Jpeg };
            match self.shared.renderer.rendition(job).await {
                Ok(bytes) => return Ok(Content { source: Source::Memory(bytes), time }),
                // people who look at pictures come first
                Err(Refusal::Busy) if !self.sender.is_closed() => tokio::time::sleep(pause).await,
                Err(_) => return Err(Reason::Damaged),
            }
        }
        Err(Reason::Damaged)
    }

    async fn entry(&mut self, name: String, content: Content) -> Result<(), Ended> {
        let Content { source, time } = content;
        match source {
            Source::Memory(bytes) => {
                let mut crc = Crc::new();
                crc.update(&bytes);
                let size = bytes.len() as u64;
                let header = self.directory.begin(Member { name, size, crc: crc.sum(), time });
                self.send(Bytes::from(header)).await?;
                self.send(bytes).await
            }
            Source::File(file, pieces) => {
                let Ok(crc) = checksum(&file, &pieces).await else {
                    self.skip(Reason::Damaged);
                    return Ok(());
                };
                let size = pieces.length();
                let header = self.directory.begin(Member { name, size, crc, time });
                self.send(Bytes::from(header)).await?;
                self.stream(file, pieces, crc).await
            }
        }
    }

    /// Sends a file. One that changed since its checksum was taken breaks the archive off: half
    /// an entry must not pass for a whole one.
    async fn stream(
        &mut self,
        file: Arc<std::fs::File>,
        pieces: Arc<Pieces>,
        expected: u32,
    ) -> Result<(), Ended> {
        let mut crc = Crc::new();
        let mut offset = 0;
        while offset < pieces.length() {
            match read(Arc::clone(&file), Arc::clone(&pieces), offset, STEP).await {
                Ok(chunk) if !chunk.is_empty() => {
                    offset += chunk.len() as u64;
                    crc.update(&chunk);
                    self.send(chunk).await?;
                }
                Ok(_) => return self.break_off(io::ErrorKind::UnexpectedEof.into()).await,
                Err(error) => return self.break_off(error).await,
            }
        }
        if crc.sum() == expected {
            return Ok(());
        }
        self.break_off(io::Error::other("a file changed while it was packed")).await
    }

    async fn break_off(&mut self, error: io::Error) -> Result<(), Ended> {
        tracing::warn!(%error, "broke off an archive");
        // the reader may be gone as well
        let _ = self.sender.send(Err(error)).await;
        Err(Ended)
    }

    async fn finish(mut self) -> Result<(), Ended> {
        if !self.skipped.is_empty() || self.others > 0 {
            let text = self.account();
            let time = DateTime::constant(1980, 1, 1, 0, 0, 0, 0);
            let source = Source::Memory(Bytes::from(text));
            self.entry(SKIPPED.to_owned(), Content { source, time }).await?;
        }
        let mut buffer = Vec::new();
        let mut lines = std::mem::take(&mut self.directory).end();
        loop {
            let line = lines.next();
            let is_over = line.is_none();
            buffer.extend(line.unwrap_or_default());
            if is_over || buffer.len() >= STEP {
                self.send(Bytes::from(std::mem::take(&mut buffer))).await?;
            }
            if is_over {
                return Ok(());
            }
        }
    }

    /// What was left out, for people.
    fn account(&self) -> String {
        let mut text = String::new();
        let total: usize = self.skipped.values().sum();
        if total > 0 {
            let noun = if total == 1 { "picture was" } else { "pictures were" };
            // writing to a string can't fail
            let _ = writeln!(text, "{total} {noun} left out of this archive:");
        }
        for (reason, count) in &self.skipped {
            let _ = writeln!(text, "- {count}: {}", reason.text());
        }
        if self.others > 0 {
            let noun = if self.others == 1 {
                "file that is no picture was"
            } else {
                "files that are no pictures were"
            };
            let _ = writeln!(text, "{} {noun} left out.", self.others);
        }
        text
    }

    async fn send(&self, bytes: Bytes) -> Result<(), Ended> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.sender.send(Ok(bytes)).await.map_err(|_| Ended)
    }
}

/// The checksum of what goes out of a file.
async fn checksum(file: &Arc<std::fs::File>, pieces: &Arc<Pieces>) -> io::Result<u32> {
    let (file, pieces) = (Arc::clone(file), Arc::clone(pieces));
    let work = tokio::task::spawn_blocking(move || {
        let mut crc = Crc::new();
        let mut offset = 0;
        while offset < pieces.length() {
            let chunk = pieces.read(&file, offset, STEP)?;
            if chunk.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            crc.update(&chunk);
            offset += chunk.len() as u64;
        }
        Ok(crc.sum())
    });
    work.await.map_err(io::Error::other)?
}

/// When the file was written, in UTC; without exact dates, the month.
fn time_of(opened: &Opened, sight: &Sight) -> DateTime {
    let time = Timestamp::try_from(opened.ident.modified()).unwrap_or(Timestamp::UNIX_EPOCH);
    let time = TimeZone::UTC.to_datetime(time);
    if sight.may.allows(Action::SeeExactDates) {
        return time;
    }
    time.date().first_of_month().to_datetime(Time::midnight())
}
