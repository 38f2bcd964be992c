use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use vestibule_schema::{SiteId, UserName};

use super::*;
use crate::SessionId;

fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_504_181_007)
}

struct Place {
    dir: TempDir,
    max_size: u64,
    keep: Option<usize>,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), max_size: u64::MAX, keep: None }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("state/audit.jsonl")
    }

    fn series(&self) -> Series {
        Series::of(self.file())
    }

    fn open(&self) -> Result<AuditLog, AuditError> {
        let settings = AuditSettings {
            file: self.file(),
            max_size: self.max_size,
            keep: self.keep,
            node: "house".to_owned(),
            process: 7,
        };
        AuditLog::open(settings, noon)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn verified(&self) -> Verified {
        verify_series(&self.series(), None).unwrap().unwrap()
    }

    /// The word and line of the first break.
    fn broken(&self) -> Option<(&'static str, u64)> {
        self.verified().broken.map(|broken| (broken.kind.word(), broken.line))
    }
}

fn jane() -> UserName {
    UserName::parse("jane").unwrap()
}

fn signed_out(number: i64) -> Entry {
    let session = SessionId::from_number(number);
    Entry::new(Actor::User(jane()), Event::SignedOut { session })
}

fn written(place: &Place, count: i64) {
    let log = place.open().unwrap();
    (1..=count).for_each(|number| log.record_blocking(signed_out(number)).unwrap());
}

fn denied(path: &str) -> Entry {
    let policies = vec![AuditedPolicy {
        id: "family!bound".to_owned(),
        source: "config.d/sites/family/permissions.toml:4".to_owned(),
    }];
    let denied = DeniedRequest {
        method: "GET",
        action: "view".to_owned(),
        path: Some(path.to_owned()),
        policies,
        generation: 3,
        refusal: Some("unauthorized"),
        status: 401,
    };
    Entry::new(Actor::Visitor, Event::Denied(Box::new(denied)))
        .from_client(Some([192, 0, 2, 7].into()))
        .in_request(Some("00ff".to_owned()))
        .on_site(Some(SiteId::parse("family").unwrap()))
}

/// S82: the shape of a record is a promise to whoever reads it.
#[test]
fn a_record_says_who_what_where_and_why() {
    let place = Place::new();
    place.open().unwrap().record_blocking(denied("/a b.jpg")).unwrap();
    let zeros = "0".repeat(64);
    let expected = format!(
        "{{\"seq\":1,\"time\":\"2025-11-30T12:03:01.007Z\",\"node\":\"house\",\"process\":7,\
         \"event\":\"request_denied\",\"outcome\":\"refused\",\"request_id\":\"00ff\",\
         \"client\":\"192.0.2.7\",\"principal\":{{\"kind\":\"visitor\"}},\"site\":\"family\",\
         \"action\":\"view\",\"path\":\"/a b.jpg\",\"decision\":\"deny\",\"policies\":[{{\"id\":\
         \"family!bound\",\"source\":\"config.d/sites/family/permissions.toml:4\"}}],\
         \"generation\":3,\"details\":{{\"method\":\"GET\",\"reason\":\"unauthorized\",\
         \"status\":401}},\"prev\":\"{zeros}\",\"hash\":\""
    );
    let text = place.text();
    assert!(text.starts_with(&expected), "{text}\n{expected}");
    assert_eq!(fs::metadata(place.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

/// S82: nobody who writes a name or a path can write a line of the log.
#[test]
fn no_text_ends_a_line_or_turns_it_around() {
    let place = Place::new();
    let odd = "/a\r\n{\"seq\":9}\u{2028}\u{2029}\u{85}\u{7f}\u{1b}[2J\u{202e}\u{e0041}\0\"\\é";
    place.open().unwrap().record_blocking(denied(odd)).unwrap();
    let text = place.text();
    assert_eq!(text.lines().count(), 1);
    assert!(
        !text.trim_end().chars().any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c))
    );
    let record = records(&place.file()).unwrap().next().unwrap();
    assert_eq!(record.text("path"), odd);
    assert_eq!(place.broken(), None);
}

#[test]
fn what_is_too_long_is_cut_with_a_mark() {
    let place = Place::new();
    place.open().unwrap().record_blocking(denied(&"é".repeat(5000))).unwrap();
    let record = records(&place.file()).unwrap().next().unwrap();
    assert_eq!(record.text("path"), format!("{}…", "é".repeat(1024)));
}

/// S82.
#[test]
fn a_change_of_any_byte_is_found() {
    let place = Place::new();
    written(&place, 4);
    let good = fs::read(place.file()).unwrap();
    assert_eq!(place.verified().records, 4);
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(place.file(), &bad).unwrap();
        assert!(place.broken().is_some(), "byte {at}");
    }
}

/// S82.
#[test]
fn what_is_wrong_is_named_with_its_line() {
    let place = Place::new();
    written(&place, 5);
    let text = place.text();
    let lines: Vec<&str> = text.lines().collect();
    let check = |order: &[usize], end: &str, expected: Option<(&str, u64)>| {
        let lines: Vec<_> = order.iter().map(|index| lines[*index]).collect();
        fs::write(place.file(), lines.join("\n") + end).unwrap();
        assert_eq!(place.broken(), expected, "{order:?}");
    };
    check(&[0, 1, 2, 3, 4], "\n", None);
    check(&[0, 1, 3, 4], "\n", Some(("missing", 3)));
    check(&[0, 2, 1, 3, 4], "\n", Some(("out_of_order", 2)));
    check(&[0, 1, 1, 2, 3], "\n", Some(("out_of_order", 3)));
    check(&[1, 2, 3], "\n", Some(("missing", 1)));
    check(&[0, 1, 2], "", Some(("torn", 3)));
    check(&[0, 1, 2, 3, 4], "\n{}\n", Some(("changed", 6)));
}

/// Lines that were written anew with hashes that fit are found where they meet the old ones.
#[test]
fn a_chain_of_another_log_does_not_fit_in() {
    let (place, other) = (Place::new(), Place::new());
    written(&place, 3);
    other.open().unwrap().record_blocking(signed_out(99)).unwrap();
    let rest = place.text().split_once('\n').unwrap().1.to_owned();
    fs::write(place.file(), other.text() + &rest).unwrap();
    assert_eq!(place.broken(), Some(("changed", 2)));
}

/// What was cut off at the end shows to whoever kept a hash elsewhere, and to no one else.
#[test]
fn a_hash_that_was_kept_elsewhere_must_be_held() {
    let place = Place::new();
    written(&place, 3);
    let kept = place.verified().hash;
    let ask = || verify_series(&place.series(), Some(&kept)).unwrap().unwrap().broken;
    assert_eq!(ask(), None);
    let text = place.text();
    let cut: String = text.split_inclusive('\n').take(2).collect();
    fs::write(place.file(), cut).unwrap();
    assert_eq!(ask().unwrap().kind, BreakKind::NotHeld);
}

#[test]
fn half_a_line_is_kept_aside_and_told_of() {
    let place = Place::new();
    written(&place, 3);
    let text = place.text();
    fs::write(place.file(), &text.as_bytes()[..text.len() - 20]).unwrap();
    place.open().unwrap().record_blocking(signed_out(4)).unwrap();
    assert_eq!(place.broken(), None);
    let records: Vec<_> = records(&place.file()).unwrap().collect();
    let events: Vec<_> = records.iter().map(|record| record.text("event").to_owned()).collect();
    assert_eq!(events, ["signed_out", "signed_out", "torn", "signed_out"]);
    let kept = place.dir.path().join("state").join(records[2].detail("kept"));
    assert!(text.contains(&fs::read_to_string(kept).unwrap()));
}

#[test]
fn nothing_is_chained_to_what_is_no_record() {
    let place = Place::new();
    written(&place, 2);
    fs::write(place.file(), place.text() + "something else\n").unwrap();
    let error = place.open().unwrap_err();
    assert!(matches!(error, AuditError::Damaged { .. }), "{error}");
}

#[test]
fn several_processes_write_one_chain() {
    let place = Place::new();
    let one = place.open().unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let place = &place;
            scope.spawn(move || {
                let log = place.open().unwrap();
                (0..25).for_each(|_| log.record_blocking(signed_out(number)).unwrap());
            });
        }
        (0..25).for_each(|_| one.record_blocking(signed_out(9)).unwrap());
    });
    let verified = place.verified();
    assert_eq!((verified.records, verified.broken), (125, None));
}

#[test]
fn a_new_file_is_chained_to_the_old_one() {
    let mut place = Place::new();
    place.max_size = 2000;
    let log = place.open().unwrap();
    let other = place.open().unwrap();
    for number in 0..20 {
        let log = if number % 3 == 0 { &other } else { &log };
        log.record_blocking(signed_out(number)).unwrap();
    }
    let files = place.series().files().unwrap();
    assert!(files.len() > 3, "{files:?}");
    assert_eq!(place.broken(), None);
    let first = records(&place.file()).unwrap().next().unwrap();
    assert_eq!(first.text("event"), "rotated");
    let before = files.iter().rev().nth(1).unwrap();
    assert_eq!(first.detail("from"), before.file_name().unwrap().to_str().unwrap());
    // one file by itself, which begins in the middle
    assert_eq!(verify(&files[1..2], None).unwrap().broken, None);
    // and a whole file that is gone
    fs::remove_file(&files[1]).unwrap();
    assert_eq!(place.broken().unwrap().0, "missing");
}

#[test]
fn old_files_go_as_the_configuration_says_and_the_log_tells() {
    let mut place = Place::new();
    place.keep = Some(2);
    let log = place.open().unwrap();
    for number in 0..6 {
        log.record_blocking(signed_out(number)).unwrap();
        assert!(log.rotate().unwrap().is_some());
    }
    let files = place.series().files().unwrap();
    assert_eq!(files.len(), 3, "{files:?}");
    let verified = place.verified();
    assert_eq!(verified.broken, None);
    assert!(verified.first > 1);
    // one more, which nobody was told of
    fs::remove_file(&files[0]).unwrap();
    assert_eq!(place.broken().unwrap().0, "missing");
}

#[test]
fn a_crash_between_two_files_breaks_nothing() {
    let place = Place::new();
    written(&place, 2);
    let old = place.series().old_path(2, "2026-11-30T00:00:00.000Z");
    fs::rename(place.file(), old).unwrap();
    written(&place, 1);
    assert_eq!(place.broken(), None);
    assert_eq!(place.verified().last, 4);
}

#[test]
fn a_file_that_was_cut_is_told_of_by_who_wrote_it() {
    let place = Place::new();
    let log = place.open().unwrap();
    (0..3).for_each(|number| log.record_blocking(signed_out(number)).unwrap());
    let text = place.text();
    let cut: String = text.split_inclusive('\n').take(1).collect();
    fs::write(place.file(), cut).unwrap();
    log.record_blocking(signed_out(3)).unwrap();
    assert!(place.text().contains("\"event\":\"cut\""));
    assert_eq!(place.broken(), Some(("missing", 2)));
}

/// A flood waits for its place; nothing of it is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_written_whole() {
    let place = Place::new();
    let log = place.open().unwrap();
    let flood = (0..4).map(|_| {
        let log = log.clone();
        tokio::spawn(async move {
            for _ in 0..3000 {
                log.note(denied("/a.jpg")).await;
            }
        })
    });
    for task in flood.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    log.flush().await;
    assert_eq!(place.verified().records, 12_000);
}

/// What can't be written is not acknowledged; what waits is written when it can be again.
#[tokio::test]
async fn a_file_that_can_not_be_written_is_an_error() {
    let place = Place::new();
    let log = place.open().unwrap();
    log.record(signed_out(1)).await.unwrap();
    // a way to a folder in the place of the file, which the file then replaces at once: in between
    // nobody could write another
    let aside = place.dir.path().join("aside");
    fs::rename(place.file(), &aside).unwrap();
    std::os::unix::fs::symlink(place.dir.path(), place.file()).unwrap();
    assert!(log.record(signed_out(2)).await.is_err());
    assert!(log.check().is_err());
    assert!(log.is_failing());
    assert!(!log.is_ready());
    assert_eq!(log.failures(), 3);
    log.note(denied("/a.jpg")).await;
    fs::rename(&aside, place.file()).unwrap();
    assert!(log.is_ready());
    log.flush().await;
    assert!(!log.is_failing());
    assert_eq!(place.verified().records, 2);
    assert_eq!(place.broken(), None);
}

/// A full disk is noticed before something is done that could not be written down, and is not
/// taken for mended by what writes nothing.
#[tokio::test]
async fn a_disk_without_room_is_noticed_before() {
    let place = Place::new();
    let log = place.open().unwrap();
    let room = place.series().beside("room");
    let full = || std::os::unix::fs::symlink("/dev/full", &room).unwrap();
    full();
    assert!(log.check().is_err());
    full();
    assert!(!log.is_ready());
    assert!(log.check().is_ok(), "there is room again");
    assert!(log.is_failing(), "nothing has been written yet");
    assert!(log.is_ready());
    log.record(signed_out(1)).await.unwrap();
    assert!(!log.is_failing());
    assert!(!room.exists());
    assert_eq!(place.verified().records, 1);
}

/// However many files go at once, the log tells where it begins now.
#[test]
fn many_old_files_that_go_at_once_break_nothing() {
    let mut place = Place::new();
    let log = place.open().unwrap();
    for number in 0..40 {
        log.record_blocking(signed_out(number)).unwrap();
        log.rotate().unwrap();
    }
    drop(log);
    place.keep = Some(1);
    place.open().unwrap().record_blocking(signed_out(40)).unwrap();
    place.open().unwrap().rotate().unwrap();
    assert_eq!(place.series().files().unwrap().len(), 2);
    assert_eq!(place.verified().broken, None);
}

/// What was written counts as written, whatever becomes of old files.
#[test]
fn an_old_file_that_is_gone_already_is_no_failure() {
    let mut place = Place::new();
    (place.keep, place.max_size) = (Some(1), 1);
    let log = place.open().unwrap();
    log.record_blocking(signed_out(1)).unwrap();
    // as if it could be neither read nor removed: a folder, which is no file to remove
    let old = place.series().old_path(0, "2025-11-30T00:00:00.000Z");
    fs::create_dir(&old).unwrap();
    log.record_blocking(signed_out(2)).unwrap();
    log.record_blocking(signed_out(3)).unwrap();
    fs::remove_dir(&old).unwrap();
    let numbers: Vec<u64> = place
        .series()
        .files()
        .unwrap()
        .iter()
        .flat_map(|file| records(file).unwrap())
        .map(|record| record.seq())
        .collect();
    assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]), "{numbers:?}");
    assert_eq!(log.failures(), 0);
}

/// A gateway that goes on writing does not make its log look broken.
#[test]
fn a_log_that_is_being_written_is_whole() {
    let mut place = Place::new();
    place.max_size = 2000;
    let log = place.open().unwrap();
    log.record_blocking(signed_out(0)).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..300 {
                log.record_blocking(signed_out(number)).unwrap();
            }
        });
        while !writer.is_finished() {
            let found = place.verified();
            assert!(found.broken.is_none(), "{found:?}");
        }
    });
    let found = place.verified();
    assert!(found.broken.is_none() && found.records > 300, "{found:?}");
}

/// Who can't wait does not, though somebody else holds the files.
#[tokio::test]
async fn a_note_now_waits_for_nobody() {
    let place = Place::new();
    let log = place.open().unwrap();
    let lock = fs::File::open(place.series().beside("lock")).unwrap();
    lock.lock().unwrap();
    log.note_now(signed_out(1));
    assert_eq!(place.text(), "", "it is not written yet");
    drop(lock);
    log.flush().await;
    assert_eq!(place.verified().records, 1);
}
