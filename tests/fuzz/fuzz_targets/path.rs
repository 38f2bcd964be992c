//! Any bytes as a path: refused, or canonical ever after.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule_schema::GalleryPath;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for path in [GalleryPath::from_encoded(text), GalleryPath::from_decoded(text)] {
        let Ok(path) = path else { continue };
        assert_eq!(GalleryPath::from_decoded(path.as_str()).as_ref(), Ok(&path));
        assert_eq!(GalleryPath::from_encoded(&path.encoded()).as_ref(), Ok(&path));
        let is_odd = |segment: &str| matches!(segment, "" | "." | "..") || segment.contains('\0');
        assert!(!path.segments().any(is_odd), "{path}");
        assert!(path.as_str().starts_with('/') && !path.as_str().contains("//"), "{path}");
        for ancestor in path.ancestors() {
            let ancestor = GalleryPath::from_decoded(ancestor).expect("an ancestor is a path");
            assert!(ancestor.is_folder() && path.is_within(&ancestor), "{path} {ancestor}");
        }
    }
});
