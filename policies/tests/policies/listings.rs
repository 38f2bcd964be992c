//! What a listing is told of the folders beneath.

use vestibule_policies::engine::InView;
use vestibule_policies::{Need, Principal};
use vestibule_schema::Action;

use crate::custom::{AFTERNOON, path, site, user};

/// What is denied for `view` is denied for everything, and a listing is told of a folder that
/// only a hand-written policy names.
#[test]
fn a_named_folder_is_judged_by_itself() {
    let site = site(
        "forbid (principal, action == Action::\"view\", resource in Folder::\"s:/a/secret/\")\n\
         unless { principal in Role::\"s:#family\" };",
    );
    let judge = site.on(&AFTERNOON);
    let below = judge.below(&Principal::Visitor, &path("/"));
    assert_eq!(below.len(), 1);
    assert_eq!((below[0].folder.as_str(), below[0].permissions.is_empty()), ("/a/secret/", true));
    let fred = judge.below(&user("fred"), &path("/"));
    assert!(fred[0].permissions.allows(Action::DownloadOriginal));
    let original = Need::one(Action::DownloadOriginal);
    assert!(!judge.decide(&Principal::Visitor, original, &path("/a/secret/x.jpg")).is_allow());
    assert!(judge.decide(&Principal::Visitor, original, &path("/a/x.jpg")).is_allow());
}

/// A listing is told of as many whole levels as fit, and of one at least.
#[test]
fn a_listing_is_told_of_whole_levels() {
    let site = site(
        "forbid (principal, action, resource in Folder::\"s:/a/\");\n\
         forbid (principal, action, resource in Folder::\"s:/a/b/\");\n\
         forbid (principal, action, resource in Folder::\"s:/c/\");\n\
         forbid (principal, action, resource in Folder::\"s:/c/d/e/f/\");",
    );
    let judge = site.on(&AFTERNOON);
    let told = |levels, places| {
        let most = InView { levels, places };
        let (below, levels) = judge.below_in_view(&Principal::Visitor, &path("/"), most);
        (below.iter().map(|place| place.folder.to_string()).collect::<Vec<_>>(), levels)
    };
    let all = ["/a/", "/a/b/", "/c/", "/c/d/e/f/"].map(str::to_owned);
    assert_eq!(told(4, 4), (all.to_vec(), 4));
    assert_eq!(told(4, 3), (all[..3].to_vec(), 3));
    assert_eq!(told(2, 100), (all[..3].to_vec(), 2));
    let first = vec![all[0].clone(), all[2].clone()];
    assert_eq!(told(4, 2), (first.clone(), 1));
    // more than there is room for: the header will say so
    assert_eq!(told(4, 1), (first, 1));
}
