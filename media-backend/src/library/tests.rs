use std::fs;

use super::*;

fn path(text: &str) -> GalleryPath {
    GalleryPath::from_decoded(text).unwrap()
}

#[test]
fn a_listing_is_kept_only_when_the_folder_was_still() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.jpg"), "x").unwrap();
    let library = Library::new(dir.path().to_owned());
    let shelf = library.open().unwrap();
    let names = || {
        let snapshot = shelf.folder(&path("/")).unwrap();
        snapshot.images().iter().map(|entry| entry.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["a.jpg"]);
    // changed at once: the clock of the file system may not have moved
    fs::write(dir.path().join("b.jpg"), "x").unwrap();
    assert_eq!(names(), ["a.jpg", "b.jpg"]);
    let long_ago = SystemTime::now() - Duration::from_secs(100);
    File::open(dir.path()).unwrap().set_modified(long_ago).unwrap();
    let first = shelf.folder(&path("/")).unwrap();
    assert!(Arc::ptr_eq(&first, &shelf.folder(&path("/")).unwrap()));
    fs::write(dir.path().join("c.jpg"), "x").unwrap();
    assert_eq!(names(), ["a.jpg", "b.jpg", "c.jpg"]);
}

#[test]
fn names_are_those_that_the_directory_lists() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("Trip/Day")).unwrap();
    fs::write(dir.path().join("Trip/Day/a.jpg"), "x").unwrap();
    let library = Library::new(dir.path().to_owned());
    let shelf = library.open().unwrap();
    assert!(shelf.folder(&path("/Trip/Day/")).is_ok());
    for missing in ["/trip/Day/", "/Trip/Day/a.jpg/", "/Trip/Night/"] {
        assert!(matches!(shelf.folder(&path(missing)), Err(AccessError::Missing)), "{missing}");
    }
}

#[test]
fn a_title_is_found_and_not_repeated() {
    let read = |text: &str| {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("_folder.md"), text).unwrap();
        let library = Library::new(dir.path().to_owned());
        let shelf = library.open().unwrap();
        let snapshot = shelf.folder(&path("/")).unwrap();
        let rules = shelf.rules(&path("/"), &snapshot);
        (rules.title().map(str::to_owned), rules.description())
    };
    let check = |text: &str, title: Option<&str>, description: &str| {
        assert_eq!(read(text), (title.map(str::to_owned), description.to_owned()), "{text}");
    };
    check("+++\ntitle = \"T\"\n+++\nBody", Some("T"), "Body");
    check("# Heading\n\nBody", Some("Heading"), "Body");
    check("+++\ntitle = \" \"\n+++\n# Heading\nBody", Some("Heading"), "Body");
    check("+++\ntitle = \"T\"\n+++\n# Other\nBody", Some("T"), "# Other\nBody");
    check("Body", None, "Body");
    check("", None, "");
}
