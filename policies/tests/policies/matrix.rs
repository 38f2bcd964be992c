//! `audit::matrix`: every cell against the engine, and a page that names can't break.

use std::collections::BTreeSet;

use pretty_assertions::assert_eq;
use vestibule_policies::audit::matrix::{Cell, Deed, Holds, Matrix, html, text};
use vestibule_policies::audit::reach::{self, Who};
use vestibule_policies::{Need, RequestContext, SiteEngine, UserFacts};
use vestibule_schema::document::Cascade;
use vestibule_schema::{AccountRole, Action, PermissionSet, UserName};

use crate::load::{self, literal};
use crate::written::AFTERNOON;

const SITE: &str = "public_role = \"low\"\ndefault_authenticated_role = \"low\"\n\
    [roles.low]\npermissions = { can_view = true }\n\
    [roles.high]\ninherits = \"low\"\npermissions = { can_download_large = true, can_add_tags = true }\n\
    [roles.boss]\npermissions = { owner_access = true }\n\
    [[user_roles]]\nusername = \"olga\"\nroles = [\"boss\"]\n\
    [[user_roles]]\nusername = \"hugo\"\nroles = [\"high\"]\n\
    [[user_roles]]\nusername = \"out\"\nroles = []\n";
const GRANTS: &str = "[[grants]]\nuser = \"greta\"\nrole = \"guest\"\nbase_path = \"/open/\"\n\
    [[groups]]\ngroup = \"Staff\"\nrole = \"high\"\n";
const CLIENT: &str = "hide_technical_details = true\nhidden_images = [\"raw.jpg\"]\n\
    [permissions.roles.client]\ninherits = \"guest\"\npermissions = { can_download_original = true }\n\
    [[permissions.user_roles]]\nusername = \"smith\"\nroles = [\"client\"]";

fn site(permissions: &str, client: &str) -> SiteEngine {
    let folders =
        [("/clients/", "[permissions]"), ("/open/", "hidden = true"), ("/smith/", client)];
    literal(Cascade::Restrict, permissions, GRANTS, &folders).unwrap()
}

fn accounts() -> Vec<UserFacts> {
    let names = ["olga", "hugo", "jane", "mia"].into_iter();
    let facts = names.map(|name| UserFacts {
        name: UserName::parse(name).unwrap(),
        account_role: AccountRole::default(),
        groups: BTreeSet::new(),
    });
    facts.collect()
}

fn matrix(engine: &SiteEngine) -> Matrix {
    Matrix::new(engine, &AFTERNOON, &reach::people(engine, accounts()))
}

#[test]
fn every_cell_is_what_the_engine_decides() {
    let engine = site(SITE, CLIENT);
    let people = reach::people(&engine, accounts());
    let matrix = Matrix::new(&engine, &AFTERNOON, &people);
    let folders: Vec<_> = matrix.folders.iter().map(|folder| folder.as_str()).collect();
    assert_eq!(folders, ["/", "/clients/", "/open/", "/smith/"]);
    let mut seen = BTreeSet::new();
    for peers in &matrix.peers {
        for who in &peers.people {
            assert!(seen.insert(who.clone()), "{who} twice");
            let person = people.iter().find(|person| person.who == *who).unwrap();
            for (folder, Cell { set, depends }) in matrix.reach(peers) {
                assert!(depends.is_empty());
                for action in Action::ALL {
                    let decision = engine.decide(&person.principal, Need::one(*action), folder);
                    assert_eq!(set.allows(*action), decision.is_allow(), "{who} {action} {folder}");
                }
            }
        }
    }
    assert_eq!(seen.len(), people.len());
    let of = |name: &str| {
        let who = Who::User(UserName::parse(name).unwrap());
        let peers = matrix.peers.iter().find(|peers| peers.people.contains(&who)).unwrap();
        let deeds =
            peers.cells.iter().map(|cell| Deed::of(cell.set).map(Deed::word).collect::<Vec<_>>());
        deeds.map(|deeds| deeds.join("+")).collect::<Vec<_>>()
    };
    assert_eq!(of("olga"), ["view+download+write"; 4]);
    assert_eq!(of("hugo"), ["view+download+write", "", "view+download+write", ""]);
    assert_eq!(of("jane"), ["view", "", "view", ""]);
    assert_eq!(of("mia"), of("jane"));
    assert_eq!(of("greta"), ["", "", "view+download+write", ""]);
    assert_eq!(of("smith"), ["view", "", "view", "view+download+write"]);
    assert_eq!(of("out"), ["", "", "", ""]);
}

#[test]
fn roles_hold_by_themselves_or_by_inheritance() {
    let engine = site(SITE, CLIENT);
    let matrix = matrix(&engine);
    let holds = |block: usize, role: &str, action: Action| {
        let role = matrix.blocks[block].roles.iter().find(|r| r.name.as_str() == role).unwrap();
        Holds::of(role, action)
    };
    assert_eq!(holds(0, "high", Action::View), Holds::Inherited);
    assert_eq!(holds(0, "high", Action::AddTags), Holds::Own);
    assert_eq!(holds(0, "low", Action::AddTags), Holds::No);
    assert_eq!(holds(0, "boss", Action::Organize), Holds::Own);
    assert_eq!(matrix.blocks[2].folder.as_ref().unwrap().as_str(), "/smith/");
    assert_eq!(holds(2, "client", Action::View), Holds::Inherited);
    assert_eq!(holds(2, "client", Action::DownloadOriginal), Holds::Own);
}

#[test]
fn the_text_is_as_reviewed() {
    insta::assert_snapshot!(text::render(&matrix(&site(SITE, CLIENT))));
}

/// Whatever changes somebody's rights changes the text.
#[test]
fn every_change_of_rights_changes_the_text() {
    let before = text::render(&matrix(&site(SITE, CLIENT)));
    assert_eq!(before, text::render(&matrix(&site(SITE, CLIENT))));
    let changes = [
        (SITE.replace("can_add_tags", "can_set_picks"), CLIENT.to_owned()),
        (SITE.replace("roles = [\"high\"]", "roles = [\"low\"]"), CLIENT.to_owned()),
        (SITE.replace("public_role = \"low\"", "public_role = \"none\""), CLIENT.to_owned()),
        (SITE.replace("\"hugo\"", "\"jane\""), CLIENT.to_owned()),
        (SITE.to_owned(), CLIENT.replace("hide_technical_details = true\n", "")),
        (SITE.to_owned(), CLIENT.replace("raw.jpg", "b.jpg")),
        (SITE.to_owned(), CLIENT.replace("\"guest\"", "\"viewer\"")),
        (SITE.to_owned(), CLIENT.replace("permissions.roles", "permission.roles")),
    ];
    for (permissions, client) in changes {
        assert_ne!(
            before,
            text::render(&matrix(&site(&permissions, &client))),
            "{permissions}{client}"
        );
    }
}

/// A page in which each tag is closed, and which loads and runs nothing.
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.split([' ', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{tag}"),
            None if ["!doctype", "meta", "br"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for word in ["<script", "<img", "<link", "src=", "href=", "url(", "@import", "http"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn the_page_is_whole_and_names_stay_names() {
    let bad = "<img src=x onerror=alert(1)>&\\\"'";
    let permissions = format!(
        "[roles.r]\nname = \"{bad}\"\npermissions = {{ can_view = true }}\n\
         [[user_roles]]\nusername = \"<b>joe\"\nroles = [\"r\"]\n"
    );
    let front = "hidden_images = [\"<i>.jpg\"]\n[permissions]\npublic_role = \"viewer\"";
    let grants = "[[groups]]\ngroup = \"</table>\"\nrole = \"r\"\n";
    let folders = [("/<script>alert(1)<x>/", front)];
    let engine = literal(Cascade::Nearest, &permissions, grants, &folders).unwrap();
    let page = html::render(&matrix(&engine), "From <a test>.");
    let text_of_names =
        ["&lt;b&gt;joe", "&lt;/table&gt;", "/&lt;script&gt;alert(1)&lt;x&gt;/", "&lt;i&gt;.jpg"];
    for name in text_of_names {
        assert!(page.contains(name), "{name} in {page}");
    }
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;"), "{page}");
    let harmless = page.replace("src=x", "");
    assert_well_formed(&harmless);
    let plain = html::render(&matrix(&site(SITE, CLIENT)), "From a test.");
    assert_well_formed(&plain);
    for part in ["prefers-color-scheme: dark", "@media print", "width=device-width", ">inherited<"]
    {
        assert!(plain.contains(part), "{part}");
    }
    let everything = reach::words(PermissionSet::ALL);
    assert!(plain.contains(&format!("title=\"{everything}\"")));
}

const OWN: &str = "\
@id(\"factor\")
forbid (principal, action in Action::\"write\", resource) unless { context.mfa };
@id(\"named\")
forbid (principal == User::\"jane\", action == Action::\"view\", resource)
when { context.weekday == \"Sunday\" };
@id(\"closed\")
forbid (principal, action in Action::\"any\", resource in Folder::\"s:/closed/\");
";

/// A cell is marked if some context gives it another answer, and shows that of its own.
#[test]
fn cells_that_depend_on_the_context_are_marked() {
    let policies = [("own.cedar", OWN)];
    let written =
        load::Written { permissions: SITE, policies: &policies, ..load::Written::default() };
    let (engine, _) = written.engine(Cascade::Restrict).unwrap();
    let people = reach::people(&engine, accounts());
    let matrix = Matrix::new(&engine, &AFTERNOON, &people);
    let sunday = "2026-11-22T12:00:00Z".parse().unwrap();
    let contexts = [
        AFTERNOON,
        RequestContext { mfa: true, ..AFTERNOON },
        RequestContext { now: sunday, ..AFTERNOON },
    ];
    let (mut certain, mut depending) = (0, 0);
    for peers in &matrix.peers {
        for who in &peers.people {
            let person = people.iter().find(|person| person.who == *who).unwrap();
            for (folder, cell) in matrix.reach(peers) {
                let sets = contexts
                    .each_ref()
                    .map(|context| engine.on(context).permissions(&person.principal, folder));
                assert_eq!(cell.set, sets[0], "{who} {folder}");
                for action in Action::ALL {
                    let differs =
                        sets.iter().any(|set| set.allows(*action) != sets[0].allows(*action));
                    assert_eq!(cell.depends.allows(*action), differs, "{who} {action} {folder}");
                    certain += usize::from(!differs);
                    depending += usize::from(differs);
                }
            }
        }
    }
    assert!(certain > 100 && depending > 10, "{certain} {depending}");
    assert_eq!(matrix.folders.iter().map(|f| f.as_str()).collect::<Vec<_>>(), ["/", "/closed/"]);
    insta::assert_snapshot!(text::render(&matrix));
    let page = html::render(&matrix, "From a test.");
    assert_well_formed(&page);
    for part in
        ["s:policies/factor", "context.mfa", "policies/own.cedar:2", "depends on the request"]
    {
        assert!(page.contains(part), "{part}");
    }
}

/// Without an address what does not depend on one is answered all the same.
#[test]
fn an_unknown_address_closes_only_what_reads_it() {
    let policy = "forbid (principal, action == Action::\"download_large\", resource)\n\
                  unless { context.ip.isLoopback() };";
    let policies = [("own.cedar", policy)];
    let written =
        load::Written { permissions: SITE, policies: &policies, ..load::Written::default() };
    let (engine, _) = written.engine(Cascade::Restrict).unwrap();
    let nowhere = RequestContext { ip: None, ..AFTERNOON };
    let people = reach::people(&engine, accounts());
    let matrix = Matrix::new(&engine, &nowhere, &people);
    let hugo = Who::User(UserName::parse("hugo").unwrap());
    let peers = matrix.peers.iter().find(|peers| peers.people.contains(&hugo)).unwrap();
    let cell = peers.cells[0];
    assert!(cell.set.allows(Action::View) && cell.set.allows(Action::AddTags));
    assert!(!cell.set.allows(Action::DownloadLarge) && cell.depends.allows(Action::DownloadLarge));
    assert!(cell.deed_depends(Deed::Download) && !cell.deed_depends(Deed::View));
}
