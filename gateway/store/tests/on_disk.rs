//! The store as a file: its mode, its reopening, and places where it can't be.
#![expect(clippy::unwrap_used, reason = "a test binary: its helpers may fail the test")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{Key, NewAccount, Store, StoreError, UnixTime};

const NOW: UnixTime = UnixTime::from_seconds(1_000);

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn jane() -> NewAccount {
    NewAccount::new(UserName::parse("jane").unwrap(), AccountRole::default())
}

#[tokio::test]
async fn makes_its_directory_and_is_readable_for_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/state/vestibule.db");
    let store = Store::open(&path).await.unwrap();
    store.accounts().add(jane(), NOW).await.unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap().path();
        assert_eq!(mode(&entry), 0o600, "{}", entry.display());
    }
}

/// The database is given an address, in which some characters would mean something else.
#[tokio::test]
async fn any_readable_name_of_a_directory_will_do() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["with space", "what?mode=memory", "50% #1", "Straße & Söhne", ":memory:", "a+b"]
    {
        let path = dir.path().join(name).join("vestibule.db");
        Store::open(&path).await.unwrap().accounts().add(jane(), NOW).await.unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > 0, "{name}");
        let again = Store::open(&path).await.unwrap();
        assert_eq!(again.accounts().list().await.unwrap().len(), 1, "{name}");
    }
    let bytes = std::os::unix::ffi::OsStrExt::from_bytes(&b"\xFF"[..]);
    let unreadable = Store::open(&dir.path().join::<&std::ffi::OsStr>(bytes).join("v.db")).await;
    assert!(matches!(unreadable, Err(StoreError::Open { .. })), "{unreadable:?}");
}

#[tokio::test]
async fn a_store_that_others_could_read_is_closed_to_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vestibule.db");
    std::fs::write(&path, b"").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    Store::open(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn what_is_written_is_there_for_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vestibule.db");
    let key = {
        let store = Store::open(&path).await.unwrap();
        store.accounts().add(jane(), NOW).await.unwrap();
        let key = store.meta().key("forms", Key::from_bytes([1; 32])).await.unwrap();
        store.close().await;
        key
    };
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.accounts().list().await.unwrap().len(), 1);
    // the first candidate stays
    assert_eq!(store.meta().key("forms", Key::from_bytes([2; 32])).await.unwrap(), key);
    assert_ne!(store.meta().key("other", Key::from_bytes([2; 32])).await.unwrap(), key);
}

#[tokio::test]
async fn two_processes_open_a_new_store_at_once_and_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vestibule.db");
    let (one, two) = tokio::join!(Store::open(&path), Store::open(&path));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(two.meta().changes().await.unwrap(), 0);
    one.accounts().add(jane(), NOW).await.unwrap();
    assert_eq!(two.meta().changes().await.unwrap(), 1);
    assert!(matches!(two.accounts().add(jane(), NOW).await, Err(StoreError::NameTaken { .. })));
}

/// Issue 2, bad input: a state directory that is not writable. A file in the directory's place
/// refuses also the superuser, whom no mode stops.
#[tokio::test]
async fn a_place_that_is_not_writable_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let state = file.join("state");
    let error = Store::open(&state.join("vestibule.db")).await.unwrap_err();
    let StoreError::NotWritable { path, .. } = &error else { panic!("{error:?}") };
    assert_eq!(path, &state);
    assert!(
        error
            .to_string()
            .starts_with(&format!("the state directory `{}` is not writable", state.display()))
    );
    assert!(std::error::Error::source(&error).is_some(), "the system's own words are kept");
}

#[tokio::test]
async fn a_file_that_is_no_store_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vestibule.db");
    std::fs::write(&path, "this is no database, but a text of some length".repeat(100)).unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Open { store, .. } | StoreError::Migrate { store, .. } if *store == path.display().to_string()),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_closed_store_is_unavailable_not_empty() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("vestibule.db")).await.unwrap();
    store.close().await;
    assert!(matches!(
        store.accounts().find(&UserName::parse("jane").unwrap()).await,
        Err(StoreError::Unavailable(_))
    ));
}

/// S84.
#[test]
fn secrets_are_not_shown() {
    let planted = [0xAB; 32];
    let shown = format!(
        "{:?} {:?} {:?}",
        Key::from_bytes(planted),
        vestibule_store::TokenHash::from_bytes(planted),
        jane().with_password(vestibule_store::PasswordHash::from_phc("planted-phc".into())),
    );
    assert!(
        !shown.contains("planted") && !shown.contains("171") && !shown.contains("ab, ab"),
        "{shown}"
    );
    assert!(shown.contains("***"));
}
