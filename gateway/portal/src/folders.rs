//! The page of who may not see a gallery's root, but some folders below it.

use askama::Template;

/// A folder that may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// The folder's path, for people.
    pub name: String,
    /// The address of its page.
    pub href: String,
}

#[derive(Template)]
#[template(path = "folders.html")]
struct Page<'a> {
    folders: &'a [FolderEntry],
    user: Option<&'static str>,
}

/// The page that lists where one may go, as HTML. To be sent with [`crate::PAGE_HEADERS`].
#[must_use]
pub fn folders_page(folders: &[FolderEntry]) -> String {
    let page = Page { folders, user: None };
    // a template that only writes into memory does not fail; should it, less is said
    page.render().unwrap_or_else(|_| "<!doctype html><title>Folders</title>".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        let entry = FolderEntry { name: "/a <b>/".into(), href: "/browse/a%20%3Cb%3E/".into() };
        let page = folders_page(&[entry]);
        assert!(page.contains("/a &#60;b&#62;/") || page.contains("/a &lt;b&gt;/"), "{page}");
        assert!(page.contains(r#"href="/browse/a%20%3Cb%3E/""#));
    }
}
