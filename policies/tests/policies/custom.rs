//! Hand-written policies: what they may say, what they change, and how their mistakes are told.

use jiff::Timestamp;
use vestibule_policies::audit::export;
use vestibule_policies::audit::reference::Reference;
use vestibule_policies::{Need, Principal, RequestContext, SiteEngine, UserFacts};
use vestibule_schema::document::Cascade;
use vestibule_schema::{AccountRole, Action, GalleryPath, UserName};

use crate::load::Written;

const OPEN: &str = "public_role = \"all\"\ndefault_authenticated_role = \"all\"\n\
    [roles.all]\npermissions = { can_view = true, can_download_original = true, \
    can_download_gallery = true }\n[roles.family]\ninherits = \"all\"\n\
    [[user_roles]]\nusername = \"fred\"\nroles = [\"family\"]\n";

pub(crate) fn path(text: &str) -> GalleryPath {
    GalleryPath::from_decoded(text).unwrap()
}

pub(crate) fn user(name: &str) -> Principal {
    Principal::user(UserFacts {
        name: UserName::parse(name).unwrap(),
        account_role: AccountRole::default(),
        groups: std::collections::BTreeSet::new(),
    })
}

/// An afternoon in the office: a Wednesday, at half past two in Berlin.
pub(crate) const AFTERNOON: RequestContext<'static> = RequestContext {
    ip: Some(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7))),
    now: Timestamp::constant(1_795_008_600, 0),
    mfa: false,
    method: "GET",
};

pub(crate) fn site(policy: &str) -> SiteEngine {
    let policies = [("own.cedar", policy)];
    let written = Written {
        permissions: OPEN,
        policies: &policies,
        zone: "Europe/Berlin",
        ..Written::default()
    };
    written.engine(Cascade::Restrict).unwrap().0
}

fn may(site: &SiteEngine, context: RequestContext<'_>, who: &Principal, action: Action) -> bool {
    let decision = site.on(&context).decide(who, Need::one(action), &path("/a/x.jpg"));
    decision.is_allow()
}

fn at(text: &str) -> RequestContext<'static> {
    RequestContext { now: text.parse().unwrap(), ..AFTERNOON }
}

#[test]
fn only_from_the_office_network() {
    let site = site(include_str!("../../docs/examples/office-network.cedar"));
    let from = |ip: &str| RequestContext { ip: Some(ip.parse().unwrap()), ..AFTERNOON };
    for (ip, expected) in [
        ("192.0.2.7", true),
        ("192.0.3.7", false),
        ("2001:db8:1::5", true),
        ("2001:db8:2::5", false),
        ("127.0.0.1", false),
    ] {
        assert_eq!(may(&site, from(ip), &user("fred"), Action::View), expected, "{ip}");
    }
    // an address that nobody knows can't be judged, and denies
    let unknown = RequestContext { ip: None, ..AFTERNOON };
    let denied = site.on(&unknown).decide(&user("fred"), Need::one(Action::View), &path("/"));
    let vestibule_policies::Decision::Deny(denial) = denied else { panic!("denied") };
    assert!(denial.fault().unwrap().contains("ip"), "{denial:?}");
    // and where nothing is known of the request at all, nothing is allowed either
    assert!(!site.decide(&user("fred"), Need::one(Action::View), &path("/")).is_allow());
}

#[test]
fn only_until_a_date() {
    let site = site(include_str!("../../docs/examples/until-a-date.cedar"));
    assert!(may(&site, at("2026-12-31T22:59:59Z"), &Principal::Visitor, Action::View));
    assert!(!may(&site, at("2026-12-31T23:00:00Z"), &Principal::Visitor, Action::View));
    assert!(may(&site, at("2027-06-01T00:00:00Z"), &user("fred"), Action::View), "he signed in");
}

#[test]
fn downloads_need_a_second_factor() {
    let site = site(include_str!("../../docs/examples/second-factor.cedar"));
    let shown = RequestContext { mfa: true, ..AFTERNOON };
    assert!(may(&site, AFTERNOON, &user("fred"), Action::View));
    assert!(!may(&site, AFTERNOON, &user("fred"), Action::DownloadOriginal));
    assert!(may(&site, shown, &user("fred"), Action::DownloadOriginal));
    // the answer of one request is not that of the next
    assert!(!may(&site, AFTERNOON, &user("fred"), Action::DownloadOriginal));
}

/// A Sunday is one where the site is: in Berlin it begins an hour or two before it does in UTC.
#[test]
fn originals_never_leave_on_a_sunday() {
    let site = site(include_str!("../../docs/examples/no-originals-on-sundays.cedar"));
    for (moment, expected) in [
        ("2026-11-21T22:59:59Z", true),
        ("2026-11-21T23:00:00Z", false),
        ("2026-11-22T22:59:59Z", false),
        ("2026-11-22T23:00:00Z", true),
        // in summer the difference is two hours
        ("2026-07-04T21:59:59Z", true),
        ("2026-07-04T22:00:00Z", false),
    ] {
        let moment_at = at(moment);
        let allowed = may(&site, moment_at, &user("fred"), Action::DownloadOriginal);
        assert_eq!(allowed, expected, "{moment}");
        assert!(may(&site, moment_at, &user("fred"), Action::View), "{moment}");
    }
}

/// A ZIP takes a folder's permissions for its images.
#[test]
fn a_folder_allows_no_more_than_its_images() {
    let site = site(
        "forbid (principal, action == Action::\"download_original\", resource is Image)\n\
         when { context.method == \"GET\" };",
    );
    let held = site.on(&AFTERNOON).permissions(&user("fred"), &path("/a/"));
    assert!(held.allows(Action::View) && held.allows(Action::DownloadGallery));
    assert!(!held.allows(Action::DownloadOriginal));
}

#[test]
fn the_decision_cites_the_policy_with_its_line() {
    let site = site("\n// nobody\n@id(\"closed\")\nforbid (principal, action, resource);\n");
    let decision = site.on(&AFTERNOON).decide(&user("fred"), Need::one(Action::View), &path("/"));
    let cited: Vec<_> = decision.policies().iter().map(ToString::to_string).collect();
    assert_eq!(cited, ["s:policies/closed (policies/own.cedar:4)"]);
}

#[test]
fn a_permit_needs_the_sites_consent() {
    let policy = "permit (principal == User::\"greta\", action in [Action::\"view\", \
                  Action::\"download_large\"], resource in Folder::\"s:/wedding/\");";
    let policies = [("own.cedar", policy)];
    let written = Written { permissions: "", policies: &policies, ..Written::default() };
    let refused = written.engine(Cascade::Restrict).unwrap_err();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].starts_with("policies/own.cedar:1:1: error[custom::permit]"), "{refused:?}");
    let (site, _) = Written { may_permit: true, ..written }.engine(Cascade::Restrict).unwrap();
    let judge = site.on(&AFTERNOON);
    let may = |name: &str, at: &str| judge.decide(&user(name), Need::one(Action::View), &path(at));
    assert!(may("greta", "/wedding/x.jpg").is_allow());
    assert!(!may("greta", "/x.jpg").is_allow() && !may("fred", "/wedding/x.jpg").is_allow());
    assert_eq!(*judge.entrances(&user("greta")), [path("/wedding/")]);
}

/// Each mistake is told with Cedar's own place and suggestion, all at once.
#[test]
fn mistakes_are_told_with_their_places() {
    let policies = [
        ("a.cedar", "forbid (principal, action == Action::\"vieww\", resource);"),
        ("b.cedar", "forbid (principal, action, resource) when { context.ipp.isLoopback() };"),
        ("b2.cedar", "forbid (principal, action, resource) when { context.mfa };"),
        (
            "b3.cedar",
            "forbid (principal, action == Action::\"view\", resource) when { context.weekday == \"sunday\" };",
        ),
        (
            "b4.cedar",
            "forbid (principal, action == Action::\"view\", resource) when { [\"Sat\", \"Sunday\"].contains(context.weekday) };",
        ),
        ("c.cedar", "forbid (principal, action, resource) when { "),
        ("d.cedar", "forbid (principal, action, resource == Image::\"s:/a.jpg\");"),
        (
            "e.cedar",
            "forbid (principal, action == Action::\"view\", resource)\n  when { resource.hidden };",
        ),
        ("f.cedar", "forbid (principal, action, resource in Folder::\"other:/a/\");"),
        ("g.cedar", "forbid (principal == ?principal, action, resource);"),
        (
            "h.cedar",
            "@id(\"x\") forbid (principal, action, resource);\n@id(\"x\") forbid (principal, action, resource);",
        ),
        ("i.cedar", "forbid (principal, action == Action::\"manage_users\", resource);"),
    ];
    let written = Written { permissions: OPEN, policies: &policies, ..Written::default() };
    let problems = written.engine(Cascade::Restrict).unwrap_err();
    insta::assert_snapshot!(problems.join("\n"));
}

/// Index and slices lose nothing: the answer and the deciding policies are those of the whole set.
#[test]
fn the_slice_answers_as_the_whole_set() {
    let front = "[permissions]\npublic_role = \"v\"\n[permissions.roles.v]\n\
                 permissions = { can_view = true }\n[permissions.roles.full]\n\
                 permissions = { owner_access = true }\n[[permissions.user_roles]]\n\
                 username = \"fred\"\nroles = [\"full\"]\n";
    let policies = [(
        "own.cedar",
        "forbid (principal, action in Action::\"any\", resource in Folder::\"s:/a/c/\")\n\
         when { context.mfa == false } unless { principal == User::\"fred\" };\n\
         forbid (principal is Visitor, action == Action::\"download_original\", resource)\n\
         when { context.weekday == \"Wednesday\" };\n",
    )];
    let folders = [("/a/", front), ("/a/b/", "hide_technical_details = true"), ("/d/", front)];
    for cascade in [Cascade::Restrict, Cascade::Nearest] {
        let written = Written {
            permissions: OPEN,
            front_matters: &folders,
            policies: &policies,
            ..Written::default()
        };
        let (site, _) = written.engine(cascade).unwrap();
        let whole = Reference::new(&site).unwrap();
        let judge = site.on(&AFTERNOON);
        let mut allowed = 0;
        for who in [Principal::Visitor, user("fred"), user("greta")] {
            for place in ["/", "/x.jpg", "/a/", "/a/b/x.jpg", "/a/c/", "/a/c/x.jpg", "/d/e/x.jpg"] {
                let view = whole.ask(&who, Some(&AFTERNOON), Action::View, &path(place)).unwrap();
                for action in Action::ALL {
                    let one = whole.ask(&who, Some(&AFTERNOON), *action, &path(place)).unwrap();
                    let decision = judge.decide(&who, Need::one(*action), &path(place));
                    let expected = one.allowed && view.allowed;
                    assert_eq!(decision.is_allow(), expected, "{who:?} {action} {place}");
                    allowed += usize::from(expected);
                    let cited = if view.allowed { &one.policies } else { &view.policies };
                    let got: Vec<_> = decision.policies().iter().collect();
                    assert_eq!(got, cited.iter().collect::<Vec<_>>(), "{who:?} {action} {place}");
                }
            }
        }
        assert!(allowed > 50, "the sites must allow something: {allowed}");
    }
}

/// Whoever holds an export against the official command meets each policy in both ways: where it
/// forbids, and where the same is allowed.
#[test]
fn every_policy_is_sampled_in_both_ways() {
    for (name, text) in [
        ("office-network", include_str!("../../docs/examples/office-network.cedar")),
        ("until-new-year", include_str!("../../docs/examples/until-a-date.cedar")),
        ("downloads-need-a-second-factor", include_str!("../../docs/examples/second-factor.cedar")),
        (
            "no-originals-on-sundays",
            include_str!("../../docs/examples/no-originals-on-sundays.cedar"),
        ),
        (
            "evenings",
            "@id(\"evenings\") forbid (principal, action in Action::\"any\", resource) when \
             { context.time_of_day >= duration(\"18h30m\") && context.method == \"POST\" };",
        ),
    ] {
        let site = site(text);
        let samples = export::samples(&site, &[Principal::Visitor, user("fred")], 400);
        assert_eq!(samples.len(), 400);
        let id = format!("s:policies/{name}");
        let forbidden: Vec<_> = samples
            .iter()
            .filter(|sample| sample.policies.iter().any(|policy| *policy.id == *id))
            .collect();
        assert!(!forbidden.is_empty() && forbidden.iter().all(|sample| !sample.allowed), "{name}");
        let key = |sample: &export::Sample| {
            (sample.request["principal"].clone(), sample.request["action"].clone())
        };
        let allowed: Vec<_> = samples.iter().filter(|sample| sample.allowed).map(key).collect();
        assert!(forbidden.iter().any(|sample| allowed.contains(&key(sample))), "{name}");
        let contexts = samples.iter().map(|sample| sample.request["context"].to_string());
        assert!(contexts.collect::<std::collections::BTreeSet<_>>().len() > 20, "{name}");
    }
    // where nothing reads it, there is one context, and nothing is asked twice
    let plain = site("forbid (principal is Visitor, action == Action::\"use_zoom\", resource);");
    let samples = export::samples(&plain, &[Principal::Visitor], 1_000);
    assert_eq!(samples.len(), Action::ALL.len() * 2);
    assert!(
        samples.iter().all(|sample| sample.request["context"] == samples[0].request["context"])
    );
}

/// What the documentation shows is what is tested above.
#[test]
fn the_page_shows_the_tested_examples() {
    let page = include_str!("../../docs/hand-written.md");
    for example in [
        include_str!("../../docs/examples/office-network.cedar"),
        include_str!("../../docs/examples/until-a-date.cedar"),
        include_str!("../../docs/examples/second-factor.cedar"),
        include_str!("../../docs/examples/no-originals-on-sundays.cedar"),
    ] {
        assert!(page.contains(example), "{example}");
    }
}

/// What admission alone reads is nobody else's: a policy could not be held to it everywhere.
#[test]
fn what_admission_reads_is_refused() {
    for condition in [
        "principal is User && principal.granted.contains(Role::\"s:#family\")",
        "principal is User && principal.explicit.contains(Block::\"s:\")",
        "principal is User && principal.shared_folders.isEmpty()",
        "principal is User && principal.hasTag(\"x\") && principal.getTag(\"x\").isEmpty()",
        "resource.block.groups.isEmpty()",
        "Role::\"s:#family\".name == \"x\"",
    ] {
        let policy = format!(
            "forbid (principal, action in Action::\"any\", resource) when {{ {condition} }};"
        );
        let policies = [("own.cedar", policy.as_str())];
        let written = Written { permissions: OPEN, policies: &policies, ..Written::default() };
        let errors = written.engine(Cascade::Restrict).unwrap_err();
        assert_eq!(errors.len(), 1, "{condition}: {errors:?}");
        assert!(errors[0].contains("can't be read by hand-written policies"), "{}", errors[0]);
    }
    let policy = "forbid (principal is User, action in Action::\"any\", resource) when { \
        principal has account_role && principal.account_role == \"guest\" };";
    site(policy);
}

/// Who holds a role of a folder's block holds it, wherever the question is asked.
#[test]
fn a_role_of_a_folder_is_asked_for_anywhere() {
    let policy = "forbid (principal in Role::\"s:/a/#base\", \
        action == Action::\"download_original\", resource);";
    let block = "[permissions.roles.base]\npermissions = { can_view = true }\n\
        [permissions.roles.smith]\ninherits = \"base\"\n\
        [[permissions.user_roles]]\nusername = \"fred\"\nroles = [\"smith\"]\n";
    let policies = [("own.cedar", policy)];
    let written = Written {
        permissions: OPEN,
        front_matters: &[("/a/", block)],
        policies: &policies,
        ..Written::default()
    };
    let site = written.engine(Cascade::Restrict).unwrap().0;
    let need = Need::one(Action::DownloadOriginal);
    let may = |name: &str| site.decide(&user(name), need, &path("/b/x.jpg")).is_allow();
    assert!(!may("fred"), "fred is a smith of /a/");
    assert!(may("jane"));
}

fn refused(policy: &str) -> String {
    let policies = [("own.cedar", policy)];
    let written = Written { permissions: OPEN, policies: &policies, ..Written::default() };
    let errors = written.engine(Cascade::Restrict).unwrap_err();
    errors.join("\n")
}

/// A folder stands for all that is in it: an answer about it holds for what has no rules of its own.
#[test]
fn a_folder_can_not_be_meant_alone() {
    for (head, condition) in [
        ("resource == Folder::\"s:/\"", "true"),
        ("resource", "resource == Folder::\"s:/\""),
        ("resource", "resource != Folder::\"s:/\""),
        ("resource", "[Folder::\"s:/\"].contains(resource)"),
        ("resource", "{\"in\": resource} == {\"in\": Folder::\"s:/\"}"),
        ("resource", "(if context.mfa then Folder::\"s:/\" else Folder::\"s:/a/\") == resource"),
    ] {
        let policy = format!(
            "forbid (principal, action == Action::\"view\", {head}) when {{ {condition} }};"
        );
        let said = refused(&policy);
        assert!(said.contains("custom::folder_itself"), "{policy}\n{said}");
    }
    for policy in [
        "forbid (principal, action == Action::\"view\", resource is Image in Folder::\"s:/a/\");",
        "forbid (principal, action == Action::\"view\", resource) when { \
         resource in [Folder::\"s:/a/\", Folder::\"s:/b/\"] && resource is Folder in Folder::\"s:/a/\" };",
    ] {
        site(policy);
    }
}

/// No way round what may be read, and no name that nobody has.
#[test]
fn what_could_not_hold_is_refused() {
    let forbid = |condition: &str| {
        format!("forbid (principal, action == Action::\"view\", resource) when {{ {condition} }};")
    };
    for (condition, code) in [
        ("(if principal in Role::\"s:#all\" then resource else resource).hidden", "attribute"),
        ("principal in Group::\"Interns\"", "spelling"),
        ("principal in Group::\"CN=Staff, DC=Example\"", "spelling"),
        ("principal in Role::\"s:all\"", "role"),
        ("principal in Role::\"s:/a#all\"", "role"),
        ("principal in Role::\"other:#all\"", "role"),
    ] {
        let said = refused(&forbid(condition));
        assert!(said.contains(&format!("custom::{code}")), "{condition}: {said}");
    }
    let assume = "forbid (principal == User::\"x\", action == Action::\"assume_role\", resource);";
    assert!(refused(assume).contains("custom::"), "{}", refused(assume));
    site(&forbid("principal in Group::\"interns\" || principal in Role::\"s:/a/#all\""));
}

/// Where a scope begins, a policy may take what the folder around it gives: a listing is told.
#[test]
fn a_listing_knows_where_a_scope_begins() {
    let policies = [(
        "own.cedar",
        "forbid (principal in Role::\"s:#contributor\", action == Action::\"download_original\", resource);",
    )];
    let written = Written {
        permissions: "",
        grants: "[[grants]]\nuser = \"carla\"\nrole = \"viewer\"\n\
            [[grants]]\nuser = \"carla\"\nrole = \"contributor\"\nbase_path = \"/in/\"\n",
        policies: &policies,
        ..Written::default()
    };
    let site = written.engine(Cascade::Restrict).unwrap().0;
    let carla = user("carla");
    let original = Action::DownloadOriginal;
    assert!(site.permissions(&carla, &path("/")).allows(original));
    assert!(!site.decide(&carla, Need::one(original), &path("/in/a.jpg")).is_allow());
    let below = site.below(&carla, &path("/"));
    let inside = below.iter().find(|place| place.folder == path("/in/")).unwrap();
    assert!(!inside.permissions.allows(original) && inside.permissions.allows(Action::View));
}
