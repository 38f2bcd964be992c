//! Share links in decisions (`permissions.md` 2 and 3, `portal.md`): literal cases.

use std::sync::Arc;

use vestibule_policies::principal::Share;
use vestibule_policies::{Decision, Need, Principal, SiteEngine};
use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, GalleryPath, RoleName, ShareId, SiteId};

use crate::load::{Written, literal};
use crate::named::{may, user};

const VIEW: Action = Action::View;
const LARGE: Action = Action::DownloadLarge;
const ORIGINAL: Action = Action::DownloadOriginal;

const SITE: &str = "[roles.proofs]\npermissions = { can_view = true, can_download_original = true, \
    can_see_technical_details = true }\n\
    [roles.writes]\npermissions = { can_view = true, can_add_comments = true }\n\
    [roles.blind]\npermissions = { can_use_zoom = true }\n\
    [[user_roles]]\nusername = \"olga\"\nroles = [\"admin\"]\n\
    [[user_roles]]\nusername = \"victor\"\nroles = [\"viewer\"]\n\
    [[user_roles]]\nusername = \"gina\"\nroles = [\"guest\"]\n\
    [[user_roles]]\nusername = \"carl\"\nroles = [\"contributor\"]\n\
    [[user_roles]]\nusername = \"lou\"\nroles = []\n";
const CLIENT: &str = "[permissions.roles.client]\npermissions = { can_view = true, \
    can_see_hidden = true }\n\
    [permissions.roles.boss]\npermissions = { owner_access = true }\n\
    [[permissions.user_roles]]\nusername = \"fred\"\nroles = [\"boss\"]\n";

fn site(folders: &[(&str, &str)]) -> SiteEngine {
    literal(Cascade::Restrict, SITE, "", folders).unwrap()
}

fn path(text: &str) -> GalleryPath {
    GalleryPath::from_decoded(text).unwrap()
}

fn share_on(engine: &SiteEngine, at: &str, role: &str, maker: &str) -> Arc<Share> {
    let role = RoleName::parse(role).unwrap_or_else(|_| RoleName::visitor());
    Arc::new(Share {
        id: ShareId::from_number(7),
        site: engine.id().clone(),
        path: path(at),
        role,
        maker: user(maker),
    })
}

/// An anonymous visitor who opened a share.
fn opened(engine: &SiteEngine, at: &str, role: &str, maker: &str) -> Principal {
    Principal::Visitor.with_shares([share_on(engine, at, role, maker)])
}

fn can_share(engine: &SiteEngine, maker: &str, at: &str, role: &str) -> Result<(), String> {
    let role = RoleName::parse(role).unwrap_or_else(|_| RoleName::visitor());
    engine.may_share(&user(maker), &path(at), &role).map_err(|error| error.to_string())
}

/// Below what is shared, and nowhere else: neither beside it, nor above.
#[test]
fn a_share_gives_its_role_on_what_is_shared_alone() {
    let engine = site(&[]);
    let who = opened(&engine, "/a/", "visitor", "olga");
    for inside in ["/a/", "/a/x.jpg", "/a/deep/er/x.jpg"] {
        assert!(may(&engine, &who, VIEW, inside) && may(&engine, &who, LARGE, inside), "{inside}");
        assert!(!may(&engine, &who, ORIGINAL, inside), "{inside}");
    }
    for outside in ["/", "/x.jpg", "/ab/", "/b/x.jpg"] {
        assert!(!may(&engine, &who, VIEW, outside), "{outside}");
    }
    let image = opened(&engine, "/a/x.jpg", "visitor", "olga");
    assert!(may(&engine, &image, VIEW, "/a/x.jpg"));
    assert!(["/a/", "/a/y.jpg", "/a/x.jpg/"].iter().all(|at| !may(&engine, &image, VIEW, at)));
}

#[test]
fn a_share_opens_no_block_beneath() {
    let engine = site(&[("/a/in/", CLIENT), ("/a/flags/", "hide_technical_details = true\n")]);
    let who = opened(&engine, "/a/", "proofs", "olga");
    assert!(may(&engine, &who, VIEW, "/a/x.jpg") && may(&engine, &who, VIEW, "/a/flags/x.jpg"));
    assert!(!may(&engine, &who, VIEW, "/a/in/") && !may(&engine, &who, VIEW, "/a/in/x.jpg"));
    // flags hold for whoever opened it, whatever its maker is
    assert!(may(&engine, &who, Action::SeeTechnicalDetails, "/a/x.jpg"));
    assert!(!may(&engine, &who, Action::SeeTechnicalDetails, "/a/flags/x.jpg"));
}

#[test]
fn a_folder_that_can_not_be_read_is_closed_to_shares() {
    let engine = literal(Cascade::Restrict, SITE, "", &[]).unwrap();
    let who = opened(&engine, "/a/", "visitor", "olga");
    assert!(may(&engine, &who, VIEW, "/a/in/x.jpg"));
    let broken = Written {
        permissions: SITE,
        front_matters: &[("/a/in/", "[permission]\n")],
        ..Written::default()
    };
    let engine = broken.engine(Cascade::Restrict).unwrap().0;
    assert!(may(&engine, &who, VIEW, "/a/x.jpg") && !may(&engine, &who, VIEW, "/a/in/x.jpg"));
}

/// The role is what the block means by it that governs what is shared; its owner can share it.
#[test]
fn in_a_folders_block_the_role_is_the_blocks() {
    let engine = site(&[("/vip/", &format!("hidden_images = [\"h.jpg\"]\n{CLIENT}"))]);
    let client = opened(&engine, "/vip/sub/", "client", "fred");
    assert!(may(&engine, &client, VIEW, "/vip/sub/x.jpg"));
    assert!(!may(&engine, &client, LARGE, "/vip/sub/x.jpg"));
    assert!(!may(&engine, &client, VIEW, "/vip/x.jpg"), "a parent of what is shared");
    // the site's role of that name is none of the block's
    assert!(!may(&engine, &opened(&engine, "/vip/", "proofs", "olga"), VIEW, "/vip/"));
    // a built-in one is, though the block names it nowhere
    assert!(may(&engine, &opened(&engine, "/vip/", "viewer", "fred"), ORIGINAL, "/vip/x.jpg"));
    let visitor = opened(&engine, "/vip/", "visitor", "fred");
    assert!(may(&engine, &visitor, LARGE, "/vip/x.jpg"));
    assert!(!may(&engine, &visitor, VIEW, "/vip/h.jpg"), "hidden");
    let sees_hidden = opened(&engine, "/vip/", "client", "fred");
    assert!(may(&engine, &sees_hidden, VIEW, "/vip/h.jpg"));
}

/// Below several blocks the share stands on its maker's right, which the outer block bounds.
#[test]
fn a_share_gives_nothing_that_its_maker_may_not() {
    let outer = "[permissions.roles.sees]\npermissions = { can_view = true }\n\
        [[permissions.user_roles]]\nusername = \"fred\"\nroles = [\"sees\"]\n";
    let engine = site(&[("/o/", outer), ("/o/vip/", CLIENT)]);
    let by_fred = opened(&engine, "/o/vip/", "visitor", "fred");
    assert!(may(&engine, &by_fred, VIEW, "/o/vip/x.jpg"));
    assert!(!may(&engine, &by_fred, LARGE, "/o/vip/x.jpg"), "the outer block denies it to fred");
    let by_owner = opened(&engine, "/o/vip/", "visitor", "olga");
    assert!(may(&engine, &by_owner, LARGE, "/o/vip/x.jpg"));
}

/// The right to share ends with the ownership, also for who may still see it.
#[test]
fn a_share_ends_with_its_makers_right() {
    let engine = site(&[("/vip/", CLIENT)]);
    for (at, maker) in
        [("/a/", "victor"), ("/a/", "fred"), ("/a/", "nobody"), ("/vip/", "victor"), ("/", "lou")]
    {
        let who = opened(&engine, at, "visitor", maker);
        assert!(!may(&engine, &who, VIEW, at), "{at} by {maker}");
        assert!(!engine.may_enter(&who), "{at} by {maker}");
        assert!(can_share(&engine, maker, at, "visitor").is_err(), "{at} by {maker}");
    }
    assert!(engine.may_enter(&opened(&engine, "/vip/", "visitor", "fred")));
    // a share of another site
    let share = share_on(&engine, "/a/", "visitor", "olga");
    let elsewhere = Share { site: SiteId::parse("other").unwrap(), ..(*share).clone() };
    let who = Principal::Visitor.with_shares([Arc::new(elsewhere)]);
    assert!(!may(&engine, &who, VIEW, "/a/"));
}

#[test]
fn what_a_share_may_be_made_of() {
    let engine = site(&[("/vip/", CLIENT)]);
    assert_eq!(can_share(&engine, "olga", "/a/", "visitor"), Ok(()));
    assert_eq!(can_share(&engine, "fred", "/vip/x.jpg", "client"), Ok(()));
    let refused = |maker, at, role, says: &str| {
        let error = can_share(&engine, maker, at, role).unwrap_err();
        assert!(error.contains(says), "{error}");
    };
    refused("victor", "/a/", "visitor", "only an owner");
    refused("fred", "/", "visitor", "only an owner");
    refused("olga", "/a/", "client", "no role `client`");
    refused("olga", "/a/", "admin", "`owner_access`");
    refused("olga", "/a/", "writes", "never writes");
    refused("olga", "/a/", "guest", "never writes");
    refused("olga", "/a/", "blind", "may not view");
}

/// A role that came to write or to own after the share was made.
#[test]
fn a_share_never_writes_and_never_owns() {
    let engine = site(&[]);
    for who in [Principal::Visitor, user("victor")] {
        let who = who.with_shares([share_on(&engine, "/a/", "writes", "olga")]);
        assert!(may(&engine, &who, VIEW, "/a/"));
        assert!(!may(&engine, &who, Action::AddComments, "/a/x.jpg"));
    }
    assert!(!may(&engine, &opened(&engine, "/a/", "admin", "olga"), VIEW, "/a/"));
}

/// A guest's and a contributor's own role counts on what was shared with them.
#[test]
fn scoped_roles_count_on_what_was_shared() {
    let engine = site(&[("/a/in/", CLIENT)]);
    let gina = user("gina");
    assert!(!may(&engine, &gina, VIEW, "/a/"));
    for shared in ["/a/", "/a/x.jpg"] {
        let gina = gina.clone().with_shares([share_on(&engine, shared, "visitor", "olga")]);
        assert!(may(&engine, &gina, Action::SetPicks, "/a/x.jpg"), "{shared}");
        assert!(!may(&engine, &gina, VIEW, "/b/x.jpg") && !may(&engine, &gina, VIEW, "/"));
        assert!(!may(&engine, &gina, VIEW, "/a/in/x.jpg"), "a block beneath");
        assert_eq!(may(&engine, &gina, VIEW, "/a/y.jpg"), shared == "/a/");
    }
    let carl = user("carl").with_shares([share_on(&engine, "/a/", "visitor", "olga")]);
    assert!(may(&engine, &carl, Action::AddComments, "/a/x.jpg"));
    assert!(!may(&engine, &carl, Action::Upload, "/a/"), "uploads have a path of their own");
    // the link's maker lost their right: it is as if it had not been opened
    let gina = gina.with_shares([share_on(&engine, "/a/", "visitor", "victor")]);
    assert!(!may(&engine, &gina, VIEW, "/a/x.jpg"));
}

/// Who holds something anyway keeps it; who is locked out stays so.
#[test]
fn a_share_is_added_to_what_one_holds() {
    let engine = site(&[]);
    let share = share_on(&engine, "/a/", "proofs", "olga");
    let victor = user("victor").with_shares([Arc::clone(&share)]);
    assert!(may(&engine, &victor, Action::DownloadRaw, "/a/x.jpg"));
    assert!(may(&engine, &victor, Action::DownloadRaw, "/b/x.jpg"));
    assert!(!may(&engine, &user("lou").with_shares([share]), VIEW, "/a/x.jpg"));
}

#[test]
fn a_decision_names_the_share_and_the_policies_of_both() {
    let engine = site(&[]);
    let who = opened(&engine, "/a/", "visitor", "olga");
    let decision = engine.decide(&who, Need::one(LARGE), &path("/a/x.jpg"));
    let Decision::Allow(permit) = decision else { panic!("denied") };
    assert_eq!(permit.principal(), &who, "grants are made for who opened it");
    assert_eq!(permit.share().map(|share| share.id), Some(ShareId::from_number(7)));
    let ids: Vec<_> = permit.policies().iter().map(|policy| &*policy.id).collect();
    let site = engine.id();
    assert_eq!(ids, [&*format!("{site}:#visitor"), &*format!("{site}:@owner")]);
    let Decision::Deny(denial) = engine.decide(&who, Need::one(ORIGINAL), &path("/a/x.jpg")) else {
        panic!("allowed")
    };
    assert_eq!(denial.missing(), vestibule_policies::Missing::Action(ORIGINAL));
}

/// Hand-written policies hold for whoever opened a share, and for its maker.
#[test]
fn what_is_forbidden_by_hand_is_forbidden_to_bearers() {
    let policies = [
        (
            "visitors.cedar",
            "@id(\"no-strangers\")\nforbid (principal is Visitor, action == Action::\"download_large\", resource);",
        ),
        (
            "olga.cedar",
            "@id(\"not-olga\")\nforbid (principal == User::\"olga\", \
            action in Action::\"any\", resource in Folder::\"s:/a/no/\");",
        ),
    ];
    let written = Written { permissions: SITE, policies: &policies, ..Written::default() };
    let engine = written.engine(Cascade::Restrict).unwrap().0;
    let stranger = opened(&engine, "/a/", "viewer", "olga");
    assert!(may(&engine, &stranger, ORIGINAL, "/a/x.jpg"));
    assert!(!may(&engine, &stranger, LARGE, "/a/x.jpg"));
    let signed_in = user("somebody").with_shares([share_on(&engine, "/a/", "viewer", "olga")]);
    assert!(may(&engine, &signed_in, LARGE, "/a/x.jpg"));
    assert!(!may(&engine, &signed_in, VIEW, "/a/no/x.jpg"), "its maker is denied it");
}

#[test]
fn who_opened_a_share_is_led_to_it() {
    let engine = site(&[]);
    let who = opened(&engine, "/a/b/", "visitor", "olga");
    assert_eq!(*engine.entrances(&who), [path("/a/b/")]);
    assert_eq!(*engine.entrances(&Principal::Visitor), []);
    assert!(engine.may_enter(&who) && !engine.may_enter(&Principal::Visitor));
}
